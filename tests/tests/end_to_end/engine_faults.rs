//! The engine hangs, hangs for some, answers with errors, breaks its streams off: nothing of that is taken for a node's
//! failure, it is said, and all is as before once the engine is.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rand::RngExt as _;
use serde_json::Value;
use throng_tests::draws::draws;
use throng_tests::engine_proxy::{Effect, EngineProxy};
use throng_tests::host::{is_alive, kill_now};
use throng_tests::site::{COMMAND_TIMEOUT, SETTLE_TIMEOUT, Site, in_proxied_site, nodes};
use throng_tests::wait::wait_for;
use throng_tests::{agent, engine, host};

/// Within this it is found and said that an engine hangs: the agent asks every 5 s, and waits 10 s for an answer.
const FOUND_WITHIN: Duration = Duration::from_secs(17);
/// Within this all is as before once the engine answers.
const BACK_WITHIN: Duration = Duration::from_secs(20);
/// Workers that are started again as often as it takes.
const PATIENT: &str = "[role.worker]\nrestart = { max = 1000, backoff = \"100ms\" }\n";
/// A claim that holds as soon as a worker's process is gone.
const KILLING: &str = "[[test]]\nname = \"a worker is killed\"\nstep = [ { kill = \"worker-0001\" } ]\n";

fn up(site: &Site) -> BTreeMap<String, Value> {
    let scenario = site.tiny();
    let overlay = site.file("patient.toml", PATIENT);
    let _ = site.throng(&["up", &scenario, "--overlay", &overlay]).expect_code(0);
    by_name(&site.wait_for_count("worker", 3))
}

fn by_name(ps: &Value) -> BTreeMap<String, Value> {
    nodes(ps).iter().map(|node| (node["node"].as_str().unwrap().to_owned(), node.clone())).collect()
}

fn pid(node: &Value) -> i32 {
    i32::try_from(node["pid"].as_i64().unwrap_or_else(|| panic!("a running node has a process: {node:#}"))).unwrap()
}

/// What the host says of its engine; none where all is well.
fn problems(site: &Site) -> String {
    let hosts = site.throng(&["hosts", "--format", "json"]).expect_code(0).json();
    hosts[0]["problems"].as_array().unwrap().iter().filter_map(Value::as_str).collect::<Vec<_>>().join("; ")
}

fn wait_for_problem(site: &Site, words: &str) {
    wait_for(&format!("the host says `{words}`"), FOUND_WITHIN, || match problems(site) {
        said if said.contains(words) => Ok(()),
        said => Err(said),
    });
}

/// All is as it was: the same processes, none started again, nothing to be said of the host.
fn expect_as_before(site: &Site, before: &BTreeMap<String, Value>, but: &[&str]) {
    wait_for("all is as before", BACK_WITHIN, || {
        let (now, said) = (by_name(&site.ps()), problems(site));
        let as_before = before.iter().all(|(name, node)| {
            let other = but.contains(&name.as_str());
            now[name]["phase"] == "ready"
                && (other || (&now[name]["pid"], &now[name]["restarts"]) == (&node["pid"], &node["restarts"]))
        });
        if as_before && said.is_empty() { Ok(()) } else { Err(format!("{said}\n{now:#?}")) }
    });
}

/// Those that nobody touched are ready, and were never started again.
fn expect_untouched(site: &Site, before: &BTreeMap<String, Value>, but: &[&str]) {
    let now = by_name(&site.ps());
    for (name, node) in before.iter().filter(|(name, _)| !but.contains(&name.as_str())) {
        let seen = &now[name];
        assert!(seen["phase"] == "ready" && seen["pid"] == node["pid"], "{seen:#}");
    }
}

#[test]
fn a_hung_engine_is_found_and_said_and_takes_nothing_away() {
    in_proxied_site(|site, proxy| {
        let before = up(site);
        proxy.spoil(&[("*", Effect::Stall)]);
        wait_for_problem(site, "hung");
        let _ = site.throng(&["hosts"]).expect_code(0).expect_said(&["restart it"]);
        expect_untouched(site, &before, &[]);

        // What needs no engine goes on: a command enters its container by itself.
        let _ = site.throng(&["exec", "all", "--", "true"]).expect_code(0);
        let hub = pid(&before["hub-0000"]);
        kill_now(hub);
        wait_for("the hub comes back", SETTLE_TIMEOUT, || {
            let node = site.node("hub-0000");
            if node["phase"] == "ready" && node["restarts"] == 1 { Ok(()) } else { Err(format!("{node:#}")) }
        });
        // What does says so, and does not hang with it.
        let logs = site.throng(&["logs", "worker-0000"]);
        assert!(logs.code != Some(0) && logs.took < COMMAND_TIMEOUT / 2, "{logs}");
        let _ = logs.expect_said(&["has not answered"]);

        proxy.mend();
        expect_as_before(site, &before, &["hub-0000"]);
        site.down();
    });
}

#[test]
fn an_agent_that_begins_beside_a_hung_engine_is_greeted_and_believes_the_kernel() {
    in_proxied_site(|site, proxy| {
        let before = up(site);
        proxy.spoil(&[("*", Effect::Stall)]);
        agent::lose(site);
        agent::start(site);
        wait_for_problem(site, "hung");
        wait_for("all are adopted", SETTLE_TIMEOUT, || {
            let now = by_name(&site.ps());
            let same = before.iter().all(|(name, node)| {
                now[name]["phase"] == "ready" && now[name]["pid"] == node["pid"] && now[name]["restarts"] == 0
            });
            if same { Ok(()) } else { Err(format!("{now:#?}")) }
        });
        proxy.mend();
        expect_as_before(site, &before, &[]);
        site.down();
    });
}

#[test]
fn a_node_that_dies_while_the_engine_hangs_is_unknown_and_never_failed() {
    in_proxied_site(|site, proxy| {
        let before = up(site);
        proxy.spoil(&[("*", Effect::Stall)]);
        kill_now(pid(&before["worker-0001"]));
        let node = wait_for("its end is noticed", BACK_WITHIN * 2, || {
            let node = site.node("worker-0001");
            assert!(node["phase"] != "failed" && node["phase"] != "backoff", "{node:#}");
            if node["phase"] == "unknown" { Ok(node) } else { Err(format!("{node:#}")) }
        });
        let reason = node["reason"].as_str().unwrap();
        assert!(reason.contains("does not say how it ended"), "{reason}");
        expect_untouched(site, &before, &["worker-0001"]);
        proxy.mend();
        expect_as_before(site, &before, &["worker-0001"]);
        let node = site.node("worker-0001");
        assert_eq!(node["restarts"], 1, "it came back once its end was known: {node:#}");
        site.down();
    });
}

#[test]
fn a_teardown_beside_a_hung_engine_ends_what_runs_says_why_it_waits_and_can_be_finished() {
    in_proxied_site(|site, proxy| {
        let before = up(site);
        proxy.spoil(&[("*", Effect::Stall)]);
        wait_for_problem(site, "hung");
        let down = site.start("throng", &["down", "--yes"]);
        wait_for("every process has ended", SETTLE_TIMEOUT, || {
            let alive: Vec<_> = before.values().map(pid).filter(|pid| is_alive(*pid)).collect();
            if alive.is_empty() { Ok(()) } else { Err(format!("{alive:?}")) }
        });
        let down = down.end(COMMAND_TIMEOUT * 2).expect_code(5);
        let _ = down.expect_said(&["hung", "could not be audited"]);
        proxy.mend();
        site.down();
    });
}

#[test]
fn an_engine_that_is_wedged_for_one_container_holds_up_nobody_else() {
    in_proxied_site(|site, proxy| {
        let before = up(site);
        let wedged = before["worker-0001"]["container_id"].as_str().unwrap().to_owned();
        let name = engine::containers("throng-").into_iter().find(|found| found.id == wedged).unwrap().name;
        let stalled = [
            format!("GET /containers/{wedged}/*"),
            format!("GET /containers/{name}/*"),
            format!("POST /containers/{wedged}/*"),
            format!("DELETE /containers/{wedged}"),
        ];
        proxy.spoil(&stalled.iter().map(|calls| (calls.as_str(), Effect::Stall)).collect::<Vec<_>>());
        wait_for("the host says `wedged`", FOUND_WITHIN * 2, || match problems(site) {
            said if said.contains("wedged") => Ok(()),
            said => Err(said),
        });
        expect_untouched(site, &before, &[]);
        let _ = site.throng(&["exec", "worker-0002", "--", "true"]).expect_code(0);

        let begun = Instant::now();
        let down = site.start("throng", &["down", "--yes"]);
        wait_for("the others are gone", SETTLE_TIMEOUT, || {
            let left = engine::containers(&format!("throng-{}", site.name()));
            if left.iter().all(|container| container.id == wedged) { Ok(()) } else { Err(format!("{left:?}")) }
        });
        assert!(!is_alive(pid(&before["worker-0001"])), "its process needs no engine to be ended");
        assert!(down.is_running(), "after {:?}", begun.elapsed());
        proxy.mend();
        let _ = down.end(COMMAND_TIMEOUT).expect_code(0).expect_said(&["nothing left behind"]);
    });
}

#[test]
fn events_that_are_cut_off_or_never_come_lose_nothing() {
    in_proxied_site(|site, proxy| {
        let before = up(site);
        for _ in 0..5 {
            proxy.cut();
            std::thread::sleep(Duration::from_millis(300));
        }
        expect_as_before(site, &before, &[]);
        // They come no more, and all else answers: the kernel is asked too.
        proxy.spoil(&[("GET /events", Effect::Stall)]);
        kill_now(pid(&before["worker-0002"]));
        wait_for("worker-0002 comes back", SETTLE_TIMEOUT, || {
            let node = site.node("worker-0002");
            if node["phase"] == "ready" && node["restarts"] == 1 { Ok(()) } else { Err(format!("{node:#}")) }
        });
        expect_untouched(site, &before, &["worker-0002"]);
        proxy.mend();
        expect_as_before(site, &before, &["worker-0002"]);
        site.down();
    });
}

/// Calls on the way of a container that is started again, or looked at.
const CALLS_OF_A_START: [&str; 7] = [
    "GET /_ping",
    "GET /containers/json",
    "GET /containers/*/json",
    "GET /events",
    "POST /containers/*/start",
    "GET /containers/*/logs",
    "*",
];

#[test]
fn whatever_call_answers_with_an_error_the_others_are_not_touched_and_the_node_comes_back() {
    in_proxied_site(|site, proxy| {
        let before = up(site);
        // Each call with one of them, with another one each time: all with all takes ten minutes.
        let turn = draws().random_range(0..3);
        for (calls, status) in CALLS_OF_A_START.into_iter().zip([500, 409, 404].into_iter().cycle().skip(turn)) {
            spoilt_restart(site, proxy, &before, (calls, status));
        }
        site.down();
    });
}

/// A worker dies while some call of the engine's answers with an error.
fn spoilt_restart(site: &Site, proxy: &EngineProxy, before: &BTreeMap<String, Value>, case: (&str, u16)) {
    let (calls, status) = case;
    let node = site.node("worker-0000");
    proxy.spoil(&[(calls, Effect::Answer(status))]);
    if calls == "GET /events" {
        proxy.cut();
    }
    kill_now(pid(&node));
    let until = Instant::now() + Duration::from_millis(2500);
    while Instant::now() < until {
        expect_untouched(site, before, &["worker-0000"]);
        std::thread::sleep(Duration::from_millis(250));
    }
    proxy.mend();
    wait_for(&format!("worker-0000 comes back after {case:?}"), SETTLE_TIMEOUT, || {
        let now = site.node("worker-0000");
        if now["phase"] == "ready" && now["pid"] != node["pid"] { Ok(()) } else { Err(format!("{now:#}")) }
    });
    expect_as_before(site, before, &["worker-0000"]);
}

#[test]
fn what_is_asked_of_running_nodes_needs_no_engine_and_what_needs_one_says_what_it_said() {
    in_proxied_site(|site, proxy| {
        let scenario = site.tiny();
        let overlay = site.file("killed.toml", &format!("{PATIENT}{KILLING}"));
        let _ = site.throng(&["up", &scenario, "--overlay", &overlay]).expect_code(0);
        let before = by_name(&site.wait_for_count("worker", 3));
        let copy = site.folder().join("copy").display().to_string();
        let mut killed = pid(&before["worker-0001"]);
        for status in [500, 409, 404] {
            proxy.spoil(&[("*", Effect::Answer(status))]);
            let _ = site.throng(&["exec", "worker", "--", "true"]).expect_code(0);
            let _ = site.throng(&["cp", "worker-0000:/data/name", &copy]).expect_code(0);
            let _ = site.throng(&["test", "--test", "a worker is killed"]).expect_code(0);
            assert!(!is_alive(killed), "{status}: a kill is measured in effect");
            let logs = site.throng(&["logs", "worker-0000"]);
            assert!(logs.code == Some(1) && logs.stderr.contains("injected"), "{status}: {logs}");
            expect_untouched(site, &before, &["worker-0001"]);
            proxy.mend();
            let _ = site.throng(&["logs", "worker-0000"]).expect_code(0);
            killed = wait_for("worker-0001 comes back", SETTLE_TIMEOUT, || {
                let node = site.node("worker-0001");
                if node["phase"] == "ready" && pid(&node) != killed { Ok(pid(&node)) } else { Err(format!("{node:#}")) }
            });
            expect_as_before(site, &before, &["worker-0001"]);
        }
        site.down();
    });
}

#[test]
fn ends_creations_and_removals_that_answer_with_an_error_are_done_once_they_do_not() {
    in_proxied_site(|site, proxy| {
        let before = up(site);
        for calls in ["POST /containers/*/stop", "DELETE /containers/*", "POST /containers/create", "GET /images/*"] {
            for status in [500, 409, 404] {
                proxy.spoil(&[(calls, Effect::Answer(status))]);
                let grows = calls.contains("create") || calls.contains("images");
                let count = if grows { "worker=4" } else { "worker=3" };
                if !grows {
                    proxy.mend();
                    let _ = site.throng(&["scale", "worker=4"]).expect_code(0);
                    proxy.spoil(&[(calls, Effect::Answer(status))]);
                }
                let scale = site.start("throng", &["scale", count]);
                wait_for(&format!("{calls} is met"), SETTLE_TIMEOUT, || match proxy.met() {
                    0 if scale.is_running() => Err(0),
                    met => Ok(met),
                });
                expect_untouched(site, &before, &[]);
                proxy.mend();
                let _ = scale.end(COMMAND_TIMEOUT).expect_code(0);
                let _ = site.throng(&["scale", "worker=3"]).expect_code(0);
                expect_as_before(site, &before, &[]);
                let containers = engine::containers(&format!("throng-{}", site.name()));
                assert_eq!(containers.len(), 3, "{calls} {status}: {containers:?}");
            }
        }
        site.down();
        assert!(host::mounts(site.mark()).is_empty());
    });
}
