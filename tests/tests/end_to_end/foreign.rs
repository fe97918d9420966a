//! What is not throng's survives its teardown; what is, and should not be there, is found.

use std::io::Write as _;
use std::path::Path;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use throng_tests::site::in_site;
use throng_tests::{engine, host};

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
fn the_agents_audit_needs_neither_ledger_nor_database() {
    in_site(|site| {
        let cluster = site.up();
        for process in host::processes(site.mark()) {
            let word = |at: usize| process.arguments.get(at).map(String::as_str).unwrap_or_default();
            let is_daemon = word(0).ends_with("throng-agent") && !matches!(word(1), "shim" | "launch");
            if is_daemon || word(0).ends_with("/throng") {
                host::kill_now(process.pid);
            }
        }
        std::fs::remove_dir_all(site.agent_state_dir()).unwrap();
        std::fs::remove_dir_all(site.state_dir()).unwrap();

        let audit = site.agent(&["audit"]).expect_code(5);
        let container = format!("throng-{cluster}-worker-0000");
        let _ = audit.expect_said(&[&container, "hub-0000", "/etc/hosts"]);
        throng_tests::leftovers::remove(site);
        // What nobody remembers any more is put back by hand.
        site.before().put_back();
        std::fs::remove_dir_all(site.run_dir()).unwrap();
    });
}
