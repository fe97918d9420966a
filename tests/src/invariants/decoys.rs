//! What looks like throng's and is not: planted beforehand, and looked at whenever everything is.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::mount::{MntFlags, MsFlags, mount, umount2};

use crate::{engine, host};

/// A port in the middle of ours that somebody else reserved.
pub const PORT: u16 = 29_990;

/// By what the foreign process is found again.
const VARIABLE: &str = "THRONGLING";

/// What looks like throng's and is not. Taken away when it is dropped.
#[derive(Debug)]
pub struct Decoys {
    container: String,
    mount: PathBuf,
    group: PathBuf,
    process: Child,
    line: String,
}

impl Decoys {
    /// Plants one of each kind; the container is made of an image that is there.
    pub fn plant(name: &str, image: &str) -> Self {
        let container = engine::run(&container_name(name), image, &["sleep", "1000000"]);
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
        host::reserve(PORT);
        Self { container, mount, group, process, line }
    }

    /// Those that are no longer as they were planted. (The hosts file and the ports are compared as a whole.)
    pub fn touched(&self) -> Vec<String> {
        let mut touched = Vec::new();
        let mut expect = |holds: bool, what: String| {
            if !holds {
                touched.push(what);
            }
        };
        expect(engine::is_running(&self.container), format!("the foreign container {} does not run", self.container));
        expect(self.mount.join("kept").exists(), format!("the foreign mount {} is gone", self.mount.display()));
        let has_groups = self.group.parent().is_some_and(Path::exists);
        expect(!has_groups || self.group.exists(), format!("the foreign group {} is gone", self.group.display()));
        let pid = i32::try_from(self.process.id()).expect("process ids fit");
        expect(host::is_alive(pid), format!("the foreign process {pid} has ended"));
        touched
    }

    /// Takes away what an earlier run planted, by its names alone.
    pub fn remove_leftovers(name_prefix: &str) {
        for container in engine::containers(&container_name(name_prefix)) {
            engine::remove(&container.id);
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
        host::release(PORT);
        let own = hosts_line(name_prefix);
        let begin = own.trim_end();
        host::keep_hosts_lines(|line| !line.starts_with(begin));
    }
}

impl Drop for Decoys {
    fn drop(&mut self) {
        engine::remove(&self.container);
        let _ = umount2(&self.mount, MntFlags::MNT_DETACH);
        let _ = fs::remove_dir(&self.mount);
        let _ = fs::remove_dir(&self.group);
        let _ = self.process.kill();
        let _ = self.process.wait();
        host::release(PORT);
        host::keep_hosts_lines(|line| line != self.line);
    }
}

fn container_name(name: &str) -> String {
    format!("throng-decoy-{name}")
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
