//! Where the time of the Redis example goes: its phases by its own report, beside the floor with as many containers.

use std::time::Duration;

use super::benchmark::Benchmark::Demo;
use super::floor::{self, Step};
use super::run::{Bench, say};
use crate::programs::{repository, script};

/// The phases that every run of the example has.
const PHASES: [&str; 7] = ["plan", "image", "up primary", "up worker", "tests", "down", "audit"];

/// Measures it. The example is run as it is, but for the number of its workers.
pub(super) fn measure(bench: &mut Bench<'_>) {
    script("examples/redis/prepare.sh", &[]);
    let scenario = repository().join("examples/redis/redis.toml").display().to_string();
    let workers = bench.options.nodes;
    let sets = [("workers", workers), ("more", workers * 3 / 2), ("fewer", workers.div_ceil(2))];
    let sets = sets.map(|(name, value)| format!("param.{name}={value}"));
    for round in 0..bench.options.pairs {
        let mut words = vec!["run", scenario.as_str(), "--format", "json"];
        words.extend(sets.iter().flat_map(|set| ["--set", set.as_str()]));
        let done = bench.ours.run(&words);
        for phase in done.said["phases"].as_array().into_iter().flatten() {
            let name = phase["phase"].as_str().unwrap_or_default();
            let took = phase["took_millis"].as_f64().unwrap_or_default() / 1e3;
            bench.journal.sample(Demo, ("throng run", &format!("{name} s")), round, took);
        }
        for test in done.said["tests"].as_array().into_iter().flatten() {
            let name: String = test["test"].as_str().unwrap_or_default().chars().take(30).collect();
            let took = test["took_millis"].as_f64().unwrap_or_default() / 1e3;
            bench.journal.sample(Demo, ("test", &format!("{name} s")), round, took);
        }
        if let Err(problem) = others(bench, round)
            && !bench.goes_on_without("compose", round, &problem)
        {
            break;
        }
        say(&format!("demo: round {} of {}, {:.1?}", round + 1, bench.options.pairs, done.took));
    }
    for phase in PHASES {
        bench.journal.bound(Demo, ("throng run", &format!("{phase} s")), "s", None);
    }
    bench.journal.compare(Demo, ("throng run", "up worker s"), ("floor", "up s"), None, None);
    bench.journal.compare(Demo, ("throng run", "up worker s"), ("compose", "up s"), None, None);
    bench.journal.compare(Demo, ("throng run", "down s"), ("floor", "down s"), None, None);
}

/// The floor and, where it is here, docker-compose with as many containers; why the latter did not come to its end.
fn others(bench: &mut Bench<'_>, round: usize) -> Result<(), String> {
    let Bench { ours, journal, load, peers, .. } = bench;
    let _ramdisks = load.provide();
    let mut sample = |subject: &str, metric: &str, took: Duration| {
        journal.sample(Demo, (subject, metric), round, took.as_secs_f64());
    };
    sample("floor", "up s", floor::run(ours.engine, load, Step::Up, 4));
    sample("floor", "down s", floor::run(ours.engine, load, Step::Down, 4));
    if let Some((other, present)) = peers
        && let Some(compose) = present.first()
    {
        sample(compose.name(), "up s", compose.up(other, load)?);
        sample(compose.name(), "down s", compose.down(other, load)?);
    }
    Ok(())
}
