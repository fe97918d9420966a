//! `exec` and `http` steps: asks nodes until each holds, or its time is over.
//!
//! Every node has its own clock: its time begins with its first attempt, and only nodes that do not hold yet are asked
//! again. Nodes that are due at nearly the same time are asked together.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::{SelectAll, once};
use throng_common::ids::NodeName;
use throng_common::scenario::selector::Selector;
use throng_common::scenario::steps::{Action, Step};
use throng_common::span::Span;
use tokio::time::{Instant, sleep_until};

use super::context::{Context, Place, StepResult, attempt_timeout};
use super::expect::{Answer, Miss};
use super::ops::OpStream;
use super::request::{self, NodeAnswer, Request};
use super::{draw, pace, save};
use crate::planner::texts::Saved;
use crate::report::model::Cause;

/// Nodes that are due within this time of each other are asked together.
const TOGETHER: Duration = Duration::from_millis(20);

/// An attempt is never cut shorter than this because `within` ends: the answer that is under way should count.
const ATTEMPT_MIN: Duration = Duration::from_secs(5);

/// What comes out of the requests under way.
enum Arrival {
    Answer(NodeAnswer),
    /// All answers of the requests that were sent together are there.
    End(u32),
}

/// The nodes of a step, each where it stands.
struct Fanout<'a> {
    context: &'a Context<'a>,
    step: &'a Step,
    timeout: Duration,
    requests: BTreeMap<NodeName, Request>,
    /// Nodes to be asked, and when.
    due: BTreeMap<NodeName, Instant>,
    /// Nodes that were asked, with the number of the sending.
    asked: BTreeMap<NodeName, (u32, Instant)>,
    tries: BTreeMap<NodeName, Tries>,
    sendings: u32,
    held: BTreeMap<NodeName, String>,
    misses: BTreeMap<NodeName, Miss>,
}

/// What is known of a node's attempts.
#[derive(Debug, Clone, Copy)]
struct Tries {
    first: Instant,
    attempts: u32,
}

/// Runs an `exec` or `http` step.
pub(super) async fn run(
    context: &Context<'_>,
    place: &Place<'_>,
    step: &Step,
    (action, on): (&Action<'_>, &Selector),
    saved: &Saved,
) -> StepResult {
    let nodes = match draw::nodes(context, place, on, saved) {
        Ok(nodes) => nodes,
        Err(miss) => return StepResult::failed(miss),
    };
    let mut fanout = Fanout::new(context, step);
    let texts = context.ops.texts();
    for node in &nodes {
        match request::resolve(texts.as_ref(), step, action, node, saved) {
            Ok(Some(request)) => fanout.add(node, request),
            Ok(None) => {}
            Err(error) => drop(fanout.misses.insert(node.clone(), Miss::mistake(error))),
        }
    }
    fanout.converge().await;
    let mut result = StepResult::on_nodes(nodes.len(), fanout.misses);
    result.attempts = fanout.tries.values().map(|tries| tries.attempts).max().unwrap_or(0);
    if draw::is_drawn(on) {
        result.notes.push(format!("drew {}", save::of_nodes(&nodes)));
    }
    if result.held() {
        let outputs = fanout.held.iter().map(|(node, output)| (node, output.as_str()));
        result.save(save::from_nodes(&step.save, outputs));
    }
    result
}

impl<'a> Fanout<'a> {
    fn new(context: &'a Context<'a>, step: &'a Step) -> Self {
        Self {
            context,
            step,
            timeout: attempt_timeout(step),
            requests: BTreeMap::new(),
            due: BTreeMap::new(),
            asked: BTreeMap::new(),
            tries: BTreeMap::new(),
            sendings: 0,
            held: BTreeMap::new(),
            misses: BTreeMap::new(),
        }
    }

    fn add(&mut self, node: &NodeName, request: Request) {
        self.requests.insert(node.clone(), request);
        self.due.insert(node.clone(), Instant::now());
    }

    /// Asks until nobody is due and nobody is awaited.
    async fn converge(&mut self) {
        let mut under_way: SelectAll<OpStream<'a, Arrival>> = SelectAll::new();
        loop {
            if let Some(sending) = self.send_due() {
                under_way.push(sending);
            }
            let next = self.due.values().min().copied();
            if under_way.is_empty() && next.is_none() {
                return;
            }
            // Cancel-safe: `next` of a stream takes nothing before it is ready, and a sleep has no state of ours.
            tokio::select! {
                arrival = under_way.next(), if !under_way.is_empty() => match arrival {
                    Some(Arrival::Answer(answer)) => self.take(answer),
                    Some(Arrival::End(sending)) => self.end(sending),
                    // All sendings are over; whether somebody is due is seen at the top.
                    None => {}
                },
                () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {}
            }
        }
    }

    /// Sends what is due, together.
    fn send_due(&mut self) -> Option<OpStream<'a, Arrival>> {
        let now = Instant::now();
        if self.due.values().all(|due| *due > now) {
            return None;
        }
        let nodes: Vec<NodeName> =
            self.due.iter().filter(|(_, due)| **due <= now + TOGETHER).map(|(node, _)| node.clone()).collect();
        self.sendings += 1;
        let sending = self.sendings;
        let mut payloads = Vec::with_capacity(nodes.len());
        let mut timeout = Duration::ZERO;
        for node in nodes {
            self.due.remove(&node);
            if let Some(request) = self.requests.get(&node) {
                payloads.push((node.clone(), request.payload.clone()));
                timeout = timeout.max(self.timeout_of(&node, now));
                self.asked.insert(node, (sending, now));
            }
        }
        let answers = request::ask(self.context.ops, payloads, timeout).map(Arrival::Answer);
        Some(answers.chain(once(async move { Arrival::End(sending) })).boxed())
    }

    /// How long the next attempt may take: no longer than the node's time lasts, within reason.
    fn timeout_of(&self, node: &NodeName, now: Instant) -> Duration {
        let Some(within) = self.step.within else { return self.timeout };
        let left = match self.tries.get(node) {
            Some(tries) => (tries.first + within.0).saturating_duration_since(now),
            None => within.0,
        };
        self.timeout.min(left.max(ATTEMPT_MIN))
    }

    fn take(&mut self, NodeAnswer { node, result, took }: NodeAnswer) {
        // A second answer of the same sending, or one of a node that was never asked, is nobody's.
        if self.asked.remove(&node).is_none() {
            return;
        }
        let now = Instant::now();
        let began = now.checked_sub(took).unwrap_or(now);
        let tries = self.tries.entry(node.clone()).or_insert(Tries { first: began, attempts: 0 });
        tries.attempts += 1;
        let Tries { first, attempts } = *tries;
        let judged = match (&result, self.requests.get(&node)) {
            (Ok(answer), Some(request)) => request.expectation.judge(answer),
            (Err(error), _) => Err(request::miss(error)),
            (Ok(_), None) => return,
        };
        match judged {
            Ok(()) => self.keep(node, result.ok()),
            Err(miss) => self.retry_or_miss(node, miss, first, pace::pause(attempts, took)),
        }
    }

    fn keep(&mut self, node: NodeName, answer: Option<Answer>) {
        // Outputs of 1000 nodes are only kept where a value is to be saved out of them.
        let output = answer.filter(|_| !self.step.save.is_empty()).map(|answer| answer.output).unwrap_or_default();
        self.held.insert(node, output);
    }

    fn retry_or_miss(&mut self, node: NodeName, miss: Miss, first: Instant, pause: Duration) {
        let now = Instant::now();
        match self.step.within {
            Some(within) if now < first + within.0 => {
                // The last attempt is at the very end, so that all of the time counts.
                self.due.insert(node, (now + pause).min(first + within.0));
            }
            Some(within) => drop(self.misses.insert(node, late(miss, within))),
            None => drop(self.misses.insert(node, miss)),
        }
    }

    /// Nodes of a sending that ended without an answer from them.
    fn end(&mut self, sending: u32) {
        let silent: Vec<(NodeName, Instant)> = self
            .asked
            .iter()
            .filter(|(_, (number, _))| *number == sending)
            .map(|(node, (_, since))| (node.clone(), *since))
            .collect();
        for (node, since) in silent {
            self.asked.remove(&node);
            let tries = self.tries.entry(node.clone()).or_insert(Tries { first: since, attempts: 0 });
            tries.attempts += 1;
            let (first, attempts) = (tries.first, tries.attempts);
            let miss = Miss::new(Cause::NoAnswer, "no answer: its host gave no outcome for it");
            self.retry_or_miss(node, miss, first, pace::pause(attempts, since.elapsed()));
        }
    }
}

/// A miss when the time is over.
pub(super) fn late(miss: Miss, within: Span) -> Miss {
    let cause = if miss.cause == Cause::WrongValue { Cause::NotInTime } else { miss.cause };
    Miss { cause, message: format!("{}, still after {within}", miss.message), detail: miss.detail }
}
