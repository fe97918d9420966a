//! `check` steps: a metric that must come true once, or stay true, with numbers out of fresh samples.

use std::time::Duration;

use throng_common::ids::RoleName;
use throng_common::scenario::condition::Condition;
use throng_common::scenario::figure::Figure;
use throng_common::scenario::model::Metric;
use throng_common::scenario::steps::{Comparison, Step};
use throng_common::span::Span;
use tokio::time::{Instant, sleep};

use super::context::{Context, StepResult};
use super::expect::Miss;
use super::sampler::SampleError;
use super::{fold, pace};
use crate::planner::texts::Saved;
use crate::report::model::Cause;

/// How long `eventually` may take where the step does not say.
const EVENTUALLY_DEFAULT: Span = Span::seconds(30);

/// What the samples of a check were.
#[derive(Debug, Default)]
struct Seen {
    samples: u32,
    range: Option<(Figure, Figure)>,
    last: Option<Result<Figure, SampleError>>,
}

/// Runs a `check` step.
pub(super) async fn run(
    context: &Context<'_>,
    step: &Step,
    (name, wanted): (&RoleName, Comparison<'_>),
    saved: &Saved,
) -> StepResult {
    let Some(metric) = context.sampler.metric(name) else {
        return StepResult::failed(Miss::mistake(format_args!("there is no metric `{name}`")));
    };
    let (Comparison::Eventually(text) | Comparison::Always(text)) = wanted;
    let condition = match context.ops.texts().fill(text, None, saved) {
        Ok(text) => text.parse::<Condition>().map_err(Miss::mistake),
        Err(error) => Err(Miss::mistake(error)),
    };
    let condition = match condition {
        Ok(condition) => condition,
        Err(miss) => return StepResult::failed(miss),
    };
    // The step's timeout is for one sample, so it goes in place of the metric's own.
    let metric = Metric { timeout: step.timeout.unwrap_or(metric.timeout), ..metric.clone() };
    let mut seen = Seen::default();
    let miss = match wanted {
        Comparison::Eventually(_) => eventually(context, &metric, condition, step.within, &mut seen).await,
        Comparison::Always(_) => always(context, &metric, condition, step.within, &mut seen).await,
    };
    let node = context.sampler.node_of(&metric);
    StepResult {
        attempts: seen.samples,
        nodes: 1,
        notes: vec![seen.describe(&metric)],
        failing: if miss.is_some() { node.into_iter().collect() } else { Vec::new() },
        failures: miss.map(fold::whole).into_iter().collect(),
        ..StepResult::default()
    }
}

async fn eventually(
    context: &Context<'_>,
    metric: &Metric,
    condition: Condition,
    within: Option<Span>,
    seen: &mut Seen,
) -> Option<Miss> {
    let within = within.unwrap_or(EVENTUALLY_DEFAULT);
    let deadline = Instant::now() + within.0;
    loop {
        let (value, pause) = seen.sample(context, metric).await;
        let late = |cause, was: String| {
            Some(Miss::new(
                cause,
                format!("{was}, must become {condition}: not within {within} ({} samples)", seen.samples),
            ))
        };
        let over = Instant::now() >= deadline;
        match value {
            Ok(value) if condition.holds(value) => return None,
            Ok(value) if over => return late(Cause::NotInTime, format!("{} is {value}", metric.name)),
            Err(error) if over || error.cause() == Cause::Mistake => {
                return late(error.cause(), format!("{} has no value: {error}", metric.name));
            }
            Ok(_) | Err(_) => sleep(pause.min(deadline.saturating_duration_since(Instant::now()))).await,
        }
    }
}

async fn always(
    context: &Context<'_>,
    metric: &Metric,
    condition: Condition,
    within: Option<Span>,
    seen: &mut Seen,
) -> Option<Miss> {
    let began = Instant::now();
    let deadline = began + within.unwrap_or_default().0;
    loop {
        let (value, pause) = seen.sample(context, metric).await;
        let after = Span(Duration::from_millis(super::clock::millis(began.elapsed())));
        let broken = |cause, was: String| {
            Some(Miss::new(cause, format!("{was} after {after} (sample {}), must stay {condition}", seen.samples)))
        };
        match value {
            Ok(value) if !condition.holds(value) => {
                return broken(Cause::WrongValue, format!("{} is {value}", metric.name));
            }
            Err(error) => return broken(error.cause(), format!("{} has no value: {error}", metric.name)),
            Ok(_) if Instant::now() >= deadline => return None,
            Ok(_) => sleep(pause.min(deadline.saturating_duration_since(Instant::now()))).await,
        }
    }
}

impl Seen {
    /// Takes a sample; gives it with the pause before the next.
    async fn sample(&mut self, context: &Context<'_>, metric: &Metric) -> (Result<Figure, SampleError>, Duration) {
        let began = Instant::now();
        let value = context.sampler.sample(metric).await;
        self.samples += 1;
        if let Ok(value) = &value {
            let (min, max) = self.range.unwrap_or((*value, *value));
            self.range = Some((min.min(*value), max.max(*value)));
        }
        self.last = Some(value.clone());
        (value, pace::pause(self.samples, began.elapsed()))
    }

    fn describe(&self, metric: &Metric) -> String {
        let unit = metric.unit.as_deref().map(|unit| format!(" {unit}")).unwrap_or_default();
        match (self.range, &self.last) {
            (Some((min, max)), Some(Ok(last))) => {
                format!("{} samples of {}: min {min}, max {max}, last {last}{unit}", self.samples, metric.name)
            }
            (Some((min, max)), _) => format!("{} samples of {}: min {min}, max {max}{unit}", self.samples, metric.name),
            (None, _) => format!("{} samples of {}, none with a value", self.samples, metric.name),
        }
    }
}
