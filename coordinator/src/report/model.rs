//! The report of a run, as `report.json` holds it. Documented for people in `docs/results.md`.
//!
//! Times are milliseconds; moments are milliseconds since 1970 by the coordinator's clock.

use serde::{Deserialize, Serialize};
use throng_common::ids::{ClusterId, HostId, RoleName, RunId};
use throng_common::scenario::figure::Figure;
use throng_common::status::{Residue, UnixMillis};
use throng_common::verdict::{Outcome, Verdict};

use super::load::HostLoad;

/// The version of this document. It grows; a key that is there keeps its meaning.
pub const REPORT_FORMAT: u32 = 1;

/// Everything that a run came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunReport {
    /// The version of this document: [`REPORT_FORMAT`].
    pub format: u32,
    /// The run.
    pub run: RunId,
    /// The scenario's name.
    pub scenario: String,
    /// The cluster that it ran on.
    pub cluster: ClusterId,
    /// What every random draw was made from: the same seed draws the same nodes.
    pub seed: u64,
    /// When the run began.
    pub started_at: UnixMillis,
    /// How long all of it took.
    pub took_millis: u64,
    /// The folder of its artefacts, on the coordinator's machine.
    #[serde(default)]
    pub folder: String,
    /// What was run by what.
    pub versions: Versions,
    /// The hosts.
    pub hosts: Vec<HostReport>,
    /// The roles.
    pub roles: Vec<RoleReport>,
    /// The images of container roles.
    pub images: Vec<ImageReport>,
    /// The plan's file in the run's folder.
    pub plan: String,
    /// What was done, in order, tests and teardown included.
    pub phases: Vec<PhaseReport>,
    /// The tests that were begun, in order.
    pub tests: Vec<TestReport>,
    /// The tests that were not.
    pub not_run: Vec<NotRun>,
    /// The metrics with all samples.
    pub metrics: Vec<MetricReport>,
    /// How the run came to its end.
    pub ending: Ending,
    /// What became of the cluster.
    pub teardown: Teardown,
    /// What all of it amounts to. See [`super::outcome::outcome`].
    pub outcome: Outcome,
}

/// What was run by what.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    /// throng's version.
    pub throng: String,
    /// throng's build: version and commit.
    pub build: String,
}

/// A host, as it was when the run began, and what it went through.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HostReport {
    /// The host.
    pub host: HostId,
    /// The machine's own name.
    pub hostname: String,
    /// Its kernel.
    pub kernel: String,
    /// Its container engine with version; none where there is none.
    pub engine: Option<String>,
    /// Its cores.
    pub cpu_cores: u32,
    /// Its memory.
    pub memory_total_bytes: u64,
    /// How many nodes lay on it.
    pub nodes: u32,
    /// Its load during the run; none where it was not watched.
    #[serde(default)]
    pub load: Option<HostLoad>,
}

/// A role of the run. A peak is that of one node, whichever had it; none where it was not measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoleReport {
    /// The role.
    pub role: RoleName,
    /// How many nodes it had at the end.
    pub nodes: u32,
    /// The most memory that one of its nodes was seen to use, ramdisk included.
    pub peak_memory_bytes: Option<u64>,
    /// The most anonymous memory.
    #[serde(default)]
    pub peak_anonymous_bytes: Option<u64>,
    /// The most pages of its ramdisks.
    #[serde(default)]
    pub peak_ramdisk_bytes: Option<u64>,
    /// The most kernel memory.
    #[serde(default)]
    pub peak_kernel_bytes: Option<u64>,
    /// The most cores.
    #[serde(default)]
    pub peak_cpu_cores: Option<f64>,
    /// CPU time that a start took until the node was ready: the median of those that the run watched.
    #[serde(default)]
    pub start_cpu_millis: Option<u64>,
    /// How long the node waited that waited longest because of its CPU limit.
    #[serde(default)]
    pub throttled_millis: Option<u64>,
    /// Processes of all its nodes that the kernel killed for memory.
    #[serde(default)]
    pub oom_kills: Option<u64>,
    /// What its ramdisks together may hold.
    #[serde(default)]
    pub ramdisk_max_bytes: Option<u64>,
    /// The node's limit; none where it has none.
    pub memory_limit_bytes: Option<u64>,
    /// A limit that would have done, with a reserve.
    #[serde(default)]
    pub proposed_limit_bytes: Option<u64>,
}

/// An image that nodes of a role ran. A role has several where its hosts have different ones under the same name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageReport {
    /// The role that uses it.
    pub role: RoleName,
    /// Its name.
    pub image: String,
    /// Its id, as the engine knows it; empty where no node ran.
    pub digest: String,
    /// Its digest in the registry that it came from.
    #[serde(default)]
    pub repo_digest: Option<String>,
}

/// One thing done, with its duration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseReport {
    /// What: `plan`, `image`, `up worker`, `tests`, `down`, `audit` …
    pub phase: String,
    /// How long.
    pub took_millis: u64,
    /// Whether it succeeded.
    pub ok: bool,
    /// What there is to say of it; may be empty.
    pub detail: String,
}

/// A test that was begun.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TestReport {
    /// The claim.
    pub name: String,
    /// What it came to; none: it was interrupted.
    pub verdict: Option<Verdict>,
    /// Of an INVALID or SUSPECT one, in a line that can be checked, what the host suffered from; else empty.
    #[serde(default)]
    pub evidence: String,
    /// Why it is expected to fail; none: it is expected to pass.
    pub known_failure: Option<String>,
    /// When it began.
    pub started_at: UnixMillis,
    /// How long it took, setup and teardown included.
    pub took_millis: u64,
    /// How often its steps were run, the failed repetition included.
    pub repetitions: u32,
    /// Setup, the steps of the last repetition, and teardown, in the order in which they were run.
    pub steps: Vec<StepReport>,
    /// What ended the test from outside its steps: its timeout; empty if nothing did.
    pub ended_by: String,
    /// Files in the run's folder that belong to its failure.
    pub artefacts: Vec<String>,
}

/// To which part of a test a step belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// Before the test.
    Setup,
    /// The test itself.
    Step,
    /// After the test, whatever happened.
    Teardown,
}

impl Part {
    /// The word for people and for file names.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Setup => "setup",
            Self::Step => "step",
            Self::Teardown => "teardown",
        }
    }
}

/// A step that was run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepReport {
    /// The part of the test.
    pub part: Part,
    /// Its place there, from 1; `2.1` is the first of the steps that step 2 runs in parallel.
    pub number: String,
    /// What it does, in few words.
    pub title: String,
    /// When it began.
    pub started_at: UnixMillis,
    /// How long it took, with all attempts and repetitions.
    pub took_millis: u64,
    /// The most attempts that one node needed.
    pub attempts: u32,
    /// How often it was run.
    pub repetitions: u32,
    /// How many nodes it concerned.
    pub nodes: u32,
    /// Whether it held.
    pub held: bool,
    /// What did not hold, folded: nodes with equal outcomes under one node set.
    pub failures: Vec<Failure>,
    /// What a person may want to know: the nodes that were drawn, what was measured.
    pub notes: Vec<String>,
    /// Files in the run's folder.
    pub artefacts: Vec<String>,
    /// Figures that it recorded.
    #[serde(default)]
    pub recorded: Vec<Recorded>,
    /// The steps that it ran in parallel.
    pub steps: Vec<StepReport>,
}

/// A figure that a step recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// Its name.
    pub name: String,
    /// The figure.
    pub value: Figure,
    /// What it is shown against.
    pub at: Option<RecordedAt>,
}

/// What a figure is shown against: how many workers there were, for instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedAt {
    /// Of what.
    pub of: String,
    /// How much.
    pub value: Figure,
}

/// One way in which a step did not hold, with the nodes that it happened on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The nodes as a node set; empty where the step concerns the cluster as a whole.
    pub nodes: String,
    /// How many nodes those are.
    pub count: u32,
    /// In what way.
    pub cause: Cause,
    /// One line: what was got, and what was expected.
    pub message: String,
    /// Excerpts of what one of the nodes said, several lines; may be empty.
    pub detail: String,
}

/// In what way something did not hold.
///
/// The difference matters for verdicts: only what [`Cause::is_lateness`] may ever be blamed on a slow machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// An answer came, and it is wrong.
    WrongValue,
    /// Answers came, and none was right before the time was over.
    NotInTime,
    /// An attempt was cut off by its timeout.
    TimedOut,
    /// Nothing answered.
    NoAnswer,
    /// Throng itself lost the host: that says nothing of the system under test.
    HostLost,
    /// The step itself cannot be run: the scenario's mistake, not the system's.
    Mistake,
}

impl Cause {
    /// Whether it may be a matter of speed rather than of truth.
    pub const fn is_lateness(self) -> bool {
        self.excuse() > 0
    }

    /// How far it may be excused: nothing excuses 0, and the last needs no pressure.
    pub const fn excuse(self) -> u8 {
        match self {
            Self::WrongValue | Self::Mistake => 0,
            Self::NotInTime | Self::TimedOut | Self::NoAnswer => 1,
            Self::HostLost => 2,
        }
    }

    /// The word in reports.
    pub const fn word(self) -> &'static str {
        match self {
            Self::WrongValue => "wrong-value",
            Self::NotInTime => "not-in-time",
            Self::TimedOut => "timed-out",
            Self::NoAnswer => "no-answer",
            Self::HostLost => "host-lost",
            Self::Mistake => "mistake",
        }
    }
}

/// A test that was not begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotRun {
    /// The claim.
    pub name: String,
    /// Why not.
    pub why: WhyNotRun,
}

/// Why a test was not begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WhyNotRun {
    /// Its name does not match what was asked for.
    Filtered,
    /// The run was interrupted before it.
    Interrupted,
    /// The cluster did not come up.
    NoCluster,
    /// The coordinator ended: whether it was begun, and what it came to, is not known.
    LeftOff,
}

impl WhyNotRun {
    /// The words for people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Filtered => "left out by --test",
            Self::Interrupted => "interrupted before it",
            Self::NoCluster => "the cluster did not come up",
            Self::LeftOff => "the coordinator ended in the midst of the run",
        }
    }
}

/// A metric over the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricReport {
    /// Its name.
    pub name: RoleName,
    /// Its unit; may be empty.
    pub unit: String,
    /// Its figures; none where no sample succeeded.
    pub summary: Option<Summary>,
    /// The samples, oldest first. A long run's are thinned out evenly; the summary's extremes are of all.
    pub samples: Vec<MetricSample>,
    /// How often sampling failed.
    pub failed: u64,
    /// What the failures said, each once, the first few.
    pub errors: Vec<String>,
}

/// The figures of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// How many samples.
    pub count: u64,
    /// The least.
    pub min: Figure,
    /// The middle one.
    pub median: Figure,
    /// The most.
    pub max: Figure,
    /// The last.
    pub last: Figure,
}

/// One sample of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MetricSample {
    /// When it was asked for.
    pub at: UnixMillis,
    /// The figure.
    pub value: Figure,
}

/// How a run came to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "end")]
pub enum Ending {
    /// All its tests were run.
    Completed,
    /// The operator interrupted it.
    Interrupted,
    /// Too few nodes came up.
    QuorumNotMet {
        /// Who is missing and why.
        detail: String,
    },
    /// Something else stood in the way: hosts, images, the agents' links.
    Broken {
        /// What, and what to do about it.
        detail: String,
    },
    /// The coordinator ended in the midst of it, and the next one only took down what it had brought up.
    LeftOff {
        /// What is not known now.
        detail: String,
    },
}

impl Ending {
    /// What is to be said of it; empty where it speaks for itself.
    pub fn detail(&self) -> &str {
        match self {
            Self::Completed | Self::Interrupted => "",
            Self::QuorumNotMet { detail } | Self::Broken { detail } | Self::LeftOff { detail } => detail,
        }
    }
}

/// What became of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum Teardown {
    /// It is gone, and the audit found nothing.
    Clean,
    /// It is gone, and the audit found this.
    Residue {
        /// What was left, host by host.
        residues: Vec<ResidueReport>,
    },
    /// It was kept, as asked.
    Kept {
        /// What to type next, one command a line.
        commands: Vec<String>,
    },
    /// The audit could not be done, so nobody knows.
    Unknown {
        /// Why.
        detail: String,
    },
}

/// Something left behind on a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResidueReport {
    /// The host.
    pub host: HostId,
    /// What.
    #[serde(flatten)]
    pub residue: Residue,
}
