//! What a host lacks, or somebody else changes meanwhile: it is said, nodes that need it wait or fail, and a teardown works.

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use throng_tests::host::{is_alive, kill_now};
use throng_tests::site::{SETTLE_TIMEOUT, Site, in_site, nodes};
use throng_tests::wait::wait_for;
use throng_tests::{agent, engine, host};

/// A setting that throng's own profile leaves alone, and nothing else on a machine changes.
const SETTING: &str = "net.ipv4.tcp_max_orphans";

/// Room for the agent's ledger and log, and for the coordinator's journal and the image that it builds.
const AGENT_MIB: u32 = 6;
const COORDINATOR_MIB: u32 = 96;

/// A small file system of a folder's own, unmounted when the test is over.
struct Small(PathBuf);

impl Small {
    fn mount(point: &Path, mebibytes: u32) -> Self {
        fs::create_dir_all(point).unwrap();
        mount(
            Some("throng-test-small"),
            point,
            Some("tmpfs"),
            MsFlags::empty(),
            Some(format!("size={mebibytes}m").as_str()),
        )
        .unwrap();
        Self(point.to_owned())
    }

    /// Takes all room that is left; the file that holds it.
    fn fill(&self) -> PathBuf {
        let path = self.0.join("filler");
        let mut file = fs::File::create(&path).unwrap();
        // A byte at a time in the end: not even a small file finds room.
        for chunk in [1 << 20, 4096, 1] {
            while file.write_all(&vec![0_u8; chunk]).is_ok() {}
        }
        path
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = umount2(&self.0, MntFlags::MNT_DETACH);
    }
}

fn setting_path() -> PathBuf {
    Path::new("/proc/sys").join(SETTING.replace('.', "/"))
}

fn setting() -> u64 {
    fs::read_to_string(setting_path()).unwrap().trim().parse().unwrap()
}

/// The setting as it was, put back when the test is over.
struct Setting(u64);

impl Drop for Setting {
    fn drop(&mut self) {
        fs::write(setting_path(), format!("{}\n", self.0)).unwrap();
    }
}

#[test]
fn a_port_that_somebody_takes_is_named_with_its_holder_and_the_node_comes_once_it_is_free() {
    in_site(|site| {
        let scenario = site.tiny();
        let overlay = site.file("patient.toml", "[role.worker]\nrestart = { max = 1000, backoff = \"100ms\" }\n");
        let _ = site.throng(&["up", &scenario, "--overlay", &overlay]).expect_code(0);
        let before = site.node("worker-0001");
        let (address, ports) = (before["address"].as_str().unwrap(), before["ports"].as_str().unwrap());
        let port: u16 = ports.rsplit(['=', ':', ' ']).next().unwrap().parse().unwrap();
        kill_now(i32::try_from(before["pid"].as_i64().unwrap()).unwrap());
        let taken = wait_for("the port is free for a moment", SETTLE_TIMEOUT, || TcpListener::bind((address, port)));
        let own = format!("{}", std::process::id());
        wait_for("the holder is named", SETTLE_TIMEOUT, || {
            let node = site.node("worker-0001");
            let said = format!("{} {}", node["reason"], node["reason_detail"]);
            if said.contains(&port.to_string()) && said.contains(&own) { Ok(()) } else { Err(format!("{node:#}")) }
        });
        assert_eq!(engine::containers(&format!("throng-{}", site.name())).len(), 3, "none is made half");
        drop(taken);
        site.wait_for_count("worker", 3);
        site.down();
    });
}

#[test]
fn a_setting_that_cannot_be_written_is_named_and_nothing_starts_or_stays() {
    in_site(|site| {
        let scenario = site.tiny();
        let overlay = site.file(
            "setting.toml",
            "[tuning]\nsysctl = { \"net.ipv4.tcp_available_congestion_control\" = \"none\" }\n\
             [role.hub]\nstart = { timeout = \"5s\" }\n",
        );
        let up = site.throng(&["up", &scenario, "--overlay", &overlay]);
        assert!(matches!(up.code, Some(2 | 3 | 6)), "{up}");
        let _ = up.expect_said(&["tcp_available_congestion_control"]);
    });
}

#[test]
fn a_setting_that_somebody_changes_meanwhile_is_said_and_left_as_they_have_it() {
    in_site(|site| {
        let before = Setting(setting());
        let (ours, theirs) = (before.0 + 1000, before.0 + 77);
        let scenario = site.tiny();
        let overlay = site.file("setting.toml", &format!("[tuning]\nsysctl = {{ \"{SETTING}\" = {ours} }}\n"));
        let _ = site.throng(&["up", &scenario, "--overlay", &overlay]).expect_code(0);
        assert_eq!(setting(), ours);
        fs::write(setting_path(), format!("{theirs}\n")).unwrap();
        site.down();
        assert_eq!(setting(), theirs, "what somebody else wrote is theirs");
        let log = site.daemon_logs();
        assert!(log.contains(SETTING) && log.contains(&theirs.to_string()), "it is said: {log}");
    });
}

#[test]
fn with_the_agents_disk_full_what_is_new_is_refused_with_the_reason_and_what_runs_stays() {
    in_site(|site| {
        let small = Small::mount(&site.agent_state_dir(), AGENT_MIB);
        let _ = site.up();
        let filler = small.fill();
        let scale = site.throng(&["scale", "worker=4"]);
        assert!(scale.code != Some(0), "what is new is refused: {scale}");
        let _ = scale.expect_said(&["full"]);
        let ready = nodes(&site.ps()).iter().filter(|node| node["phase"] == "ready").count();
        assert_eq!(ready, 4, "the hub and three workers");
        fs::remove_file(filler).unwrap();
        let _ = site.throng(&["scale", "worker=4"]).expect_code(0);
        site.down();
        let _ = site.throng(&["stop"]).expect_code(0);
        site.expect_no_daemons();
        drop(small);
    });
}

#[test]
fn with_the_agents_disk_full_a_teardown_leaves_nothing() {
    in_site(|site| {
        let small = Small::mount(&site.agent_state_dir(), AGENT_MIB);
        let _ = site.up();
        let filler = small.fill();
        site.down();
        fs::remove_file(filler).unwrap();
        let _ = site.throng(&["stop"]).expect_code(0);
        site.expect_no_daemons();
        drop(small);
    });
}

#[test]
fn with_the_coordinators_disk_full_a_teardown_takes_everything_down_and_says_what_it_could_not_write() {
    in_site(|site| {
        let small = Small::mount(&site.state_dir(), COORDINATOR_MIB);
        let cluster = site.up();
        let filler = small.fill();
        let down = site.throng(&["down", "--yes"]);
        assert_eq!(engine::containers(&format!("throng-{cluster}-")), [], "{down}");
        assert!(host::mounts(&format!("throng:{cluster}/")).is_empty(), "{down}");
        if down.code != Some(0) {
            let _ = down.expect_said(&["room in the state directory"]);
        }
        fs::remove_file(filler).unwrap();
        let again = site.throng(&["stop", "--down"]).expect_code(0);
        assert!(!again.stderr.contains("LEFT BEHIND"), "{again}");
        drop(small);
    });
}

/// What a reboot takes away: processes, mounts, and what lies below /run.
fn lose_power(site: &Site) {
    agent::lose(site);
    for process in host::processes(site.mark()) {
        let is_coordinator = process.arguments.iter().any(|word| word == "serve");
        if !is_coordinator {
            kill_now(process.pid);
        }
    }
    for container in engine::containers(&format!("throng-{}", site.name())) {
        let pid = engine::inspect(&container.id).and_then(|seen| seen["State"]["Pid"].as_i64()).unwrap_or_default();
        let pid = i32::try_from(pid).unwrap();
        if pid > 0 {
            kill_now(pid);
            wait_for("a container's process ends", SETTLE_TIMEOUT, || if is_alive(pid) { Err(pid) } else { Ok(()) });
        }
        wait_for("the engine has seen it", SETTLE_TIMEOUT, || {
            if engine::is_running(&container.id) { Err(container.id.clone()) } else { Ok(()) }
        });
    }
    for (_, point) in host::mounts(site.mark()).iter().rev() {
        umount2(point, MntFlags::MNT_DETACH).unwrap();
    }
    fs::remove_dir_all(site.run_dir()).unwrap();
    fs::create_dir_all(site.run_dir()).unwrap();
}

#[test]
fn after_a_reboot_nodes_are_reported_lost_nothing_is_resumed_and_a_teardown_leaves_nothing() {
    in_site(|site| {
        let _ = site.up();
        lose_power(site);
        agent::start_in_another_boot(site);
        let ps = wait_for("every node is lost", SETTLE_TIMEOUT, || {
            let ps = site.ps();
            let is_lost = |node: &serde_json::Value| {
                node["phase"] == "failed" && node["reason"].as_str().unwrap().contains("booted anew")
            };
            if nodes(&ps).len() == 4 && nodes(&ps).iter().all(is_lost) { Ok(ps) } else { Err(format!("{ps:#}")) }
        });
        assert!(nodes(&ps).iter().all(|node| node["restarts"] == 0 && node["pid"].is_null()), "{ps:#}");
        let running = engine::containers(&format!("throng-{}", site.name()));
        assert!(running.iter().all(|container| !engine::is_running(&container.id)), "{running:?}");
        let events = site.throng(&["events"]).expect_code(0);
        assert!(events.stdout.contains("booted anew"), "{events}");
        site.down();
    });
}

#[test]
fn a_ramdisk_that_somebody_unmounts_stays_its_containers_and_is_there_again_after_a_restart() {
    in_site(|site| {
        let _ = site.up();
        site.wait_for_count("worker", 3);
        let before = site.node("worker-0001");
        let ramdisk = |node: &str| {
            let mounts = host::mounts(site.mark()).into_iter();
            mounts.map(|(_, point)| point).find(|point| point.components().any(|part| part.as_os_str() == node))
        };
        let point = ramdisk("worker-0001").unwrap();
        umount2(&point, MntFlags::MNT_DETACH).unwrap();
        assert_eq!(ramdisk("worker-0001"), None);
        let _ = site.throng(&["exec", "worker-0001", "--", "cat", "/data/name"]).expect_code(0);
        let now = site.node("worker-0001");
        assert_eq!((&now["phase"], &now["pid"]), (&before["phase"], &before["pid"]), "it is its own");
        let _ = site.throng(&["restart", "worker-0001"]).expect_code(0);
        site.wait_for_count("worker", 3);
        assert_eq!(ramdisk("worker-0001"), Some(point), "and it is the one that its container has");
        let _ = site.throng(&["exec", "worker-0001", "--", "cat", "/data/name"]).expect_code(0);
        site.down();
    });
}
