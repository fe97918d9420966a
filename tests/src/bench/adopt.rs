//! An agent that was killed: its successor finds all nodes again, as cheaply as one labelled list of the engine.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use hyper::Method;

use super::benchmark::Benchmark::Adopt;
use super::engine::Engine;
use super::ours::{Daemon, Ours};
use super::run::Bench;
use crate::host;
use crate::wait::wait_for;

/// Adopting may take so much of what the list takes.
const TARGET: f64 = 1.2;
/// How long a daemon may take to begin or to end.
const DAEMON_TIMEOUT: Duration = Duration::from_secs(30);
/// What the agent says in its log when it has looked at everything for the first time.
const ADOPTED: &str = "everything was looked at";

/// Measures it.
pub(super) fn measure(bench: &mut Bench<'_>) {
    let _ = bench.ours.up();
    bench.ours.expect_up();
    let before = processes(&bench.ours);
    for round in 0..bench.options.pairs {
        let list = list(bench.ours.engine);
        let adopted = adopt(&bench.ours);
        bench.journal.sample(Adopt, ("floor", "labelled list ms"), round, list.as_secs_f64() * 1e3);
        bench.journal.sample(Adopt, ("throng", "adopted ms"), round, adopted.as_secs_f64() * 1e3);
    }
    assert_eq!(processes(&bench.ours), before, "nodes were restarted");
    bench.journal.compare(Adopt, ("throng", "adopted ms"), ("floor", "labelled list ms"), Some(TARGET), None);
    let _ = bench.ours.down();
    bench.ours.expect_gone();
    let _ = bench.ours.run(&["stop"]);
    bench.ours.warm();
}

/// The containers with their processes and the moments of their starts, by the engine.
fn processes(ours: &Ours<'_>) -> BTreeMap<String, (i64, String)> {
    let listed = ours.engine.containers();
    let asked = ours.engine.with(async |api| {
        let mut all = BTreeMap::new();
        for found in &listed {
            let id = found["Id"].as_str().expect("a container has an id").to_owned();
            let state = api.ask(&format!("/containers/{id}/json")).await?["State"].clone();
            let pid = state["Pid"].as_i64().filter(|pid| *pid > 0).ok_or(format!("{id} does not run: {state}"))?;
            all.insert(id, (pid, state["StartedAt"].as_str().unwrap_or_default().to_owned()));
        }
        Ok(all)
    });
    asked.unwrap_or_else(|problem| panic!("containers cannot be inspected: {problem}"))
}

/// One list of all containers of a fleet.
fn list(engine: &Engine) -> Duration {
    let took = engine.with(async |api| {
        let began = Instant::now();
        let path = "/v1.41/containers/json?all=1&filters=%7B%22label%22%3A%5B%22throng.cluster%22%5D%7D";
        let listed = api.must(Method::GET, path, bytes::Bytes::new()).await?;
        assert!(listed.len() > 2, "the list is empty");
        Ok(began.elapsed())
    });
    took.unwrap_or_else(|problem| panic!("the list failed: {problem}"))
}

/// Kills the agent and starts another; how long that one took from looking at the machine to knowing all nodes, by its
/// own log.
fn adopt(ours: &Ours<'_>) -> Duration {
    let pid = ours.pid(Daemon::Agent);
    host::kill_now(pid);
    wait_for("a killed agent is gone", DAEMON_TIMEOUT, || if host::is_alive(pid) { Err(pid) } else { Ok(()) });
    let told = said(ours).len();
    let status = ours.run(&["status", "--format", "json"]).said;
    let text = |key: &str| status["coordinator"][key].as_str().unwrap_or_default().to_owned();
    let address = text("address").trim_start_matches("https://").to_owned();
    let words = ["start", "--coordinator", &address, "--ca-pin", &text("ca_pin"), "--host", "local"];
    let mut command = ours.site.command("throng-agent", &words);
    command.env("DOCKER_HOST", ours.engine.host());
    let _ = super::ours::finish(&mut command, "throng-agent start");
    wait_for("the agent has looked at everything", DAEMON_TIMEOUT, || {
        said(ours).get(told).copied().ok_or("it has not said so")
    })
}

/// What the agents so far said of their first look.
fn said(ours: &Ours<'_>) -> Vec<Duration> {
    let log = fs::read_to_string(ours.agent_log()).unwrap_or_default();
    let took = |line: &str| line.split("took_micros=").nth(1)?.split_whitespace().next()?.parse().ok();
    let lines = log.lines().filter(|line| line.contains(ADOPTED));
    lines.filter_map(took).map(Duration::from_micros).collect()
}
