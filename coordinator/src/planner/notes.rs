//! What a person should know of a plan although it stops nothing.

use std::collections::BTreeSet;

use throng_common::ids::HostId;
use throng_common::scenario::model::{PreparePer, RunKind, TuningProfile};
use throng_common::size::ByteSize;

use super::hosts::engine_problem;
use super::input::PlanInput;
use super::plan::Plan;

/// All notes on a plan.
pub(super) fn notes(input: &PlanInput<'_>, plan: &Plan) -> Vec<String> {
    let mut notes = Vec::new();
    for (name, role) in &input.scenario.role {
        if role.memory.is_none() && role.count > 0 {
            let whose = match role.run {
                RunKind::Process => "what it takes beyond its ramdisks comes out of the reserve",
                RunKind::Container => "what it takes beyond its ramdisks and scratch folders is not accounted for",
            };
            notes.push(format!("role.{name} has no memory limit: {whose}"));
        }
    }
    notes.extend(prepared_elsewhere(input, plan));
    let overcommit = input.scenario.fleet.memory_overcommit;
    if overcommit > 1.0 {
        notes.push(format!("memory is overcommitted by the factor {overcommit}: nodes may be killed for memory"));
    }
    if input.scenario.tuning.profile == TuningProfile::None {
        notes.push("[tuning] profile = \"none\": kernel settings stay as they are".to_owned());
    }
    for host in input.hosts {
        notes.extend(of_host(input, plan, host));
    }
    notes
}

/// Roles that one node prepares for all hosts, with folders of which each host has its own.
fn prepared_elsewhere(input: &PlanInput<'_>, plan: &Plan) -> Vec<String> {
    let once = |per: PreparePer| per == PreparePer::Cluster;
    let roles = input.scenario.role.iter();
    let roles = roles.filter(|(_, role)| role.prepare.as_ref().is_some_and(|prepare| once(prepare.per)));
    let mut notes = Vec::new();
    for (name, _) in roles.filter(|(_, role)| !role.shared.is_empty()) {
        let on: BTreeSet<&HostId> =
            plan.nodes().filter(|(_, node)| node.name.role() == name).map(|(host, _)| &host.host).collect();
        if on.len() > 1 {
            notes.push(format!(
                "role.{name} is prepared once for {} hosts, each of which has shared folders of its own: what is written \
                 there on one is missing on the others (prepare.per = \"host\" prepares each)",
                on.len()
            ));
        }
    }
    notes
}

fn of_host(input: &PlanInput<'_>, plan: &Plan, host: &super::input::HostInput) -> Vec<String> {
    let mut notes = Vec::new();
    let id = &host.host;
    let containers = input.scenario.role.values().any(|role| role.run == RunKind::Container && role.count > 0);
    if containers && let Some(problem) = engine_problem(host) {
        notes.push(format!(
            "host {id}: the engine could not be asked, and what it bounds is not in this plan: {problem}"
        ));
    }
    if host.facts.child_pid_namespace {
        notes.push(format!("host {id}: the agent lies in a child pid namespace; the pid_max around it is unknown and may be lower than shown"));
    }
    // When a cluster is scaled, what it uses already is missing from what is available.
    let promised = plan.hosts.iter().find(|planned| planned.host == *id).map(|planned| planned.memory.promised());
    let available = ByteSize::bytes(host.facts.memory_available_bytes);
    if input.previous.is_none()
        && let Some(promised) = promised.filter(|promised| *promised > available)
    {
        notes.push(format!(
            "host {id}: nodes may use {promised}, and only {available} are available now: other programs hold the rest"
        ));
    }
    notes
}
