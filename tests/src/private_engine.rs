//! A Docker engine of one test's own: it may be killed, and is gone afterwards with all that it held.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::mount::{MntFlags, umount2};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::engine::ask_at;
use crate::host;
use crate::sweep::ENGINE_MARK;
use crate::wait::wait_for;

/// A first start creates its storage.
const START_TIMEOUT: Duration = Duration::from_secs(60);
const END_TIMEOUT: Duration = Duration::from_secs(30);
/// The last lines of its log that are shown where it does not answer, the newest first.
const LOG_LINES: usize = 20;
/// The folder of other engines' programs, to be looked into first.
const PROGRAMS: &str = "THRONG_TEST_ENGINE_PROGRAMS";
/// What such an engine is told besides.
const ARGUMENTS: &str = "THRONG_TEST_ENGINE_ARGUMENTS";

/// A Docker engine of one test's own.
#[derive(Debug)]
pub struct PrivateEngine {
    folder: TempDir,
    live_restore: bool,
    daemon: Child,
}

impl PrivateEngine {
    /// Starts one, whose containers survive its end or do not.
    pub fn start(live_restore: bool) -> Self {
        let folder = tempfile::Builder::new().prefix(ENGINE_MARK).tempdir_in("/var/tmp");
        let folder = folder.expect("a folder can be made");
        let daemon = launch(folder.path(), live_restore);
        let mut engine = Self { folder, live_restore, daemon };
        engine.await_answer();
        engine
    }

    /// Where it listens.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("docker.sock")
    }

    /// Its process.
    pub fn pid(&self) -> i32 {
        i32::try_from(self.daemon.id()).expect("process ids fit")
    }

    /// Ends it as the kernel does when memory is short.
    pub fn kill(&mut self) {
        self.daemon.kill().expect("it runs and is ours");
        self.daemon.wait().expect("a child of ours can be waited for");
        // Its containerd dies with it, a moment later.
        let note = fs::read_to_string(self.folder.path().join("exec/containerd/containerd.pid")).unwrap_or_default();
        if let Ok(pid) = note.trim().parse() {
            wait_for("containerd ends with its engine", END_TIMEOUT, || {
                if host::is_alive(pid) { Err(pid) } else { Ok(()) }
            });
        }
    }

    /// Ends its containerd alone, which it starts again by itself.
    pub fn kill_containerd(&mut self) {
        let note = self.folder.path().join("exec/containerd/containerd.pid");
        let pid = fs::read_to_string(note).ok().and_then(|text| text.trim().parse().ok());
        host::kill_now(pid.expect("a containerd of its own is noted"));
    }

    /// Starts it again, as a service manager does.
    pub fn start_again(&mut self) {
        // Their numbers may be other processes by now, and it would refuse to start, or wait for a containerd that is dead.
        for note in ["pid", "exec/containerd/containerd.pid"] {
            let _ = fs::remove_file(self.folder.path().join(note));
        }
        self.daemon = launch(self.folder.path(), self.live_restore);
        self.await_answer();
    }

    /// Starts it where a test that failed left it dead.
    pub fn ensure(&mut self) {
        // A stopped process answers nobody, and neither ends.
        let _ = kill(Pid::from_raw(self.pid()), Signal::SIGCONT);
        if !host::is_alive(self.pid()) {
            self.start_again();
        }
    }

    fn await_answer(&mut self) {
        let socket = self.socket();
        wait_for("an engine of one's own answers", START_TIMEOUT, || {
            let log = || {
                let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
                log.lines().rev().take(LOG_LINES).collect::<Vec<_>>().join("\n")
            };
            match ask_at(&socket, "GET", "/_ping", "", b"") {
                Ok((200, _)) => Ok(()),
                _ => Err(log()),
            }
        });
    }
}

impl Drop for PrivateEngine {
    fn drop(&mut self) {
        self.ensure();
        let socket = self.socket();
        let listed = ask_at(&socket, "GET", "/containers/json?all=1", "", b"").map(|(_, body)| body);
        let listed: serde_json::Value = serde_json::from_str(&listed.unwrap_or_default()).unwrap_or_default();
        for id in listed.as_array().into_iter().flatten().filter_map(|container| container["Id"].as_str()) {
            let _ = ask_at(&socket, "DELETE", &format!("/containers/{id}?force=1&v=1"), "", b"");
        }
        let _ = kill(Pid::from_raw(self.pid()), Signal::SIGTERM);
        let deadline = std::time::Instant::now() + END_TIMEOUT;
        while matches!(self.daemon.try_wait(), Ok(None)) {
            if std::time::Instant::now() > deadline {
                let _ = self.daemon.kill();
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let mark = self.folder.path().display().to_string();
        // One that was killed over a start has lost sight of what it began.
        for shim in host::processes(&mark) {
            let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", shim.pid)).unwrap_or_default();
            children.split_whitespace().filter_map(|pid| pid.parse().ok()).for_each(host::kill_now);
            host::kill_now(shim.pid);
        }
        // It leaves mounts, and the folder cannot go before them.
        for (_, point) in host::mounts(&mark).iter().rev() {
            let _ = umount2(point, MntFlags::MNT_DETACH);
        }
    }
}

fn launch(folder: &Path, live_restore: bool) -> Child {
    let log = File::options().create(true).append(true).open(folder.join("log")).expect("the folder can be written");
    let also = log.try_clone().expect("a descriptor can be copied");
    let path = std::env::var("PATH").unwrap_or_default();
    let programs = std::env::var(PROGRAMS).unwrap_or_default();
    let place = |name: &str| folder.join(name).display().to_string();
    let mut command = Command::new("dockerd");
    command.env("PATH", format!("{programs}:{path}:/usr/sbin:/sbin"));
    command.args(["--bridge=none", "--iptables=false"]).args(live_restore.then_some("--live-restore"));
    command.args(["--data-root", &place("data"), "--exec-root", &place("exec"), "--pidfile", &place("pid")]);
    command.arg("-H").arg(format!("unix://{}", place("docker.sock")));
    command.args(std::env::var(ARGUMENTS).unwrap_or_default().split_whitespace());
    command.stdin(Stdio::null()).stdout(log).stderr(also);
    command.spawn().expect("dockerd is needed: `make engine` installs it")
}
