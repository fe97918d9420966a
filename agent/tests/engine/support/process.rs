//! A process node in a folder of its own, of which nothing is left afterwards.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use throng_agent::resources::process::observe::{ProcessState, observe};
use throng_agent::resources::process::start::{Started, start};
use throng_agent::shim::record::{ExitRecord, PidRecord};
use throng_agent::shim::spec::{LOG_MAX_BYTES, LaunchSpec, SHIM_VERSION, ShimSpec};

use super::wait::wait_for;

/// The agent's binary.
pub(crate) fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_throng-agent"))
}

/// A process node.
pub(crate) struct ProcessNode {
    work: TempDir,
    /// What it is started from.
    pub(crate) spec: ShimSpec,
}

impl ProcessNode {
    /// One that runs a shell script as root.
    pub(crate) fn new(script: &str) -> Self {
        let work = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let launch = LaunchSpec {
            command: ["sh", "-c", script].map(str::to_owned).to_vec(),
            env: vec![("COLOUR".to_owned(), "blue".to_owned())],
            user: "0".to_owned(),
            workdir: "/".into(),
            procs_files: Vec::new(),
            nofile: None,
            nofile_soft: None,
            oom_score_adj: None,
        };
        let spec = ShimSpec { version: SHIM_VERSION, digest: "d".to_owned(), launch, log_max_bytes: LOG_MAX_BYTES };
        Self { work, spec }
    }

    /// The shim's folder.
    pub(crate) fn dir(&self) -> PathBuf {
        self.work.path().join("shim")
    }

    /// Starts it.
    pub(crate) async fn start(&self) -> Started {
        start(program(), &self.dir(), &self.spec).await.unwrap()
    }

    /// Starts it; it must run.
    pub(crate) async fn run(&self) -> PidRecord {
        match self.start().await {
            Started::Runs(record) => record,
            Started::Ended(record) => panic!("it runs on: {record:?}"),
        }
    }

    /// Waits until it has ended.
    pub(crate) async fn end(&self) -> ExitRecord {
        wait_for("it ends", Duration::from_secs(20), async || match observe(&self.dir()).unwrap().state {
            ProcessState::Ended(record) => Ok(record),
            state => Err(state),
        })
        .await
    }

    /// Its log as text, the older part first.
    pub(crate) fn log(&self) -> String {
        let read = |name: &str| std::fs::read(self.dir().join(name)).unwrap_or_default();
        String::from_utf8([read("log.1"), read("log")].concat()).unwrap()
    }

    /// Waits until its log contains this.
    pub(crate) async fn has_written(&self, text: &str) {
        wait_for("it writes", Duration::from_secs(20), async || {
            let log = self.log();
            if log.contains(text) { Ok(()) } else { Err(log) }
        })
        .await;
    }
}

impl Drop for ProcessNode {
    fn drop(&mut self) {
        if let Ok(seen) = observe(&self.dir()) {
            seen.members.kill_all(Duration::from_secs(5));
        }
    }
}
