//! One step: what it does by its kind, how often, and what is reported of it.

use futures_util::future::join_all;
use throng_common::ids::NodeName;
use throng_common::scenario::figure::Figure;
use throng_common::scenario::placeholder::{self, Placeholder, RoleField};
use throng_common::scenario::steps::{Action, Comparison, Step};
use tokio::time::{Instant, sleep};

use super::clock::millis;
use super::context::{Context, Place, StepResult};
use super::expect::Miss;
use super::ops::OpFuture;
use super::{check, fanout, lifecycle, nodefault, program};
use crate::planner::texts::Saved;
use crate::report::model::{Recorded, RecordedAt, StepReport};

/// Longest title of a step, in characters: it shares a line with its time.
const TITLE_MAX_CHARS: usize = 72;

/// A step that was run.
#[derive(Debug)]
pub(super) struct StepRun {
    /// What is reported.
    pub(super) report: StepReport,
    /// Values for later steps.
    pub(super) saved: Saved,
    /// The nodes that it did not hold on.
    pub(super) failing: Vec<NodeName>,
}

/// Runs a step, as often as it says; the first time that it does not hold is the last. Boxed, since a parallel step
/// holds others.
pub(super) fn run_step<'a>(
    context: &'a Context<'_>,
    place: Place<'a>,
    step: &'a Step,
    saved: &'a Saved,
) -> OpFuture<'a, StepRun> {
    Box::pin(async move {
        let (started_at, began) = (context.clock.now(), Instant::now());
        let mut known = saved.clone();
        let mut repetitions = 0;
        let mut attempts = 0;
        let mut recorded = Vec::new();
        let result = loop {
            repetitions += 1;
            let place = Place { repetition: (place.repetition.0, repetitions), ..place.clone() };
            let mut result = run_once(context, &place, step, &known).await;
            attempts = attempts.max(result.attempts);
            known.extend(result.saved.clone());
            if result.held() {
                match record(context, step, &known) {
                    Ok(figures) => recorded.extend(figures),
                    Err(miss) => result.failures.push(super::fold::whole(miss)),
                }
            }
            if !result.held() || repetitions >= step.repeat.unwrap_or(1) {
                break result;
            }
        };
        let held = result.held();
        let report = StepReport {
            part: place.part,
            number: place.number,
            title: title(step),
            started_at,
            took_millis: millis(began.elapsed()),
            attempts,
            repetitions,
            nodes: result.nodes,
            held,
            failures: result.failures,
            notes: result.notes,
            artefacts: result.artefacts,
            recorded,
            steps: result.steps,
        };
        StepRun { report, saved: known, failing: result.failing }
    })
}

/// The figures that a step records.
fn record(context: &Context<'_>, step: &Step, saved: &Saved) -> Result<Vec<Recorded>, Miss> {
    let figure = |what: &str, text: &str| {
        let filled = context.ops.texts().fill(text, None, saved).map_err(Miss::mistake)?;
        filled.parse::<Figure>().map_err(|error| Miss::mistake(format_args!("cannot record {what}: {error}")))
    };
    let at = match &step.at {
        Some(text) => Some(RecordedAt { of: place_name(text), value: figure("where it was measured", text)? }),
        None => None,
    };
    let recorded = |(name, text): (&String, &String)| {
        Ok(Recorded { name: name.clone(), value: figure(&format!("`{name}`"), text)?, at: at.clone() })
    };
    step.record.iter().map(recorded).collect()
}

/// What figures are recorded at, in a word: the role of a count, else the placeholder.
fn place_name(text: &str) -> String {
    let found = placeholder::find(text);
    match &found[..] {
        [one] if one.range == (0..text.len()) => match &one.placeholder {
            Ok(Placeholder::Role { role, field: RoleField::Count, .. }) => role.to_string(),
            Ok(other) => other.to_string().trim_matches(['{', '}']).to_owned(),
            Err(_) => text.to_owned(),
        },
        _ => "given figures".to_owned(),
    }
}

async fn run_once(context: &Context<'_>, place: &Place<'_>, step: &Step, saved: &Saved) -> StepResult {
    let action = match step.action() {
        Ok(action) => action,
        Err(error) => return StepResult::failed(Miss::mistake(error)),
    };
    match action {
        Action::Exec { on, .. } | Action::Http { on, .. } => {
            fanout::run(context, place, step, (&action, on), saved).await
        }
        Action::Program { path } => program::run(context, place, step, path, saved).await,
        Action::Check { metric, comparison } => check::run(context, step, (metric, comparison), saved).await,
        Action::Kill { nodes, signal } => nodefault::kill(context, place, step, (nodes, signal), saved).await,
        Action::Restart { nodes } => nodefault::restart(context, place, step, nodes, saved).await,
        Action::Scale { counts } => lifecycle::scale(context, step, counts).await,
        Action::WaitFor { duration } => {
            sleep(duration.0).await;
            StepResult { attempts: 1, ..StepResult::default() }
        }
        Action::WaitUp => lifecycle::wait_up(context, step).await,
        Action::Parallel { steps } => parallel(context, place, steps, saved).await,
    }
}

/// Runs steps at the same time, each to its end: a failure of one does not stop the others.
async fn parallel(context: &Context<'_>, place: &Place<'_>, steps: &[Step], saved: &Saved) -> StepResult {
    let runs = steps.iter().enumerate().map(|(index, step)| {
        let place = Place { number: format!("{}.{}", place.number, index + 1), ..place.clone() };
        run_step(context, place, step, saved)
    });
    let mut result = StepResult { attempts: 1, ..StepResult::default() };
    for run in join_all(runs).await {
        result.nodes = result.nodes.max(run.report.nodes);
        result.saved.extend(run.saved);
        result.failing.extend(run.failing);
        result.steps.push(run.report);
    }
    result
}

/// What a step does, in few words: its note, or its kind and what it is about.
pub(super) fn title(step: &Step) -> String {
    let text = match (&step.note, step.action()) {
        (Some(note), _) => note.clone(),
        (None, Ok(action)) => describe(&action),
        (None, Err(_)) => step.kind().unwrap_or("step").to_owned(),
    };
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= TITLE_MAX_CHARS {
        return line;
    }
    let cut: String = line.chars().take(TITLE_MAX_CHARS - 3).collect();
    format!("{cut}...")
}

fn describe(action: &Action<'_>) -> String {
    match action {
        Action::Exec { command, on } => format!("exec on {on}: {}", command.join(" ")),
        Action::Http { url, on } => format!("http from {on}: {url}"),
        Action::Program { path } => format!("program {path}"),
        Action::Check { metric, comparison: Comparison::Eventually(text) } => {
            format!("check {metric} eventually {text}")
        }
        Action::Check { metric, comparison: Comparison::Always(text) } => format!("check {metric} always {text}"),
        Action::Kill { nodes, signal } => format!("kill -{signal} {nodes}"),
        Action::Restart { nodes } => format!("restart {nodes}"),
        Action::Scale { counts } => {
            let counts: Vec<String> = counts.iter().map(|(role, count)| format!("{role}={count}")).collect();
            format!("scale {}", counts.join(" "))
        }
        Action::WaitFor { duration } => format!("wait {duration}"),
        Action::WaitUp => "wait up".to_owned(),
        Action::Parallel { steps } => format!("{} steps in parallel", steps.len()),
    }
}
