//! `Hello`: who is there, and do the two understand each other.

use std::collections::BTreeSet;

use throng_common::ids::ClusterId;
use throng_common::status::HostFacts;
use throng_failpoints::{Point, hit};
use throng_proto::agent as wire;
use throng_proto::version;

use super::context::Context;
use super::error::ServiceError;
use super::request::Hello;
use crate::ledger::SCHEMA;

/// What this agent can do beyond the first version of the protocol.
const CAPABILITIES: [&str; 0] = [];

/// Checks that the caller is this host's coordinator in its newest life, and tells it what the host is.
pub(super) async fn hello(context: &Context, hello: Hello) -> Result<wire::HelloReply, ServiceError> {
    if hello.major != version::MAJOR {
        return Err(ServiceError::Version { other: hello.major });
    }
    let (fleet, host) = (&context.host().fleet, &context.parts.host_id);
    if hello.fleet != *fleet || hello.host != *host {
        let given = format!("{}/{}", hello.fleet, hello.host);
        return Err(ServiceError::OtherHost { own: format!("{fleet}/{host}"), given });
    }
    let ledger = std::sync::Arc::clone(&context.host().ledger);
    let held = tokio::task::spawn_blocking(move || ledger.spec()).await??;
    if let Some(held) = &held {
        let seen = held.epoch.0;
        if hello.epoch < seen {
            return Err(ServiceError::Epoch { seen, given: hello.epoch });
        }
    }
    context.see_epoch(hello.epoch)?;
    let facts: HostFacts = context.facts().await?;
    let mut clusters: BTreeSet<ClusterId> =
        held.iter().flat_map(|spec| &spec.clusters).map(|part| part.cluster.clone()).collect();
    // What a ledger that was lost does not know is found.
    clusters.extend(context.occupied().await);
    context.parts.greeted.send_replace(true);
    hit(Point::Greeted);
    Ok(wire::HelloReply {
        version: Some(version::this()),
        boot_id: context.host().boot_id.clone(),
        schema: SCHEMA,
        capabilities: CAPABILITIES.map(str::to_owned).to_vec(),
        facts: Some((&facts).into()),
        generation: held.as_ref().map_or(0, |spec| spec.generation.0),
        clusters: clusters.iter().map(ToString::to_string).collect(),
    })
}
