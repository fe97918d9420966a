//! What goes on while a daemon dies: what must be there before, the command, and what must be there after.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use serde_json::Value;

use super::daemons::{self, status};
use super::farm::{Farm, WORKERS, ready};
use super::reach::{Daemon, Operation};
use crate::finished::{Finished, Running};
use crate::site::COMMAND_TIMEOUT;

/// The worker that the tests restart.
const RESTARTED: &str = "worker-0003";
/// How long the command may take in all, whatever dies meanwhile.
const WORK_TIMEOUT: Duration = Duration::from_secs(150);

/// One operation on a farm.
#[derive(Debug, Clone, Copy)]
pub(super) struct Work<'a> {
    farm: &'a Farm,
    operation: Operation,
}

/// What must be there after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct After {
    /// Workers of the first cluster.
    pub(super) workers: u32,
    /// Whether the second cluster is up.
    pub(super) side: bool,
    /// Nodes that may be other processes than before.
    pub(super) touched: BTreeSet<String>,
}

impl<'a> Work<'a> {
    /// This operation on this farm.
    pub(super) fn new(farm: &'a Farm, operation: Operation) -> Self {
        Self { farm, operation }
    }

    /// Makes what must be there before it.
    pub(super) fn prepare(self) {
        match self.operation {
            Operation::Down => {
                let _ = self.farm.site.throng_within(COMMAND_TIMEOUT * 2, &["up", "side.toml"]).expect_code(0);
            }
            Operation::Join => {
                daemons::kill(&self.farm.site, Daemon::Agent);
                fs::remove_dir_all(self.farm.site.agent_state_dir().join("identity")).expect("the agent has joined");
            }
            Operation::Up
            | Operation::Run
            | Operation::Grow
            | Operation::Shrink
            | Operation::Exec
            | Operation::Test
            | Operation::Begin => {}
        }
    }

    /// The command; none where the daemon's own beginning is what goes on.
    fn words(self) -> Option<Vec<String>> {
        let base = self.farm.cluster.as_str();
        let side = self.side().unwrap_or_else(|| self.farm.side_name());
        let words: Vec<&str> = match self.operation {
            Operation::Up | Operation::Join => vec!["up", "side.toml"],
            Operation::Down => vec!["down", &side, "--yes"],
            Operation::Run => vec!["run", "side.toml"],
            Operation::Grow => vec!["scale", "worker=18", "--cluster", base],
            Operation::Shrink => vec!["scale", "worker=13", "--cluster", base],
            Operation::Exec => vec!["exec", "worker", "--cluster", base, "--", "cat", "/data/name"],
            Operation::Test => vec!["test", "--cluster", base],
            Operation::Begin => return None,
        };
        Some(words.into_iter().map(str::to_owned).collect())
    }

    /// Begins the command. `arms` are for daemons that it starts itself.
    pub(super) fn begin(self, arms: Option<&str>) -> Option<Running> {
        let words = self.words()?;
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut command = self.farm.site.command("throng", &words);
        if let Some(arms) = arms {
            command.env("FAILPOINTS", arms);
        }
        Some(Running::start(&mut command, format!("throng {}", words.join(" "))))
    }

    /// Waits for the command's end. One that failed must have printed the command that resumes it.
    pub(super) fn finish(self, running: Running) -> Result<(), String> {
        let mut finished = running.end(WORK_TIMEOUT);
        for _ in 0..3 {
            if finished.code == Some(0) {
                return Ok(());
            }
            let Some(words) = printed(&finished) else { break };
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            finished = self.farm.site.throng_within(WORK_TIMEOUT, &words);
        }
        Err(format!("did not end rightly, nor print what resumes it: {finished}"))
    }

    /// What must be there after it.
    pub(super) fn after(self) -> After {
        let (workers, side) = match self.operation {
            Operation::Up | Operation::Join => (WORKERS, true),
            Operation::Grow => (WORKERS + 2, false),
            Operation::Shrink => (WORKERS - 3, false),
            Operation::Down | Operation::Run | Operation::Exec | Operation::Test | Operation::Begin => (WORKERS, false),
        };
        let restarts = self.operation == Operation::Test;
        After { workers, side, touched: restarts.then(|| RESTARTED.to_owned()).into_iter().collect() }
    }

    /// Puts everything back to what it is between rounds.
    pub(super) fn undo(self) {
        let site = &self.farm.site;
        match self.operation {
            Operation::Up | Operation::Join => {
                let _ = site.throng(&["down", &self.farm.side_name(), "--yes"]).expect_code(0);
            }
            Operation::Grow | Operation::Shrink => {
                let workers = format!("worker={WORKERS}");
                let _ = site.throng(&["scale", &workers, "--cluster", &self.farm.cluster]).expect_code(0);
            }
            Operation::Down | Operation::Run | Operation::Exec | Operation::Test | Operation::Begin => {}
        }
    }

    /// The nodes that are new after [`Self::undo`].
    pub(super) fn renewed(self) -> BTreeSet<String> {
        let new = if self.operation == Operation::Shrink { WORKERS - 3..WORKERS } else { 0..0 };
        new.map(|index| format!("worker-{index:04}")).chain(self.after().touched).collect()
    }

    /// The second cluster's id; none where there is none.
    pub(super) fn side(self) -> Option<String> {
        let status = status(&self.farm.site)?;
        let clusters = status["clusters"].as_array()?;
        let side = clusters.iter().find(|cluster| cluster["scenario"] == self.farm.side_name().as_str())?;
        Some(side["cluster"].as_str()?.to_owned())
    }

    /// Whether throng itself says that all has come to rest as it should; what it says instead.
    pub(super) fn at_rest(self, after: &After) -> Result<(), String> {
        let workers = usize::try_from(after.workers).expect("workers are few");
        let counts = [(Some(self.farm.cluster.clone()), 5 + workers), (self.side().filter(|_| after.side), 5)];
        for (cluster, count) in counts.iter().filter_map(|(cluster, count)| Some((cluster.as_ref()?, *count))) {
            let finished = self.farm.site.throng(&["ps", "--cluster", cluster, "--format", "json"]);
            if finished.code != Some(0) || ready(&finished.json()) != count {
                return Err(format!("{count} nodes of {cluster} should be ready: {finished}"));
            }
        }
        let status = status(&self.farm.site).ok_or("no coordinator answers")?;
        let all =
            |key: &str, holds: &dyn Fn(&Value) -> bool| status[key].as_array().is_some_and(|all| all.iter().all(holds));
        if !all("hosts", &|host| host["connected"] == true && host["settled"] == true) {
            return Err(format!("hosts: {}", status["hosts"]));
        }
        if !all("operations", &|operation| operation["ended"] == true) {
            return Err(format!("operations: {}", status["operations"]));
        }
        let clusters = 1 + usize::from(after.side);
        if status["clusters"].as_array().map_or(0, Vec::len) != clusters
            || !all("clusters", &|cluster| cluster["state"] == "up")
        {
            let seen: Vec<_> = status["clusters"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|cluster| (&cluster["cluster"], &cluster["state"]))
                .collect();
            return Err(format!("{clusters} clusters should be up: {seen:?}"));
        }
        Ok(())
    }
}

/// The last command that a failed one printed, by its words.
fn printed(finished: &Finished) -> Option<Vec<String>> {
    let program = crate::programs::Build::Killable.program("throng").display().to_string();
    let line = finished.stderr.lines().rev().find_map(|line| line.split_once(&program))?.1.to_owned();
    let command = line.split('`').next().unwrap_or_default();
    Some(command.split_whitespace().map(str::to_owned).collect())
}
