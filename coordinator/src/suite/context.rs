//! What every step of a run shares, and where in the run a step stands.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use throng_common::ids::NodeName;
use throng_common::scenario::model::Scenario;
use throng_common::scenario::steps::Step;

use super::clock::RunClock;
use super::expect::Miss;
use super::fold;
use super::ops::ClusterOps;
use super::sampler::Sampler;
use crate::measure::Recording;
use crate::operation::EventSink;
use crate::planner::texts::Saved;
use crate::report::folder::RunFolder;
use crate::report::model::{Failure, Part, StepReport};

/// How long one attempt may take where the step does not say.
pub(super) const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);

/// What every step of a run shares.
pub(super) struct Context<'a> {
    /// The scenario.
    pub(super) scenario: &'a Scenario,
    /// The cluster.
    pub(super) ops: &'a dyn ClusterOps,
    /// The metrics.
    pub(super) sampler: &'a Sampler,
    /// The run's folder.
    pub(super) folder: &'a RunFolder,
    /// The executable that programs find as `THRONG_BIN`.
    pub(super) throng_bin: &'a PathBuf,
    /// Further variables for programs.
    pub(super) environment: &'a BTreeMap<String, String>,
    /// What draws are made from.
    pub(super) seed: u64,
    /// The clock.
    pub(super) clock: RunClock,
    /// What is known of hosts and nodes.
    pub(super) recording: &'a Recording,
    /// Where events go.
    pub(super) events: &'a dyn EventSink,
    /// How many more nodes' logs the run keeps.
    pub(super) log_budget: AtomicUsize,
}

/// Where in a run a step stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place<'a> {
    /// The test's claim.
    pub(super) test: &'a str,
    /// The test's place in the scenario, from 1.
    pub(super) test_number: usize,
    /// The part of the test.
    pub(super) part: Part,
    /// The step's number: `2`, or `2.1` inside a parallel step.
    pub(super) number: String,
    /// The repetition of the test and of the step, from 1.
    pub(super) repetition: (u32, u32),
}

impl Place<'_> {
    /// What a draw here depends on, together with the seed.
    pub(super) fn draw_key(&self) -> String {
        let (of_test, of_step) = self.repetition;
        format!("{}\n{}\n{}\n{of_test}\n{of_step}", self.test, self.part.word(), self.number)
    }

    /// A file name's beginning that tells the step.
    pub(super) fn file_stem(&self) -> String {
        format!("{:02}-{}-{}-{}", self.test_number, slug(self.test), self.part.word(), self.number)
    }
}

/// A text as a part of a file name: at most 40 of a-z, 0-9 and '-'.
pub(super) fn slug(text: &str) -> String {
    let mut slug = String::new();
    for letter in text.chars().map(|letter| letter.to_ascii_lowercase()) {
        match letter {
            'a'..='z' | '0'..='9' => slug.push(letter),
            _ if slug.is_empty() || slug.ends_with('-') => {}
            _ => slug.push('-'),
        }
        if slug.len() >= 40 {
            break;
        }
    }
    slug.trim_end_matches('-').to_owned()
}

/// What a step came to.
#[derive(Debug, Default)]
pub(super) struct StepResult {
    /// The most attempts that one node needed.
    pub(super) attempts: u32,
    /// How many nodes it concerned.
    pub(super) nodes: u32,
    /// What did not hold.
    pub(super) failures: Vec<Failure>,
    /// The nodes that it did not hold on.
    pub(super) failing: Vec<NodeName>,
    /// What a person may want to know.
    pub(super) notes: Vec<String>,
    /// Files in the run's folder.
    pub(super) artefacts: Vec<String>,
    /// Values for later steps.
    pub(super) saved: Saved,
    /// The steps that it ran in parallel.
    pub(super) steps: Vec<StepReport>,
}

impl StepResult {
    /// A step that failed as a whole.
    pub(super) fn failed(miss: Miss) -> Self {
        Self { attempts: 1, failures: vec![fold::whole(miss)], ..Self::default() }
    }

    /// A step on nodes of which some failed.
    pub(super) fn on_nodes(nodes: usize, misses: BTreeMap<NodeName, Miss>) -> Self {
        let failing = misses.keys().cloned().collect();
        Self { attempts: 1, nodes: fold::count(nodes), failures: fold::fold(misses), failing, ..Self::default() }
    }

    /// Adds what the step keeps, or why it cannot.
    pub(super) fn save(&mut self, saved: Result<Saved, super::save::SaveError>) {
        match saved {
            Ok(saved) => self.saved = saved,
            Err(error) => {
                let miss = Miss::new(crate::report::model::Cause::WrongValue, error.to_string());
                self.failures.push(fold::whole(miss));
            }
        }
    }

    /// Whether it held.
    pub(super) fn held(&self) -> bool {
        self.failures.is_empty() && self.steps.iter().all(|step| step.held)
    }
}

/// How long one attempt of a step may take.
pub(super) fn attempt_timeout(step: &Step) -> Duration {
    step.timeout.map_or(ATTEMPT_TIMEOUT, |timeout| timeout.0)
}
