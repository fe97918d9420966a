//! Running the program, and the events that operations are scripted with.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use throng_proto::operator::operation_event::Event;
use throng_proto::operator::{OperationEnded, OperationEvent, PhaseEnded, PhaseStarted, TestEnded, TestStarted};
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};

use crate::fake::{Fake, Script};

/// No command of these tests takes longer, however busy the machine is.
const DEADLINE: Duration = Duration::from_secs(60);

/// A scenario without a mistake.
const SCENARIO: &str = "\
format = 1

[scenario]
name = \"demo\"

[role.worker]
count = 2
run = \"process\"
command = [\"sleep\", \"60\"]
";

/// A state directory with a coordinator that answers by script.
pub(crate) struct Bench {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) fake: Fake,
}

/// What a command did.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) code: Option<i32>,
}

impl Bench {
    pub(crate) fn new(script: Script) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("scenario.toml"), SCENARIO).unwrap();
        let fake = Fake::serve(&folder.path().join("throng.sock"), script);
        Self { folder, fake }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn scenario(&self) -> String {
        self.path("scenario.toml").display().to_string()
    }

    /// Runs a command to its end, without input.
    pub(crate) async fn throng(&self, args: &[&str]) -> Done {
        finish(self.spawn(args, Stdio::null())).await
    }

    /// Runs a command to its end with this input piped in.
    pub(crate) async fn piped(&self, args: &[&str], input: &str) -> Done {
        let mut child = self.spawn(args, Stdio::piped());
        child.stdin.take().unwrap().write_all(input.as_bytes()).await.unwrap();
        finish(child).await
    }

    pub(crate) fn spawn(&self, args: &[&str], stdin: Stdio) -> Child {
        command(self.folder.path()).args(args).stdin(stdin).spawn().unwrap()
    }

    /// Waits until the coordinator was asked this.
    pub(crate) async fn until_called(&self, call: &str) {
        self.until(|| self.fake.calls().iter().any(|made| made.starts_with(call)), call).await;
    }

    /// Waits until this holds.
    pub(crate) async fn until(&self, holds: impl Fn() -> bool, what: &str) {
        let waited = tokio::time::timeout(DEADLINE, async {
            while !holds() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        assert!(waited.await.is_ok(), "never: {what}; calls: {:?}", self.fake.calls());
    }
}

/// The program with this state directory and nothing of the caller's environment.
pub(crate) fn command(state_dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_throng"));
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.arg("--state-dir").arg(state_dir);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

pub(crate) async fn finish(child: Child) -> Done {
    let Output { status, stdout, stderr } =
        tokio::time::timeout(DEADLINE, child.wait_with_output()).await.expect("the command ends").unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Done { stdout: text(stdout), stderr: text(stderr), code: status.code() }
}

pub(crate) fn interrupt(child: &Child, signal: nix::sys::signal::Signal) {
    let pid = i32::try_from(child.id().expect("it runs")).unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal).unwrap();
}

/// Numbers events and gives each a second.
pub(crate) fn script(events: Vec<Event>) -> Vec<OperationEvent> {
    number(0, events)
}

/// As [`script`], from this number on.
pub(crate) fn number(first: u64, events: Vec<Event>) -> Vec<OperationEvent> {
    let event =
        |(number, event)| OperationEvent { number, at_unix_millis: 1_000_000 + number * 1000, event: Some(event) };
    (first..).zip(events).map(event).collect()
}

pub(crate) fn started(phase: &str, total: u64) -> Event {
    Event::PhaseStarted(PhaseStarted { phase: phase.into(), total })
}

pub(crate) fn phase_ended(phase: &str, took_millis: u64) -> Event {
    Event::PhaseEnded(PhaseEnded { phase: phase.into(), took_millis, ok: true, detail: String::new() })
}

pub(crate) fn test_started(test: &str) -> Event {
    Event::TestStarted(TestStarted { test: test.into(), position: 1, total: 1 })
}

pub(crate) fn test_ended(test: &str, verdict: &str, detail: &str) -> Event {
    Event::TestEnded(TestEnded { test: test.into(), verdict: verdict.into(), took_millis: 1200, detail: detail.into() })
}

pub(crate) fn ended(outcome: &str, cluster_up: bool) -> Event {
    Event::Ended(OperationEnded { outcome: outcome.into(), cluster_up, ..OperationEnded::default() })
}
