//! The engine errs, or is killed, while a cluster comes, grows or goes: the command ends well or says what the engine said,
//! and what it left goes with the next one.

use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::StdRng;
use throng_tests::draws::draws;
use throng_tests::engine_proxy::{Effect, EngineProxy};
use throng_tests::finished::Finished;
use throng_tests::private_engine::PrivateEngine;
use throng_tests::site::{COMMAND_TIMEOUT, SETTLE_TIMEOUT, Site, in_proxied_site, in_site_with_engine, pids};
use throng_tests::wait::wait_for;
use throng_tests::{agent, engine, host};

/// How long the engine errs once it was asked.
const ERRS_FOR: Duration = Duration::from_millis(1200);

/// Calls on the way of a cluster that comes.
const CALLS_OF_AN_UP: [&str; 9] = [
    "GET /_ping",
    "GET /info",
    "GET /version",
    "GET /images/*",
    "GET /containers/json",
    "POST /containers/create",
    "POST /containers/*/start",
    "GET /containers/*/json",
    "*",
];

/// Calls on the way of an image that an engine does not have, or only under another name.
const CALLS_OF_AN_IMAGE: [&str; 2] = ["POST /images/create", "POST /images/*/tag"];

/// Calls on the way of a cluster that goes.
const CALLS_OF_A_DOWN: [&str; 4] = ["GET /containers/json", "GET /containers/*/json", "DELETE /containers/*", "*"];

/// Runs a command while the engine answers these calls with an error, for a while from when one is met; and how many were.
fn meanwhile(site: &Site, proxy: &EngineProxy, words: &[&str], calls: &str, status: u16) -> (Finished, u64) {
    proxy.spoil(&[(calls, Effect::Answer(status))]);
    let command = site.start("throng", words);
    wait_for(&format!("{calls} is met, or never will be"), SETTLE_TIMEOUT, || match proxy.met() {
        0 if command.is_running() => Err(0),
        met => Ok(met),
    });
    std::thread::sleep(ERRS_FOR);
    let met = proxy.met();
    proxy.mend();
    (command.end(COMMAND_TIMEOUT * 2), met)
}

fn expect_nothing(site: &Site, case: &str) {
    let containers = engine::containers(&format!("throng-{}", site.name()));
    assert!(containers.is_empty(), "{case}: {containers:?}");
    assert!(host::mounts(site.mark()).is_empty(), "{case}: {:?}", host::mounts(site.mark()));
}

#[test]
fn an_up_during_which_the_engine_errs_comes_to_its_end_or_says_what_the_engine_said() {
    in_proxied_site(|site, proxy| {
        let scenario = site.tiny();
        // The daemons and the image are there before anything errs.
        let _ = site.throng(&["up", &scenario]).expect_code(0);
        site.down();
        let turn = draws().random_range(0..3);
        for (calls, status) in CALLS_OF_AN_UP.into_iter().zip([500, 409, 404].into_iter().cycle().skip(turn)) {
            let case = format!("{calls} {status}");
            let (up, _) = meanwhile(site, proxy, &["up", &scenario], calls, status);
            if up.code == Some(0) {
                site.wait_for_count("worker", 3);
            } else {
                // An engine that says of an image that it is not there is believed: it is to be sent again.
                let believed = |said: &str| status == 404 && said.contains("was not sent to this host");
                let is_said = |said: &String| said.contains("injected") || believed(said);
                assert!([&up.stdout, &up.stderr].into_iter().any(is_said), "{case}: {up}");
            }
            let down = site.throng(&["down", "--yes"]);
            let none_came = up.code != Some(0) && down.stderr.contains("no cluster");
            assert!(down.code == Some(0) || none_came, "{case}: {up}\n{down}");
            expect_nothing(site, &case);
        }
    });
}

#[test]
fn an_up_whose_image_the_engine_does_not_take_says_so_and_the_next_one_sends_it() {
    in_proxied_site(|site, proxy| {
        let scenario = site.tiny();
        for (calls, status) in
            CALLS_OF_AN_IMAGE.into_iter().flat_map(|calls| [500, 409, 404].map(|status| (calls, status)))
        {
            let case = format!("{calls} {status}");
            let _ = site.throng(&["up", &scenario]).expect_code(0);
            site.wait_for_count("worker", 3);
            site.down();
            let (own, twin) = (format!("throng/{}:", site.name()), format!("throng/twin-of-{}", site.name()));
            engine::move_images(&own, &twin);
            if calls == "POST /images/create" {
                // It has none of the same content under another name.
                engine::remove_images(&twin);
            }
            let (up, met) = meanwhile(site, proxy, &["up", &scenario], calls, status);
            assert!(met > 0, "{case}: {up}");
            engine::remove_images(&twin);
            if up.code == Some(0) {
                site.wait_for_count("worker", 3);
                site.down();
            } else {
                assert!([&up.stdout, &up.stderr].into_iter().any(|said| said.contains("injected")), "{case}: {up}");
                expect_nothing(site, &case);
            }
        }
    });
}

#[test]
fn a_down_during_which_the_engine_errs_leaves_nothing() {
    in_proxied_site(|site, proxy| {
        let scenario = site.tiny();
        let turn = draws().random_range(0..3);
        for (calls, status) in CALLS_OF_A_DOWN.into_iter().zip([500, 409, 404].into_iter().cycle().skip(turn)) {
            let case = format!("{calls} {status}");
            let _ = site.throng(&["up", &scenario]).expect_code(0);
            let (down, _) = meanwhile(site, proxy, &["down", "--yes"], calls, status);
            if down.code != Some(0) {
                // Nobody could look: that is said, and looked at once more.
                assert!(down.code == Some(5) && down.stderr.contains("could not be audited"), "{case}: {down}");
                let _ = site.throng(&["down", "--yes"]).expect_code(0);
            }
            expect_nothing(site, &case);
        }
    });
}

/// Kills the engine in the midst of what was just begun, and starts it again a while later.
fn kill_amid(engine: &mut PrivateEngine, draws: &mut StdRng) {
    std::thread::sleep(Duration::from_millis(draws.random_range(150..600)));
    engine.kill();
    std::thread::sleep(Duration::from_millis(500));
    engine.start_again();
}

/// Kills only containerd in the midst of what was just begun; its engine starts it again.
fn kill_containerd_amid(engine: &mut PrivateEngine, draws: &mut StdRng) {
    std::thread::sleep(Duration::from_millis(draws.random_range(150..600)));
    engine.kill_containerd();
}

/// Scales to these counts, one after the other, each time with something killed in its midst; the nodes that were there
/// before stay the same processes.
fn scale_amid(kill: fn(&mut PrivateEngine, &mut StdRng), counts: &[u64]) {
    in_site_with_engine(true, |site, engine| {
        let mut draws = draws();
        let _ = site.up();
        let before = pids(&site.wait_for_count("worker", 3));
        for count in counts {
            let scale = site.start("throng", &["scale", &format!("worker={count}")]);
            kill(engine, &mut draws);
            let _ = scale.end(COMMAND_TIMEOUT * 2).expect_code(0);
            let now = pids(&site.wait_for_count("worker", *count));
            assert!(before.iter().all(|(node, pid)| now.get(node) == Some(pid)), "{before:?} {now:?}");
        }
        site.down();
    });
}

#[test]
fn a_scaling_during_which_the_engine_is_killed_comes_to_its_end() {
    scale_amid(kill_amid, &[9, 3, 9, 3]);
}

#[test]
fn a_scaling_during_which_only_containerd_is_killed_comes_to_its_end() {
    scale_amid(kill_containerd_amid, &[9, 3]);
}

#[test]
fn a_restart_during_which_the_engine_is_killed_comes_to_its_end() {
    in_site_with_engine(true, |site, engine| {
        let mut draws = draws();
        let _ = site.throng(&["up", &site.tiny()]).expect_code(0);
        let _ = site.throng(&["scale", "worker=9"]).expect_code(0);
        for _ in 0..2 {
            let before = pids(&site.wait_for_count("worker", 9));
            let restart = site.start("throng", &["restart", "worker"]);
            kill_amid(engine, &mut draws);
            let _ = restart.end(COMMAND_TIMEOUT * 2).expect_code(0);
            let now = pids(&site.wait_for_count("worker", 9));
            let is_right = |(node, pid): (&String, &i32)| (now.get(node) == Some(pid)) == node.starts_with("hub");
            assert!(before.iter().all(is_right), "the workers have begun anew, and nobody else: {before:?} {now:?}");
        }
        site.down();
    });
}

#[test]
fn an_agent_that_dies_with_its_engine_over_a_scaling_finds_what_that_lost_sight_of() {
    in_site_with_engine(true, |site, engine| {
        let mut draws = draws();
        let _ = site.up();
        let before = pids(&site.wait_for_count("worker", 3));
        let scale = site.start("throng", &["scale", "worker=9"]);
        std::thread::sleep(Duration::from_millis(draws.random_range(150..600)));
        engine.kill();
        agent::lose(site);
        engine.start_again();
        agent::start(site);
        let _ = scale.end(COMMAND_TIMEOUT * 2).expect_code(0);
        let now = pids(&site.wait_for_count("worker", 9));
        assert!(before.iter().all(|(node, pid)| now.get(node) == Some(pid)), "{before:?} {now:?}");
        site.down();
    });
}

#[test]
fn a_down_right_after_the_engine_was_killed_over_a_scaling_leaves_nothing() {
    in_site_with_engine(true, |site, engine| {
        let _ = site.up();
        site.wait_for_count("worker", 3);
        let scale = site.start("throng", &["scale", "worker=9"]);
        std::thread::sleep(Duration::from_millis(draws().random_range(250..500)));
        engine.kill();
        scale.interrupt();
        let _ = scale.end(COMMAND_TIMEOUT);
        engine.start_again();
        // What is left of it, with what the engine does not know, is looked for when the site ends.
        let _ = site.throng_within(COMMAND_TIMEOUT * 2, &["down", "--yes"]).expect_code(0);
    });
}
