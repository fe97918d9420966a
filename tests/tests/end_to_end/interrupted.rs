//! Ctrl-C once and twice, and a terminal that is lost, in each phase of `up` and `run`: what was begun goes to an end, or
//! goes on and says how it is taken up again.

use std::time::Duration;

use throng_tests::site::{COMMAND_TIMEOUT, SETTLE_TIMEOUT, Site, in_site};
use throng_tests::terminal::{CTRL_C, OnTerminal};
use throng_tests::wait::wait_for;
use throng_tests::{engine, host};

/// A phase that does not end by itself: its name on the screen, and what makes it so.
struct Phase {
    shown: &'static str,
    overlay: &'static str,
    verbs: &'static [&'static str],
}

const PHASES: [Phase; 3] = [
    Phase { shown: "image", overlay: "", verbs: &["up", "run"] },
    Phase { shown: "up worker", overlay: "[role.worker]\ncommand = [\"sleep\", \"1000\"]\n", verbs: &["up", "run"] },
    Phase {
        shown: "tests",
        overlay: "[[test]]\nname = \"endless\"\nstep = [ { exec = [\"sleep\", \"1000\"], on = \"hub\", timeout = \"20m\" } ]\n",
        verbs: &["run"],
    },
];

/// Starts a command on a terminal and waits until it is in the phase.
fn in_phase(site: &Site, phase: &Phase, verb: &str) -> OnTerminal {
    let scenario = site.tiny();
    if phase.shown == "image" {
        site.file("image.sh", "#!/bin/sh\nsleep 1000\n");
    }
    let overlay = site.file("overlay.toml", phase.overlay);
    let mut arguments = vec![verb, &scenario, "--overlay", &overlay];
    if phase.shown == "tests" {
        arguments.extend(["--test", "endless"]);
    }
    let command = OnTerminal::start(&site.command("throng", &arguments));
    command.until_shown(&format!("{} ", phase.shown), COMMAND_TIMEOUT);
    if phase.shown == "up worker" {
        wait_for("a container is there", SETTLE_TIMEOUT, || {
            if has_containers(site) { Ok(()) } else { Err(command.screen()) }
        });
    }
    command
}

fn has_containers(site: &Site) -> bool {
    !engine::containers(&format!("throng-{}", site.name())).is_empty()
}

/// Does something to every verb in every phase; afterwards nothing may be left of any.
fn in_every_phase(act: impl Fn(&Site, &Phase, OnTerminal)) {
    in_site(|site| {
        for phase in &PHASES {
            for verb in phase.verbs {
                let command = in_phase(site, phase, verb);
                act(site, phase, command);
                assert!(!has_containers(site), "{verb} in {}", phase.shown);
                let _ = site.throng(&["stop"]).expect_code(0);
                site.expect_no_daemons();
            }
        }
    });
}

#[test]
fn ctrl_c_tears_down_gracefully_in_every_phase() {
    in_every_phase(|_, phase, mut command| {
        command.press(CTRL_C);
        let (code, screen) = command.end(COMMAND_TIMEOUT);
        assert_eq!(code, Some(130), "{}: {screen}", phase.shown);
        assert!(screen.contains("press Ctrl-C again to detach") && screen.contains("interrupted"), "{screen}");
        if phase.shown != "image" {
            assert!(screen.to_lowercase().contains("nothing left behind"), "{screen}");
        }
    });
}

#[test]
fn ctrl_c_twice_leaves_at_once_and_prints_the_command_that_sees_it_to_its_end() {
    in_every_phase(|site, phase, mut command| {
        command.press(CTRL_C);
        command.until_shown("press Ctrl-C again", SETTLE_TIMEOUT);
        command.press(CTRL_C);
        let (code, screen) = command.end(COMMAND_TIMEOUT);
        assert_eq!(code, Some(130), "{}: {screen}", phase.shown);
        // So quick a teardown may have come to its end before the second one.
        if let Some((_, rest)) = screen.split_once("watch it to its end: ") {
            let line = rest.lines().next().unwrap_or_default().trim();
            let words: Vec<&str> = line.split_whitespace().skip(1).collect();
            assert!(words.contains(&"follow"), "{screen}");
            let followed = site.throng(&words);
            assert!(matches!(followed.code, Some(130)), "{followed}");
        } else {
            assert!(screen.contains("interrupted"), "{screen}");
        }
        wait_for("nothing goes on", SETTLE_TIMEOUT, || {
            let status = site.throng(&["status", "--format", "json"]);
            if status.code != Some(0) || !status.stdout.contains("\"ended\": false") { Ok(()) } else { Err(status) }
        });
    });
}

/// Workers that take five seconds to end.
const SLOW: &str = "[role.worker]
command = [\"sh\", \"-c\", \"trap '' TERM; sh /srv/worker & wait; wait\"]
stop = { grace = \"5s\" }
";

#[test]
fn a_teardown_that_is_left_by_a_key_or_with_its_terminal_goes_on_and_can_be_watched_to_its_end() {
    in_site(|site| {
        let scenario = site.tiny();
        let slow = site.file("slow.toml", SLOW);
        for by_key in [true, false] {
            let _ = site.throng(&["up", &scenario, "--overlay", &slow]).expect_code(0);
            let mut down = OnTerminal::start(&site.command("throng", &["down", "--yes"]));
            down.until_shown("down ", COMMAND_TIMEOUT);
            if by_key {
                down.press(CTRL_C);
                let (code, screen) = down.end(Duration::from_secs(3));
                assert_eq!(code, Some(130), "{screen}");
                assert!(screen.contains("follow"), "{screen}");
            } else {
                assert_eq!(down.hang_up(Duration::from_secs(3)), Some(130));
            }
            assert!(has_containers(site), "half a teardown was waited for");
            let _ = site.throng(&["follow"]).expect_code(0).expect_said(&["nothing left behind"]);
            assert!(!has_containers(site));
        }
    });
}

#[test]
fn a_lost_terminal_leaves_the_operation_at_work_and_status_says_how_it_is_taken_up() {
    in_every_phase(|site, phase, command| {
        assert_eq!(command.hang_up(Duration::from_secs(10)), Some(130), "{}", phase.shown);
        let status = site.throng(&["status"]).expect_code(0);
        let status = status.expect_said(&["OPERATION", "follow OPERATION", "--cancel"]);
        let going = site.throng(&["status", "--format", "json"]).expect_code(0).json();
        let going = going["operations"].as_array().unwrap().clone();
        let operation = going.iter().find(|one| one["ended"] == false).unwrap_or_else(|| panic!("{status}"));
        let operation = operation["operation"].as_str().unwrap();
        let cancelled = site.throng(&["follow", operation, "--cancel"]).expect_code(130);
        let _ = cancelled.expect_said(&["interrupted"]);
    });
}

/// Workers that take two seconds to end.
const TARDY: &str = "[role.worker]
command = [\"sh\", \"-c\", \"trap '' TERM; sh /srv/worker & wait; wait\"]
stop = { grace = \"2s\" }
";

/// Gives a command that changes a live cluster, and presses Ctrl-C once it says so.
fn interrupted(site: &Site, words: &[&str], shown: &str) -> (Option<i32>, String) {
    let mut command = OnTerminal::start(&site.command("throng", words));
    command.until_shown(shown, COMMAND_TIMEOUT);
    command.press(CTRL_C);
    command.end(COMMAND_TIMEOUT)
}

#[test]
fn a_change_of_a_live_cluster_that_is_interrupted_leaves_it_standing_and_can_be_given_again() {
    in_site(|site| {
        let scenario = site.tiny();
        let tardy = site.file("tardy.toml", TARDY);
        let changed = site.file("changed.toml", &format!("{TARDY}env = {{ COLOUR = \"blue\" }}\n"));
        let _ = site.throng(&["up", &scenario, "--overlay", &tardy]).expect_code(0);
        let cluster = site.cluster();
        let changes = [
            (&["restart", "worker"][..], "restart worker ", 3),
            (&["restart", "worker", "--rolling"], "restart worker ", 3),
            (&["up", &scenario, "--overlay", &changed, "--into", &cluster], "update worker ", 3),
            (&["scale", "worker=1"], "scale ", 1),
        ];
        for (words, shown, count) in changes {
            let (code, screen) = interrupted(site, words, shown);
            assert_eq!(code, Some(130), "{words:?}: {screen}");
            assert!(screen.contains("interrupted"), "{words:?}: {screen}");
            let status = site.throng(&["status", "--format", "json"]).expect_code(0).json();
            let going = status["operations"].as_array().unwrap().iter().any(|one| one["ended"] == false);
            assert!(!going, "{words:?}: {status:#}");
            let _ = site.throng(words).expect_code(0);
            site.wait_for_count("worker", count);
            assert_eq!(site.cluster(), cluster);
        }
        // Half a reset helps nobody: it is left, and goes on.
        let (code, screen) = interrupted(site, &["reset", "--yes"], "wipe ");
        assert_eq!(code, Some(130), "{screen}");
        assert!(screen.contains("follow"), "{screen}");
        let _ = site.throng(&["follow"]).expect_code(0);
        site.wait_for_count("worker", 1);
        site.down();
    });
}

#[test]
fn commands_in_nodes_end_with_whoever_waits_for_them() {
    in_site(|site| {
        let _ = site.up();
        site.wait_for_count("worker", 3);
        for nodes in ["worker", "hub"] {
            let exec = site.start("throng", &["exec", nodes, "--", "sleep", "98765"]);
            let sleeping =
                || host::processes("98765").into_iter().filter(|process| process.arguments[0] == "sleep").count();
            wait_for("the commands run", SETTLE_TIMEOUT, || match sleeping() {
                0 => Err(exec.stderr()),
                count => Ok(count),
            });
            exec.interrupt();
            let _ = exec.end(COMMAND_TIMEOUT);
            wait_for("the commands end", SETTLE_TIMEOUT, || match sleeping() {
                0 => Ok(()),
                count => Err(format!("{count} go on")),
            });
        }
        site.down();
    });
}
