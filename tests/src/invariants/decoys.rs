//! What looks like throng's and is not: planted beforehand, and looked at whenever everything is.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::ops::RangeInclusive;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use serde_json::json;

use crate::{engine, host};

/// Ports in the middle of ours that somebody else reserved: every second one, for each set of decoys.
pub const PORTS: RangeInclusive<u16> = 29_990..=29_995;

/// By what the foreign process is found again.
const VARIABLE: &str = "THRONGLING";

/// What looks like throng's and is not. Taken away when it is dropped.
#[derive(Debug)]
pub struct Decoys {
    containers: [String; 2],
    port: u16,
    mount: PathBuf,
    group: PathBuf,
    process: Child,
    line: String,
}

impl Decoys {
    /// Plants one of each kind; the containers are made of an image that is there. `port` is one of [`PORTS`], and only
    /// these decoys'.
    pub fn plant(name: &str, image: &str, port: u16) -> Self {
        let sleep = ["sleep", "1000000"];
        let plain = engine::run(&container_name(name), image, &sleep);
        // The other one is another fleet's node, as that would have labelled it.
        let labels = json!({
            "throng.fleet": "throngling", "throng.cluster": format!("throngling-{name}"), "throng.role": "worker",
            "throng.node": "worker-0000", "throng.generation": "1", "throng.spec": "x", "throng.look-alike": name,
        });
        let labelled = engine::run_labelled(&format!("{}-worker-0000", node_name(name)), image, &sleep, &labels);
        let mount = mount_point(name);
        fs::create_dir_all(&mount).expect("a folder below /mnt can be made");
        let source = format!("throngling:{name}/worker-0000/data");
        nix_mount(&source, &mount);
        fs::write(mount.join("kept"), name).expect("a tmpfs can be written");
        let group = group(name);
        // A machine without control groups of this version has no decoy of that kind.
        let _ = fs::create_dir(&group);
        let mut command = Command::new("sleep");
        command.arg0("throng-agent").arg("1000000").env(VARIABLE, name).stdin(Stdio::null()).stdout(Stdio::null());
        let process = command.spawn().expect("`sleep` can be started");
        let line = hosts_line(name);
        let mut file = OpenOptions::new().append(true).open("/etc/hosts").expect("/etc/hosts can be written");
        file.write_all(line.as_bytes()).expect("/etc/hosts can be written");
        host::reserve(port);
        Self { containers: [plain, labelled], port, mount, group, process, line }
    }

    /// The port that is reserved.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Those that are no longer as they were planted. (The hosts file and the ports are compared as a whole.)
    pub fn touched(&self) -> Vec<String> {
        let mut touched = Vec::new();
        let mut expect = |holds: bool, what: String| {
            if !holds {
                touched.push(what);
            }
        };
        for id in &self.containers {
            expect(engine::is_running(id), format!("the foreign container {id} does not run"));
        }
        expect(self.mount.join("kept").exists(), format!("the foreign mount {} is gone", self.mount.display()));
        let has_groups = self.group.parent().is_some_and(Path::exists);
        expect(!has_groups || self.group.exists(), format!("the foreign group {} is gone", self.group.display()));
        let pid = i32::try_from(self.process.id()).expect("process ids fit");
        expect(host::is_alive(pid), format!("the foreign process {pid} has ended"));
        touched
    }

    /// Takes away what an earlier run planted, by its names alone.
    pub fn remove_leftovers(name_prefix: &str) {
        for prefix in [container_name(name_prefix), node_name(name_prefix)] {
            for container in engine::containers(&prefix) {
                engine::remove(&container.id);
            }
        }
        for (_, point) in host::mounts(&format!("throngling:{name_prefix}")) {
            let _ = umount2(&point, MntFlags::MNT_DETACH);
            let _ = fs::remove_dir(&point);
        }
        let beside = group(name_prefix);
        let siblings = beside.parent().and_then(|parent| fs::read_dir(parent).ok()).into_iter().flatten().flatten();
        for entry in siblings {
            if entry.path().to_string_lossy().starts_with(beside.to_string_lossy().as_ref()) {
                let _ = fs::remove_dir(entry.path());
            }
        }
        for process in host::processes(&format!("{VARIABLE}={name_prefix}")) {
            host::kill_now(process.pid);
        }
        host::release_range(PORTS);
        let own = hosts_line(name_prefix);
        let begin = own.trim_end();
        host::keep_hosts_lines(|line| !line.starts_with(begin));
    }
}

impl Drop for Decoys {
    fn drop(&mut self) {
        for id in &self.containers {
            engine::remove(id);
        }
        let _ = umount2(&self.mount, MntFlags::MNT_DETACH);
        let _ = fs::remove_dir(&self.mount);
        let _ = fs::remove_dir(&self.group);
        let _ = self.process.kill();
        let _ = self.process.wait();
        host::release(self.port);
        host::keep_hosts_lines(|line| line != self.line);
    }
}

fn container_name(name: &str) -> String {
    format!("throng-decoy-{name}")
}

/// As another fleet would name it, of a cluster whose id begins so.
fn node_name(name: &str) -> String {
    format!("throng-throngling-{name}")
}

fn mount_point(name: &str) -> PathBuf {
    Path::new("/mnt").join(format!("throng-look-alike-{name}"))
}

fn group(name: &str) -> PathBuf {
    Path::new("/sys/fs/cgroup/memory").join(format!("throngling-{name}"))
}

fn hosts_line(name: &str) -> String {
    format!("192.0.2.7 foreign-{name}\n")
}

fn nix_mount(source: &str, point: &Path) {
    let mounted = mount(Some(source), point, Some("tmpfs"), MsFlags::empty(), Some("size=64k"));
    mounted.unwrap_or_else(|error| panic!("{}: {error}", point.display()));
}
