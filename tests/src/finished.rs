//! A command of throng's, running or ended.

use std::fmt;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::wait::patiently;

/// A command as a person would type it.
pub fn line_of(program: &str, arguments: &[&str]) -> String {
    let words = std::iter::once(program).chain(arguments.iter().copied());
    shlex::try_join(words).expect("no argument of a test's holds a NUL")
}

/// How often a running command is looked at.
const EVERY: Duration = Duration::from_millis(20);

/// What a command came to.
#[derive(Debug, Clone)]
pub struct Finished {
    /// The command, as typed.
    pub command: String,
    /// The exit code; none where a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to stdout.
    pub stdout: String,
    /// What it wrote to stderr.
    pub stderr: String,
    /// How long it took.
    pub took: Duration,
}

impl Finished {
    /// Itself, when it ended with this code; else panics with all that it said.
    #[must_use]
    pub fn expect_code(self, code: i32) -> Self {
        assert!(self.code == Some(code), "expected exit code {code} of {self}");
        self
    }

    /// Itself, when stdout or stderr contains every text; else panics with all that it said.
    #[must_use]
    pub fn expect_said(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(self.stdout.contains(text) || self.stderr.contains(text), "`{text}` is not said by {self}");
        }
        self
    }

    /// Stdout as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("stdout is no JSON ({error}): {self}"))
    }
}

impl fmt::Display for Finished {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { command, code, stdout, stderr, took } = self;
        write!(
            formatter,
            "`{command}`: exit code {code:?} after {took:.1?}\n--- stdout\n{stdout}\n--- stderr\n{stderr}"
        )
    }
}

/// A running command. Its output goes to files: a daemon that it starts and that keeps its stderr holds nobody up.
#[derive(Debug)]
pub struct Running {
    child: Child,
    line: String,
    stdout: File,
    stderr: File,
    started: Instant,
}

impl Running {
    /// Starts it.
    pub fn start(command: &mut Command, line: String) -> Self {
        Self::start_into(command, line, tempfile::tempfile().expect("a temporary file can be made"))
    }

    /// Starts it; its stderr goes to a file that is kept.
    pub fn start_into(command: &mut Command, line: String, stderr: File) -> Self {
        let stdout = tempfile::tempfile().expect("a temporary file can be made");
        let copy = |file: &File| Stdio::from(file.try_clone().expect("a descriptor can be copied"));
        command.stdin(Stdio::null()).stdout(copy(&stdout)).stderr(copy(&stderr));
        let child = command.spawn().unwrap_or_else(|error| panic!("`{line}` cannot be started: {error}"));
        Self { child, line, stdout, stderr, started: Instant::now() }
    }

    /// The program and its arguments, as they are shown.
    pub fn line(&self) -> &str {
        &self.line
    }

    /// Ctrl-C, for this process alone. One that does not listen for it may have been told to ignore it, as what a shell
    /// starts in the background is.
    pub fn interrupt(&self) {
        self.send(Signal::SIGINT);
    }

    /// Asks it to end.
    pub fn terminate(&self) {
        self.send(Signal::SIGTERM);
    }

    fn send(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("process ids fit"));
        kill(pid, signal).expect("the command runs and is ours");
    }

    /// Whether it has not ended yet.
    pub fn is_running(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        stat.rsplit(')').next().is_some_and(|rest| !rest.trim_start().starts_with('Z') && !rest.is_empty())
    }

    /// What it wrote to stdout until now.
    pub fn stdout(&self) -> String {
        text(&self.stdout)
    }

    /// What it wrote to stderr until now.
    pub fn stderr(&self) -> String {
        text(&self.stderr)
    }

    /// Waits for its end; one that takes longer is killed and fails the test.
    pub fn end(mut self, within: Duration) -> Finished {
        let within = patiently(within);
        let deadline = self.started + within;
        let mut late = false;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child of ours can be waited for") {
                break status;
            }
            if Instant::now() > deadline {
                late = true;
                let _ = self.child.kill();
            }
            std::thread::sleep(EVERY);
        };
        let finished = Finished {
            command: self.line,
            code: status.code(),
            stdout: text(&self.stdout),
            stderr: text(&self.stderr),
            took: self.started.elapsed(),
        };
        assert!(!late, "not ended within {within:?}: {finished}");
        finished
    }
}

/// The whole file, read without moving the place that the command, which shares it, writes at.
fn text(file: &File) -> String {
    let length = file.metadata().expect("a temporary file has a length").len();
    let mut bytes = vec![0; usize::try_from(length).expect("outputs fit into memory")];
    file.read_exact_at(&mut bytes, 0).expect("a temporary file can be read");
    String::from_utf8_lossy(&bytes).into_owned()
}
