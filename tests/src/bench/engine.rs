//! An engine of the benchmarks' own: nobody else loads it, a peer's burst of stops cannot wedge the machine's, and what it
//! costs is counted with all that it starts.

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use hyper::Method;
use nix::mount::{MntFlags, umount2};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

use super::account::Account;
use super::api::Api;
use crate::wait::wait_for;

/// How long a first start may take: it makes its storage.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// How long its end may take.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);

/// A dockerd with its own folders, socket and containerd.
#[derive(Debug)]
pub(super) struct Engine {
    folder: TempDir,
    daemon: Child,
    /// What it and all that it starts cost.
    pub(super) account: Account,
}

/// How an engine is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// As throng's script starts one: containers outlive it.
    LiveRestore,
    /// As a Swarm needs it.
    Plain,
}

impl Engine {
    /// Starts one and waits until it answers. `name` must be nobody else's on this machine.
    pub(super) fn start(name: &str, manner: Manner) -> Self {
        let folder = tempfile::Builder::new().prefix(&format!("{name}-")).tempdir_in("/var/tmp");
        let folder = folder.expect("a folder can be made");
        let account = Account::open(name);
        let path = |name: &str| folder.path().join(name).display().to_string();
        let log = File::create(path("log")).expect("a folder of ours can be written");
        let also = log.try_clone().expect("a descriptor can be copied");
        let mut command = Command::new("sh");
        // The shell joins the group and becomes the engine: no moment of it is lost.
        command.args(["-c", "echo $$ >\"$1\"; shift; exec \"$@\"", "sh"]).arg(account.procs());
        command.args(["dockerd", "--bridge=none", "--iptables=false", "--exec-opt", "native.cgroupdriver=cgroupfs"]);
        command.args(["--data-root", &path("data"), "--exec-root", &path("exec"), "--pidfile", &path("pid")]);
        command.args(["--host", &format!("unix://{}", path("docker.sock")), "--cgroup-parent", &account.containers()]);
        if manner == Manner::LiveRestore {
            command.arg("--live-restore");
        }
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
        command.env_remove("DOCKER_HOST").stdin(Stdio::null()).stdout(log).stderr(also).process_group(0);
        let daemon = command.spawn().expect("a shell can be started");
        let engine = Self { folder, daemon, account };
        wait_for("an engine of the benchmarks' own answers", START_TIMEOUT, || {
            engine.ask("/_ping").map(drop).map_err(|problem| format!("{problem}\n{}", engine.last_words()))
        });
        engine
    }

    /// Its socket.
    pub(super) fn socket(&self) -> PathBuf {
        self.folder.path().join("docker.sock")
    }

    /// A folder for what belongs to it.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its socket, as programs want it.
    pub(super) fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// A runtime and a connection, for what needs no more than one.
    pub(super) fn with<T>(&self, work: impl AsyncFnOnce(&mut Api) -> Result<T, String>) -> Result<T, String> {
        runtime().block_on(async {
            let mut api = Api::open(&self.socket()).await?;
            work(&mut api).await
        })
    }

    fn ask(&self, path: &str) -> Result<Bytes, String> {
        self.with(async |api| api.must(Method::GET, path, Bytes::new()).await)
    }

    /// All its containers in any state.
    pub(super) fn containers(&self) -> Vec<Value> {
        let listed = self.with(async |api| api.ask("/containers/json?all=1").await);
        let listed = listed.unwrap_or_else(|problem| panic!("containers cannot be listed: {problem}"));
        listed.as_array().cloned().unwrap_or_default()
    }

    /// What it says of itself.
    pub(super) fn version(&self) -> Value {
        self.with(async |api| api.ask("/version").await).unwrap_or_default()
    }

    /// Gives another engine an image of this one's.
    pub(super) fn share_image(&self, image: &str, other: &Self) {
        let archive = self.ask(&format!("/images/{image}/get"));
        let archive = archive.unwrap_or_else(|problem| panic!("{image} cannot be saved: {problem}"));
        let loaded = other.with(async |api| api.must(Method::POST, "/images/load", archive).await);
        loaded.unwrap_or_else(|problem| panic!("{image} cannot be loaded: {problem}"));
    }

    fn last_words(&self) -> String {
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(10)..].join("\n")
    }

    /// Removes what it can of all containers.
    pub(super) fn remove_containers(&self) {
        let removed = self.with(async |api| {
            let listed = api.ask("/containers/json?all=1").await?;
            for container in listed.as_array().into_iter().flatten() {
                let id = container["Id"].as_str().unwrap_or_default();
                let _ = api.call(Method::DELETE, &format!("/containers/{id}?force=1&v=1"), Bytes::new()).await?;
            }
            Ok(())
        });
        // An engine that has died has nothing to say; its end goes on.
        drop(removed);
    }
}

/// A runtime of one thread: what waits for an engine needs no more, and takes little from it.
pub(super) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be made")
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.remove_containers();
        let pid = Pid::from_raw(i32::try_from(self.daemon.id()).expect("process ids fit"));
        // It may have ended by itself.
        let _ = kill(pid, Signal::SIGTERM);
        let deadline = std::time::Instant::now() + STOP_TIMEOUT;
        while matches!(self.daemon.try_wait(), Ok(None)) {
            if std::time::Instant::now() > deadline {
                let _ = self.daemon.kill();
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        // It leaves mounts, and the folder cannot go before them.
        let mark = self.folder.path().display().to_string();
        for (_, point) in crate::host::mounts(&mark).into_iter().rev() {
            let _ = umount2(&point, MntFlags::MNT_DETACH);
        }
        self.account.close();
    }
}
