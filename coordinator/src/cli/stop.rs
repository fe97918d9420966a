//! `throng stop`: end the coordinator and its agents.

use std::collections::BTreeMap;

use clap::Args;
use serde::Serialize;
use throng_common::verdict::Outcome;
use throng_proto::operator::{AgentLeft, DownRequest, GetCoordinatorRequest};

use super::context::Context;
use super::down;
use super::error::CliError;
use crate::client::error::ClientError;
use crate::daemon::coordinator;
use crate::output::printer::Printer;

/// Arguments.
#[derive(Debug, Args)]
#[command(after_help = "\
Refuses while a cluster is up, unless --down takes it down first. Reports and artefacts stay.")]
pub struct StopArgs {
    /// Take clusters down first, without asking
    #[arg(long)]
    pub down: bool,
}

/// Runs it.
pub async fn run(context: &Context, args: StopArgs) -> Result<Outcome, CliError> {
    let mut client = match context.client().await {
        Ok(client) => client,
        Err(CliError::Client(ClientError::NoCoordinator { .. })) => {
            context.printer.note("no coordinator runs");
            return say(context, &Stopped::default());
        }
        Err(error) => return Err(error),
    };
    let state = client.get_coordinator(GetCoordinatorRequest {}).await?.into_inner();
    let still_up = [&state.clusters[..], &state.unknown_clusters[..]].concat();
    if !args.down && !still_up.is_empty() {
        return Err(CliError::refused(
            format!("still up: {}", still_up.join(", ")),
            format!("`{}` takes that down first", context.invocation.command("stop --down")),
        ));
    }
    let mut outcome = Outcome::Pass;
    let mut requests: Vec<DownRequest> =
        state.clusters.iter().map(|id| DownRequest { cluster: id.clone(), ..DownRequest::default() }).collect();
    if !state.unknown_clusters.is_empty() {
        let orphaned_clusters = state.unknown_clusters.clone();
        requests.push(DownRequest { orphans: true, orphaned_clusters, ..DownRequest::default() });
    }
    for request in requests {
        outcome = outcome.and(down::down(context, &mut client, request).await?);
    }
    if outcome != Outcome::Pass {
        context.printer.warning("the coordinator stays: not everything is down");
        return Ok(outcome);
    }
    let agents_left = coordinator::stop(&mut client, &context.target(), &context.state).await?;
    let mut stopped = Stopped { pid: Some(state.pid), agents: state.connected_hosts, agents_left: BTreeMap::new() };
    warn_of(context.printer, &agents_left);
    for AgentLeft { host, problem } in agents_left {
        stopped.agents.retain(|ended| *ended != host);
        stopped.agents_left.insert(host, problem);
    }
    context.printer.note(&ended(state.pid, &stopped.agents));
    say(context, &stopped)
}

/// Says of agents that were to end with their coordinator and did not.
pub(super) fn warn_of(printer: Printer, agents_left: &[AgentLeft]) {
    for AgentLeft { host, problem } in agents_left {
        printer.warning(&format!("the agent on {host} was not ended: {problem}"));
    }
}

/// What was ended, as JSON.
#[derive(Debug, Default, Serialize)]
struct Stopped {
    /// Of the coordinator; none where none ran.
    pid: Option<u32>,
    /// The hosts whose agents ended with it.
    agents: Vec<String>,
    /// Why agents did not end, by host.
    agents_left: BTreeMap<String, String>,
}

fn say(context: &Context, stopped: &Stopped) -> Result<Outcome, CliError> {
    if context.is_json() {
        context.printer.json(stopped)?;
    }
    Ok(if stopped.agents_left.is_empty() { Outcome::Pass } else { Outcome::Environment })
}

fn ended(pid: u32, agents: &[String]) -> String {
    match agents {
        [] => format!("ended the coordinator (pid {pid})"),
        [host] => format!("ended the coordinator (pid {pid}) and its agent on {host}"),
        _ => format!("ended the coordinator (pid {pid}) and its agents on {} hosts", agents.len()),
    }
}
