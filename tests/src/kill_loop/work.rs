//! What goes on while a daemon dies: what must be there before, the command, and what must be there after.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use super::reach::Operation;
use crate::farm::daemons::{self, Daemon};
use crate::farm::{Farm, SIDE_CHANGE, SIDE_NODES, WORKERS, Wanted};
use crate::finished::{Running, line_of};
use crate::site::COMMAND_TIMEOUT;
use crate::wait::until;

/// The worker that the tests restart, and a command.
const RESTARTED: &str = "worker-0003";
/// Those that begin anew two at a time.
const ROLLED: [&str; 3] = ["worker-0003", "worker-0004", "worker-0005"];
/// Somebody is given a certificate, and loses it.
const ADMIT: [&str; 5] = ["operator", "add", "ann", "--out", "."];
const DISMISS: [&str; 4] = ["operator", "remove", "ann", "--yes"];

/// What keeps the second cluster from ever being up, so that its command can be broken off in its midst.
const NEVER_READY: &str = "role.pair.command=[\"sleep\", \"1000\"]";
/// What the command says then.
const UNDER_WAY: &str = "up pair";
/// How long until it says so.
const UNDER_WAY_TIMEOUT: Duration = Duration::from_secs(30);
/// The exit code of a command that was interrupted.
const INTERRUPTED: i32 = 130;

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
            Operation::Down | Operation::Reset | Operation::Update => {
                let _ = self.farm.site.throng_within(COMMAND_TIMEOUT * 2, &["up", "side.toml"]).expect_code(0);
            }
            Operation::Join => {
                daemons::kill(&self.farm.site, Daemon::Agent);
                fs::remove_dir_all(self.farm.site.agent_state_dir().join("identity")).expect("the agent has joined");
            }
            Operation::Lose => {
                daemons::kill(&self.farm.site, Daemon::Agent);
                for part in ["ledger.db", "ledger.db-wal", "ledger.db-shm"] {
                    // SQLite's own files are not always there.
                    let _ = fs::remove_file(self.farm.site.agent_state_dir().join(part));
                }
            }
            Operation::Estrange => {
                daemons::kill(&self.farm.site, Daemon::Agent);
                let ledger = self.farm.site.agent_state_dir().join("ledger.db");
                let ledger = rusqlite::Connection::open(ledger).expect("the agent has a ledger");
                let sql = "UPDATE document SET json = json_set(json, '$.fleet', 'fleet-another') WHERE name = 'spec'";
                assert_eq!(ledger.execute(sql, []).expect("the ledger can be written"), 1);
            }
            Operation::Dismiss => self.admit(),
            Operation::Up
            | Operation::Abort
            | Operation::Run
            | Operation::Grow
            | Operation::Shrink
            | Operation::Exec
            | Operation::Test
            | Operation::Restart
            | Operation::Roll
            | Operation::Admit
            | Operation::Begin => {}
        }
    }

    fn admit(self) {
        let _ = self.farm.site.throng(&ADMIT).expect_code(0);
    }

    /// The command; none where the daemon's own beginning is what goes on.
    fn words(self) -> Option<Vec<String>> {
        let base = self.farm.cluster.as_str();
        let side = self.farm.side().unwrap_or_else(|| self.farm.side_name());
        let words: Vec<&str> = match self.operation {
            Operation::Up | Operation::Join => vec!["up", "side.toml"],
            Operation::Abort => vec!["up", "side.toml", "--set", NEVER_READY],
            Operation::Down => vec!["down", &side, "--yes"],
            Operation::Run => vec!["run", "side.toml"],
            Operation::Grow => vec!["scale", "worker=18", "--cluster", base],
            Operation::Shrink => vec!["scale", "worker=13", "--cluster", base],
            Operation::Exec => vec!["exec", "worker", "--cluster", base, "--", "cat", "/data/name"],
            Operation::Test => vec!["test", "--cluster", base],
            Operation::Restart => vec!["restart", RESTARTED, "--cluster", base],
            Operation::Roll => {
                vec!["restart", "worker-[0003-0005]", "--rolling", "--max-down", "2", "--cluster", base]
            }
            Operation::Reset => vec!["reset", &side, "--yes"],
            Operation::Update => {
                [&["up", "side.toml"][..], &SIDE_CHANGE, &["--into", &side, "--max-down", "2"]].concat()
            }
            Operation::Admit => ADMIT.to_vec(),
            Operation::Dismiss => DISMISS.to_vec(),
            Operation::Begin | Operation::Lose | Operation::Estrange => return None,
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
        let running = Running::start(&mut command, line_of("throng", &words));
        if self.operation == Operation::Abort {
            let under_way = || if running.stderr().contains(UNDER_WAY) { Ok(()) } else { Err(()) };
            // One that comes to nothing says so by itself.
            if until(UNDER_WAY_TIMEOUT, under_way).is_ok() && running.is_running() {
                running.interrupt();
            }
        }
        Some(running)
    }

    /// The exit code with which its command ends rightly.
    pub(super) fn code(self) -> i32 {
        if self.operation == Operation::Abort { INTERRUPTED } else { 0 }
    }

    /// What must be there after it.
    pub(super) fn after(self) -> Wanted {
        let (workers, side) = match self.operation {
            Operation::Up | Operation::Join | Operation::Reset | Operation::Update => (WORKERS, true),
            Operation::Grow => (WORKERS + 2, false),
            Operation::Shrink => (WORKERS - 3, false),
            Operation::Down
            | Operation::Abort
            | Operation::Run
            | Operation::Exec
            | Operation::Test
            | Operation::Restart
            | Operation::Roll
            | Operation::Admit
            | Operation::Dismiss
            | Operation::Lose
            | Operation::Estrange
            | Operation::Begin => (WORKERS, false),
        };
        let touched: &[&str] = match self.operation {
            Operation::Test | Operation::Restart => &[RESTARTED],
            Operation::Roll => &ROLLED,
            Operation::Reset | Operation::Update => &SIDE_NODES,
            _ => &[],
        };
        let touched = touched.iter().map(|node| (*node).to_owned()).collect();
        Wanted { workers, side, touched, ..Wanted::default() }
    }

    /// The same once more: what is done already is no harm to do again. A second cluster of the same name would be
    /// another one, and one that is gone cannot be taken down.
    pub(super) fn again(self) {
        match self.operation {
            Operation::Up
            | Operation::Join
            | Operation::Down
            | Operation::Run
            | Operation::Dismiss
            | Operation::Lose
            | Operation::Estrange
            | Operation::Begin => {}
            Operation::Abort
            | Operation::Grow
            | Operation::Admit
            | Operation::Shrink
            | Operation::Exec
            | Operation::Test
            | Operation::Restart
            | Operation::Roll
            | Operation::Reset
            | Operation::Update => {
                let running = self.begin(None).expect("each of these has a command");
                let _ = running.end(COMMAND_TIMEOUT * 2).expect_code(self.code());
            }
        }
    }

    /// Puts everything back to what it is between rounds.
    pub(super) fn undo(self) {
        let site = &self.farm.site;
        match self.operation {
            Operation::Up | Operation::Join | Operation::Reset | Operation::Update => {
                let _ = site.throng(&["down", &self.farm.side_name(), "--yes"]).expect_code(0);
            }
            Operation::Grow | Operation::Shrink => {
                let workers = format!("worker={WORKERS}");
                let _ = site.throng(&["scale", &workers, "--cluster", &self.farm.cluster]).expect_code(0);
            }
            Operation::Admit => _ = site.throng(&DISMISS).expect_code(0),
            Operation::Dismiss
            | Operation::Abort
            | Operation::Estrange
            | Operation::Lose
            | Operation::Down
            | Operation::Run
            | Operation::Exec
            | Operation::Test
            | Operation::Restart
            | Operation::Roll
            | Operation::Begin => {}
        }
    }

    /// The same once more: what is gone is said to be gone, and what is as it should be stays.
    pub(super) fn undo_again(self) {
        match self.operation {
            Operation::Up
            | Operation::Abort
            | Operation::Join
            | Operation::Down
            | Operation::Run
            | Operation::Reset
            | Operation::Update => {
                let down = self.farm.site.throng(&["down", &self.farm.side_name(), "--yes"]).expect_code(2);
                let _ = down.expect_said(&[&self.farm.side_name()]);
            }
            Operation::Grow | Operation::Shrink => self.undo(),
            // Nobody of that name is left.
            Operation::Admit | Operation::Dismiss => _ = self.farm.site.throng(&DISMISS).expect_code(2),
            Operation::Lose
            | Operation::Estrange
            | Operation::Exec
            | Operation::Test
            | Operation::Restart
            | Operation::Roll
            | Operation::Begin => {}
        }
    }

    /// The nodes that are new after [`Self::undo`].
    pub(super) fn renewed(self) -> BTreeSet<String> {
        let new = if self.operation == Operation::Shrink { WORKERS - 3..WORKERS } else { 0..0 };
        new.map(|index| format!("worker-{index:04}")).chain(self.after().touched).collect()
    }
}
