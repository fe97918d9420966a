//! The command of an operation, what it changes, and whether what it said is so.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use super::step::Operation;
use crate::farm::{Farm, Problem, SIDE_CHANGE, SIDE_NODES, Wanted};
use crate::invariants::{Invariant, Violation};

/// The worker that the tests restart.
const RESTARTED: &str = "worker-0003";
/// How many workers begin anew in a rolling restart.
pub(super) const ROLLED: u32 = 3;
/// Where a copied file goes, in the site's folder.
const COPY: &str = "copied";

/// A command of an operation.
#[derive(Debug)]
pub(super) struct Command<'a> {
    /// Where.
    pub(super) farm: &'a Farm,
    /// What.
    pub(super) operation: Operation,
    /// What is there before it.
    pub(super) before: &'a Wanted,
    /// A word that no other command of the farm has.
    pub(super) token: String,
}

impl Command<'_> {
    /// The words after `throng`; none where nothing is done.
    pub(super) fn words(&self) -> Option<Vec<String>> {
        let cluster = self.farm.cluster.as_str();
        let side = self.farm.side_name();
        // Each time it runs it leaves a line; the last one says how many there are.
        let script = format!("echo >>/data/{token}; cat /data/name; wc -l </data/{token}", token = self.token);
        let (workers, rolled, source);
        let words = match self.operation {
            Operation::Side if self.before.side => vec!["down", &side, "--yes"],
            Operation::Side => vec!["up", "side.toml"],
            Operation::Scale(count) => {
                workers = format!("worker={count}");
                vec!["scale", &workers, "--cluster", cluster]
            }
            Operation::Exec => {
                vec!["exec", "worker", "--cluster", cluster, "--format", "json", "--", "sh", "-c", &script]
            }
            Operation::Test => vec!["test", "--cluster", cluster],
            Operation::Roll(first) => {
                rolled = format!("worker-[{first:04}-{:04}]", first + ROLLED - 1);
                vec!["restart", &rolled, "--rolling", "--max-down", "2", "--cluster", cluster]
            }
            Operation::Reset | Operation::Update(_) if !self.before.side => return None,
            Operation::Reset => vec!["reset", &side, "--yes"],
            Operation::Update(other) => {
                let change = if other { &SIDE_CHANGE[..] } else { &[] };
                [&["up", "side.toml"], change, &["--into", &side, "--max-down", "2"]].concat()
            }
            Operation::Copy(worker) => {
                source = format!("{}:/data/name", name(worker));
                vec!["cp", &source, COPY, "--cluster", cluster]
            }
            Operation::Rest => return None,
        };
        Some(words.into_iter().map(str::to_owned).collect())
    }

    /// What is to be there after it.
    pub(super) fn after(&self) -> Wanted {
        let mut wanted = self.before.clone();
        match self.operation {
            Operation::Side => wanted.side = !wanted.side,
            Operation::Scale(workers) => wanted.workers = workers,
            Operation::Test => wanted.touched.extend([RESTARTED.to_owned()]),
            Operation::Roll(first) => wanted.touched.extend((first..first + ROLLED).map(name)),
            Operation::Reset | Operation::Update(_) => wanted.touched.extend(SIDE_NODES.map(str::to_owned)),
            Operation::Exec | Operation::Copy(_) | Operation::Rest => {}
        }
        wanted
    }

    /// What is not so of that which it said. `once`: it ran only once.
    pub(super) fn check(&self, stdout: &str, once: bool) -> Vec<Problem> {
        let problems = match self.operation {
            Operation::Exec => self.check_outcomes(stdout, once),
            Operation::Copy(worker) => {
                let text = fs::read_to_string(self.farm.site.folder().join(COPY)).unwrap_or_default();
                let is_so = text == format!("{}\n", name(worker));
                if is_so { Vec::new() } else { vec![(Invariant::Outcomes, format!("a copied file is {text:?}"))] }
            }
            Operation::Side if !self.before.side => self.check_events(),
            Operation::Side
            | Operation::Scale(_)
            | Operation::Test
            | Operation::Roll(_)
            | Operation::Reset
            | Operation::Update(_)
            | Operation::Rest => Vec::new(),
        };
        let violation = |(invariant, seen)| Problem::Violation(Violation { invariant, seen });
        problems.into_iter().map(violation).collect()
    }

    /// One outcome for every worker, its own, and of one run.
    fn check_outcomes(&self, stdout: &str, once: bool) -> Vec<(Invariant, String)> {
        let mut outcomes: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for outcome in serde_json::Deserializer::from_str(stdout).into_iter::<Value>().flatten() {
            let text = |key: &str| outcome[key].as_str().unwrap_or_default().to_owned();
            outcomes.entry(text("node")).or_default().push(text("stdout"));
        }
        let mut wrong = Vec::new();
        for worker in (0..self.before.workers).map(name) {
            let said = outcomes.remove(&worker).unwrap_or_default();
            let [text] = &said[..] else {
                wrong.push((Invariant::Outcomes, format!("{worker} has {} outcomes: {said:?}", said.len())));
                continue;
            };
            let (own, runs) = text.trim_end().split_once('\n').unwrap_or_default();
            if own != worker || (once && runs.trim() != "1") {
                wrong.push((Invariant::Outcomes, format!("{worker} said {text:?}, not its name and that it ran once")));
            }
        }
        wrong.extend(outcomes.into_keys().map(|node| (Invariant::Outcomes, format!("{node} was not asked"))));
        wrong
    }

    /// The history knows of a cluster that came up.
    fn check_events(&self) -> Vec<(Invariant, String)> {
        let events = self.farm.site.throng(&["events", "--format", "json"]);
        let is_known = |side: &String| events.stdout.contains("cluster-up") && events.stdout.contains(side.as_str());
        match self.farm.side() {
            Some(side) if !is_known(&side) => {
                vec![(Invariant::Told, format!("no event says that {side} came up: {events}"))]
            }
            Some(_) | None => Vec::new(),
        }
    }
}

/// A worker's name.
pub(super) fn name(worker: u32) -> String {
    format!("worker-{worker:04}")
}
