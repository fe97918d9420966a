//! How long a planned cluster takes to come up and to go, from figures that were measured. An order of size: what a
//! program does when it starts is only known where the scenario says it (`start.cpu`).

use std::time::Duration;

use throng_common::ids::RoleName;
use throng_common::scenario::model::RunKind;

use super::plan::{HostPlan, Plan};

/// CPU time of engine, runtime and kernel for the start of one container, and by how much it grows with every container
/// that the host has. Measured with Docker 20.10 on two cores: 9.0 s for 100 (docs/performance.md, up and its CPU time),
/// 218 s for 1000, Redis and its primary included.
const CONTAINER_CPU: Duration = Duration::from_millis(100);
const CONTAINER_CPU_MORE: Duration = Duration::from_micros(120);
/// What of it dockerd is taken to do one after the other, however many cores there are: not measured here.
const CONTAINER_SERIAL: Duration = Duration::from_millis(35);
/// The time that the end of one container takes, a few at once, and by how much it grows. Measured likewise: 2.3 s for
/// 100, 118 s for 1000.
const END: Duration = Duration::from_millis(15);
const END_MORE: Duration = Duration::from_micros(100);

/// An estimate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    /// CPU time that the starts of all nodes take by what the scenario says; none where it says nothing.
    pub starts_cpu: Duration,
    /// From the first start until all are ready, images and hosts being there.
    pub up: Duration,
    /// Until nothing is left.
    pub down: Duration,
}

/// Estimates a plan.
pub fn estimate(plan: &Plan) -> Estimate {
    let cpu_of =
        |role: &RoleName| plan.roles.get(role).and_then(|role| role.start_cpu).map_or(Duration::ZERO, |cpu| cpu.0);
    let starts_cpu = plan.nodes().map(|(_, node)| cpu_of(node.name.role())).sum();
    let wave = |wave: &Vec<RoleName>| {
        let on_hosts = plan.hosts.iter().map(|host| wave_on(plan, host, wave, cpu_of)).max().unwrap_or_default();
        let paced = wave.iter().filter_map(|role| {
            let role = plan.roles.get(role)?;
            Some(Duration::from_secs_f64(f64::from(role.count) / role.starts_per_second?))
        });
        paced.fold(on_hosts, Duration::max)
    };
    let down = plan.hosts.iter().map(|host| {
        let containers = containers(plan, host, |_| true);
        END * containers + END_MORE * containers * containers
    });
    Estimate { starts_cpu, up: plan.waves.iter().map(wave).sum(), down: down.max().unwrap_or_default() }
}

/// How long a host works on the nodes of a wave: as long as its cores need, or its engine, one after the other.
fn wave_on(plan: &Plan, host: &HostPlan, wave: &[RoleName], cpu_of: impl Fn(&RoleName) -> Duration) -> Duration {
    let nodes = host.nodes.iter().filter(|node| wave.contains(node.name.role()));
    let own: Duration = nodes.map(|node| cpu_of(node.name.role())).sum();
    let containers_here = containers(plan, host, |role| wave.contains(role));
    let engine =
        CONTAINER_CPU * containers_here + CONTAINER_CPU_MORE * containers_here * containers(plan, host, |_| true);
    ((own + engine) / host.cores.max(1)).max(CONTAINER_SERIAL * containers_here)
}

fn containers(plan: &Plan, host: &HostPlan, pick: impl Fn(&RoleName) -> bool) -> u32 {
    let is = |role: &RoleName| plan.roles.get(role).is_some_and(|role| role.run == RunKind::Container) && pick(role);
    u32::try_from(host.nodes.iter().filter(|node| is(node.name.role())).count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planner::tests::fixture::{REDIS, fitting, redis, scenario};

    fn seconds(duration: Duration) -> u64 {
        (duration + Duration::from_millis(500)).as_secs()
    }

    #[test]
    fn what_was_measured_on_two_cores_is_what_is_estimated_for_them() {
        let unpaced = |workers: u32| {
            let mut scenario = redis(workers);
            scenario.role.values_mut().for_each(|role| role.start.rate = None);
            estimate(&fitting(&scenario))
        };
        let (hundred, thousand) = (unpaced(100), unpaced(1000));
        assert_eq!((seconds(hundred.up), seconds(hundred.down)), (6, 3), "measured: 5 to 6 and 2 to 3");
        assert_eq!((seconds(thousand.up), seconds(thousand.down)), (110, 115), "measured: 109 and 118");
        assert_eq!(hundred.starts_cpu, Duration::ZERO);
    }

    #[test]
    fn starts_that_take_the_cpu_are_shared_by_the_cores_and_a_rate_is_kept() {
        let text = REDIS.replace("start = { rate = \"40/s\"", "start = { cpu = \"1800ms\"");
        let cpu_bound = estimate(&fitting(&scenario(&text)));
        assert_eq!(cpu_bound.starts_cpu, Duration::from_secs(180));
        assert_eq!(seconds(cpu_bound.up), 96);
        let paced = estimate(&fitting(&scenario(&REDIS.replace("40/s", "4/s"))));
        assert_eq!(seconds(paced.up), 25);
    }
}
