//! One command in every node, beside a plain loop of the engine's own exec.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use hyper::Method;
use serde_json::{Value, json};

use super::api::Api;
use super::benchmark::Benchmark::Exec;
use super::engine::Engine;
use super::floor;
use super::run::Bench;

/// It may take so much of the loop.
const TARGET: f64 = 1.1;
/// The command: the cheapest that the image has.
pub(super) const COMMAND: [&str; 2] = ["busybox", "true"];
/// How often it is asked whether a command has ended.
const LOOK: Duration = Duration::from_millis(2);

/// Measures it.
pub(super) fn measure(bench: &mut Bench<'_>) {
    let _ = bench.ours.up();
    bench.ours.expect_up();
    let ids: Vec<String> =
        bench.ours.engine.containers().iter().filter_map(|found| found["Id"].as_str().map(str::to_owned)).collect();
    let engine = bench.ours.engine;
    let width = floor::WIDTHS.into_iter().min_by_key(|width| engine_loop(engine, &ids, *width)).unwrap_or(4);
    for round in 0..bench.options.pairs {
        let (engine_before, own_before) = (engine.account.cpu(), bench.ours.account.cpu());
        let ours = bench.ours.run(&["exec", "worker", "--", COMMAND[0], COMMAND[1]]).took;
        let (engine_between, own_after) = (engine.account.cpu(), bench.ours.account.cpu());
        let theirs = engine_loop(engine, &ids, width);
        let again = engine_loop(engine, &ids, width);
        let engine_after = engine.account.cpu();
        let mut sample = |side: (&str, &str), value: Duration| {
            bench.journal.sample(Exec, side, round, value.as_secs_f64());
        };
        sample(("throng", "exec on all s"), ours);
        sample(("engine's exec", "exec on all s"), theirs);
        sample(("engine's again", "exec on all s"), again);
        sample(
            ("throng", "CPU of all s"),
            engine_between.saturating_sub(engine_before) + own_after.saturating_sub(own_before),
        );
        sample(("engine's exec", "CPU of all s"), engine_after.saturating_sub(engine_between) / 2);
    }
    let journal = &mut bench.journal;
    let loops = ("engine's exec", "exec on all s");
    let same = journal.compare(Exec, ("engine's again", "exec on all s"), loops, None, None);
    journal.compare(Exec, ("throng", "exec on all s"), loops, Some(TARGET), same.as_ref());
    journal.compare(Exec, ("throng", "CPU of all s"), ("engine's exec", "CPU of all s"), None, None);
    let _ = bench.ours.down();
    bench.ours.expect_gone();
}

/// The engine's exec in all containers, so many at once.
pub(super) fn engine_loop(engine: &Engine, ids: &[String], width: usize) -> Duration {
    let todo: VecDeque<String> = ids.iter().cloned().collect();
    let socket = engine.socket();
    let other = socket.clone();
    floor::each(&socket, todo, width, async move |api: &mut Api, id: String| {
        let body = json!({ "AttachStdout": true, "AttachStderr": true, "Cmd": COMMAND }).to_string();
        let created = api.must(Method::POST, &format!("/v1.41/containers/{id}/exec"), Bytes::from(body)).await?;
        let created: Value = serde_json::from_slice(&created).map_err(|error| error.to_string())?;
        let exec = created["Id"].as_str().unwrap_or_default().to_owned();
        // The answer is the command's output until its end, on a connection of its own that the engine then closes.
        let mut once = Api::open(&other).await?;
        let body = Bytes::from(json!({ "Detach": false, "Tty": false }).to_string());
        once.must(Method::POST, &format!("/v1.41/exec/{exec}/start"), body).await?;
        loop {
            let seen = api.ask(&format!("/v1.41/exec/{exec}/json")).await?;
            match (&seen["Running"], &seen["ExitCode"]) {
                (Value::Bool(false), code) if *code == 0 => return Ok(()),
                (Value::Bool(false), code) => return Err(format!("exit code {code}")),
                _ => tokio::time::sleep(LOOK).await,
            }
        }
    })
}
