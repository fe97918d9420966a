//! `throng status`: the coordinator, its hosts and clusters, and what goes on.

use std::fmt::Write as _;

use clap::Args;
use serde::Serialize;
use serde_json::Value;
use throng_common::size::ByteSize;
use throng_common::verdict::Outcome;
use throng_proto::operator::{
    Cluster, Coordinator, GetClusterRequest, GetCoordinatorRequest, Host, ListClustersRequest, ListHostsRequest,
    ListOperationsRequest, OperationSummary,
};

use super::context::Context;
use super::error::CliError;
use super::hosts::HostView;
use super::ps::RoleView;
use crate::output::table::Table;
use crate::output::time::{age, now_unix_millis, timestamp};

/// Arguments.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng status
  throng status redis-ab12 --format json     the cluster as `program` steps get it")]
pub struct StatusArgs {
    /// One cluster, with its description in JSON
    #[arg(value_name = "CLUSTER")]
    cluster: Option<String>,
    /// The same by name, as other commands take it
    #[arg(short = 'c', long = "cluster", value_name = "CLUSTER", conflicts_with = "cluster")]
    named: Option<String>,
}

#[derive(Serialize)]
struct StatusView {
    coordinator: CoordinatorView,
    hosts: Vec<HostView>,
    clusters: Vec<ClusterView>,
    operations: Vec<OperationView>,
}

#[derive(Serialize)]
struct CoordinatorView {
    fleet: String,
    build: String,
    epoch: u64,
    address: String,
    ca_pin: String,
    state_dir: String,
    pid: u32,
    started: String,
    resident_bytes: u64,
    warnings: Vec<String>,
    unknown_clusters: Vec<String>,
}

#[derive(Serialize)]
struct ClusterView {
    cluster: String,
    scenario: String,
    state: String,
    created: String,
    operation: String,
    roles: Vec<RoleView>,
    #[serde(skip_serializing_if = "Value::is_null")]
    description: Value,
}

#[derive(Serialize)]
struct OperationView {
    operation: String,
    verb: String,
    cluster: String,
    started: String,
    ended: bool,
    outcome: String,
}

/// Runs it.
pub async fn run(context: &Context, args: StatusArgs) -> Result<Outcome, CliError> {
    let mut client = context.client().await?;
    let coordinator = client.get_coordinator(GetCoordinatorRequest {}).await?.into_inner();
    let hosts = client.list_hosts(ListHostsRequest {}).await?.into_inner().hosts;
    let clusters = match args.cluster.or(args.named) {
        Some(cluster) => vec![client.get_cluster(GetClusterRequest { cluster }).await?.into_inner()],
        None => client.list_clusters(ListClustersRequest {}).await?.into_inner().clusters,
    };
    let operations = client.list_operations(ListOperationsRequest {}).await?.into_inner().operations;
    if context.is_json() {
        context.printer.json(&StatusView {
            coordinator: coordinator.into(),
            hosts: hosts.into_iter().map(HostView::from).collect(),
            clusters: clusters.into_iter().map(ClusterView::from).collect(),
            operations: operations.into_iter().map(OperationView::from).collect(),
        })?;
    } else {
        let going: Vec<OperationSummary> = operations.into_iter().filter(|operation| !operation.ended).collect();
        let now = now_unix_millis();
        coordinator.warnings.iter().for_each(|warning| context.printer.warning(warning));
        let mut text = coordinator_text(&coordinator, &hosts, now);
        if !coordinator.unknown_clusters.is_empty() {
            let down = context.invocation.command("down --orphans");
            let unknown = coordinator.unknown_clusters.join(", ");
            let _ = writeln!(text, "hosts hold {unknown}, which the journal does not know: `{down}` takes it down\n");
        }
        text.push_str(&clusters_text(&clusters, now, context.printer.width_columns));
        text.push_str(&operations_text(&going, now, context.printer.width_columns));
        context.printer.data(&text)?;
        if !going.is_empty() {
            let follow = context.invocation.command("follow OPERATION");
            context.printer.hint(&format!("watch one to its end: {follow}; ask it to stop: {follow} --cancel"));
        }
        for (problem, words) in clusters.iter().filter_map(left_alone) {
            context.printer.warning(&problem);
            context.printer.hint(&context.invocation.command(&words));
        }
    }
    Ok(Outcome::Pass)
}

fn coordinator_text(coordinator: &Coordinator, hosts: &[Host], now: u64) -> String {
    let connected = hosts.iter().filter(|host| host.connected).count();
    let leases = match hosts.iter().map(|host| host.lease_millis).filter(|lease| *lease > 0).min() {
        Some(lease) => format!("hosts stop {}s after the coordinator is lost", lease / 1000),
        None => "none: hosts keep their nodes until `throng down`".to_owned(),
    };
    format!(
        "coordinator  pid {}, build {}, epoch {}, up {}, {} resident\naddress      https://{}\nCA pin       {}\n\
         state        {}\n\
         hosts        {connected} of {} connected\nlease        {leases}\n\n",
        coordinator.pid,
        coordinator.build,
        coordinator.epoch,
        age(coordinator.started_unix_millis, now),
        ByteSize::bytes(coordinator.resident_bytes),
        coordinator.address.trim_start_matches("https://"),
        coordinator.ca_pin,
        coordinator.state_dir,
        hosts.len(),
    )
}

fn clusters_text(clusters: &[Cluster], now: u64, width: Option<u16>) -> String {
    if clusters.is_empty() {
        return "no clusters\n".to_owned();
    }
    let mut table = Table::new(&["CLUSTER", "STATE", ">AGE", "NODES", "MISSING"]);
    for cluster in clusters {
        let counts = cluster.roles.iter().fold(String::new(), |mut text, role| {
            let comma = if text.is_empty() { "" } else { ", " };
            let _ = write!(text, "{comma}{} {}/{}", role.role, role.ready, role.desired);
            text
        });
        let missing: Vec<&str> =
            cluster.roles.iter().map(|role| role.missing.as_str()).filter(|missing| !missing.is_empty()).collect();
        table.row([
            &cluster.cluster,
            &cluster.state,
            &age(cluster.created_unix_millis, now),
            &counts,
            &missing.join(","),
        ]);
    }
    table.render(width)
}

/// A cluster on its way to somewhere with nobody at work on it, since its coordinator was ended in between: what it is,
/// and the command that goes on.
fn left_alone(cluster: &Cluster) -> Option<(String, String)> {
    if !cluster.operation.is_empty() {
        return None;
    }
    let id = &cluster.cluster;
    let words = match cluster.state.as_str() {
        "starting" | "stopping" => format!("down {id} --yes"),
        "resetting" => format!("reset {id} --yes"),
        "updating" => format!("up FILE --into {id}"),
        _ => return None,
    };
    Some((format!("{id} is {}, and nothing is at work on it", cluster.state), words))
}

fn operations_text(going: &[OperationSummary], now: u64, width: Option<u16>) -> String {
    if going.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&["OPERATION", "VERB", "CLUSTER", ">AGE"]);
    for operation in going {
        let age = age(operation.started_unix_millis, now);
        table.row([&operation.operation, &operation.verb, &operation.cluster, &age]);
    }
    format!("\n{}", table.render(width))
}

impl From<Coordinator> for CoordinatorView {
    fn from(coordinator: Coordinator) -> Self {
        Self {
            fleet: coordinator.fleet,
            build: coordinator.build,
            epoch: coordinator.epoch,
            address: coordinator.address,
            ca_pin: coordinator.ca_pin,
            state_dir: coordinator.state_dir,
            pid: coordinator.pid,
            started: timestamp(coordinator.started_unix_millis),
            resident_bytes: coordinator.resident_bytes,
            warnings: coordinator.warnings,
            unknown_clusters: coordinator.unknown_clusters,
        }
    }
}

impl From<Cluster> for ClusterView {
    fn from(cluster: Cluster) -> Self {
        Self {
            cluster: cluster.cluster,
            scenario: cluster.scenario,
            state: cluster.state,
            created: timestamp(cluster.created_unix_millis),
            operation: cluster.operation,
            roles: cluster.roles.into_iter().map(RoleView::from).collect(),
            description: serde_json::from_str(&cluster.description_json).unwrap_or(Value::Null),
        }
    }
}

impl From<OperationSummary> for OperationView {
    fn from(operation: OperationSummary) -> Self {
        Self {
            operation: operation.operation,
            verb: operation.verb,
            cluster: operation.cluster,
            started: timestamp(operation.started_unix_millis),
            ended: operation.ended,
            outcome: operation.outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_coordinator_is_shown_with_the_pin_that_its_agents_ask_for() {
        let coordinator = Coordinator {
            pid: 4711,
            build: "0.1.0".to_owned(),
            address: "127.0.0.1:7000".to_owned(),
            ca_pin: "0a".repeat(32),
            state_dir: "/state".to_owned(),
            ..Coordinator::default()
        };
        let text = coordinator_text(&coordinator, &[], 0);
        let lines: Vec<&str> = text.lines().skip(1).take(3).collect();
        let pin = format!("CA pin       {}", "0a".repeat(32));
        assert_eq!(lines, ["address      https://127.0.0.1:7000", &pin, "state        /state"]);
    }

    #[test]
    fn a_cluster_that_was_left_on_its_way_comes_with_the_command_that_goes_on() {
        let cluster = |state: &str, operation: &str| Cluster {
            cluster: "redis-ab12".to_owned(),
            state: state.to_owned(),
            operation: operation.to_owned(),
            ..Cluster::default()
        };
        let words = |state| left_alone(&cluster(state, "")).map(|(_, words)| words);
        assert_eq!(words("starting").as_deref(), Some("down redis-ab12 --yes"));
        assert_eq!(words("resetting").as_deref(), Some("reset redis-ab12 --yes"));
        assert_eq!(words("updating").as_deref(), Some("up FILE --into redis-ab12"));
        assert_eq!((words("up"), words("degraded")), (None, None));
        assert_eq!(left_alone(&cluster("starting", "up-abcdef")), None);
    }
}
