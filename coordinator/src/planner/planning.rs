//! Makes a plan, or says why there is none.

use std::collections::BTreeMap;

use throng_common::ids::RoleName;
use throng_common::ports::PortSet;
use throng_common::scenario::model::Image;
use throng_common::sysctl_keys;

use super::assess::{Assessor, Shortage};
use super::gauge::Gauge;
use super::hosts::bases;
use super::input::PlanInput;
use super::limit::{Limit, LimitName};
use super::memory;
use super::needs::needs;
use super::order::waves;
use super::plan::{HostPlan, NodePlan, Plan, RolePlan};
use super::refusal::{PlanRefusal, Problem};
use super::remedy::over_limit;
use super::search::{BreaksAt, breaks_at};
use super::start::{pace, per_second};
use super::tuning::sysctls;

/// Plans a cluster. The same input gives the same plan.
///
/// # Errors
/// All problems at once, each with its arithmetic and a remedy.
pub fn plan(input: &PlanInput<'_>) -> Result<Plan, PlanRefusal> {
    let (assessor, waves) = prepare(input)?;
    let counts = assessor.counts();
    let gauges = assessor.gauges(&counts);
    let breaks = breaks_at(&assessor);
    let mut problems: Vec<Problem> = worst(&gauges, Gauge::is_exceeded)
        .into_iter()
        .map(|gauge| over_limit(&assessor, &breaks, gauge, None))
        .collect();
    let nodes = match assessor.assign_ports(&counts) {
        Ok(nodes) => nodes,
        Err(shortage) => {
            problems.push(short_of_ports(&assessor, &breaks, shortage));
            Vec::new()
        }
    };
    if !problems.is_empty() {
        return Err(PlanRefusal { problems });
    }
    let ports = assessor.port_gauges(&counts);
    let limits = limits(&assessor, &breaks, gauges.iter().chain(&ports));
    let mut plan = Plan {
        cluster: input.cluster.clone(),
        scenario: input.scenario.scenario.name.to_string(),
        scenario_dir: input.scenario_dir.to_owned(),
        caller: input.caller.to_owned(),
        roles: roles(input, &assessor, &waves),
        waves,
        hosts: hosts(&assessor, &counts, nodes),
        largest: assessor.needs[assessor.largest].name.clone(),
        limits,
        notes: Vec::new(),
    };
    plan.notes = super::notes::notes(input, &plan);
    Ok(plan)
}

/// Whether the hosts hold the cluster, without saying how near every limit is.
///
/// # Errors
/// What no number of hosts mends.
pub(super) fn holds(input: &PlanInput<'_>) -> Result<bool, PlanRefusal> {
    Ok(prepare(input)?.0.holds())
}

/// Everything that must be right before sums make sense.
fn prepare<'a>(input: &PlanInput<'a>) -> Result<(Assessor<'a>, Vec<Vec<RoleName>>), PlanRefusal> {
    let mut problems = Vec::new();
    let waves = waves(&input.scenario.role).map_err(|problem| problems.push(problem));
    if input.scenario.tuning.sysctl.contains_key(sysctl_keys::RESERVED_PORTS) {
        problems.push(Problem::ReservedSysctl { key: sysctl_keys::RESERVED_PORTS.to_owned() });
    }
    let needs = needs(input.scenario).map_err(|more| problems.extend(more));
    let known = needs.as_deref().unwrap_or_default();
    let bases = bases(input, known).map_err(|more| problems.extend(more));
    match (waves, needs, bases) {
        (Ok(waves), Ok(needs), Ok(bases)) if problems.is_empty() => {
            Ok((Assessor::new(input.scenario, bases, needs, input.previous), waves))
        }
        _ => Err(PlanRefusal { problems }),
    }
}

/// Of every limit, the host where it is nearest, if `pick` takes it.
fn worst<'g>(gauges: impl IntoIterator<Item = &'g Gauge>, pick: impl Fn(&Gauge) -> bool) -> Vec<&'g Gauge> {
    let mut worst: BTreeMap<&LimitName, &Gauge> = BTreeMap::new();
    for gauge in gauges.into_iter().filter(|gauge| pick(gauge)) {
        let known = worst.entry(&gauge.name).or_insert(gauge);
        if nearer(gauge, known) {
            *known = gauge;
        }
    }
    worst.into_values().collect()
}

/// Whether the first has a larger share in use.
fn nearer(a: &Gauge, b: &Gauge) -> bool {
    let share = |of: &Gauge, other: &Gauge| u128::from(of.used()) * u128::from(other.bound);
    share(a, b) > share(b, a)
}

fn short_of_ports(assessor: &Assessor<'_>, breaks: &BreaksAt, shortage: Shortage) -> Problem {
    let here = &assessor.by_host(&assessor.counts())[shortage.host];
    over_limit(assessor, breaks, &assessor.port_gauge(shortage.host, here), Some(shortage.role))
}

/// All limits, the one that breaks first at the front; of those that never break, the nearest.
fn limits<'g>(assessor: &Assessor<'_>, breaks: &BreaksAt, gauges: impl IntoIterator<Item = &'g Gauge>) -> Vec<Limit> {
    let limit = |gauge: &Gauge| Limit {
        name: gauge.name.clone(),
        host: assessor.host_id(gauge.host),
        used: gauge.used(),
        bound: gauge.bound,
        unit: gauge.unit,
        share_percent: share_percent(gauge.used(), gauge.bound),
        breaks_at: breaks.get(&gauge.name).copied(),
        why: gauge.why.clone(),
    };
    let mut limits: Vec<Limit> = worst(gauges, |_| true).into_iter().map(limit).collect();
    let order = |limit: &Limit| limit.breaks_at.unwrap_or(u32::MAX);
    limits.sort_by(|a, b| order(a).cmp(&order(b)).then(b.share_percent.total_cmp(&a.share_percent)));
    limits
}

/// A share in percent, rounded to one decimal so that it is the same after a trip through JSON.
#[expect(clippy::cast_precision_loss, reason = "a share needs no more than three digits")]
fn share_percent(used: u64, bound: u64) -> f64 {
    if bound == 0 { 100.0 } else { (used as f64 / bound as f64 * 1000.0).round() / 10.0 }
}

fn roles(input: &PlanInput<'_>, assessor: &Assessor<'_>, waves: &[Vec<RoleName>]) -> BTreeMap<RoleName, RolePlan> {
    let wave_of = |name: &RoleName| (0_u32..).zip(waves).find(|(_, wave)| wave.contains(name)).map_or(0, |(at, _)| at);
    let given = |name: &RoleName, image: Option<&Image>| match (input.images.get(name), image) {
        (Some(resolved), _) => Some(resolved.clone()),
        (None, Some(Image::Name(image))) => Some(image.clone()),
        (None, Some(Image::Build(_)) | None) => None,
    };
    let role = |need: &super::needs::RoleNeeds<'_>| {
        let role = need.role;
        let planned = RolePlan {
            run: role.run,
            count: role.count,
            wave: wave_of(need.name),
            image: given(need.name, role.image.as_ref()),
            memory: need.memory,
            starts_per_second: role.start.rate.map(per_second),
            start_cpu: role.start.cpu,
            quorum: role.start.quorum.of(role.count),
            timeout: role.start.timeout,
        };
        (need.name.clone(), planned)
    };
    assessor.needs.iter().map(role).collect()
}

fn hosts(assessor: &Assessor<'_>, counts: &[u32], nodes: Vec<Vec<NodePlan>>) -> Vec<HostPlan> {
    let by_host = assessor.by_host(counts);
    let host = |(position, nodes): (usize, Vec<NodePlan>)| {
        let base = &assessor.hosts[position];
        let here = &by_host[position];
        let (_, wants) = assessor.demand(position, here, counts);
        let reserved: PortSet = nodes.iter().flat_map(|node| node.ports.iter().map(|ports| ports.range)).collect();
        HostPlan {
            host: base.input.host.clone(),
            address: base.address,
            manage_address: base.manage_address,
            cores: base.input.facts.cpu_cores,
            run_dir: base.input.facts.run_dir.clone(),
            state_dir: base.input.facts.state_dir.clone(),
            sysctls: sysctls(base, &assessor.scenario.tuning, &wants, &reserved),
            memory: memory::sum(base, &assessor.scenario.fleet, &assessor.needs, here),
            pace: pace(&assessor.needs, here, counts),
            baseline: base.baseline,
            reserved,
            nodes,
        }
    };
    nodes.into_iter().enumerate().map(host).collect()
}
