//! Who plays: the farm, and what is to be there.

use std::time::Duration;

use super::command::Command;
use super::play::Scene;
use super::step::{Operation, Step, Trouble};
use crate::engine_proxy::EngineProxy;
use crate::farm::daemons::{self, Daemon};
use crate::farm::{Farm, Problem, SIDE_SETTINGS, Wanted, finish};
use crate::finished::Running;
use crate::host;
use crate::invariants::Observation;
use crate::link::Link;

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// A command, whatever dies meanwhile.
    pub(super) work: Duration,
    /// Until all is at rest once everything is healed.
    pub(super) rest: Duration,
}

/// Who plays.
pub(super) struct Player {
    pub(super) farm: Farm,
    pub(super) wanted: Wanted,
    /// Everything as it was when it was last at rest.
    pub(super) seen: Observation,
    /// What arms both daemons whenever they begin.
    pub(super) arms: String,
    pub(super) patience: Patience,
    pub(super) link: Option<Link>,
    /// What stands before the engine.
    pub(super) engine: EngineProxy,
    commands: u64,
}

/// What came of a step.
#[derive(Debug, Default)]
pub(super) struct Played {
    /// Whether what was to go wrong did.
    pub(super) hit: bool,
    /// What was not as it should have been.
    pub(super) problems: Vec<Problem>,
}

impl Player {
    /// With a new farm of so many workers, at rest.
    pub(super) fn begin(workers: u32, patience: Patience) -> Result<Self, Vec<Problem>> {
        let engine = EngineProxy::start(&crate::engine::socket());
        let farm = Farm::at_engine(workers, Some(engine.socket()));
        let wanted = Wanted { workers, ..Wanted::default() };
        let begun = farm.await_rest(patience.rest, &Observation::default(), &wanted);
        let player = |seen| Self { farm, wanted, seen, arms: String::new(), patience, link: None, engine, commands: 0 };
        // The seen is what is compared with from now on.
        begun.map(player)
    }

    /// Plays a step: what was broken is healed before anything is checked.
    pub(super) fn play(&mut self, step: &Step) -> Played {
        let mut played = Played::default();
        self.wanted.touched.clear();
        let mut scene = Scene::new(step.trouble, step.operation);
        scene.before(self, &mut played);
        let before = self.wanted.clone();
        let token = self.token();
        let running = self.start(step.operation, &before, &token);
        scene.during(self, running.as_ref(), &mut played);
        self.heal(&mut played);
        if let Some(running) = running {
            self.finish(step, running, &before, &token, &mut played);
        }
        let rest = self.farm.await_rest(self.patience.rest, &self.seen, &self.wanted);
        match rest {
            Ok(seen) => self.seen = seen,
            Err(problems) => played.problems.extend(problems),
        }
        scene.after(self);
        played
    }

    fn start(&self, operation: Operation, before: &Wanted, token: &str) -> Option<Running> {
        let command = Command { farm: &self.farm, operation, before, token: token.to_owned() };
        let words = command.words()?;
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        Some(self.farm.site.start("throng", &words))
    }

    fn finish(&mut self, step: &Step, running: Running, before: &Wanted, token: &str, played: &mut Played) {
        let command = Command { farm: &self.farm, operation: step.operation, before, token: token.to_owned() };
        let after = command.after();
        let ended = finish(&self.farm.site, running, self.patience.work, 0);
        played.problems.extend(command.check(&ended.stdout, ended.once));
        played.problems.extend(ended.problem.map(Problem::Restless));
        self.wanted.workers = after.workers;
        self.wanted.side = after.side;
        self.wanted.touched.extend(after.touched);
        if step.twice && played.problems.is_empty() {
            self.repeat(step, played);
        }
    }

    /// The same once more. What is gone already cannot be taken down: that is said, and nothing else is done.
    fn repeat(&mut self, step: &Step, played: &mut Played) {
        let is_down_again = step.operation == Operation::Side && !self.wanted.side;
        // A second cluster of the same scenario would be another one.
        if step.operation == Operation::Side && !is_down_again {
            return;
        }
        let before = Wanted { side: is_down_again, ..self.wanted.clone() };
        let token = self.token();
        let Some(running) = self.start(step.operation, &before, &token) else { return };
        let finished = running.end(self.patience.work);
        if is_down_again != (finished.code != Some(0)) {
            played.problems.push(Problem::Restless(format!("done once more: {finished}")));
        } else if !is_down_again {
            let command = Command { farm: &self.farm, operation: step.operation, before: &before, token };
            played.problems.extend(command.check(&finished.stdout, true));
        }
    }

    fn token(&mut self) -> String {
        self.commands += 1;
        format!("ran-{}", self.commands)
    }

    /// Starts a daemon as it always begins, with further arms, and waits until it is of use.
    pub(super) fn start_daemon(&self, daemon: Daemon, more: &str) -> Result<(), String> {
        let arms = [self.arms.as_str(), more].into_iter().filter(|arms| !arms.is_empty()).collect::<Vec<_>>().join(";");
        daemons::start(&self.farm.site, daemon, &self.farm.address, Some(&arms)).wait(&self.farm.site)
    }

    /// Starts what is dead, and continues what hangs, as a service manager does.
    pub(super) fn heal(&self, played: &mut Played) {
        for daemon in [Daemon::Coordinator, Daemon::Agent] {
            if let Some(pid) = daemons::pid(&self.farm.site, daemon) {
                host::go_on(pid);
            } else {
                let started = self.start_daemon(daemon, "");
                played.problems.extend(started.err().map(Problem::Restless));
            }
        }
    }

    /// Puts the settings back that somebody else changed in the play; what is not as it was before everything.
    pub(super) fn end(mut self) -> Vec<String> {
        // While the second cluster wants a setting, throng takes what is written there for a mistake.
        if self.wanted.side {
            let _ = self.farm.site.throng(&["down", &self.farm.side_name(), "--yes"]);
        }
        for (key, value) in self.farm.between(SIDE_SETTINGS.map(|(key, _)| key)) {
            if self.wanted.foreign_settings.remove(&key).is_some() {
                host::set(&key, &value);
            }
        }
        self.farm.end()
    }

    /// Whether this setting is of use here: the second cluster must not want another value, nor settle meanwhile.
    pub(super) fn may_set(&self, operation: Operation) -> bool {
        !self.wanted.side || operation == Operation::Side
    }

    /// Whether a trouble of nodes can go on beside the operation: others need every node.
    pub(super) fn is_beside(trouble: Trouble, operation: Operation) -> bool {
        matches!(trouble, Trouble::KillNode(..))
            && matches!(operation, Operation::Side | Operation::Scale(_) | Operation::Rest)
    }
}
