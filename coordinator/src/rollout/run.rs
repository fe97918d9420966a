//! A whole run: up, tests, report, down, audit.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use regex::Regex;
use throng_common::ids::{ClusterId, HostId, NodeName, RoleName, RunId};
use throng_common::scenario::model::Scenario;
use throng_common::status::{NodePhase, UnixMillis};
use throng_common::verdict::{Outcome, Verdict};
use throng_failpoints::{Point, hit};

use super::failure::RolloutError;
use super::take_down::TornDown;
use crate::clock;
use crate::cluster::LiveCluster;
use crate::core::{Core, LiveOps};
use crate::image::Supplier;
use crate::measure::Recording;
use crate::operation::{NoteLevel, OperationEvent, OperationHandle};
use crate::report::folder::{PLAN_FILE, RunFolder, TRACE_FILE};
use crate::report::memory::proposed_limit;
use crate::report::model::{
    Ending, HostReport, ImageReport, NotRun, PhaseReport, REPORT_FORMAT, ResidueReport, RoleReport, RunReport,
    Teardown, Versions, WhyNotRun,
};
use crate::report::outcome::outcome;
use crate::report::trace::{PhaseSpan, trace};
use crate::store::{RunCounts, RunRecord, StoreError};
use crate::suite::RunClock;
use crate::suite::engine::{self, RunOptions, RunResult};

/// What is wanted of a run.
#[derive(Debug, Clone)]
pub struct RunWish {
    /// Its id.
    pub run: RunId,
    /// Only tests whose name matches.
    pub tests: Option<Regex>,
    /// Seeds every random draw.
    pub seed: u64,
}

impl RunWish {
    /// The regular expression of its tests.
    pub(super) fn pattern(&self) -> Option<String> {
        self.tests.as_ref().map(|tests| tests.as_str().to_owned())
    }
}

/// A run under way: what its report will hold.
pub(super) struct RunLog {
    pub(super) wish: RunWish,
    pub(super) folder: RunFolder,
    began: Instant,
    /// How long it had been under way before this life.
    before: Duration,
    started_at: UnixMillis,
    scenario: Scenario,
    recording: Arc<Recording>,
    cluster: ClusterId,
    pub(super) result: RunResult,
}

impl RunLog {
    /// Begins a run of this cluster: it has its folder from now on, and hosts are watched closely.
    pub(super) fn begin(
        core: &Core,
        wish: RunWish,
        cluster: &ClusterId,
        scenario: &Scenario,
    ) -> Result<Self, RolloutError> {
        engine::check_filter(scenario, wish.tests.as_ref())?;
        let folder = RunFolder::create(core.state.run_dir(&wish.run))?;
        hit(Point::RunFolderMade);
        let not_run = scenario.test.iter().map(|test| NotRun { name: test.name.clone(), why: WhyNotRun::NoCluster });
        let result = RunResult { tests: vec![], not_run: not_run.collect(), metrics: vec![], interrupted: false };
        let (began, started_at) = (Instant::now(), clock::now());
        let recording = core.measurements.begin(cluster.clone(), RunClock::start(started_at));
        let (scenario, cluster) = (scenario.clone(), cluster.clone());
        Ok(Self { wish, folder, began, before: Duration::ZERO, started_at, scenario, recording, cluster, result })
    }

    /// The log of a run that a former life of the coordinator began at that time.
    pub(super) fn of_former_life(self, started_at: UnixMillis) -> Self {
        let before = Duration::from_millis(clock::now().0.saturating_sub(started_at.0));
        let mut log = Self { before, started_at, ..self };
        for test in &mut log.result.not_run {
            let is_left_out = log.wish.tests.as_ref().is_some_and(|wanted| !wanted.is_match(&test.name));
            test.why = if is_left_out { WhyNotRun::Filtered } else { WhyNotRun::LeftOff };
        }
        log
    }

    /// Runs the tests.
    pub(super) async fn test(
        &mut self,
        core: &Arc<Core>,
        cluster: &Arc<LiveCluster>,
        operation: &OperationHandle,
    ) -> Result<(), RolloutError> {
        let options = self.options(core);
        // What was seen of nodes before the run began is not said again.
        cluster.heard().iter().for_each(|(host, status)| self.recording.node_seen(host, status));
        let ops = Arc::new(LiveOps::new(Arc::clone(core), Arc::clone(cluster)));
        let phase = operation.phase(engine::PHASE, 0);
        let scenario = cluster.record().scenario.clone();
        let result = engine::run(&scenario, ops, options, operation, operation.cancelled().clone()).await;
        match &result {
            Ok(result) => drop(phase.end(went_well(result), told(result))),
            Err(_) => drop(phase.end(false, "")),
        }
        hit(Point::RunTested);
        self.result = result?;
        Ok(())
    }

    fn options(&self, core: &Core) -> RunOptions {
        let state_dir = ("THRONG_STATE_DIR".to_owned(), core.state.root().display().to_string());
        RunOptions {
            tests: self.wish.tests.clone(),
            seed: self.wish.seed,
            folder: self.folder.clone(),
            environment: std::collections::BTreeMap::from([state_dir]),
            throng_bin: std::env::current_exe().unwrap_or_else(|_| PathBuf::from("throng")),
            recording: Arc::clone(&self.recording),
        }
    }

    /// How the run came to its end.
    pub(super) fn ending(&self, failure: Option<&RolloutError>) -> Ending {
        match failure {
            Some(error) => ending_of(error),
            None if self.result.interrupted => Ending::Interrupted,
            None => Ending::Completed,
        }
    }

    /// Keeps the logs and files of nodes that did not come up, before they go.
    pub(super) async fn keep_missing(&self, core: &Arc<Core>, cluster: &Arc<LiveCluster>, operation: &OperationHandle) {
        let is_up = |node: &NodeName| cluster.status(node).is_some_and(|status| status.phase == NodePhase::Ready);
        let missing = cluster.nodes().into_iter().filter(|node| !is_up(node)).collect();
        let ops = Arc::new(LiveOps::new(Arc::clone(core), Arc::clone(cluster)));
        let kept = engine::keep_missing(&self.scenario, ops, &self.options(core), operation, &missing).await;
        if !kept.is_empty() {
            operation.note(NoteLevel::Info, format!("kept of nodes that did not come up: {}", kept.join(", ")), "");
        }
    }

    /// Writes down what the run came to before its cluster goes: a teardown takes its time, and a coordinator that dies in
    /// it takes no verdict with it.
    pub(super) async fn draft(
        &self,
        core: &Arc<Core>,
        cluster: &LiveCluster,
        operation: &OperationHandle,
        ending: &Ending,
    ) -> Result<(), RolloutError> {
        let teardown = Teardown::Unknown { detail: "it was not over".to_owned() };
        let images = images(core, Some(cluster), &self.recording, false).await;
        let report = self.report(core, Some(cluster), operation, (ending.clone(), teardown), images)?;
        self.folder.write_draft(&report)?;
        hit(Point::RunDrafted);
        Ok(())
    }

    /// Writes the report and journals the run.
    pub(super) async fn finish(
        self,
        core: &Arc<Core>,
        cluster: Option<&LiveCluster>,
        operation: &OperationHandle,
        ending: Ending,
        teardown: Teardown,
    ) -> Result<Outcome, RolloutError> {
        let images = images(core, cluster, &self.recording, true).await;
        let report = self.report(core, cluster, operation, (ending, teardown), images)?;
        keep(core, &self.folder, &report).await
    }

    fn report(
        &self,
        core: &Core,
        cluster: Option<&LiveCluster>,
        operation: &OperationHandle,
        (ending, teardown): (Ending, Teardown),
        images: Vec<ImageReport>,
    ) -> Result<RunReport, RolloutError> {
        let record = cluster.map(LiveCluster::record);
        let plan = record.as_ref().and_then(|record| serde_json::to_vec_pretty(&record.plan).ok());
        if let Some(plan) = &plan {
            self.folder.write(PLAN_FILE, plan, 0o644)?;
        }
        let trace = trace(self.wish.run.as_str(), &phase_spans(operation), &self.result.tests, &self.recording.spans());
        self.folder.write(TRACE_FILE, &trace, 0o644)?;
        Ok(RunReport {
            format: REPORT_FORMAT,
            run: self.wish.run.clone(),
            scenario: self.scenario.scenario.name.to_string(),
            cluster: self.cluster.clone(),
            seed: self.wish.seed,
            folder: self.folder.root().display().to_string(),
            started_at: self.started_at,
            took_millis: millis(self.before + self.began.elapsed()),
            versions: Versions {
                throng: env!("CARGO_PKG_VERSION").to_owned(),
                build: throng_proto::version::BUILD.to_owned(),
            },
            hosts: hosts(core, cluster, &self.recording),
            roles: roles(&self.scenario, cluster, &self.recording),
            images,
            plan: plan.map(|_| PLAN_FILE.to_owned()).unwrap_or_default(),
            phases: phases(operation),
            tests: self.result.tests.clone(),
            not_run: self.result.not_run.clone(),
            metrics: self.result.metrics.clone(),
            outcome: outcome(&self.result.tests, &self.result.not_run, &ending, &teardown),
            ending,
            teardown,
        })
    }
}

/// Writes the report of a run that a former life of the coordinator had tested and not taken down to the end.
pub(super) async fn finish_draft(
    core: &Core,
    operation: &OperationHandle,
    draft: RunReport,
    teardown: Teardown,
) -> Result<Outcome, RolloutError> {
    let mut phases_of_both = draft.phases;
    phases_of_both.extend(phases(operation));
    let report = RunReport {
        phases: phases_of_both,
        took_millis: clock::now().0.saturating_sub(draft.started_at.0),
        outcome: outcome(&draft.tests, &draft.not_run, &draft.ending, &teardown),
        teardown,
        ..draft
    };
    keep(core, &RunFolder::open(&report.folder), &report).await
}

async fn keep(core: &Core, folder: &RunFolder, report: &RunReport) -> Result<Outcome, RolloutError> {
    folder.write_report(report)?;
    hit(Point::ReportWritten);
    remember(core, folder, report).await.map_err(crate::core::CoreError::from)?;
    Ok(report.outcome)
}

/// Takes a run whose report is written into the journal, where it is not yet.
pub(super) async fn remember(core: &Core, folder: &RunFolder, report: &RunReport) -> Result<(), StoreError> {
    let took = Duration::from_millis(report.took_millis);
    core.store.save_run(record_of(report, took, folder.root())).await
}

/// A run as the journal remembers it.
pub fn record_of(report: &RunReport, took: Duration, folder: &Path) -> RunRecord {
    let count = |wanted: &[Verdict]| {
        let matching = report.tests.iter().filter(|test| test.verdict.is_some_and(|verdict| wanted.contains(&verdict)));
        u32::try_from(matching.count()).unwrap_or(u32::MAX)
    };
    RunRecord {
        run: report.run.clone(),
        cluster: report.cluster.clone(),
        scenario: report.scenario.clone(),
        outcome: outcome_word(report.outcome),
        started: report.started_at,
        took,
        counts: RunCounts {
            passed: count(&[Verdict::Pass]),
            failed: count(&[Verdict::Fail, Verdict::UnexpectedPass]),
            known_failures: count(&[Verdict::KnownFailure]),
        },
        artefacts: folder.to_owned(),
    }
}

/// The word of an outcome, as serde writes it.
pub fn outcome_word(outcome: Outcome) -> String {
    match outcome {
        Outcome::Pass => "pass",
        Outcome::Failed => "failed",
        Outcome::Usage => "usage",
        Outcome::Environment => "environment",
        Outcome::Budget => "budget",
        Outcome::Residue => "residue",
        Outcome::Quorum => "quorum",
        Outcome::Interrupted => "interrupted",
    }
    .to_owned()
}

/// Whether every test that was to run did, and is nothing to be looked into.
fn went_well(result: &RunResult) -> bool {
    !result.interrupted && result.tests.iter().all(|test| test.verdict.is_some_and(|verdict| !is_bad(verdict)))
}

/// What came of the tests, in a few words.
fn told(result: &RunResult) -> String {
    let judged = result.tests.iter().filter_map(|test| test.verdict);
    let (bad, all) = judged.fold((0, 0), |(bad, all), verdict| (bad + usize::from(is_bad(verdict)), all + 1));
    match (bad, result.interrupted) {
        (0, false) => format!("{all} held"),
        (0, true) => format!("interrupted after {all} that held"),
        (bad, false) => format!("{bad} of {all} failed"),
        (bad, true) => format!("interrupted, {bad} of {all} failed"),
    }
}

fn is_bad(verdict: Verdict) -> bool {
    match verdict {
        Verdict::Pass | Verdict::KnownFailure => false,
        Verdict::Suspect | Verdict::Invalid | Verdict::Fail | Verdict::UnexpectedPass => true,
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn phase_spans(operation: &OperationHandle) -> Vec<PhaseSpan> {
    let ended = |stamped: crate::operation::Stamped| match stamped.event {
        OperationEvent::PhaseEnded { phase, took, .. } => {
            let took_millis = millis(took);
            Some(PhaseSpan { phase, from: UnixMillis(stamped.at.0.saturating_sub(took_millis)), took_millis })
        }
        _ => None,
    };
    operation.log().into_iter().filter_map(ended).collect()
}

fn phases(operation: &OperationHandle) -> Vec<PhaseReport> {
    let ended = |stamped: crate::operation::Stamped| match stamped.event {
        OperationEvent::PhaseEnded { phase, took, ok, detail } => {
            Some(PhaseReport { phase, took_millis: millis(took), ok, detail })
        }
        _ => None,
    };
    operation.log().into_iter().filter_map(ended).collect()
}

fn hosts(core: &Core, cluster: Option<&LiveCluster>, recording: &Recording) -> Vec<HostReport> {
    let Some(record) = cluster.map(LiveCluster::record) else { return Vec::new() };
    let mut loads = recording.loads(record.plan.hosts.iter().map(|planned| &planned.host));
    let mut report = |planned: &crate::planner::plan::HostPlan| {
        let facts = core.hosts.get(&planned.host).facts;
        let engine = facts.as_ref().and_then(|facts| facts.engine.as_ref());
        HostReport {
            host: planned.host.clone(),
            hostname: facts.as_ref().map(|facts| facts.hostname.clone()).unwrap_or_default(),
            kernel: facts.as_ref().map(|facts| facts.kernel.clone()).unwrap_or_default(),
            engine: engine.map(|engine| format!("Docker {} ({})", engine.version, engine.storage_driver)),
            cpu_cores: facts.as_ref().map_or(0, |facts| facts.cpu_cores),
            memory_total_bytes: facts.as_ref().map_or(0, |facts| facts.memory_total_bytes),
            nodes: u32::try_from(planned.nodes.len()).unwrap_or(u32::MAX),
            load: loads.remove(&planned.host),
        }
    };
    record.plan.hosts.iter().map(&mut report).collect()
}

fn roles(scenario: &Scenario, cluster: Option<&LiveCluster>, recording: &Recording) -> Vec<RoleReport> {
    let record = cluster.map(LiveCluster::record);
    let report = |(name, role): (&RoleName, &throng_common::scenario::model::Role)| {
        let used = recording.role_use(name);
        let in_memory_max = role.in_memory_max().as_bytes();
        let ramdisk_max: throng_common::size::ByteSize = role.ramdisk.values().map(|ramdisk| ramdisk.size).sum();
        RoleReport {
            role: name.clone(),
            nodes: record.as_ref().and_then(|record| record.plan.roles.get(name)).map_or(role.count, |role| role.count),
            peak_memory_bytes: used.map(|used| used.memory_bytes),
            peak_anonymous_bytes: used.map(|used| used.anonymous_bytes),
            peak_ramdisk_bytes: used.map(|used| used.ramdisk_bytes),
            start_cpu_millis: used
                .and_then(|used| used.start_cpu)
                .map(|cpu| u64::try_from(cpu.as_millis()).unwrap_or(u64::MAX)),
            peak_kernel_bytes: used.and_then(|used| used.kernel_bytes),
            peak_cpu_cores: used.map(|used| used.cpu_cores),
            throttled_millis: used.map(|used| millis(used.throttled)),
            oom_kills: used.map(|used| used.oom_kills),
            ramdisk_max_bytes: Some(ramdisk_max.as_bytes()),
            memory_limit_bytes: role.memory.map(throng_common::size::ByteSize::as_bytes),
            proposed_limit_bytes: used
                .map(|used| proposed_limit(used.anonymous_bytes, used.kernel_bytes.unwrap_or_default(), in_memory_max)),
        }
    };
    scenario.role.iter().map(report).collect()
}

/// The images that nodes really ran. Where none ran, what they would have run. `ask`: hosts are asked for the digests by
/// which registries know them.
async fn images(core: &Arc<Core>, cluster: Option<&LiveCluster>, recording: &Recording, ask: bool) -> Vec<ImageReport> {
    let Some(record) = cluster.map(LiveCluster::record) else { return Vec::new() };
    let supplier = Supplier::new(core, Arc::new(|_| {}));
    let mut images = Vec::new();
    for (role, planned) in &record.plan.roles {
        let Some(image) = &planned.image else { continue };
        let named = |digest, repo_digest| ImageReport { role: role.clone(), image: image.clone(), digest, repo_digest };
        let has_role = |host: &&crate::planner::plan::HostPlan| host.nodes.iter().any(|node| node.name.role() == role);
        let hosts: Vec<&HostId> = record.plan.hosts.iter().filter(has_role).map(|host| &host.host).collect();
        let ids = recording.images(role);
        if ids.is_empty() {
            images.push(named(String::new(), None));
        }
        for id in ids {
            let mut repo_digest = None;
            for host in hosts.iter().filter(|_| ask) {
                if repo_digest.is_none() {
                    repo_digest = supplier.repo_digest(host, &id).await;
                }
            }
            images.push(named(id, repo_digest));
        }
    }
    images
}

/// What a report says of a teardown.
pub(super) fn teardown_of(torn: &Result<TornDown, RolloutError>) -> Teardown {
    match torn {
        Err(error) => Teardown::Unknown { detail: error.text() },
        Ok(torn) if !torn.residues.is_empty() => Teardown::Residue {
            residues: torn
                .residues
                .iter()
                .map(|(host, residue)| ResidueReport { host: host.clone(), residue: residue.clone() })
                .collect(),
        },
        Ok(torn) if !torn.unknown.is_empty() => Teardown::Unknown { detail: torn.unknown.clone() },
        Ok(_) => Teardown::Clean,
    }
}

/// How a run that did not come to its tests ended.
fn ending_of(error: &RolloutError) -> Ending {
    match error {
        RolloutError::Interrupted => Ending::Interrupted,
        RolloutError::LeftOff => Ending::LeftOff { detail: error.text() },
        RolloutError::Quorum { .. } => Ending::QuorumNotMet { detail: error.text() },
        _ => Ending::Broken { detail: error.text() },
    }
}
