//! One round: something goes on, a daemon dies at a point of it, it is started again, and all must come to rest.

use std::time::{Duration, Instant};

use super::draw::{Round, Victims};
use super::reach::Operation;
use super::work::Work;
use crate::farm::daemons::{self, Daemon, comings};
use crate::farm::{Farm, Wanted, finish};
use crate::finished::Running;
use crate::wait::until;

/// How long the point may take to be reached.
const HIT_TIMEOUT: Duration = Duration::from_secs(60);
/// How long the command may take in all, whatever dies meanwhile.
const WORK_TIMEOUT: Duration = Duration::from_secs(150);
/// How long after the command's end a point may still be reached: what is told last.
const HIT_AFTER_END: Duration = Duration::from_secs(2);
/// How long everything may take to come to rest once all daemons are there again.
const REST_TIMEOUT: Duration = Duration::from_secs(45);
/// How often is looked.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// What came of a round.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Report {
    /// Whether the daemon came by the point.
    pub(super) hit: bool,
    /// From when the dead were started again until all was at rest and every invariant held.
    pub(super) recovery: Option<Duration>,
    /// What did not hold.
    pub(super) problems: Vec<String>,
}

/// Plays a round.
pub(super) fn play(farm: &Farm, round: &Round) -> Report {
    let work = Work::new(farm, round.operation);
    let mut report = Report::default();
    work.prepare();
    let before = farm.observe();
    let mut scene = Scene { farm, round, work, comings_before: comings(&farm.site, round.point) };
    let command = scene.arm_and_begin(&mut report);
    report.hit = scene.await_coming(command.as_ref());
    scene.bury();
    std::thread::sleep(round.pause);
    let revived = Instant::now();
    scene.revive(&mut report);
    // A daemon that came by its point before there was a command takes none of it with it.
    let command = command.or_else(|| work.begin(None));
    let ended = command.map(|command| finish(&farm.site, command, WORK_TIMEOUT, work.code()));
    report.problems.extend(ended.and_then(|ended| ended.problem));
    match farm.await_rest(REST_TIMEOUT, &before, &work.after()) {
        Ok(_) => report.recovery = Some(revived.elapsed()),
        Err(problems) => report.problems.extend(problems.iter().map(ToString::to_string)),
    }
    if report.problems.is_empty() && round.again {
        work.again();
        let rest = farm.await_rest(REST_TIMEOUT, &before, &work.after());
        report.problems.extend(rest.err().into_iter().flatten().map(|problem| format!("done again: {problem}")));
    }
    if report.problems.is_empty() {
        work.undo();
        if round.again {
            work.undo_again();
        }
        let between = Wanted { touched: work.renewed(), ..Wanted::default() };
        let rest = farm.await_rest(REST_TIMEOUT, &before, &between);
        report.problems.extend(rest.err().into_iter().flatten().map(|problem| format!("put back: {problem}")));
    }
    report
}

struct Scene<'a> {
    farm: &'a Farm,
    round: &'a Round,
    work: Work<'a>,
    comings_before: usize,
}

impl Scene<'_> {
    /// Starts the daemon again with its arms, then the command.
    fn arm_and_begin(&mut self, report: &mut Report) -> Option<Running> {
        let (site, daemon, arms) = (&self.farm.site, self.round.daemon(), self.round.arms());
        let start = |arms: &str| {
            daemons::kill(site, daemon);
            daemons::start(site, daemon, &self.farm.address, Some(arms))
        };
        match (self.round.operation, daemon) {
            (Operation::Begin | Operation::Lose | Operation::Estrange, _) => {
                start(&arms).abandon_once(|| self.is_hit());
                None
            }
            // The command itself starts the agent, with a token.
            (Operation::Join, Daemon::Agent) => self.work.begin(Some(&arms)),
            (Operation::Join, Daemon::Coordinator) => {
                report.problems.extend(start(&arms).wait(site).err());
                self.work.begin(None)
            }
            _ => {
                // One that is dead so early died at its point.
                let started = start(&arms).wait(site).and_then(|()| self.await_link());
                report.problems.extend(started.err().filter(|_| !self.is_hit()));
                if self.is_hit() { None } else { self.work.begin(None) }
            }
        }
    }

    /// Waits until the agent is connected: with a coordinator that was just started it dials again.
    fn await_link(&self) -> Result<(), String> {
        until(REST_TIMEOUT, || {
            if self.is_hit() {
                return Ok(());
            }
            let status = daemons::status(&self.farm.site).ok_or("no coordinator answers")?;
            let connected = status["hosts"][0]["connected"] == true;
            if connected { Ok(()) } else { Err(format!("hosts: {}", status["hosts"])) }
        })
    }

    fn is_hit(&self) -> bool {
        comings(&self.farm.site, self.round.point) > self.comings_before
    }

    /// Waits until the daemon comes by the point, or it is clear that it does not. Whether it did.
    fn await_coming(&self, command: Option<&Running>) -> bool {
        let deadline = Instant::now() + HIT_TIMEOUT;
        let mut ended = None;
        while !self.is_hit() {
            if ended.is_none() && command.is_none_or(|command| !command.is_running()) {
                ended = Some(Instant::now());
            }
            let late = ended.is_some_and(|ended| ended.elapsed() > HIT_AFTER_END);
            if late || Instant::now() > deadline {
                return false;
            }
            std::thread::sleep(LOOK_INTERVAL);
        }
        true
    }

    /// Kills whom nobody has killed yet: a daemon that missed its point is still armed.
    fn bury(&self) {
        let (own, other) = match self.round.daemon() {
            Daemon::Agent => (Daemon::Agent, Daemon::Coordinator),
            Daemon::Coordinator => (Daemon::Coordinator, Daemon::Agent),
        };
        let victims = match self.round.victims {
            Victims::Own => vec![own],
            Victims::Other => vec![other],
            Victims::Both => vec![own, other],
        };
        for daemon in victims {
            daemons::kill(&self.farm.site, daemon);
        }
    }

    /// Starts what is dead, as a service manager does.
    fn revive(&self, report: &mut Report) {
        let site = &self.farm.site;
        for daemon in [Daemon::Coordinator, Daemon::Agent] {
            if daemons::pid(site, daemon).is_none() {
                let revived = daemons::start(site, daemon, &self.farm.address, None).wait(site);
                // An agent that lost its certificate needs a token, which only the command has.
                let needs_token = self.round.operation == Operation::Join && daemon == Daemon::Agent;
                report.problems.extend(revived.err().filter(|_| !needs_token));
            }
        }
    }
}
