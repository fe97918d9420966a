//! What goes on while a daemon dies: what must be there before, the command, and what must be there after.

use std::collections::BTreeSet;
use std::fs;

use super::reach::Operation;
use crate::farm::daemons::{self, Daemon};
use crate::farm::{Farm, WORKERS, Wanted};
use crate::finished::{Running, line_of};
use crate::site::COMMAND_TIMEOUT;

/// The worker that the tests restart.
const RESTARTED: &str = "worker-0003";
/// One operation on a farm.
#[derive(Debug, Clone, Copy)]
pub(super) struct Work<'a> {
    farm: &'a Farm,
    operation: Operation,
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
        let side = self.farm.side().unwrap_or_else(|| self.farm.side_name());
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
        Some(Running::start(&mut command, line_of("throng", &words)))
    }

    /// What must be there after it.
    pub(super) fn after(self) -> Wanted {
        let (workers, side) = match self.operation {
            Operation::Up | Operation::Join => (WORKERS, true),
            Operation::Grow => (WORKERS + 2, false),
            Operation::Shrink => (WORKERS - 3, false),
            Operation::Down | Operation::Run | Operation::Exec | Operation::Test | Operation::Begin => (WORKERS, false),
        };
        let restarts = self.operation == Operation::Test;
        let touched = restarts.then(|| RESTARTED.to_owned()).into_iter().collect();
        Wanted { workers, side, touched, ..Wanted::default() }
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
}
