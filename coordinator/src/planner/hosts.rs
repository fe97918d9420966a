//! A host as the planner sees it: what is free on it before this cluster takes anything.

use std::net::IpAddr;

use throng_common::ports::{PortRange, PortSet};
use throng_common::scenario::model::Scenario;
use throng_common::sysctl_keys;

use super::address::address_of;
use super::input::{HostInput, PlanInput};
use super::needs::{NODE_CONNECTIONS_EXPECTED, RoleNeeds};
use super::plan::{Baseline, HostPlan};
use super::refusal::Problem;

/// A host before this cluster.
#[derive(Debug)]
pub(super) struct HostBase<'a> {
    /// The host as given.
    pub(super) input: &'a HostInput,
    /// The address that its nodes listen on.
    pub(super) address: IpAddr,
    /// Whether the agent adds it to `lo`.
    pub(super) manage_address: bool,
    /// Where blocks may lie: the fleet's pool without what outgoing connections use.
    pub(super) pool: PortSet,
    /// Ports that somebody else has.
    pub(super) taken: PortSet,
    /// What runs on it already.
    pub(super) baseline: Baseline,
    /// What the plan before put there.
    pub(super) before: Option<&'a HostPlan>,
}

impl HostBase<'_> {
    /// A setting that is one number, as it stands now.
    pub(super) fn number(&self, key: &str) -> Option<u64> {
        self.input.facts.sysctls.get(key)?.trim().parse().ok()
    }

    /// The pool's ports that nobody has.
    pub(super) fn free(&self) -> PortSet {
        self.pool.difference(&self.taken)
    }
}

/// Looks at all hosts.
pub(super) fn bases<'a>(input: &PlanInput<'a>, needs: &[RoleNeeds<'_>]) -> Result<Vec<HostBase<'a>>, Vec<Problem>> {
    let mut bases = Vec::new();
    let mut problems = Vec::new();
    let containers = needs.iter().any(RoleNeeds::is_container);
    for (position, host) in input.hosts.iter().enumerate() {
        if containers && let Some(reason) = engine_problem(host).filter(|_| !may_be_away(input, host)) {
            problems.push(Problem::Engine { host: host.host.clone(), reason });
        }
        match address_of(&input.scenario.fleet, host, position, input.hosts.len()) {
            Ok((address, manage_address)) => bases.push(base(input, host, needs, (address, manage_address))),
            Err(problem) => problems.push(problem),
        }
    }
    if input.hosts.is_empty() {
        problems.push(Problem::NoHosts);
    }
    if problems.is_empty() { Ok(bases) } else { Err(problems) }
}

fn base<'a>(
    input: &PlanInput<'a>,
    host: &'a HostInput,
    needs: &[RoleNeeds<'_>],
    (address, manage_address): (IpAddr, bool),
) -> HostBase<'a> {
    let before = input.previous.and_then(|plan| plan.hosts.iter().find(|known| known.host == host.host));
    // What this cluster has already must not stand in its own way.
    let own = before.map(|plan| plan.reserved.clone()).unwrap_or_default();
    let reserved: PortSet =
        host.facts.sysctls.get(sysctl_keys::RESERVED_PORTS).and_then(|text| text.parse().ok()).unwrap_or_default();
    let taken = host.facts.listening_ports.union(&reserved).difference(&own).union(&host.other_ports);
    let pool = PortSet::from(input.scenario.fleet.ports);
    let pool = match ephemeral(input.scenario, host) {
        Some(range) => pool.difference(&range.into()),
        None => pool,
    };
    HostBase { input: host, address, manage_address, pool, taken, baseline: baseline(host, before, needs), before }
}

/// The ports that outgoing connections will use.
fn ephemeral(scenario: &Scenario, host: &HostInput) -> Option<PortRange> {
    let wanted = scenario.tuning.sysctl.get(sysctl_keys::LOCAL_PORT_RANGE).map(ToString::to_string);
    let text = wanted.as_ref().or_else(|| host.facts.sysctls.get(sysctl_keys::LOCAL_PORT_RANGE))?;
    let mut numbers = text.split_whitespace().map(str::parse::<u16>);
    PortRange::new(numbers.next()?.ok()?, numbers.next()?.ok()?).ok()
}

/// What runs without this cluster: what was there before it, or what is more by now.
fn baseline<'a>(host: &HostInput, before: Option<&HostPlan>, needs: &[RoleNeeds<'a>]) -> Baseline {
    let followed = host.facts.sysctls.get(sysctl_keys::CONNTRACK_COUNT).and_then(|text| text.trim().parse().ok());
    let now = Baseline {
        tasks: host.facts.tasks,
        open_files: host.facts.open_files,
        followed: followed.unwrap_or_default(),
        keys: host.facts.root_keys,
    };
    let Some(before) = before else {
        return now;
    };
    let own = |each: fn(&RoleNeeds<'a>) -> u64| -> u64 {
        let of = |role| needs.iter().find(|need| need.name == role).map_or(0, each);
        before.nodes.iter().map(|node| of(node.name.role())).sum()
    };
    Baseline {
        tasks: before.baseline.tasks.max(now.tasks.saturating_sub(own(RoleNeeds::tasks_expected))),
        open_files: before.baseline.open_files.max(now.open_files.saturating_sub(own(RoleNeeds::files_expected))),
        followed: before.baseline.followed.max(now.followed.saturating_sub(own(|_| NODE_CONNECTIONS_EXPECTED))),
        keys: before.baseline.keys.max(now.keys.saturating_sub(own(RoleNeeds::keys))),
    }
}

/// Whether nothing is asked of an engine that did not answer.
fn may_be_away(input: &PlanInput<'_>, host: &HostInput) -> bool {
    input.preview && host.facts.engine.is_none()
}

/// Why a host cannot run containers; none where it can.
pub(super) fn engine_problem(host: &HostInput) -> Option<String> {
    match &host.facts.engine {
        Some(engine) => engine.unusable.clone(),
        None => Some(host.facts.engine_problem.clone().unwrap_or_else(|| "no engine answers".to_owned())),
    }
}
