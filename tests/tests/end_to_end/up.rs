//! A cluster that is up: looked at, reached into, scaled, hurt, taken down.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::process::Command;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use serde_json::Value;
use throng_tests::finished::Running;
use throng_tests::site::{COMMAND_TIMEOUT, SETTLE_TIMEOUT, in_site, nodes};
use throng_tests::wait::wait_for;
use throng_tests::{engine, host};

#[test]
fn a_cluster_is_seen_reached_into_and_taken_down() {
    in_site(|site| {
        let cluster = site.up();
        let ps = site.wait_for_count("worker", 3);
        assert_eq!(nodes(&ps).len(), 4, "{ps:#}");
        let _ = site.throng(&["ps"]).expect_code(0).expect_said(&["DESIRED", "RUNNING", "SEEN", "worker"]);
        assert_eq!(engine::containers(&format!("throng-{cluster}-")).len(), 3);

        let exec = site.throng(&["exec", "worker", "--", "sh", "-c", "cat /data/name | cut -c 1-6"]).expect_code(0);
        assert!(exec.stdout.contains("worker-[0000-0002] (3)"), "{exec}");
        let exec = site.throng(&["exec", "worker", "--", "sh", "-c", "test $(cat /data/name) = worker-0001"]);
        let _ = exec.expect_code(1).expect_said(&["worker-[0000,0002]"]);
        let slow = ["exec", "worker", "--timeout", "1s", "--", "sh", "-c", "echo begun; sleep 60"];
        let late = site.throng(&slow).expect_code(1).expect_said(&["no end within 1s"]);
        assert!(late.stdout.contains("worker-[0000-0002] (3): begun"), "{late}");
        let hub = site.throng(&["exec", "hub-0000", "--", "sh", "-c", "pwd"]).expect_code(0);
        assert!(hub.stdout.contains(site.mark()), "{hub}");

        let logs = site.throng(&["logs", "worker"]).expect_code(0);
        for index in 0..3 {
            assert!(logs.stdout.contains(&format!("worker-000{index} begins")), "{logs}");
        }
        let copy = site.folder().join("copied");
        let _ = site.throng(&["cp", "worker-0002:/data/name", &copy.display().to_string()]).expect_code(0);
        let missing = site.throng(&["cp", "worker-0002:/data/nope", &copy.display().to_string()]).expect_code(2);
        let _ = missing.expect_said(&["worker-0002:/data/nope", "No such file"]);
        let _ = site.throng(&["scale", "workr=3"]).expect_code(2).expect_said(&["did you mean `worker`?"]);
        assert_eq!(std::fs::read_to_string(&copy).unwrap().trim(), "worker-0002");

        let events = site.throng(&["events"]).expect_code(0);
        assert!(!events.stdout.is_empty(), "{events}");
        let _ = site.throng(&["hosts"]).expect_code(0).expect_said(&["local"]);
        let _ = site.throng(&["status"]).expect_code(0).expect_said(&[&cluster]);

        site.down();
        assert_eq!(engine::containers(&format!("throng-{cluster}-")), []);
        assert!(host::mounts(site.mark()).is_empty());
        let _ = site.throng(&["stop"]).expect_code(0);
        site.expect_no_daemons();
    });
}

#[test]
fn every_worker_has_a_ramdisk_of_its_own_and_its_name_is_known_everywhere() {
    in_site(|site| {
        let cluster = site.up();
        let mounts = host::mounts(&format!("throng:{cluster}/"));
        assert_eq!(mounts.len(), 3, "{mounts:?}");
        let sizes = site.throng(&["exec", "worker", "--", "sh", "-c", "stat -f -c '%T %S %b' /data"]).expect_code(0);
        assert!(sizes.stdout.contains("tmpfs 4096 256"), "{sizes}");
        let inside = site.throng(&["exec", "worker-0000", "--", "grep", "worker-0002", "/etc/hosts"]);
        let _ = inside.expect_code(0);
        let outside = std::fs::read_to_string("/etc/hosts").unwrap();
        assert!(outside.contains("worker-0002") && outside.contains(&cluster), "{outside}");
        site.down();
    });
}

#[test]
fn scaling_keeps_the_containers_of_those_who_stay() {
    in_site(|site| {
        let _ = site.up();
        let before = container_ids(&site.wait_for_count("worker", 3));
        let _ = site.throng(&["scale", "worker=5"]).expect_code(0);
        let grown = container_ids(&site.wait_for_count("worker", 5));
        assert_eq!(grown.len(), 5);
        assert!(before.iter().all(|(node, id)| grown.get(node) == Some(id)), "{before:?} became {grown:?}");
        let _ = site.throng(&["scale", "worker=2"]).expect_code(0);
        let shrunk = container_ids(&site.wait_for_count("worker", 2));
        assert_eq!(shrunk.keys().collect::<Vec<_>>(), ["worker-0000", "worker-0001"]);
        assert!(shrunk.iter().all(|(node, id)| grown.get(node) == Some(id)), "{grown:?} became {shrunk:?}");
        site.down();
    });
}

#[test]
fn when_scale_returns_kernel_and_engine_hold_the_wanted_nodes_and_no_others() {
    in_site(|site| {
        // They do not heed the signal and are killed a second later, so that a command that did not wait for them would be caught.
        let scenario = site.tiny();
        let overlay = site.file("slow.toml", "[role.worker]\nstop = { signal = \"HUP\", grace = \"1s\" }\n");
        let none = ["--set", "role.worker.count=0"];
        let _ = site.throng(&[&["up", &scenario, "--overlay", &overlay][..], &none].concat()).expect_code(0);
        let cluster = site.cluster();
        for count in [6, 2, 0, 4, 1] {
            let scaled = site.throng(&["scale", &format!("worker={count}")]).expect_code(0);
            // Looked at once: nothing here waits for what the command should have waited for.
            let wanted: BTreeSet<String> = (0..count).map(|index| format!("worker-{index:04}")).collect();
            let prefix = format!("throng-{cluster}-");
            let containers = engine::containers(&prefix);
            let named = containers.iter().map(|found| found.name.trim_start_matches(&prefix).to_owned());
            assert_eq!(named.collect::<BTreeSet<_>>(), wanted, "{scaled}");
            let mounts = host::mounts(&format!("throng:{cluster}/"));
            let of_node = |(source, _): &(String, PathBuf)| source.split('/').nth(1).unwrap_or_default().to_owned();
            assert_eq!(mounts.iter().map(of_node).collect::<BTreeSet<_>>(), wanted, "{mounts:?}");
            let folders = std::fs::read_dir(site.run_dir().join(&cluster)).unwrap().flatten();
            let folders = folders.filter_map(|folder| folder.file_name().into_string().ok());
            assert_eq!(folders.filter(|name| name.starts_with("worker-")).collect::<BTreeSet<_>>(), wanted);
            assert_eq!(host::reserved_of_pool(), count + 1, "a port for every worker and the hub's");
            let names = std::fs::read_to_string("/etc/hosts").unwrap();
            assert_eq!(names.lines().filter(|line| line.contains(&cluster) && line.contains("worker-")).count(), count);
        }
        let empty = site.throng(&["scale", "worker=0", "hub=0"]).expect_code(2);
        let _ = empty.expect_said(&["take the cluster down instead"]);
        site.down();
    });
}

/// Extra nodes whose number and names the hub and the workers are told, in a variable and in a file.
const COUNTED: &str = r#"
[role.extra]
run = "container"
image = { build = "image.sh", inputs = ["root-file-system", "busybox/root/bin/busybox"] }
command = ["sleep", "1000"]
memory = "16MiB"
stop = { signal = "KILL" }
[role.hub]
env = { EXTRAS = "{role.extra.count}" }
[role.worker]
env = { EXTRAS = "{role.extra.count}" }
[role.worker.files."/srv/extras"]
text = "{role.extra.names}"
template = true
"#;

#[test]
fn who_is_told_a_number_of_nodes_runs_on_when_it_changes_and_has_the_new_one_after_its_next_start() {
    in_site(|site| {
        let (scenario, counted) = (site.tiny(), site.file("counted.toml", COUNTED));
        let _ = site.throng(&["up", &scenario, "--overlay", &counted]).expect_code(0);
        let before = site.wait_for_count("worker", 3);
        let told = |node: &str| {
            let told = site.throng(&["exec", node, "--", "sh", "-c", "echo $EXTRAS $(cat /srv/extras)"]).expect_code(0);
            told.stdout.trim().to_owned()
        };
        assert_eq!(told("worker-0000"), "1 extra-0000");

        let _ = site.throng(&["scale", "extra=3"]).expect_code(0);
        let after = site.wait_for_count("worker", 3);
        let stayed = container_ids(&before);
        assert!(stayed.iter().all(|(node, id)| container_ids(&after).get(node) == Some(id)), "{before:#} {after:#}");
        let hub = site.node("hub-0000");
        assert_eq!(hub["restarts"], 0, "{hub:#}");
        assert_eq!(told("worker-0000"), "1 extra-0000");

        for node in ["worker-0000", "hub-0000"] {
            host::kill_now(pid(&site.node(node)));
            wait_for(&format!("{node} comes back"), SETTLE_TIMEOUT, || {
                let node = site.node(node);
                if node["restarts"] == 1 && node["phase"] == "ready" { Ok(()) } else { Err(format!("{node:#}")) }
            });
        }
        assert_eq!(told("worker-0000"), "3 extra-0000,extra-0001,extra-0002");
        assert_eq!(told("worker-0001"), "1 extra-0000", "it was not started anew");
        let environment = std::fs::read_to_string(format!("/proc/{}/environ", pid(&site.node("hub-0000")))).unwrap();
        assert!(environment.split('\0').any(|variable| variable == "EXTRAS=3"), "{environment}");
        site.down();
    });
}

const SCALINGS: &str = r#"
[[test]]
name = "both counts come true"
step = [{ parallel = [{ scale = { worker = 5 } }, { scale = { extra = 3 } }] }, { wait = "up" }]
"#;

#[test]
fn two_scalings_at_once_keep_each_others_counts() {
    in_site(|site| {
        let scenario = site.tiny();
        let (counted, scalings) = (site.file("counted.toml", COUNTED), site.file("scalings.toml", SCALINGS));
        let _ = site.throng(&["up", &scenario, "--overlay", &counted, "--overlay", &scalings]).expect_code(0);
        let _ = site.throng(&["test", "--test", "both counts"]).expect_code(0);
        assert_eq!(nodes(&site.wait_for_count("worker", 5)).len(), 9, "five workers, three extras and the hub");
        site.down();
    });
}

/// A worker's file is a program, as the hub's are.
const PROGRAM: &str = "
[role.worker.files.'/srv/greet']
mode = '0755'
text = '''
#!/bin/sh
echo greetings
'''
";

#[test]
fn programs_of_nodes_run_although_nothing_below_run_may() {
    in_site(|site| {
        // As Debian and Ubuntu mount /run.
        let run_dir = site.run_dir();
        std::fs::create_dir_all(run_dir).unwrap();
        let flags = MsFlags::MS_NOEXEC | MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        mount(Some("tmpfs"), run_dir, Some("tmpfs"), flags, Some("size=64m")).unwrap();
        let taken_down = std::panic::catch_unwind(AssertUnwindSafe(|| {
            let (scenario, program) = (site.tiny(), site.file("program.toml", PROGRAM));
            let _ = site.throng(&["up", &scenario, "--overlay", &program]).expect_code(0);
            let _ = site.wait_for_count("worker", 3);
            let greeted = site.throng(&["exec", "worker", "--", "/srv/greet"]).expect_code(0);
            assert!(greeted.stdout.contains("worker-[0000-0002] (3): greetings"), "{greeted}");
        }));
        let _ = site.throng(&["stop", "--down"]).expect_code(0);
        umount2(run_dir, MntFlags::MNT_DETACH).unwrap();
        taken_down.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
}

#[test]
fn daemons_hold_no_lock_of_whoever_called_the_command_that_starts_them() {
    in_site(|site| {
        let (up, lock) = (site.command("throng", &["up", &site.tiny()]), site.file("lock", ""));
        // It leaves the lock open for the command, as scripts do.
        let mut locked = Command::new("flock");
        locked.args(["--nonblock", &lock]).arg(up.get_program()).args(up.get_args()).current_dir(site.folder());
        locked.envs(up.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let _ = Running::start(&mut locked, "flock lock throng up".to_owned()).end(COMMAND_TIMEOUT).expect_code(0);
        let _ = site.wait_for_count("worker", 3);
        let again = Command::new("flock").args(["--nonblock", &lock, "true"]).status().unwrap();
        assert!(again.success(), "the lock is held by what the command left running");
        site.down();
    });
}

#[test]
fn a_killed_worker_comes_back_under_its_name_and_ports() {
    in_site(|site| {
        let _ = site.up();
        let before = site.node("worker-0001");
        host::kill_now(pid(&before));
        let after = wait_for("worker-0001 comes back", SETTLE_TIMEOUT, || {
            let node = site.node("worker-0001");
            let back = node["restarts"] == 1 && node["phase"] == "ready" && node["pid"] != before["pid"];
            if back { Ok(node) } else { Err(format!("{node:#}")) }
        });
        for key in ["node", "host", "address", "ports"] {
            assert_eq!(after[key], before[key], "{key}");
        }
        let kept = site.throng(&["exec", "worker-0001", "--", "cat", "/data/name"]).expect_code(0);
        assert_eq!(kept.stdout.trim(), "worker-0001");
        site.wait_for_count("worker", 3);
        site.down();
    });
}

#[test]
fn a_killed_process_comes_back_under_its_name_and_ports() {
    in_site(|site| {
        let _ = site.up();
        let before = site.node("hub-0000");
        host::kill_now(pid(&before));
        let after = wait_for("hub-0000 comes back", SETTLE_TIMEOUT, || {
            let node = site.node("hub-0000");
            let back = node["restarts"] == 1 && node["phase"] == "ready";
            if back { Ok(node) } else { Err(format!("{node:#}")) }
        });
        assert_eq!((&after["address"], &after["ports"]), (&before["address"], &before["ports"]));
        site.wait_for_count("worker", 3);
        site.down();
    });
}

fn pid(node: &Value) -> i32 {
    let pid = node["pid"].as_i64().unwrap_or_else(|| panic!("a running node has a process: {node:#}"));
    i32::try_from(pid).unwrap()
}

fn container_ids(ps: &Value) -> BTreeMap<String, String> {
    let text = |node: &Value, key: &str| node[key].as_str().unwrap_or_default().to_owned();
    let ids = nodes(ps).iter().map(|node| (text(node, "node"), text(node, "container_id")));
    ids.filter(|(_, id)| !id.is_empty()).collect()
}
