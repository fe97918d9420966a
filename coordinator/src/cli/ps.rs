//! `throng ps`: nodes in three columns: desired, running, and seen by the system under test.

use std::fmt::Write as _;

use clap::Args;
use serde::Serialize;
use throng_common::verdict::Outcome;
use throng_proto::operator::{
    Cluster, GetClusterRequest, Host, ListHostsRequest, ListNodesReply, ListNodesRequest, Node, RoleCount,
};

use super::args::ClusterArg;
use super::context::Context;
use super::error::CliError;
use super::node;
use crate::output::fold::fold;
use crate::output::table::Table;
use crate::output::time::{age, ago, now_unix_millis};

/// Arguments.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng ps                          by role, and every node that is not as desired
  throng ps worker                   by what they have in common
  throng ps 'worker-[0000-0009]' -l  one line a node

RUNNING is what the agents see; SEEN is what the system under test says of itself: ? where it did not say.")]
pub struct PsArgs {
    /// Nodes: a role, a node, a node set like worker-[0000-0099], or all
    #[arg(value_name = "SELECTOR")]
    pub selector: Option<String>,
    /// One line a node
    #[arg(short, long)]
    pub long: bool,
    /// Which cluster
    #[command(flatten)]
    pub cluster: ClusterArg,
}

/// How many nodes of a role there are, as JSON.
#[derive(Debug, Serialize)]
pub struct RoleView {
    role: String,
    desired: u32,
    running: u32,
    ready: u32,
    seen: Option<u32>,
    seen_problem: Option<String>,
    missing: String,
}

#[derive(Serialize)]
struct PsView {
    cluster: String,
    state: String,
    seen_at_unix_millis: Option<u64>,
    roles: Vec<RoleView>,
    nodes: Vec<NodeView>,
}

#[derive(Serialize)]
struct NodeView {
    node: String,
    host: String,
    desired: String,
    phase: String,
    reason: String,
    reason_detail: String,
    seen: String,
    restarts: u32,
    container_id: String,
    pid: Option<u32>,
    address: String,
    ports: String,
    started_unix_millis: u64,
    ready_unix_millis: u64,
    observed_unix_millis: u64,
    anonymous_bytes: Option<u64>,
    ramdisk_bytes: Option<u64>,
    cpu_usage_micros: Option<u64>,
}

/// Runs it.
pub async fn run(context: &Context, args: PsArgs) -> Result<Outcome, CliError> {
    let mut client = context.client().await?;
    let cluster = client.get_cluster(GetClusterRequest { cluster: args.cluster.id() }).await?.into_inner();
    let selector = args.selector.clone().unwrap_or_default();
    let request = ListNodesRequest { cluster: cluster.cluster.clone(), selector };
    let listed = client.list_nodes(request).await?.into_inner();
    let printer = context.printer;
    if context.is_json() {
        printer.json(&view(cluster, listed))?;
        return Ok(Outcome::Pass);
    }
    let (now, width) = (now_unix_millis(), printer.width_columns);
    let hosts = client.list_hosts(ListHostsRequest {}).await?.into_inner().hosts;
    for line in stale(&hosts, &listed.nodes, now).into_iter().chain(unanswered(&cluster.roles, &listed.nodes)) {
        printer.warning(&line);
    }
    let text = match (args.long, args.selector.is_some()) {
        (true, _) => long(&listed.nodes, now).render(width),
        (false, true) => folded(&listed.nodes)?.render(width),
        (false, false) => summary(&cluster, &listed, now, width)?,
    };
    printer.data(&text)?;
    Ok(Outcome::Pass)
}

/// By role, with who is missing, and the nodes that are not as desired.
fn summary(cluster: &Cluster, listed: &ListNodesReply, now: u64, width: Option<u16>) -> Result<String, CliError> {
    let mut text = format!("{}: {}, created {}", cluster.cluster, cluster.state, ago(cluster.created_unix_millis, now));
    let _ = match listed.seen_at_unix_millis {
        0 => writeln!(text, "; the system itself was not asked"),
        at => writeln!(text, "; the system itself was asked {}", ago(at, now)),
    };
    let mut table = Table::new(&["ROLE", ">DESIRED", ">RUNNING", ">READY", ">SEEN", "MISSING"]);
    for role in &cluster.roles {
        let seen = match role.seen {
            _ if !role.seen_problem.is_empty() => "?".to_owned(),
            Some(seen) => seen.to_string(),
            None => "-".to_owned(),
        };
        table.row([
            &role.role,
            &role.desired.to_string(),
            &role.running.to_string(),
            &role.ready.to_string(),
            &seen,
            &role.missing,
        ]);
    }
    text.push_str(&table.render(width));
    let odd: Vec<Node> = listed.nodes.iter().filter(|node| !is_as_desired(node)).cloned().collect();
    if !odd.is_empty() {
        text.push('\n');
        text.push_str(&folded(&odd)?.render(width));
    }
    Ok(text)
}

/// Hosts that are not connected and whose nodes are listed: what is said of those is not of now.
fn stale(hosts: &[Host], nodes: &[Node], now: u64) -> Vec<String> {
    let lost = hosts.iter().filter(|host| !host.connected && nodes.iter().any(|node| node.host == host.host));
    let line = |host: &Host| {
        let (name, seen) = (&host.host, ago(host.last_seen_unix_millis, now));
        format!("host {name} is not connected ({}): its nodes are shown as last heard of, {seen}", host.problem)
    };
    lost.map(line).collect()
}

/// Roles of which the system under test has said nothing, and whose nodes are listed: why.
fn unanswered(roles: &[RoleCount], nodes: &[Node]) -> Vec<String> {
    let of = |role: &RoleCount, node: &Node| node::name(&node.node).is_ok_and(|name| name.role().as_str() == role.role);
    let silent = roles.iter().filter(|role| !role.seen_problem.is_empty());
    let listed = silent.filter(|role| nodes.iter().any(|node| of(role, node)));
    listed.map(|role| format!("{}: {}", role.role, role.seen_problem)).collect()
}

fn is_as_desired(node: &Node) -> bool {
    let running = match node.desired.as_str() {
        "stopped" => node.phase == "stopped",
        _ => node.phase == "ready",
    };
    running && node.seen != "no"
}

/// Nodes of which the same is to be said in one row.
fn folded(nodes: &[Node]) -> Result<Table, CliError> {
    let keyed = nodes.iter().map(|node| {
        let said = [&node.host, &node.desired, &node.phase, &node.seen, &node.reason].map(Clone::clone);
        Ok((node::name(&node.node)?, said))
    });
    let folds = fold(keyed.collect::<Result<Vec<_>, CliError>>()?);
    let mut table = Table::new(&["NODES", "HOST", "DESIRED", "RUNNING", "SEEN", "REASON"]);
    for group in folds {
        let [host, desired, phase, seen, reason] = &group.value;
        table.row([&group.heading(), host, desired, phase, seen_word(seen), reason]);
    }
    Ok(table)
}

fn long(nodes: &[Node], now: u64) -> Table {
    let headings =
        ["NODE", "HOST", "DESIRED", "RUNNING", "SEEN", ">RESTARTS", ">AGE", "ADDRESS", "PORTS", ">OBSERVED", "REASON"];
    let mut table = Table::new(&headings);
    for node in nodes {
        table.row([
            node.node.as_str(),
            &node.host,
            &node.desired,
            &node.phase,
            seen_word(&node.seen),
            &node.restarts.to_string(),
            &age(node.started_unix_millis, now),
            &node.address,
            &node.ports,
            &age(node.observed_unix_millis, now),
            &reason(node),
        ]);
    }
    table
}

/// A node's reason, with what is its own.
fn reason(node: &Node) -> String {
    let own = Some(&node.reason_detail).filter(|detail| !detail.is_empty());
    own.map_or_else(|| node.reason.clone(), |own| format!("{} ({own})", node.reason))
}

fn seen_word(seen: &str) -> &str {
    match seen {
        "none" | "" => "-",
        "unknown" => "names unknown",
        "unanswered" => "?",
        other => other,
    }
}

fn view(cluster: Cluster, listed: ListNodesReply) -> PsView {
    PsView {
        cluster: cluster.cluster,
        state: cluster.state,
        seen_at_unix_millis: (listed.seen_at_unix_millis > 0).then_some(listed.seen_at_unix_millis),
        roles: cluster.roles.into_iter().map(RoleView::from).collect(),
        nodes: listed.nodes.into_iter().map(NodeView::from).collect(),
    }
}

impl From<RoleCount> for RoleView {
    fn from(role: RoleCount) -> Self {
        let RoleCount { role, desired, running, ready, seen, missing, seen_problem } = role;
        let seen_problem = Some(seen_problem).filter(|problem| !problem.is_empty());
        let seen = seen.filter(|_| seen_problem.is_none());
        Self { role, desired, running, ready, seen, seen_problem, missing }
    }
}

impl From<Node> for NodeView {
    fn from(node: Node) -> Self {
        Self {
            node: node.node,
            host: node.host,
            desired: node.desired,
            phase: node.phase,
            reason: node.reason,
            reason_detail: node.reason_detail,
            seen: node.seen,
            restarts: node.restarts,
            container_id: node.container_id,
            pid: (node.pid > 0).then_some(node.pid),
            address: node.address,
            ports: node.ports,
            started_unix_millis: node.started_unix_millis,
            ready_unix_millis: node.ready_unix_millis,
            observed_unix_millis: node.observed_unix_millis,
            anonymous_bytes: node.anonymous_bytes,
            ramdisk_bytes: node.ramdisk_bytes,
            cpu_usage_micros: node.cpu_usage_micros,
        }
    }
}
