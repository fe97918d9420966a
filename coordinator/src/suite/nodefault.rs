//! `kill` and `restart` steps: what is done to nodes is measured in effect, by another process in their place or none.

use std::collections::BTreeMap;
use std::time::Duration;

use throng_common::ids::NodeName;
use throng_common::scenario::selector::Selector;
use throng_common::scenario::signal::Signal;
use throng_common::scenario::steps::Step;
use throng_common::span::Span;
use throng_common::status::{NodePhase, NodeStatus};
use tokio::time::{Instant, sleep};

use super::context::{Context, Place, StepResult};
use super::expect::Miss;
use super::ops::OpError;
use super::{draw, pace, request, save};
use crate::planner::texts::Saved;
use crate::report::model::Cause;

/// How long a signal may take to show its effect where the step does not say: a TERM may have work to finish.
const KILL_EFFECT: Span = Span::seconds(30);

/// How long a restart may take to begin anew where the step does not say.
const RESTART_EFFECT: Span = Span::seconds(60);

/// Signals that end a process, so that their effect can be measured. Of others only the delivery is known.
const DEADLY: [&str; 5] = ["KILL", "TERM", "INT", "QUIT", "ABRT"];

type Outcomes = Vec<(NodeName, Result<(), OpError>)>;
type Before = BTreeMap<NodeName, Option<NodeStatus>>;

/// Runs a `kill` step.
pub(super) async fn kill(
    context: &Context<'_>,
    place: &Place<'_>,
    step: &Step,
    (selector, signal): (&Selector, Signal),
    saved: &Saved,
) -> StepResult {
    let nodes = match draw::nodes(context, place, selector, saved) {
        Ok(nodes) => nodes,
        Err(miss) => return StepResult::failed(miss),
    };
    let before = observe(context, &nodes);
    let mut misses: BTreeMap<NodeName, Miss> = before.iter().filter_map(not_running).collect();
    let running: Vec<NodeName> = nodes.iter().filter(|node| !misses.contains_key(*node)).cloned().collect();
    context.recording.meant(running.iter().cloned());
    let outcomes = context.ops.signal(running.clone(), signal).await;
    let signalled = delivered(running, outcomes, &mut misses);
    if DEADLY.contains(&signal.name()) {
        let within = step.within.unwrap_or(KILL_EFFECT);
        let late =
            || Miss::new(Cause::NotInTime, format!("{signal} was sent, and its process still runs after {within}"));
        await_effect(context, (&before, signalled, within), is_gone, late, &mut misses).await;
    }
    finish(step, &nodes, misses, format!("sent {signal} to {}", save::of_nodes(&nodes)))
}

/// Runs a `restart` step.
pub(super) async fn restart(
    context: &Context<'_>,
    place: &Place<'_>,
    step: &Step,
    selector: &Selector,
    saved: &Saved,
) -> StepResult {
    let nodes = match draw::nodes(context, place, selector, saved) {
        Ok(nodes) => nodes,
        Err(miss) => return StepResult::failed(miss),
    };
    let before = observe(context, &nodes);
    let mut misses = BTreeMap::new();
    context.recording.meant(nodes.iter().cloned());
    let outcomes = context.ops.restart(nodes.clone()).await;
    let asked = delivered(nodes.clone(), outcomes, &mut misses);
    let within = step.within.unwrap_or(RESTART_EFFECT);
    let late = || Miss::new(Cause::NotInTime, format!("its restart was asked for, and has not begun after {within}"));
    await_effect(context, (&before, asked, within), has_restarted, late, &mut misses).await;
    finish(step, &nodes, misses, format!("restarted {}", save::of_nodes(&nodes)))
}

fn finish(step: &Step, nodes: &[NodeName], misses: BTreeMap<NodeName, Miss>, note: String) -> StepResult {
    let mut result = StepResult::on_nodes(nodes.len(), misses);
    result.notes.push(note);
    if result.held() {
        result.save(save::from_text(&step.save, &save::of_nodes(nodes)));
    }
    result
}

fn observe(context: &Context<'_>, nodes: &[NodeName]) -> Before {
    nodes.iter().map(|node| (node.clone(), context.ops.status(node))).collect()
}

/// A node that does not run cannot be killed: the fault would not have been what the test says.
fn not_running((node, status): (&NodeName, &Option<NodeStatus>)) -> Option<(NodeName, Miss)> {
    let why = match status {
        // Unknown is not "does not run": the signal will tell.
        Some(status) if status.phase.is_running() || status.phase == NodePhase::Unknown => return None,
        Some(NodeStatus { phase, reason: Some(reason), .. }) => format!("{phase:?}: {}", reason.message),
        Some(status) => format!("{:?}", status.phase),
        None => "nothing is known of it".to_owned(),
    };
    let miss = Miss::new(Cause::NoAnswer, format!("did not run before the signal ({})", why.to_lowercase()));
    Some((node.clone(), miss))
}

/// The nodes for which it was done; the others are misses, also those without an outcome.
fn delivered(asked: Vec<NodeName>, outcomes: Outcomes, misses: &mut BTreeMap<NodeName, Miss>) -> Vec<NodeName> {
    let mut outcomes: BTreeMap<NodeName, Result<(), OpError>> = outcomes.into_iter().collect();
    let mut done = Vec::with_capacity(asked.len());
    for node in asked {
        match outcomes.remove(&node) {
            Some(Ok(())) => done.push(node),
            Some(Err(error)) => drop(misses.insert(node, request::miss(&error))),
            None => {
                let miss = Miss::new(Cause::NoAnswer, "no answer: its host gave no outcome for it");
                misses.insert(node, miss);
            }
        }
    }
    done
}

/// Waits until the effect shows on every node, or its time is over.
async fn await_effect(
    context: &Context<'_>,
    (before, mut waiting, within): (&Before, Vec<NodeName>, Span),
    shows: fn(Option<&NodeStatus>, Option<&NodeStatus>) -> bool,
    late: impl Fn() -> Miss,
    misses: &mut BTreeMap<NodeName, Miss>,
) {
    let deadline = Instant::now() + within.0;
    let mut looks = 0;
    loop {
        waiting.retain(|node| {
            let old = before.get(node).and_then(Option::as_ref);
            !shows(old, context.ops.status(node).as_ref())
        });
        if waiting.is_empty() {
            return;
        }
        if Instant::now() >= deadline {
            misses.extend(waiting.into_iter().map(|node| (node, late())));
            return;
        }
        looks += 1;
        let pause = pace::pause(looks, Duration::ZERO);
        sleep(pause.min(deadline.saturating_duration_since(Instant::now()))).await;
    }
}

/// Whether the process that ran before is gone.
fn is_gone(before: Option<&NodeStatus>, now: Option<&NodeStatus>) -> bool {
    match (before, now) {
        (Some(before), Some(now)) => {
            let ended = !now.phase.is_running() && now.phase != NodePhase::Unknown;
            ended || now.restarts > before.restarts || is_another_process(before, now)
        }
        (_, None) => true,
        (None, Some(_)) => false,
    }
}

/// Whether a node runs anew.
fn has_restarted(before: Option<&NodeStatus>, now: Option<&NodeStatus>) -> bool {
    let Some(now) = now else { return false };
    let anew = before.is_none_or(|before| now.incarnation > before.incarnation && is_another_process(before, now));
    now.phase.is_running() && anew
}

fn is_another_process(before: &NodeStatus, now: &NodeStatus) -> bool {
    (now.pid.is_some() && now.pid != before.pid) || now.started_at > before.started_at
}
