//! throng on an engine of the benchmarks' own, used as people use it: by its command line.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use throng_common::ids::random_suffix;

use super::account::Account;
use super::clean::MARK_PREFIX;
use super::engine::Engine;
use super::load::{Load, expect_gone, expect_up};
use super::recorder::Recorder;
use crate::programs::Build;
use crate::site::Site;
use crate::{host, tiny};

const SCENARIO: &str = include_str!("../../fixtures/bench.toml");

/// A throng with its daemons.
#[derive(Debug)]
pub(super) struct Ours<'e> {
    /// Its folders.
    pub(super) site: Site,
    /// Its engine.
    pub(super) engine: &'e Engine,
    /// What its daemons cost: those that [`Ours::warm`] started.
    pub(super) account: Account,
    engine_host: String,
    scenario: String,
    nodes: usize,
}

/// A command that ended well.
#[derive(Debug, Clone)]
pub(super) struct Done {
    /// How long it took, its process included.
    pub(super) took: Duration,
    /// What it wrote to stdout, as JSON; null where it is none.
    pub(super) said: Value,
}

/// Which of the two daemons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Daemon {
    /// The agent.
    Agent,
    /// The coordinator.
    Coordinator,
}

impl<'e> Ours<'e> {
    /// One with nothing started yet.
    pub(super) fn new(engine: &'e Engine, nodes: usize) -> Self {
        let suffix = random_suffix(6);
        let mark = format!("{MARK_PREFIX}{suffix}");
        let site = Site::new(&format!("b{suffix}"), &mark, Build::Plain);
        let account = Account::open(&mark);
        let mut ours = Self { scenario: String::new(), engine_host: engine.host(), site, engine, account, nodes };
        ours.scenario = ours.write("bench.toml", 1);
        ours
    }

    /// Writes the scenario with so many ports a worker; its path.
    pub(super) fn write(&self, file: &str, ports: usize) -> String {
        let names: Vec<String> = (0..ports.max(1))
            .map(|at| if at == 0 { "\"http\"".to_owned() } else { format!("\"further{at}\"") })
            .collect();
        let text = SCENARIO.replace("PORTS", &names.join(", "));
        tiny::write_scenario(self.site.folder(), file, self.site.name(), &text)
    }

    /// What its containers' names begin with.
    pub(super) fn prefix(&self) -> String {
        format!("throng-{}-", self.site.name())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.site.command("throng", arguments);
        command.env("DOCKER_HOST", &self.engine_host);
        command
    }

    /// Runs a command to its end, which must be a good one.
    pub(super) fn run(&self, arguments: &[&str]) -> Done {
        finish(&mut self.command(arguments), &arguments.join(" "))
    }

    /// Runs a command whose daemons count as [`Self::account`]'s.
    fn run_accounted(&self, arguments: &[&str]) -> Done {
        let plain = self.command(arguments);
        let mut command = Command::new("sh");
        command.args(["-c", "echo $$ >\"$1\"; shift; exec \"$@\"", "sh"]).arg(self.account.procs());
        command.arg(plain.get_program()).args(plain.get_args()).current_dir(self.site.folder());
        command.envs(plain.get_envs().filter_map(|(key, value)| Some((key, value?))));
        finish(&mut command, &arguments.join(" "))
    }

    /// Brings the cluster up.
    pub(super) fn up(&self) -> Done {
        self.up_of(&self.scenario)
    }

    /// Brings the cluster of this scenario up.
    pub(super) fn up_of(&self, scenario: &str) -> Done {
        self.run(&["up", scenario, "--set", &self.workers(), "--format", "json"])
    }

    fn workers(&self) -> String {
        format!("param.workers={}", self.nodes)
    }

    /// Takes it down.
    pub(super) fn down(&self) -> Done {
        self.run(&["down", "--yes", "--format", "json"])
    }

    /// Passes the gate, as everybody does before a time counts.
    pub(super) fn expect_up(&self) {
        expect_up(self.engine, &self.prefix(), self.nodes);
    }

    /// Nothing is left on engine and machine.
    pub(super) fn expect_gone(&self) {
        expect_gone(self.engine, &self.prefix(), Some(self.site.run_dir()));
    }

    /// Brings the cluster up and down once through a recorder: what others are to bring up. Also builds the image, and
    /// shows that everything works before anything is measured.
    pub(super) fn recorded(&mut self) -> Load {
        let recorder = Recorder::listen(&self.engine.folder().join("recorder.sock"), &self.engine.socket());
        self.engine_host = recorder.host();
        let _ = self.up();
        self.expect_up();
        let cluster = self.cluster();
        let _ = self.down();
        self.expect_gone();
        let _ = self.run(&["stop"]);
        self.engine_host = self.engine.host();
        let created = recorder.created();
        assert_eq!(created.len(), self.nodes, "one create call a worker");
        let other = format!("{}0000", &cluster[..cluster.len() - 4]);
        Load::like(&created, &cluster, &other)
    }

    /// Starts the daemons, and has them do everything once.
    pub(super) fn warm(&self) {
        let _ = self.run_accounted(&["up", &self.scenario, "--set", &self.workers(), "--format", "json"]);
        self.expect_up();
        let _ = self.down();
        self.expect_gone();
    }

    /// The only cluster's id.
    pub(super) fn cluster(&self) -> String {
        let said = self.run(&["ps", "--format", "json"]).said;
        said["cluster"].as_str().expect("`ps` names the cluster").to_owned()
    }

    /// The process of a daemon, which runs.
    pub(super) fn pid(&self, daemon: Daemon) -> i32 {
        let found = host::processes(self.site.mark()).into_iter().find(|process| {
            let word = |at: usize| process.arguments.get(at).map(String::as_str).unwrap_or_default();
            host::is_alive(process.pid)
                && match daemon {
                    Daemon::Agent => word(0).ends_with("throng-agent") && word(1) == "run",
                    Daemon::Coordinator => process.arguments.iter().any(|word| word == "serve"),
                }
        });
        found.unwrap_or_else(|| panic!("no {daemon:?} runs\n{}", self.site.daemon_logs())).pid
    }

    /// The agent's log.
    pub(super) fn agent_log(&self) -> PathBuf {
        self.site.agent_state_dir().join("agent.log")
    }
}

impl Drop for Ours<'_> {
    fn drop(&mut self) {
        // Whatever a failure left; the engine removes its containers when it goes.
        let _ = self.command(&["stop", "--down"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
        for process in host::processes(self.site.mark()) {
            host::kill_now(process.pid);
        }
        for (_, point) in host::mounts(self.site.mark()) {
            let _ = nix::mount::umount2(&point, nix::mount::MntFlags::MNT_DETACH);
        }
        let _ = fs::remove_dir_all(self.site.run_dir());
        self.account.close();
    }
}

/// Runs a command to its end, which must be a good one.
pub(super) fn finish(command: &mut Command, line: &str) -> Done {
    attempt(command, line).unwrap_or_else(|problem| panic!("{problem}"))
}

/// Runs a command to its end; what went wrong where that is no good one. Its output goes to files: daemons that it starts
/// hold nobody up.
pub(super) fn attempt(command: &mut Command, line: &str) -> Result<Done, String> {
    let file = || tempfile::NamedTempFile::new().expect("a temporary file can be made");
    let (stdout, stderr) = (file(), file());
    let open = |file: &tempfile::NamedTempFile| Stdio::from(File::create(file.path()).expect("it is ours"));
    command.stdin(Stdio::null()).stdout(open(&stdout)).stderr(open(&stderr));
    let began = Instant::now();
    let status = command.status().map_err(|error| format!("`{line}` cannot be started: {error}"))?;
    let took = began.elapsed();
    let text = fs::read_to_string(stdout.path()).unwrap_or_default();
    let words = fs::read_to_string(stderr.path()).unwrap_or_default();
    if !status.success() {
        return Err(format!("`{line}`: {status} after {took:.1?}\n{text}\n{words}"));
    }
    Ok(Done { took, said: serde_json::from_str(&text).unwrap_or_default() })
}
