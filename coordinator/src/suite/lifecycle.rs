//! `scale` and `wait` steps.

use std::collections::BTreeMap;

use throng_common::ids::{NodeName, RoleName};
use throng_common::scenario::steps::Step;
use throng_common::span::Span;
use tokio::time::{Instant, timeout};

use super::context::{Context, StepResult};
use super::expect::Miss;
use super::ops::{MissingNode, OpError, ScaleError};
use super::{fold, request};
use crate::report::model::Cause;

/// How long `wait = "up"` may take where the step does not say.
const UP_DEFAULT: Span = Span::seconds(120);

/// How long new counts may take to reach the hosts where the step does not say.
const SCALE_DEFAULT: Span = Span::seconds(120);

/// How much longer than its deadline a wait is awaited, before the engine gives up on the answer itself.
const GRACE: std::time::Duration = std::time::Duration::from_secs(5);

/// Runs a `scale` step. It ends when every host holds the new counts and nothing is left of the nodes that went;
/// `wait = "up"` waits for those that come.
pub(super) async fn scale(context: &Context<'_>, step: &Step, counts: &BTreeMap<RoleName, u32>) -> StepResult {
    let within = step.within.unwrap_or(SCALE_DEFAULT);
    let deadline = Instant::now() + within.0;
    let scaled = match timeout(within.0 + GRACE, context.ops.scale(counts.clone(), deadline)).await {
        Ok(scaled) => scaled,
        Err(_) => Err(ScaleError::Op(OpError::TimedOut(within.0))),
    };
    match scaled {
        Ok(()) => StepResult { attempts: 1, nodes: counts.values().sum(), ..StepResult::default() },
        Err(ScaleError::Op(error)) => StepResult::failed(request::miss(&error)),
        Err(ScaleError::Left(left)) => late(left.len(), left, &format!("not gone within {within}")),
    }
}

/// Runs a `wait = "up"` step.
pub(super) async fn wait_up(context: &Context<'_>, step: &Step) -> StepResult {
    let within = step.within.unwrap_or(UP_DEFAULT);
    let deadline = Instant::now() + within.0;
    let nodes = context.ops.nodes().len();
    match timeout(within.0 + GRACE, context.ops.wait_up(deadline)).await {
        Ok(Ok(())) => StepResult::on_nodes(nodes, BTreeMap::new()),
        Ok(Err(missing)) => late(nodes, missing, &format!("not up within {within}")),
        Err(_) => StepResult::failed(Miss::new(Cause::TimedOut, format!("nobody knows who is up after {within}"))),
    }
}

/// Nodes that are not as they should be when the time is over. It never holds, also when none of them has a name.
fn late(nodes: usize, missing: Vec<MissingNode>, how: &str) -> StepResult {
    let mut named: BTreeMap<NodeName, Miss> = BTreeMap::new();
    let mut unnamed = Vec::new();
    for MissingNode { node, what } in missing {
        let miss = Miss::new(Cause::NotInTime, format!("{how}: {what}"));
        match node {
            Some(node) => drop(named.insert(node, miss)),
            None => unnamed.push(miss),
        }
    }
    if named.is_empty() && unnamed.is_empty() {
        unnamed.push(Miss::new(Cause::NotInTime, how));
    }
    let mut result = StepResult::on_nodes(nodes, named);
    result.failures.extend(unnamed.into_iter().map(fold::whole));
    result
}
