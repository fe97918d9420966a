//! A throng of one test's own, of which nothing is left afterwards.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nix::fcntl::Flock;
use serde_json::Value;
use tempfile::TempDir;
use throng_common::ids::random_suffix;

use crate::engine_proxy::EngineProxy;
use crate::finished::{Finished, Running, line_of};
use crate::host::Snapshot;
use crate::private_engine::PrivateEngine;
use crate::programs::Build;
use crate::sweep::{self, BESIDE_MARK, SITE_MARK};
use crate::wait::wait_for;
use crate::{engine, host, leftovers, tiny};

/// How long a command may take unless the test says otherwise.
pub const COMMAND_TIMEOUT: Duration = Duration::from_secs(90);
/// How long a healthy cluster of a few nodes may take to be as desired again.
pub const SETTLE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a daemon may take from its last answer to its end.
const DAEMON_END_TIMEOUT: Duration = Duration::from_secs(2);

/// A throng of one test's own.
#[derive(Debug)]
pub struct Site {
    name: String,
    mark: String,
    folder: TempDir,
    run_dir: PathBuf,
    before: Snapshot,
    build: Build,
    engine: Option<PathBuf>,
    variables: RefCell<BTreeMap<String, String>>,
}

/// Runs a test in a site of its own, alone on this machine. Afterwards everything is taken down, whatever the test came
/// to; what is left then fails it.
pub fn in_site(test: impl FnOnce(&Site)) {
    let _alone = alone();
    in_site_of(None, test, || {});
}

/// The same with a proxy in front of the engine, which is told to be honest before everything is taken down.
pub fn in_proxied_site(test: impl FnOnce(&Site, &EngineProxy)) {
    let _alone = alone();
    let proxy = EngineProxy::start(&engine::socket());
    in_site_of(Some(proxy.socket()), |site| test(site, &proxy), || proxy.mend());
}

/// The same with an engine of the test's own.
pub fn in_site_with_engine(live_restore: bool, test: impl FnOnce(&Site, &mut PrivateEngine)) {
    let _alone = alone();
    let own = RefCell::new(PrivateEngine::start(live_restore));
    let socket = own.borrow().socket();
    in_site_of(Some(socket), |site| test(site, &mut own.borrow_mut()), || own.borrow_mut().ensure());
}

/// `mend` puts right what the test did to the engine.
fn in_site_of(engine: Option<PathBuf>, test: impl FnOnce(&Site), mend: impl FnOnce()) {
    let suffix = random_suffix(6);
    let site = Site::new(&format!("t{suffix}"), &format!("{SITE_MARK}{suffix}"), Build::Plain).at_engine(engine);
    let _note = sweep::Note::of(&site.before);
    let result = catch_unwind(AssertUnwindSafe(|| test(&site)));
    mend();
    let stopped = catch_unwind(AssertUnwindSafe(|| site.throng(&["stop", "--down"])));
    let left = leftovers::find(&site);
    if !left.is_empty() || stopped.is_err() {
        leftovers::remove(&site);
    }
    engine::remove_images(&format!("throng/{}", site.name));
    let logs = site.daemon_logs();
    let _ = fs::remove_dir_all(&site.run_dir);
    if let Err(failure) = result {
        let text = failure.downcast_ref::<String>().map_or("", String::as_str).to_owned();
        let after = if left.is_empty() { String::new() } else { format!("\nleft, and removed: {left:#?}") };
        if text.is_empty() {
            resume_unwind(failure);
        }
        panic!("{text}\n{logs}{after}");
    }
    assert!(left.is_empty(), "left behind, and removed by force: {left:#?}\n{logs}");
    assert!(stopped.is_ok_and(|stopped| stopped.code == Some(0)), "`throng stop --down` at the end failed\n{logs}");
}

/// Waits until no other site is on this machine, and removes what those left that were killed; none comes while the guard
/// lives.
pub fn alone() -> Flock<File> {
    assert!(nix::unistd::geteuid().is_root(), "end-to-end tests mount and read other processes: run them as root");
    sweep::alone()
}

/// A second throng on the machine of a test, taken away when it is dropped.
#[derive(Debug)]
pub struct Beside(Site);

impl std::ops::Deref for Beside {
    type Target = Site;

    fn deref(&self) -> &Site {
        &self.0
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        // A test that has failed is not to be ended by what fails here: it takes its own cluster down too.
        let _ = catch_unwind(AssertUnwindSafe(|| {
            leftovers::remove_named(&self.name, &self.mark);
            engine::remove_images(&format!("throng/{}", self.name));
        }));
        let _ = fs::remove_dir_all(&self.run_dir);
    }
}

impl Site {
    /// Another one beside it, of which no name is part of this one's, nor the other way round.
    pub fn beside(&self) -> Beside {
        let suffix = random_suffix(6);
        Beside(Self::new(&format!("b{suffix}"), &format!("{BESIDE_MARK}{suffix}"), self.build))
    }

    /// A site whose scenarios' names begin with `name`, and the paths of whose folders contain `mark`.
    pub fn new(name: &str, mark: &str, build: Build) -> Self {
        let folder = tempfile::Builder::new().prefix(&format!("{mark}-")).tempdir().expect("a folder can be made");
        let run_dir = Path::new("/run").join(mark);
        fs::create_dir_all(&run_dir).expect("a folder below /run can be made");
        let (name, mark) = (name.to_owned(), mark.to_owned());
        Self {
            name,
            mark,
            folder,
            run_dir,
            before: Snapshot::take(),
            build,
            engine: None,
            variables: RefCell::default(),
        }
    }

    /// The same with another engine than the machine's; none: that one.
    #[must_use]
    pub fn at_engine(self, engine: Option<PathBuf>) -> Self {
        Self { engine, ..self }
    }

    /// The name of its scenarios: all its clusters begin with it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the paths of all its folders contain.
    pub fn mark(&self) -> &str {
        &self.mark
    }

    /// A folder for the test's files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The agent's run directory.
    pub fn run_dir(&self) -> &Path {
        &self.run_dir
    }

    /// The coordinator's state directory.
    pub fn state_dir(&self) -> PathBuf {
        self.folder().join("coordinator")
    }

    /// The agent's state directory.
    pub fn agent_state_dir(&self) -> PathBuf {
        self.folder().join("agent")
    }

    /// What this machine was like before.
    pub fn before(&self) -> &Snapshot {
        &self.before
    }

    /// Runs `throng …` to its end.
    pub fn throng(&self, arguments: &[&str]) -> Finished {
        self.start("throng", arguments).end(COMMAND_TIMEOUT)
    }

    /// The same, for commands that take longer.
    pub fn throng_within(&self, within: Duration, arguments: &[&str]) -> Finished {
        self.start("throng", arguments).end(within)
    }

    /// Runs `throng-agent …` to its end.
    pub fn agent(&self, arguments: &[&str]) -> Finished {
        self.start("throng-agent", arguments).end(COMMAND_TIMEOUT)
    }

    /// Runs `throng …` with a further variable to its end.
    pub fn throng_with(&self, variable: (&str, &str), arguments: &[&str]) -> Finished {
        self.start_with(Some(variable), "throng", arguments).end(COMMAND_TIMEOUT)
    }

    /// Starts one of the two programs.
    pub fn start(&self, program: &str, arguments: &[&str]) -> Running {
        self.start_with(None, program, arguments)
    }

    fn start_with(&self, variable: Option<(&str, &str)>, program: &str, arguments: &[&str]) -> Running {
        let line = line_of(program, arguments);
        let mut command = self.command(program, arguments);
        Running::start(command.envs(variable), line)
    }

    /// One of the two programs with this site's folders.
    pub fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.build.program(program));
        command.args(arguments).current_dir(self.folder());
        command.env("THRONG_STATE_DIR", self.state_dir()).env("THRONG_AGENT_STATE_DIR", self.agent_state_dir());
        command.env("THRONG_RUN_DIR", &self.run_dir).env("THRONG_AGENT", self.build.program("throng-agent"));
        command.envs(self.variables.borrow().iter());
        command.envs(self.engine.iter().map(|socket| ("DOCKER_HOST", format!("unix://{}", socket.display()))));
        command
    }

    /// Gives both programs a further variable from now on.
    pub fn set_variable(&self, name: &str, value: &str) {
        self.variables.borrow_mut().insert(name.to_owned(), value.to_owned());
    }

    /// Writes the tiny scenario; the path.
    pub fn tiny(&self) -> String {
        tiny::write(self.folder(), &self.name)
    }

    /// Writes a file for the test; the path.
    pub fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder().join(name);
        fs::write(&path, text).expect("the site's folder can be written");
        path.display().to_string()
    }

    /// Brings the tiny scenario up; the cluster's id.
    pub fn up(&self) -> String {
        let scenario = self.tiny();
        let _ = self.throng(&["up", &scenario]).expect_code(0);
        self.cluster()
    }

    /// The only cluster's id.
    pub fn cluster(&self) -> String {
        let ps = self.ps();
        ps["cluster"].as_str().expect("`ps` names the cluster").to_owned()
    }

    /// `throng ps`.
    pub fn ps(&self) -> Value {
        self.throng(&["ps", "--format", "json"]).expect_code(0).json()
    }

    /// A node as `throng ps` has it.
    pub fn node(&self, name: &str) -> Value {
        let ps = self.ps();
        let found = nodes(&ps).iter().find(|node| node["node"] == name);
        found.unwrap_or_else(|| panic!("no node {name} in {ps:#}")).clone()
    }

    /// Waits until a role has so many nodes that are ready and seen, none more; what `ps` then says.
    pub fn wait_for_count(&self, role: &str, count: u64) -> Value {
        wait_for(&format!("{count} of {role}, ready and seen"), SETTLE_TIMEOUT, || {
            let ps = self.ps();
            let is_there = |found: &Value| {
                let same = |key: &str| found[key] == count;
                found["role"] == role && same("desired") && same("running") && same("ready") && same("seen")
            };
            let roles = ps["roles"].as_array();
            if roles.into_iter().flatten().any(is_there) { Ok(ps) } else { Err(format!("{ps:#}")) }
        })
    }

    /// Takes the only cluster down; nothing may be left.
    pub fn down(&self) {
        let _ = self.throng(&["down", "--yes"]).expect_code(0).expect_said(&["nothing left behind"]);
    }

    /// No process of this site's is left. What was asked to end is given a moment for its last words.
    pub fn expect_no_daemons(&self) {
        wait_for("every daemon ends", DAEMON_END_TIMEOUT, || {
            let living = host::processes(&self.mark);
            if living.is_empty() { Ok(()) } else { Err(format!("{living:#?}")) }
        });
    }

    /// The ends of the daemons' logs.
    pub fn daemon_logs(&self) -> String {
        let mut text = String::new();
        for folder in [self.state_dir(), self.agent_state_dir()] {
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                if entry.path().extension().is_some_and(|extension| extension == "log") {
                    let log = fs::read_to_string(entry.path()).unwrap_or_default();
                    let from = log.char_indices().rev().nth(4000).map_or(0, |(at, _)| at);
                    let _ = write!(text, "--- {}\n{}\n", entry.path().display(), &log[from..]);
                }
            }
        }
        text
    }
}

/// The nodes that `throng ps` lists.
pub fn nodes(ps: &Value) -> &[Value] {
    ps["nodes"].as_array().map_or(&[], Vec::as_slice)
}

/// By node: its first process.
pub fn pids(ps: &Value) -> BTreeMap<String, i32> {
    let pid = |node: &Value| Some((node["node"].as_str()?.to_owned(), i32::try_from(node["pid"].as_i64()?).ok()?));
    nodes(ps).iter().filter_map(pid).collect()
}
