//! What people type beside `up` and `run`: terminals, logs that go on, a look at the machine, and JSON of all of it.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::{Deserializer, Value};
use throng_tests::agent;
use throng_tests::finished::{Finished, Running};
use throng_tests::host;
use throng_tests::site::{COMMAND_TIMEOUT, SETTLE_TIMEOUT, Site, in_site};
use throng_tests::terminal::{CTRL_C, OnTerminal};
use throng_tests::wait::wait_for;

/// Ctrl-D, which ends a shell.
const CTRL_D: &[u8] = b"\x04";

#[test]
fn a_shell_on_a_terminal_is_in_the_node_whichever_way_that_runs() {
    in_site(|site| {
        let _ = site.up();
        let kinds = [("worker-0001", "$(hostname)"), ("hub-0000", "$THRONG_NODE")];
        for (node, name) in kinds {
            let answer = &format!("name is {node}");
            let mut shell = OnTerminal::start(&site.command("throng", &["exec", "-it", node, "--", "sh", "-i"]));
            shell.until_shown("# ", COMMAND_TIMEOUT);
            shell.press(format!("stty size; echo name is {name}\n").as_bytes());
            shell.until_shown(answer, SETTLE_TIMEOUT);
            shell.until_shown("40 120", SETTLE_TIMEOUT);
            // Ctrl-C is for what runs in the node; the shell lives on.
            shell.press(b"sleep 4711\n");
            shell.until_shown("sleep 4711", SETTLE_TIMEOUT);
            wait_for("it sleeps", SETTLE_TIMEOUT, || sleepers("sleep 4711"));
            shell.press(CTRL_C);
            shell.press(b"echo back again $((6 * 7))\n");
            shell.until_shown("back again 42", SETTLE_TIMEOUT);
            // More than a terminal holds each way: what is shown is taken while more is typed.
            shell.press(b"cat >/dev/null; echo all of it $((6 * 8))\n");
            for _ in 0..400 {
                shell.press(format!("{}\n", "x".repeat(99)).as_bytes());
            }
            shell.press(CTRL_D);
            shell.until_shown("all of it 48", SETTLE_TIMEOUT);
            shell.press(CTRL_D);
            let (code, screen) = shell.end(COMMAND_TIMEOUT);
            assert_eq!(code, Some(0), "{screen}");
            wait_for("the sleeper is gone", SETTLE_TIMEOUT, || match sleepers("sleep 4711") {
                Ok(()) => Err("it sleeps"),
                Err(_) => Ok(()),
            });
        }
        site.down();
    });
}

fn sleepers(arguments: &str) -> Result<(), &'static str> {
    let found = host::processes("sleep").into_iter().any(|process| process.arguments.join(" ") == arguments);
    if found { Ok(()) } else { Err("it does not run") }
}

#[test]
fn the_agent_may_open_what_its_host_allows_and_is_killed_last_and_its_nodes_are_as_any_program() {
    in_site(|site| {
        let up = site.command("throng", &["up", &site.tiny()]);
        let mut limited = Command::new("sh");
        limited.args(["-c", "ulimit -Sn 512; exec \"$0\" \"$@\""]).arg(up.get_program()).args(up.get_args());
        limited.envs(up.get_envs().filter_map(|(name, value)| Some((name, value?)))).current_dir(site.folder());
        let _ = Running::start(&mut limited, "throng up".to_owned()).end(COMMAND_TIMEOUT).expect_code(0);
        let name = fs::read_to_string(format!("/proc/{}/comm", agent::pid(site))).unwrap();
        assert_eq!(name, "throng-agent\n");
        let limits = fs::read_to_string(format!("/proc/{}/limits", agent::pid(site))).unwrap();
        let files = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
        let words: Vec<&str> = files.split_whitespace().collect();
        assert_eq!(words[3], words[4], "{files}");
        let asked = site.throng(&["exec", "hub-0000", "--", "sh", "-c", "ulimit -Sn"]).expect_code(0);
        let _ = asked.expect_said(&["512"]);
        let own = site.node("hub-0000")["pid"].as_i64().unwrap();
        let own = fs::read_to_string(format!("/proc/{own}/limits")).unwrap();
        assert!(own.lines().any(|line| line.starts_with("Max open files            512 ")), "{own}");
        let score = |pid: i64| fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).unwrap().trim().to_owned();
        let (hub, worker) = (site.node("hub-0000")["pid"].as_i64(), site.node("worker-0001")["pid"].as_i64());
        let (hub, worker) = (score(hub.unwrap()), score(worker.unwrap()).parse::<i32>().unwrap());
        // Not every host's root may be killed later than others.
        let lowered = Command::new("sh").args(["-c", "echo -900 >/proc/self/oom_score_adj"]).output().unwrap();
        let expected = if lowered.status.success() { "-900" } else { "0" };
        assert_eq!((score(agent::pid(site).into()).as_str(), hub.as_str()), (expected, "0"));
        assert!(worker > 0, "{worker}");
        for node in ["hub-0000", "worker-0001"] {
            let asked = site.throng(&["exec", node, "--", "cat", "/proc/self/oom_score_adj"]).expect_code(0);
            assert!(!asked.stdout.contains("-900"), "{node}: {}", asked.stdout);
        }
        site.down();
    });
}

#[test]
fn logs_go_on_with_what_nodes_write_from_now_on() {
    in_site(|site| {
        let _ = site.up();
        let follow = site.start("throng", &["logs", "worker", "--follow", "--grep", "mark-[0-9]"]);
        let write = |node: &str, mark: &str| {
            let line = format!("echo {node} mark-{mark} >/proc/1/fd/1");
            let _ = site.throng(&["exec", node, "--", "sh", "-c", &line]).expect_code(0);
        };
        let shown = |text: &str| {
            wait_for(&format!("`{text}` is shown"), SETTLE_TIMEOUT, || {
                if follow.stdout().contains(text) { Ok(()) } else { Err(follow.stdout()) }
            });
        };
        for (node, mark) in [("worker-0000", "1"), ("worker-0002", "2")] {
            write(node, mark);
            shown(&format!("{node} mark-{mark}"));
        }
        // Who wants nothing of what was gets nothing of it.
        let anew = site.start("throng", &["logs", "worker", "--follow", "--tail", "0"]);
        for (node, mark) in [("worker-0000", "4"), ("worker-0001", "5")] {
            let line = format!("{node} mark-{mark}");
            wait_for(&format!("`{line}` is shown"), SETTLE_TIMEOUT, || {
                write(node, mark);
                if anew.stdout().contains(&line) { Ok(()) } else { Err(anew.stdout()) }
            });
        }
        anew.terminate();
        let anew = anew.end(COMMAND_TIMEOUT);
        assert!(!anew.stdout.contains("mark-1") && anew.stdout.contains("mark-4"), "{anew}");
        // A node that begins anew is followed on.
        let _ = site.throng(&["restart", "worker-0002"]).expect_code(0);
        write("worker-0002", "3");
        shown("worker-0002 mark-3");
        follow.terminate();
        let ended = follow.end(COMMAND_TIMEOUT);
        assert!(!ended.stdout.contains("begins"), "{ended}");
        site.down();
    });
}

#[test]
fn doctor_looks_at_this_machine_and_finds_what_was_left() {
    in_site(|site| {
        let look = || site.throng(&["doctor", "--format", "json"]).expect_code(0).json();
        let finding = |found: &Value, subject: &str| {
            let found = found.as_array().unwrap().iter().find(|finding| finding["subject"] == subject);
            found.unwrap_or_else(|| panic!("nothing of {subject}")).clone()
        };
        let found = look();
        for subject in ["root", "agent", "engine", "cgroups", "open files", "process ids", "clock", "memory", "disk"] {
            let finding = finding(&found, subject);
            let warns_with_a_remedy = finding["level"] == "warn" && finding["remedy"].is_string();
            assert!(finding["level"] == "ok" || warns_with_a_remedy, "{finding:#}");
        }
        assert!(finding(&found, "engine")["seen"].as_str().unwrap().starts_with("Docker "), "{found:#}");
        assert_eq!(finding(&found, "leftovers")["level"], "ok", "{found:#}");
        let _ = site.throng(&["doctor"]).expect_code(0).expect_said(&["OK", "engine"]);
        site.expect_no_daemons();

        // Its coordinator and its agent are gone, their cluster is not.
        let cluster = site.up();
        host::kill_now(throng_tests::agent::pid(site));
        throng_tests::coordinator::kill(site);
        let left = finding(&look(), "leftovers");
        assert_eq!(left["level"], "warn", "{left:#}");
        assert!(left["seen"].as_str().unwrap().contains(&cluster) && left["remedy"].is_string(), "{left:#}");
        let _serve = throng_tests::coordinator::start(site);
        throng_tests::agent::start(site);
        site.wait_for_count("worker", 3);
        site.down();
    });
}

/// Every value on stdout; at least one.
fn values(finished: &Finished) -> Vec<Value> {
    let read: Result<Vec<Value>, _> = Deserializer::from_str(&finished.stdout).into_iter().collect();
    let values = read.unwrap_or_else(|error| panic!("stdout is no JSON ({error}): {finished}"));
    assert!(!values.is_empty(), "nothing on stdout: {finished}");
    values
}

fn expect_json(site: &Site, arguments: &[&str]) {
    let _ = values(&site.throng(&[&["--format", "json"], arguments].concat()).expect_code(0));
}

#[test]
fn every_command_speaks_json_and_nothing_else_on_stdout() {
    in_site(|site| {
        let scenario = site.tiny();
        expect_json(site, &["schema"]);
        expect_json(site, &["check", &scenario]);
        expect_json(site, &["plan", &scenario]);
        expect_json(site, &["run", &scenario, "--keep", "--test", "every worker answers"]);
        let cluster = site.cluster();
        for arguments in [
            &["status"][..],
            &["ps"],
            &["exec", "worker", "--", "hostname"],
            &["logs", "worker", "--tail", "1"],
            &["logs", "worker", "--fold"],
            &["events", "--tail", "5"],
            &["hosts"],
            &["runs"],
            &["report"],
            &["test", "--test", "every worker answers"],
            &["scale", "worker=2"],
            &["restart", "worker-0000"],
            &["restart", "worker", "--rolling"],
            &["up", &scenario, "--set", "param.workers=2", "--into", &cluster, "--dry-run"],
            &["reset", "--yes"],
            &["down", "--yes"],
            &["down", "--orphans"],
            &["stop"],
        ] {
            expect_json(site, arguments);
        }
        // What went wrong is an object too.
        let refused = site.throng(&["ps", "--format", "json"]).expect_code(2).json();
        assert!(refused["error"].is_string() && refused["hint"].is_string(), "{refused:#}");
    });
}

#[test]
fn what_init_writes_can_be_checked_and_planned_as_it_stands() {
    in_site(|site| {
        let _ = site.throng(&["init", "mine"]).expect_code(0).expect_said(&["throng check", "scenario.toml"]);
        let _ = site.throng(&["check", "mine/scenario.toml"]).expect_code(0);
        let _ = site.throng(&["plan", "mine/scenario.toml"]).expect_code(0).expect_said(&["worker"]);
        let _ = site.throng(&["init", "mine"]).expect_code(2).expect_said(&["exists already"]);
        let completions = site.command("throng", &["completions", "bash"]).stderr(Stdio::null()).output().unwrap();
        assert!(completions.status.success() && !completions.stdout.is_empty());
        let _ = site.throng(&["stop"]);
    });
}
