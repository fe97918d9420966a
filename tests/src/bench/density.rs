//! As many nodes as one machine bears: whether the last start as fast as the first, and what looking at them costs.

use std::time::Duration;

use super::benchmark::Benchmark::Density;
use super::exec::{COMMAND, engine_loop};
use super::floor::{self, Step};
use super::idle;
use super::load::{expect_gone, expect_up};
use super::ours::Daemon;
use super::run::{Bench, say};

/// Nodes whose starts are taken together, at the beginning and at the end.
const SPAN: usize = 100;
/// The last so many may take so much of what the first took: their rate is then four fifths of it.
const SLOPE_TARGET: f64 = 1.25;
/// How much longer the last took than the first.
const SLOPE: &str = "last starts / first starts";
/// `ps` and `status` may take so long, in milliseconds, whatever there is.
const LOOK_TARGET_MS: f64 = 300.0;
/// `exec` on all may take so much of the engine's own.
const EXEC_TARGET: f64 = 1.1;
/// How often a look is timed: its process is started anew each time, as a person's is.
const LOOKS: usize = 11;
/// How often what goes to every node is timed.
const ROUNDS: usize = 3;

/// Measures it, with one cluster.
pub(super) fn measure(bench: &mut Bench<'_>) {
    let up = bench.ours.up().took;
    bench.ours.expect_up();
    say(&format!("density: {} nodes are up after {up:.1?}", bench.options.nodes));
    let (first, last) = spans(&started_millis(&bench.ours.run(&["ps", "--format", "json"]).said));
    let Bench { journal, ours, .. } = &mut *bench;
    let mut tell = |metric: &str, round: usize, value: f64| journal.sample(Density, ("throng", metric), round, value);
    tell("up s", 0, up.as_secs_f64());
    tell("first starts s", 0, first);
    tell("last starts s", 0, last);
    tell(SLOPE, 0, last / first);
    for round in 0..LOOKS {
        for look in ["ps", "status"] {
            tell(&format!("{look} ms"), round, ours.run(&[look]).took.as_secs_f64() * 1e3);
        }
    }
    for (pid, name) in [(Daemon::Agent, "agent"), (Daemon::Coordinator, "coordinator")] {
        let (resident, own) = idle::memory_mb(ours.pid(pid));
        tell(&format!("{name}, resident MB"), 0, resident);
        tell(&format!("{name}, of that its own MB"), 0, own);
    }
    to_all(bench);
    let down = bench.ours.down().took;
    bench.ours.expect_gone();
    bench.journal.sample(Density, ("throng", "down s"), 0, down.as_secs_f64());
    floor_alone(bench);
    report(bench);
}

/// The same containers by the engine alone: whether it is the engine that slows down.
fn floor_alone(bench: &mut Bench<'_>) {
    let Bench { journal, ours, load, width, .. } = &mut *bench;
    let _ramdisks = load.provide();
    let started = floor::started_millis(ours.engine, load, *width);
    expect_up(ours.engine, &load.prefix, load.containers.len());
    let down = floor::run(ours.engine, load, Step::Down, *width);
    expect_gone(ours.engine, &load.prefix, None);
    let (first, last) = spans(&started);
    for (metric, value) in [
        ("up s", started.last().copied().unwrap_or_default() / 1e3),
        ("first starts s", first),
        ("last starts s", last),
        (SLOPE, last / first),
        ("down s", down.as_secs_f64()),
    ] {
        journal.sample(Density, ("floor", metric), 0, value);
    }
}

/// What goes to every node.
fn to_all(bench: &mut Bench<'_>) {
    let listed = bench.ours.engine.containers();
    let ids: Vec<String> = listed.iter().filter_map(|found| found["Id"].as_str().map(str::to_owned)).collect();
    let some = &ids[..ids.len().min(SPAN)];
    let engine = bench.ours.engine;
    let width = floor::WIDTHS.into_iter().min_by_key(|width| engine_loop(engine, some, *width)).unwrap_or(4);
    for round in 0..ROUNDS {
        let ours = bench.ours.run(&["exec", "worker", "--", COMMAND[0], COMMAND[1]]).took;
        let theirs = engine_loop(engine, &ids, width);
        let logs = bench.ours.run(&["logs", "worker", "--grep", "no such line"]).took;
        let mut sample = |subject: &str, metric: &str, took: Duration| {
            bench.journal.sample(Density, (subject, metric), round, took.as_secs_f64());
        };
        sample("throng", "exec on all s", ours);
        sample("engine's exec", "exec on all s", theirs);
        sample("throng", "logs --grep on all s", logs);
    }
}

fn report(bench: &mut Bench<'_>) {
    let journal = &mut bench.journal;
    let pair = (("throng", "exec on all s"), ("engine's exec", "exec on all s"));
    journal.compare(Density, pair.0, pair.1, Some(EXEC_TARGET), None);
    for metric in ["up s", "first starts s", "last starts s", SLOPE, "down s"] {
        journal.compare(Density, ("throng", metric), ("floor", metric), None, None);
    }
    for (metric, unit, target) in [
        ("up s", "s", None),
        ("first starts s", "s", None),
        ("last starts s", "s", None),
        (SLOPE, "", Some(SLOPE_TARGET)),
        ("ps ms", "ms", Some(LOOK_TARGET_MS)),
        ("status ms", "ms", Some(LOOK_TARGET_MS)),
        ("logs --grep on all s", "s", None),
        ("agent, resident MB", "MB", None),
        ("agent, of that its own MB", "MB", None),
        ("coordinator, resident MB", "MB", None),
        ("coordinator, of that its own MB", "MB", None),
        ("down s", "s", None),
    ] {
        journal.bound(Density, ("throng", metric), unit, target);
    }
}

/// When each node was started, in milliseconds, in their order.
fn started_millis(ps: &serde_json::Value) -> Vec<f64> {
    let nodes = ps["nodes"].as_array().expect("`ps` lists nodes");
    let started =
        |node: &serde_json::Value| node["started_unix_millis"].as_f64().expect("a node that runs was started");
    let mut all: Vec<f64> = nodes.iter().map(started).collect();
    all.sort_by(f64::total_cmp);
    all
}

/// How long the first and the last starts took, in seconds: a hundred each, or a third of few.
fn spans(millis: &[f64]) -> (f64, f64) {
    let span = SPAN.min(millis.len().div_ceil(3)).max(2).min(millis.len());
    let took = |part: &[f64]| (part[part.len() - 1] - part[0]) / 1e3;
    (took(&millis[..span]), took(&millis[millis.len() - span..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_and_the_last_hundred_are_compared() {
        let even: Vec<f64> = (0..1000).map(|at| f64::from(at) * 10.0).collect();
        assert_eq!(spans(&even), (0.99, 0.99));
        let slower: Vec<f64> =
            even.iter().map(|at| if *at > 9000.0 { 9000.0 + (at - 9000.0) * 2.0 } else { *at }).collect();
        assert_eq!(spans(&slower), (0.99, 1.98));
        assert_eq!(spans(&[1000.0, 1500.0, 3500.0]), (0.5, 2.0));
    }
}
