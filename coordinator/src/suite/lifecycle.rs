//! `scale` and `wait` steps.

use std::collections::BTreeMap;

use throng_common::ids::{NodeName, RoleName};
use throng_common::scenario::steps::Step;
use throng_common::span::Span;
use tokio::time::{Instant, timeout};

use super::context::{Context, StepResult};
use super::expect::Miss;
use super::ops::{MissingNode, OpError};
use super::request;
use crate::report::model::Cause;

/// How long `wait = "up"` may take where the step does not say.
const UP_DEFAULT: Span = Span::seconds(120);

/// How long new counts may take to reach the hosts where the step does not say.
const SCALE_DEFAULT: Span = Span::seconds(120);

/// How much longer than its deadline a wait is awaited, before the engine gives up on the answer itself.
const GRACE: std::time::Duration = std::time::Duration::from_secs(5);

/// Runs a `scale` step. It ends when the new counts are with the hosts; `wait = "up"` waits for the nodes.
pub(super) async fn scale(context: &Context<'_>, step: &Step, counts: &BTreeMap<RoleName, u32>) -> StepResult {
    let within = step.within.unwrap_or(SCALE_DEFAULT);
    let scaled = match timeout(within.0, context.ops.scale(counts.clone())).await {
        Ok(scaled) => scaled,
        Err(_) => Err(OpError::TimedOut(within.0)),
    };
    match scaled {
        Ok(()) => StepResult { attempts: 1, nodes: counts.values().sum(), ..StepResult::default() },
        Err(error) => StepResult::failed(request::miss(&error)),
    }
}

/// Runs a `wait = "up"` step.
pub(super) async fn wait_up(context: &Context<'_>, step: &Step) -> StepResult {
    let within = step.within.unwrap_or(UP_DEFAULT);
    let deadline = Instant::now() + within.0;
    let nodes = context.ops.nodes().len();
    match timeout(within.0 + GRACE, context.ops.wait_up(deadline)).await {
        Ok(Ok(())) => StepResult::on_nodes(nodes, BTreeMap::new()),
        Ok(Err(missing)) => {
            let miss = |MissingNode { node, what }: MissingNode| -> (NodeName, Miss) {
                (node, Miss::new(Cause::NotInTime, format!("not up within {within}: {what}")))
            };
            StepResult::on_nodes(nodes, missing.into_iter().map(miss).collect())
        }
        Err(_) => StepResult::failed(Miss::new(Cause::TimedOut, format!("nobody knows who is up after {within}"))),
    }
}
