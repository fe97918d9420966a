//! A daemon that panics in the midst of its work on a live cluster.

use std::time::Duration;

use throng_failpoints::Point;

use crate::farm::daemons::{self, Daemon, comings};
use crate::farm::{Farm, Wanted};
use crate::site::{COMMAND_TIMEOUT, SETTLE_TIMEOUT};
use crate::wait::wait_for;

/// Workers beside whom it happens.
const WORKERS: u32 = 4;
/// How long everything may take to come to rest.
const REST_TIMEOUT: Duration = Duration::from_secs(45);
/// Work in the midst of which an agent panics once: on a node, before, between and after the engine's calls; while a node
/// is asked whether it is ready; on the host.
const WORK: [Point; 6] = [
    Point::RamdiskMounted,
    Point::CreateAnswered,
    Point::ProcessRuns,
    Point::NodeReady,
    Point::NodeFoldersRemoved,
    Point::SysctlRaised,
];

/// Plays all of it; what did not hold.
pub fn play() -> Vec<String> {
    let _alone = crate::site::alone();
    let farm = Farm::of(WORKERS);
    let mut problems = Vec::new();
    for point in WORK {
        problems.extend(in_work(&farm, point).into_iter().map(|problem| format!("{}: {problem}", point.name())));
    }
    problems.extend(in_the_loop(&farm).into_iter().map(|problem| format!("in the loop: {problem}")));
    problems.extend(in_an_operation(&farm).into_iter().map(|problem| format!("in an operation: {problem}")));
    problems.extend(farm.end());
    problems
}

fn between() -> Wanted {
    Wanted { workers: WORKERS, ..Wanted::default() }
}

fn arm(farm: &Farm, point: Point) -> Option<String> {
    daemons::kill(&farm.site, Daemon::Agent);
    let arms = format!("{}=1*return(panic)", point.name());
    daemons::start(&farm.site, Daemon::Agent, &farm.address, Some(&arms)).wait(&farm.site).err()
}

/// It fails once and is tried again; the agent is the same, and so is everybody else.
fn in_work(farm: &Farm, point: Point) -> Vec<String> {
    let before = farm.observe();
    let mut problems: Vec<String> = arm(farm, point).into_iter().collect();
    let agent = daemons::pid(&farm.site, Daemon::Agent);
    let _ = farm.site.throng_within(COMMAND_TIMEOUT * 2, &["up", "side.toml"]).expect_code(0);
    let _ = farm.site.throng(&["down", &farm.side_name(), "--yes"]).expect_code(0);
    if comings(&farm.site, point) == 0 {
        problems.push("it did not panic".to_owned());
    }
    if daemons::pid(&farm.site, Daemon::Agent) != agent {
        problems.push("the agent is another one".to_owned());
    }
    let rest = farm.await_rest(REST_TIMEOUT, &before, &between());
    problems.extend(rest.err().into_iter().flatten().map(|problem| problem.to_string()));
    problems
}

/// The agent ends at once, and its successor finds all nodes.
fn in_the_loop(farm: &Farm) -> Vec<String> {
    let point = Point::LookedAtAll;
    let before = farm.observe();
    daemons::kill(&farm.site, Daemon::Agent);
    let arms = format!("{}=1*return(panic)", point.name());
    let starting = daemons::start(&farm.site, Daemon::Agent, &farm.address, Some(&arms));
    wait_for("the agent panics", SETTLE_TIMEOUT, || {
        if comings(&farm.site, point) > 0 { Ok(()) } else { Err("it has not") }
    });
    wait_for("it ends", SETTLE_TIMEOUT, || daemons::pid(&farm.site, Daemon::Agent).map_or(Ok(()), Err));
    starting.abandon_once(|| true);
    let mut problems: Vec<String> = Vec::new();
    problems.extend(daemons::start(&farm.site, Daemon::Agent, &farm.address, None).wait(&farm.site).err());
    let rest = farm.await_rest(REST_TIMEOUT, &before, &between());
    problems.extend(rest.err().into_iter().flatten().map(|problem| problem.to_string()));
    problems
}

/// The operation ends and says so; the coordinator is the same, and does it when it is asked again.
fn in_an_operation(farm: &Farm) -> Vec<String> {
    let before = farm.observe();
    daemons::kill(&farm.site, Daemon::Coordinator);
    let arms = format!("{}=1*return(panic)", Point::ScalePlanned.name());
    let starting = daemons::start(&farm.site, Daemon::Coordinator, &farm.address, Some(&arms));
    let mut problems: Vec<String> = starting.wait(&farm.site).err().into_iter().collect();
    let coordinator = daemons::pid(&farm.site, Daemon::Coordinator);
    let scale = |workers: u32| farm.site.throng(&["scale", &format!("worker={workers}"), "--cluster", &farm.cluster]);
    let _ = scale(WORKERS + 1).expect_code(3).expect_said(&["a fault in throng itself"]);
    let _ = scale(WORKERS + 1).expect_code(0);
    let _ = scale(WORKERS).expect_code(0);
    if daemons::pid(&farm.site, Daemon::Coordinator) != coordinator {
        problems.push("the coordinator is another one".to_owned());
    }
    let rest = farm.await_rest(REST_TIMEOUT, &before, &between());
    problems.extend(rest.err().into_iter().flatten().map(|problem| problem.to_string()));
    problems
}
