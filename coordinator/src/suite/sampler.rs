//! Samples the scenario's metrics during a whole run, and freshly for checks. A sample that fails is recorded; it never
//! ends a run.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::join_all;
use throng_common::ids::{NodeName, RoleName};
use throng_common::scenario::figure::Figure;
use throng_common::scenario::model::{Metric, Scenario};
use throng_common::scenario::selector::Selector;
use throng_common::scenario::steps::{Action, Step};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::clock::RunClock;
use super::expect::Miss;
use super::figure::{FigureError, figure};
use super::ops::{ClusterOps, OpError};
use super::request;
use super::series::Series;
use crate::planner::texts::{Saved, TextError};
use crate::report::model::{Cause, MetricReport};

/// How much longer than a sample's own timeout the answer is awaited: the timeout is enforced where the command runs.
const GRACE: Duration = Duration::from_secs(2);

/// Why there is no sample.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum SampleError {
    /// Nobody to ask.
    #[error("`on` selects no nodes of this cluster")]
    NoNode,
    /// The command or URL cannot be filled in.
    #[error(transparent)]
    Text(#[from] TextError),
    /// There is no answer.
    #[error(transparent)]
    Op(#[from] OpError),
    /// The command or server says that it failed.
    #[error("{0}")]
    Ended(String),
    /// The answer holds no figure.
    #[error(transparent)]
    Figure(#[from] FigureError),
}

impl SampleError {
    /// In what way a check fails by it.
    pub(super) fn cause(&self) -> Cause {
        match self {
            Self::NoNode | Self::Text(_) => Cause::Mistake,
            Self::Op(error) => request::miss(error).cause,
            Self::Ended(_) | Self::Figure(_) => Cause::WrongValue,
        }
    }
}

/// The metrics of a run.
pub(super) struct Sampler {
    ops: Arc<dyn ClusterOps>,
    clock: RunClock,
    metrics: Vec<Metric>,
    series: Mutex<BTreeMap<RoleName, Series>>,
}

impl Sampler {
    pub(super) fn new(scenario: &Scenario, ops: Arc<dyn ClusterOps>, clock: RunClock) -> Self {
        Self { ops, clock, metrics: scenario.metric.clone(), series: Mutex::default() }
    }

    /// A metric by its name.
    pub(super) fn metric(&self, name: &RoleName) -> Option<&Metric> {
        self.metrics.iter().find(|metric| metric.name == *name)
    }

    /// Samples all metrics, each as often as it says. Never ends, unless there are none.
    pub(super) async fn run(&self) {
        join_all(self.metrics.iter().map(|metric| self.follow(metric))).await;
    }

    async fn follow(&self, metric: &Metric) {
        let mut ticks = interval(metric.every.0.max(Duration::from_millis(1)));
        // A sample that takes longer than the interval must not be followed by a burst.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let _ = self.sample(metric).await;
        }
    }

    /// Takes a sample now, and records it.
    pub(super) async fn sample(&self, metric: &Metric) -> Result<Figure, SampleError> {
        let at = self.clock.now();
        let limit = metric.timeout.0 + GRACE;
        let sampled = match timeout(limit, self.take(metric)).await {
            Ok(sampled) => sampled,
            Err(_) => Err(SampleError::Op(OpError::TimedOut(limit))),
        };
        let mut all = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        let series = all.entry(metric.name.clone()).or_default();
        match &sampled {
            Ok(value) => series.push(at, *value),
            Err(error) => series.fail(error.to_string()),
        }
        sampled
    }

    async fn take(&self, metric: &Metric) -> Result<Figure, SampleError> {
        let node = asked(&metric.on, &self.ops.nodes()).ok_or(SampleError::NoNode)?;
        // A metric asks as a step does; it expects success and nothing else.
        let step = Step { timeout: Some(metric.timeout), ..Step::default() };
        let action = match (&metric.exec, &metric.http) {
            (Some(command), _) => Action::Exec { command, on: &metric.on },
            (None, url) => Action::Http { url: url.as_deref().unwrap_or_default(), on: &metric.on },
        };
        let request = request::resolve(self.ops.texts().as_ref(), &step, &action, &node, &Saved::new())?
            .expect("exec and http ask nodes");
        let mut answers = request::ask(self.ops.as_ref(), vec![(node, request.payload)], metric.timeout.0);
        let silent = || OpError::NoAnswer("its host gave no outcome for it".to_owned());
        let answer = answers.next().await.ok_or_else(silent)?.result?;
        request.expectation.judge(&answer).map_err(|Miss { message, .. }| SampleError::Ended(message))?;
        Ok(figure(metric, &answer.output)?)
    }

    /// The node that a metric asks.
    pub(super) fn node_of(&self, metric: &Metric) -> Option<NodeName> {
        asked(&metric.on, &self.ops.nodes())
    }

    /// The reports of all metrics, in the scenario's order.
    pub(super) fn reports(&self) -> Vec<MetricReport> {
        let all = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        let empty = Series::default();
        self.metrics.iter().map(|metric| all.get(&metric.name).unwrap_or(&empty).report(metric)).collect()
    }
}

/// The first node of a selection.
fn asked(on: &Selector, nodes: &[NodeName]) -> Option<NodeName> {
    on.select(nodes, |list, count| list.into_iter().take(count).collect()).into_iter().min()
}
