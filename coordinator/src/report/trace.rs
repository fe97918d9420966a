//! A run as a trace: where the time went, in the format of Chrome's tracing, which Perfetto opens too. Pure.
//!
//! Source: the Trace Event Format, "complete" (`X`) and "metadata" (`M`) events; times are microseconds.

use std::collections::BTreeMap;

use serde::Serialize;
use throng_common::ids::{HostId, NodeName};
use throng_common::status::{NodePhase, UnixMillis};

use super::model::TestReport;
use crate::cluster::phase_word;

/// A phase of the run, timed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhaseSpan {
    /// Its name.
    pub phase: String,
    /// When it began.
    pub from: UnixMillis,
    /// How long it took.
    pub took_millis: u64,
}

/// A phase of a node: from when its host's agent saw it until it saw the next one, by that host's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeSpan {
    /// Its host.
    pub host: HostId,
    /// The node.
    pub node: NodeName,
    /// The phase.
    pub phase: NodePhase,
    /// Its begin.
    pub from: UnixMillis,
    /// Its end.
    pub to: UnixMillis,
}

/// The process that stands for the run itself; hosts come after it.
const RUN_PID: u32 = 1;
/// The line of the tests; those of the phases come after it.
const TESTS_TID: u32 = 1;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Trace {
    display_time_unit: &'static str,
    trace_events: Vec<Event>,
}

#[derive(Serialize)]
struct Event {
    name: String,
    ph: &'static str,
    pid: u32,
    tid: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    ts: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dur: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    args: Option<Name>,
}

#[derive(Serialize)]
struct Name {
    name: String,
}

/// The trace as JSON: a process for the run, with a line for its tests and one for each phase, and one for each host,
/// with a line for each node.
pub fn trace(run: &str, phases: &[PhaseSpan], tests: &[TestReport], nodes: &[NodeSpan]) -> Vec<u8> {
    let mut events = vec![named("process_name", RUN_PID, 0, run), named("thread_name", RUN_PID, TESTS_TID, "tests")];
    events.extend(tests.iter().map(|test| {
        let verdict = test.verdict.map_or("INTERRUPTED", throng_common::verdict::Verdict::word);
        let name = format!("{}: {verdict}", test.name);
        span(name, (RUN_PID, TESTS_TID), test.started_at, test.took_millis)
    }));
    // Roles that come up together overlap: each phase has a line of its own.
    for (phase, tid) in phases.iter().zip(TESTS_TID + 1..) {
        events.push(named("thread_name", RUN_PID, tid, &phase.phase));
        events.push(span(phase.phase.clone(), (RUN_PID, tid), phase.from, phase.took_millis));
    }
    let mut lines: BTreeMap<&HostId, BTreeMap<&NodeName, Vec<&NodeSpan>>> = BTreeMap::new();
    for node in nodes {
        lines.entry(&node.host).or_default().entry(&node.node).or_default().push(node);
    }
    for ((host, nodes), pid) in lines.into_iter().zip(RUN_PID + 1..) {
        events.push(named("process_name", pid, 0, &format!("host {host}")));
        for ((node, spans), tid) in nodes.into_iter().zip(1..) {
            events.push(named("thread_name", pid, tid, &node.to_string()));
            events.extend(spans.into_iter().map(|seen| {
                let took = seen.to.0.saturating_sub(seen.from.0);
                span(phase_word(seen.phase).to_owned(), (pid, tid), seen.from, took)
            }));
        }
    }
    // Plain structs with text keys serialise.
    serde_json::to_vec(&Trace { display_time_unit: "ms", trace_events: events }).unwrap_or_default()
}

fn span(name: String, (pid, tid): (u32, u32), from: UnixMillis, took_millis: u64) -> Event {
    Event { name, ph: "X", pid, tid, ts: Some(from.0 * 1000), dur: Some(took_millis * 1000), args: None }
}

fn named(what: &str, pid: u32, tid: u32, name: &str) -> Event {
    let args = Some(Name { name: name.to_owned() });
    Event { name: what.to_owned(), ph: "M", pid, tid, ts: None, dur: None, args }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::report::sample;

    #[test]
    fn every_phase_test_and_node_has_its_line_and_its_time_in_microseconds() {
        let report = sample::passed();
        let phase =
            |phase: &str, from, took_millis| PhaseSpan { phase: phase.to_owned(), from: UnixMillis(from), took_millis };
        let phases = [phase("up primary", 1000, 20), phase("up worker", 1000, 300)];
        let seen = |node: &str, phase, from, to| NodeSpan {
            host: "local".parse().unwrap(),
            node: node.parse().unwrap(),
            phase,
            from: UnixMillis(from),
            to: UnixMillis(to),
        };
        let nodes = [
            seen("worker-0001", NodePhase::Preparing, 1010, 1200),
            seen("worker-0000", NodePhase::Preparing, 1010, 1100),
            seen("worker-0000", NodePhase::Starting, 1100, 1101),
        ];
        let trace: Value = serde_json::from_slice(&trace("redis-x7k2", &phases, &report.tests, &nodes)).unwrap();
        let events = trace["traceEvents"].as_array().unwrap();
        let spans: Vec<&Value> = events.iter().filter(|event| event["ph"] == "X").collect();
        assert_eq!(spans.len(), report.tests.len() + phases.len() + nodes.len());
        let starting = spans.iter().find(|event| event["name"] == "starting").unwrap();
        assert_eq!((&starting["ts"], &starting["dur"]), (&1_100_000.into(), &1000.into()));
        let names: Vec<&str> = events.iter().filter_map(|event| event["args"]["name"].as_str()).collect();
        assert_eq!(
            names,
            ["redis-x7k2", "tests", "up primary", "up worker", "host local", "worker-0000", "worker-0001"]
        );
    }
}
