//! The whole engine against a scripted cluster, under paused time.

mod checks;
mod faults;
mod judged;
mod programs;
mod steps;
mod whole_tests;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use regex::Regex;
use throng_common::scenario::model::Scenario;
use throng_common::status::UnixMillis;
use throng_common::verdict::Verdict;
use tokio_util::sync::CancellationToken;

use super::clock::RunClock;
use super::engine::{RunOptions, RunResult, run};
use super::fake::FakeCluster;
use crate::measure::Measurements;
use crate::operation::{EventSink, OperationEvent};
use crate::report::folder::RunFolder;
use crate::report::human::failures::failure_line;
use crate::report::model::{StepReport, TestReport};

/// A run with its folder, which is gone when it goes out of scope.
struct Ran {
    result: RunResult,
    events: Vec<OperationEvent>,
    folder: RunFolder,
    _root: tempfile::TempDir,
}

/// Keeps what is said.
#[derive(Default)]
struct Said(Mutex<Vec<OperationEvent>>);

impl EventSink for Said {
    fn emit(&self, event: OperationEvent) {
        self.0.lock().unwrap().push(event);
    }
}

/// How a run differs from the usual one.
#[derive(Default)]
struct How {
    tests: Option<&'static str>,
    seed: u64,
    cancel: CancellationToken,
    files: BTreeMap<String, Vec<u8>>,
}

/// A scenario with these tests and metrics.
fn scenario(tests: &str) -> Scenario {
    let head = r#"
        format = 1
        [scenario]
        name = "fake"
        [role.primary]
        run = "process"
        command = ["x"]
        [role.worker]
        run = "process"
        command = ["x"]
        collect = ["/var/log/{node.name}.log"]
    "#;
    toml::from_str(&format!("{head}\n{tests}")).unwrap()
}

async fn run_with(tests: &str, cluster: Arc<FakeCluster>, how: How) -> Ran {
    run_measured(tests, cluster, how, &Measurements::default()).await
}

async fn run_measured(tests: &str, cluster: Arc<FakeCluster>, how: How, measurements: &Measurements) -> Ran {
    let root = tempfile::tempdir().unwrap();
    let folder = RunFolder::create(root.path().join("run")).unwrap();
    for (path, bytes) in &how.files {
        folder.write(&format!("scenario/{path}"), bytes, 0o755).unwrap();
    }
    let options = RunOptions {
        tests: how.tests.map(|pattern| Regex::new(pattern).unwrap()),
        seed: how.seed,
        folder: folder.clone(),
        throng_bin: PathBuf::from("/usr/bin/throng"),
        environment: BTreeMap::from([("THRONG_STATE_DIR".to_owned(), "/state".to_owned())]),
        recording: measurements.begin("fake-x7k2".parse().unwrap(), RunClock::start(UnixMillis(1_000_000))),
    };
    let said = Said::default();
    let result = run(&scenario(tests), cluster, options, &said, how.cancel).await.unwrap();
    let events = said.0.into_inner().unwrap();
    Ran { result, events, folder, _root: root }
}

async fn run_on(tests: &str, cluster: FakeCluster) -> Ran {
    run_with(tests, Arc::new(cluster), How::default()).await
}

impl Ran {
    fn only(&self) -> &TestReport {
        assert_eq!(self.result.tests.len(), 1, "{:?}", self.result.tests);
        &self.result.tests[0]
    }

    fn verdicts(&self) -> Vec<Option<Verdict>> {
        self.result.tests.iter().map(|test| test.verdict).collect()
    }
}

/// All failures of a test's steps, one line each.
fn failures(test: &TestReport) -> Vec<String> {
    fn of(steps: &[StepReport]) -> Vec<String> {
        steps.iter().flat_map(|step| step.failures.iter().map(failure_line).chain(of(&step.steps))).collect()
    }
    of(&test.steps)
}
