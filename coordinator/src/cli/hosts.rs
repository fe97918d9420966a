//! `throng hosts`: the machines of the fleet.

use clap::Args;
use serde::Serialize;
use throng_common::size::ByteSize;
use throng_common::verdict::Outcome;
use throng_proto::operator::{Host, ListHostsRequest};

use super::context::Context;
use super::error::CliError;
use crate::output::table::Table;
use crate::output::time::{age, now_unix_millis, timestamp};

/// Arguments.
#[derive(Debug, Args)]
pub struct HostsArgs {}

/// A host, as JSON.
#[derive(Debug, Serialize)]
pub struct HostView {
    host: String,
    hostname: String,
    connected: bool,
    problem: String,
    build: String,
    kernel: String,
    engine: String,
    cpu_cores: u32,
    cpu_busy_cores: Option<f64>,
    memory_total_bytes: u64,
    memory_available_bytes: u64,
    nodes: u32,
    generation: u64,
    settled: bool,
    problems: Vec<String>,
    last_seen: String,
    lease_millis: Option<u64>,
}

/// Runs it.
pub async fn run(context: &Context, _args: HostsArgs) -> Result<Outcome, CliError> {
    let mut client = context.client().await?;
    let hosts = client.list_hosts(ListHostsRequest {}).await?.into_inner().hosts;
    if context.is_json() {
        context.printer.json(&hosts.into_iter().map(HostView::from).collect::<Vec<_>>())?;
    } else if hosts.is_empty() {
        context.printer.note("no hosts: `throng up` makes this machine one");
    } else {
        context.printer.data(&table(&hosts, now_unix_millis()).render(context.printer.width_columns))?;
    }
    Ok(Outcome::Pass)
}

fn table(hosts: &[Host], now: u64) -> Table {
    let mut table = Table::new(&[
        "HOST",
        "STATE",
        ">NODES",
        ">CPU",
        ">MEMORY FREE",
        ">OF",
        "ENGINE",
        "KERNEL",
        ">SEEN",
        "PROBLEMS",
    ]);
    for host in hosts {
        let cpu = host
            .cpu_busy_cores
            .map_or_else(|| format!("-/{}", host.cpu_cores), |busy| format!("{busy:.1}/{}", host.cpu_cores));
        let state = match (host.connected, host.settled) {
            (true, true) => "settled",
            (true, false) => "working",
            (false, _) => "lost",
        };
        let problems: Vec<&str> = std::iter::once(&host.problem)
            .chain(&host.problems)
            .map(String::as_str)
            .filter(|text| !text.is_empty())
            .collect();
        table.row([
            host.host.as_str(),
            state,
            &host.nodes.to_string(),
            &cpu,
            &ByteSize::bytes(host.memory_available_bytes).to_string(),
            &ByteSize::bytes(host.memory_total_bytes).to_string(),
            &host.engine,
            &host.kernel,
            &age(host.last_seen_unix_millis, now),
            &problems.join("; "),
        ]);
    }
    table
}

impl From<Host> for HostView {
    fn from(host: Host) -> Self {
        Self {
            host: host.host,
            hostname: host.hostname,
            connected: host.connected,
            problem: host.problem,
            build: host.build,
            kernel: host.kernel,
            engine: host.engine,
            cpu_cores: host.cpu_cores,
            cpu_busy_cores: host.cpu_busy_cores,
            memory_total_bytes: host.memory_total_bytes,
            memory_available_bytes: host.memory_available_bytes,
            nodes: host.nodes,
            generation: host.generation,
            settled: host.settled,
            problems: host.problems,
            last_seen: timestamp(host.last_seen_unix_millis),
            lease_millis: (host.lease_millis > 0).then_some(host.lease_millis),
        }
    }
}
