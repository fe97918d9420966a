//! What came of all steps: how many of what.

use std::collections::BTreeMap;
use std::fmt;

use super::player::Played;
use super::step::Step;

/// What came of all steps.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    operations: BTreeMap<&'static str, Row>,
    troubles: BTreeMap<&'static str, Row>,
    /// Steps that were played.
    pub steps: u64,
    /// What did not hold, with its step.
    pub problems: Vec<String>,
    /// Problems outside any step.
    pub others: Vec<String>,
}

#[derive(Debug, Clone, Default)]
struct Row {
    steps: u32,
    hits: u32,
    problems: usize,
}

impl Tally {
    /// Counts a step.
    pub(super) fn count(&mut self, step: &Step, played: &Played) {
        let rows = [
            self.operations.entry(step.operation.name()).or_default(),
            self.troubles.entry(step.trouble.name()).or_default(),
        ];
        for row in rows {
            row.steps += 1;
            row.hits += u32::from(played.hit);
            row.problems += played.problems.len();
        }
        self.steps += 1;
        self.problems.extend(played.problems.iter().map(|problem| format!("{step}: {problem}")));
    }

    /// Whether everything held.
    pub fn is_good(&self) -> bool {
        self.problems.is_empty() && self.others.is_empty()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:28} {:>6} {:>10}", "OPERATION", "STEPS", "VIOLATIONS")?;
        for (name, Row { steps, problems, .. }) in &self.operations {
            writeln!(f, "{name:28} {steps:>6} {problems:>10}")?;
        }
        writeln!(f, "{:28} {:>6} {:>10} {:>9}", "WHAT WENT WRONG", "STEPS", "VIOLATIONS", "TOOK HOLD")?;
        for (name, Row { steps, problems, hits }) in &self.troubles {
            writeln!(f, "{name:28} {steps:>6} {problems:>10} {hits:>9}")?;
        }
        writeln!(f, "{:28} {:>6} {:>10}", "all", self.steps, self.problems.len() + self.others.len())?;
        for problem in &self.problems {
            writeln!(f, "VIOLATION {problem}")?;
        }
        for other in &self.others {
            writeln!(f, "in the end: {other}")?;
        }
        Ok(())
    }
}
