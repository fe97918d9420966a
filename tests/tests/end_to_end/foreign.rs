//! What is not throng's survives its teardown; what is, and should not be there, is found.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use serde_json::json;
use throng_tests::site::{COMMAND_TIMEOUT, SETTLE_TIMEOUT, Site, in_site};
use throng_tests::wait::wait_for;
use throng_tests::{engine, host};

/// A command that waits for nodes to go says after ten seconds what keeps them.
const STUCK: Duration = Duration::from_secs(12);

/// A tmpfs, unmounted when the test is over.
struct Tmpfs<'a>(&'a Path);

impl<'a> Tmpfs<'a> {
    fn mount(source: &str, point: &'a Path) -> Self {
        std::fs::create_dir_all(point).unwrap();
        mount(Some(source), point, Some("tmpfs"), MsFlags::empty(), Some("size=64k")).unwrap();
        Self(point)
    }
}

impl Drop for Tmpfs<'_> {
    fn drop(&mut self) {
        let _ = umount2(self.0, MntFlags::MNT_DETACH);
    }
}

/// A container without our labels.
struct Decoy(String);

impl Drop for Decoy {
    fn drop(&mut self) {
        engine::remove(&self.0);
    }
}

/// A foreign line in the hosts file, taken out when the test is over.
struct HostsLine(String);

impl HostsLine {
    fn append(line: &str) -> Self {
        let mut file = std::fs::OpenOptions::new().append(true).open("/etc/hosts").unwrap();
        writeln!(file, "{line}").unwrap();
        Self(format!("{line}\n"))
    }
}

impl Drop for HostsLine {
    fn drop(&mut self) {
        let now = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
        let _ = std::fs::write("/etc/hosts", now.replace(&self.0, ""));
    }
}

#[test]
fn look_alikes_that_are_not_ours_survive_the_teardown() {
    in_site(|site| {
        let cluster = site.up();
        let image = engine::containers(&format!("throng-{cluster}-"))[0].image.clone();
        let name = format!("throng-decoy-{}-worker-0000", site.name());
        let decoy = Decoy(engine::run(&name, &image, &["sleep", "1000"]));
        let point = Path::new("/mnt").join(format!("throng-look-alike-{}", site.name()));
        let tmpfs = Tmpfs::mount("tmpfs", &point);
        std::fs::write(point.join("kept"), "kept").unwrap();
        let line = format!("192.0.2.7 foreign-{} # not throng's", site.name());
        let hosts = HostsLine::append(&line);

        site.down();
        let _ = site.throng(&["stop"]).expect_code(0);

        assert!(engine::is_running(&decoy.0), "the foreign container runs on");
        assert_eq!(std::fs::read_to_string(point.join("kept")).unwrap(), "kept");
        let now = std::fs::read_to_string("/etc/hosts").unwrap();
        assert!(now.contains(&line) && !now.contains(&cluster), "{now}");
        drop((hosts, tmpfs, decoy));
        std::fs::remove_dir(&point).unwrap();
    });
}

#[test]
fn what_somebody_mounted_in_a_nodes_ramdisk_stays_and_the_teardown_waits_until_it_is_gone() {
    in_site(|site| {
        let cluster = site.up();
        let ramdisks = host::mounts(&format!("throng:{cluster}/worker-0000"));
        let point = ramdisks[0].1.join("inside");
        let tmpfs = Tmpfs::mount("somebody", &point);
        std::fs::write(point.join("kept"), "kept").unwrap();
        let down = site.start("throng", &["down", "--yes"]);
        wait_for("what is in the way is named", SETTLE_TIMEOUT, || {
            let reason = site.node("worker-0000")["reason"].to_string();
            if reason.contains("`somebody`") && reason.contains("unmount it yourself") { Ok(()) } else { Err(reason) }
        });
        assert_eq!(std::fs::read_to_string(point.join("kept")).unwrap(), "kept");
        assert_eq!(host::mounts(&format!("throng:{cluster}/")).len(), 1, "of the others nothing is left");
        std::thread::sleep(STUCK);
        drop(tmpfs);
        let down = down.end(COMMAND_TIMEOUT).expect_code(0);
        let _ = down.expect_said(&["worker-0000: tmpfs `somebody` at", "unmount it yourself", "nothing left behind"]);
    });
}

/// Kills both daemons and removes all that they remember.
fn forget_everything(site: &Site) {
    for process in host::processes(site.mark()) {
        let word = |at: usize| process.arguments.get(at).map(String::as_str).unwrap_or_default();
        let is_daemon = word(0).ends_with("throng-agent") && !matches!(word(1), "shim" | "launch");
        if is_daemon || word(0).ends_with("/throng") {
            host::kill_now(process.pid);
        }
    }
    std::fs::remove_dir_all(site.agent_state_dir()).unwrap();
    std::fs::remove_dir_all(site.state_dir()).unwrap();
}

#[test]
fn what_nobody_remembers_is_removed_by_its_marks_and_look_alikes_are_left() {
    in_site(|site| {
        let cluster = site.up();
        forget_everything(site);
        let audit = site.agent(&["audit"]).expect_code(5);
        let _ = audit.expect_said(&["ip_local_reserved_ports", "throng:", &cluster]);
        let image = engine::containers(&format!("throng-{cluster}-"))[0].image.clone();
        let decoy = Decoy(engine::run(&format!("throng-{cluster}-worker-0009"), &image, &["sleep", "1000"]));
        let point = Path::new("/mnt").join(format!("throng-look-alike-{}", site.name()));
        let tmpfs = Tmpfs::mount(&format!("throngling:{cluster}/worker-0000/data"), &point);
        let line = format!("192.0.2.7 foreign-{} # throngling {cluster}", site.name());
        let hosts = HostsLine::append(&line);
        // Ours, in a place where no agent would look for it by itself.
        let stray = site.folder().join("stray");
        let leak = Tmpfs::mount(&format!("throng:{cluster}/worker-0000"), &stray);

        let _ = site.throng(&["down", "--orphans"]).expect_code(5).expect_said(&[&cluster, "3 containers"]);
        assert_eq!(engine::containers(&format!("throng-{cluster}-")).len(), 4, "nothing was touched without a yes");
        let down = site.throng(&["down", "--orphans", "--yes"]).expect_code(0);
        let _ = down.expect_said(&["nothing left behind"]);

        assert!(engine::is_running(&decoy.0), "the foreign container runs on");
        assert_eq!(engine::containers(&format!("throng-{cluster}-")).len(), 1);
        assert_eq!(host::mounts(&cluster).len(), 1, "only the look-alike: {:?}", host::mounts(&cluster));
        let now = std::fs::read_to_string("/etc/hosts").unwrap();
        assert_eq!(now.lines().filter(|line| line.contains(&cluster)).collect::<Vec<_>>(), [line.as_str()]);
        assert!(host::cgroups(&cluster).is_empty() && !site.run_dir().join(&cluster).exists());
        std::mem::forget(leak);
        drop((hosts, tmpfs, decoy));
        std::fs::remove_dir(&point).unwrap();
        // Settings bear no mark: they are noted below the run directory. That they are as they were is looked at last.
        let _ = site.throng(&["stop"]).expect_code(0);
    });
}

#[test]
fn the_cluster_of_another_throng_on_this_machine_is_no_orphan_while_its_agent_or_its_coordinator_runs() {
    in_site(|site| {
        let other = site.beside();
        let cluster = other.up();
        let _ = site.up();
        let spared = |why: &str| {
            let found = site.throng(&["down", "--orphans", "--yes"]).expect_code(0);
            assert!(found.stderr.contains("nothing of throng is left behind"), "{why}: {found}");
            assert_eq!(engine::containers(&format!("throng-{cluster}-")).len(), 3, "{why}");
        };
        spared("both run");
        host::kill_now(throng_tests::agent::pid(&other));
        spared("its agent is dead, its coordinator runs");
        throng_tests::agent::start(&other);
        other.wait_for_count("worker", 3);
        other.down();
        let _ = other.throng(&["stop"]).expect_code(0);
        site.down();
        let left = throng_tests::leftovers::find(&other);
        assert!(left.is_empty(), "{left:#?}");
    });
}

#[test]
fn a_leak_of_our_own_is_found_and_listed() {
    in_site(|site| {
        let cluster = site.up();
        let point = site.folder().join("throng-leak");
        let leak = Tmpfs::mount(&format!("throng:{cluster}/worker-0000"), &point);
        let down = site.throng(&["down", "--yes"]).expect_code(5);
        let down = down.expect_said(&["LEFT BEHIND", "throng-leak"]);
        assert!(!down.stdout.contains("nothing left behind"), "{down}");
        drop(leak);
    });
}

#[test]
fn the_agents_audit_needs_neither_ledger_nor_database_and_names_all_that_bears_a_mark() {
    in_site(|site| {
        let cluster = site.up();
        let worker = engine::containers(&format!("throng-{cluster}-"))[0].clone();
        let labels = engine::inspect(&worker.id).unwrap()["Config"]["Labels"].clone();
        forget_everything(site);
        // In any state: one that never ran, one that has ended.
        let created = format!("throng-{cluster}-created");
        let _ = engine::create(&created, &worker.image, &["true"], &json!({ "Labels": labels })).unwrap();
        let ended = format!("throng-{cluster}-ended");
        let id = engine::run_labelled(&ended, &worker.image, &["true"], &labels);
        wait_for("it ends", SETTLE_TIMEOUT, || if engine::is_running(&id) { Err("it runs") } else { Ok(()) });
        let disk = site.agent_state_dir().join("disk").join(&cluster);
        std::fs::create_dir_all(&disk).unwrap();

        let audit = site.agent(&["audit"]).expect_code(5).json();
        let found = audit.as_array().unwrap();
        let names = |kind: &str, text: &str| {
            found.iter().any(|residue| {
                let subject = residue["subject"].as_str().unwrap();
                residue["kind"] == kind && subject.contains(text) && !residue["remedy"].as_str().unwrap().is_empty()
            })
        };
        for (kind, text) in [
            ("container", worker.name.as_str()),
            ("container", &created),
            ("container", &ended),
            ("mount", "worker-0000"),
            ("process", "hub-0000"),
            ("cgroup", &cluster),
            ("directory", &format!("{}", site.run_dir().join(&cluster).display())),
            ("directory", &disk.display().to_string()),
            ("reserved-ports", "28000"),
            ("hosts-file", "/etc/hosts"),
        ] {
            assert!(names(kind, text), "no {kind} with `{text}`: {found:#?}");
        }
        throng_tests::leftovers::remove(site);
        // What nobody remembers any more is put back by hand.
        site.before().put_back();
        std::fs::remove_dir_all(site.run_dir()).unwrap();
    });
}
