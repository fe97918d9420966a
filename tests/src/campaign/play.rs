//! What goes wrong in a step: before the command, while it runs, and what is put away after it.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use throng_failpoints::Point;

use super::command::name;
use super::player::{Played, Player};
use super::step::{Misbehaviour, Operation, Trouble};
use crate::engine_proxy::{Effect, EngineProxy};
use crate::farm::daemons::{self, Daemon, comings};
use crate::farm::{Problem, SIDE_SETTINGS, address};
use crate::finished::Running;
use crate::host;
use crate::invariants::{Invariant, Violation, processes_of};
use crate::link::Link;
use crate::wait::until;

/// How long after the beginning a daemon hangs or a node dies: the operation is well under way.
const UNDER_WAY: Duration = Duration::from_millis(300);
/// How long nobody starts again what died.
const PAUSE: Duration = Duration::from_millis(300);
/// How long a point may take to be reached, and how long after the command's end: what is told last.
const HIT_TIMEOUT: Duration = Duration::from_secs(40);
const HIT_AFTER_END: Duration = Duration::from_secs(1);
/// How long throng may take to notice that a node does not answer.
const NOTICE_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a link may take to be there.
const LINK_TIMEOUT: Duration = Duration::from_secs(30);

/// What goes wrong in a step.
pub(super) struct Scene {
    trouble: Trouble,
    operation: Operation,
    comings: usize,
}

impl Scene {
    /// Nothing has happened yet.
    pub(super) fn new(trouble: Trouble, operation: Operation) -> Self {
        Self { trouble, operation, comings: 0 }
    }

    /// What goes wrong, or is made ready, before the command. An operation that needs every node waits until they are.
    pub(super) fn before(&mut self, player: &mut Player, played: &mut Played) {
        match self.trouble {
            Trouble::KillAt { point, passes } => self.arm(player, point, passes, played),
            Trouble::HangNode(role, index) => hang_node(player, &format!("{role}-{index:04}"), played),
            Trouble::KillNode(role, index) if !Player::is_beside(self.trouble, self.operation) => {
                played.hit = kill_node(player, &format!("{role}-{index:04}"));
            }
            Trouble::TakePort { worker, lasts } => played.hit = take_port(player, &name(worker), lasts),
            Trouble::Setting(value) if player.may_set(self.operation) => {
                let key = SIDE_SETTINGS[0].0;
                host::set(key, &value.to_string());
                player.wanted.foreign_settings.insert(key.to_owned(), value.to_string());
                played.hit = true;
            }
            Trouble::CutLink { .. } => open_link(player, played),
            Trouble::Decoys => {
                player.farm.plant();
                played.hit = true;
            }
            Trouble::None
            | Trouble::Kill { .. }
            | Trouble::Hang { .. }
            | Trouble::KillNode(..)
            | Trouble::Setting(_)
            | Trouble::Engine { .. } => {}
        }
        let of_nodes = matches!(self.trouble, Trouble::HangNode(..) | Trouble::KillNode(..) | Trouble::TakePort { .. });
        if of_nodes && !Player::is_beside(self.trouble, self.operation) && self.operation != Operation::Rest {
            let rest = player.farm.await_rest(player.patience.rest, &player.seen, &player.wanted);
            played.problems.extend(rest.err().into_iter().flatten());
        }
    }

    /// What goes wrong while the command runs.
    pub(super) fn during(&mut self, player: &mut Player, running: Option<&Running>, played: &mut Played) {
        let site = &player.farm.site;
        match self.trouble {
            Trouble::Kill { victims, after } => {
                std::thread::sleep(after);
                for daemon in victims.daemons() {
                    daemons::kill(site, *daemon);
                }
                std::thread::sleep(PAUSE);
                played.hit = true;
            }
            Trouble::KillAt { point, .. } => {
                played.hit = self.await_death(player, running, point);
                // One that missed its point is still armed.
                daemons::kill(site, Daemon::of(point));
                std::thread::sleep(PAUSE);
            }
            Trouble::Hang { daemon, lasts } => {
                std::thread::sleep(UNDER_WAY);
                if let Some(pid) = daemons::pid(site, daemon) {
                    host::hang(pid);
                    std::thread::sleep(lasts);
                    host::go_on(pid);
                    played.hit = true;
                }
            }
            Trouble::KillNode(role, index) if Player::is_beside(self.trouble, self.operation) => {
                std::thread::sleep(UNDER_WAY);
                played.hit = kill_node(player, &format!("{role}-{index:04}"));
            }
            Trouble::CutLink { silently, lasts } => {
                std::thread::sleep(UNDER_WAY);
                if let Some(link) = &player.link {
                    if silently {
                        link.silence();
                    } else {
                        link.cut();
                    }
                    std::thread::sleep(lasts);
                    link.mend();
                }
            }
            Trouble::Engine { how, lasts } => {
                std::thread::sleep(UNDER_WAY);
                played.hit = misbehave(&player.engine, how, lasts);
            }
            Trouble::None
            | Trouble::KillNode(..)
            | Trouble::HangNode(..)
            | Trouble::TakePort { .. }
            | Trouble::Setting(_)
            | Trouble::Decoys => {}
        }
    }

    /// What is put away once all was looked at.
    pub(super) fn after(&self, player: &mut Player) {
        if self.trouble == Trouble::Decoys {
            player.farm.unplant();
        }
    }

    fn arm(&mut self, player: &Player, point: Point, passes: u32, played: &mut Played) {
        self.comings = comings(&player.farm.site, point);
        let daemon = Daemon::of(point);
        let before = if passes == 0 { String::new() } else { format!("{passes}*off->") };
        daemons::kill(&player.farm.site, daemon);
        let started = player.start_daemon(daemon, &format!("{}={before}return(kill)", point.name()));
        // One that dies so early dies at its point.
        let died = || comings(&player.farm.site, point) > self.comings;
        let linked = started.and_then(|()| linked(player, died));
        played.problems.extend(linked.err().filter(|_| !died()).map(Problem::Restless));
    }

    /// Waits until the daemon is dead, or it is clear that it does not come by the point. Whether it died.
    fn await_death(&self, player: &Player, running: Option<&Running>, point: Point) -> bool {
        let deadline = Instant::now() + HIT_TIMEOUT;
        let mut ended = None;
        while comings(&player.farm.site, point) <= self.comings {
            if ended.is_none() && running.is_none_or(|running| !running.is_running()) {
                ended = Some(Instant::now());
            }
            if ended.is_some_and(|ended| ended.elapsed() > HIT_AFTER_END) || Instant::now() > deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        true
    }
}

/// Has the engine misbehave for a while. Whether anybody met it.
fn misbehave(engine: &EngineProxy, how: Misbehaviour, lasts: Duration) -> bool {
    match how {
        Misbehaviour::Hangs => engine.spoil(&[("*", Effect::Stall)]),
        Misbehaviour::Errs => engine.spoil(&[("GET /*", Effect::Answer(500))]),
        Misbehaviour::BreaksOff => {
            engine.cut();
            return true;
        }
    }
    std::thread::sleep(lasts);
    let met = engine.met() > 0;
    engine.mend();
    met
}

/// Waits until the agent is connected: with a coordinator that was just started it dials again. One that died meanwhile
/// is not waited for.
fn linked(player: &Player, died: impl Fn() -> bool) -> Result<(), String> {
    until(LINK_TIMEOUT, || {
        if died() {
            return Ok(());
        }
        let status = daemons::status(&player.farm.site).ok_or("no coordinator answers")?;
        if status["hosts"][0]["connected"] == true { Ok(()) } else { Err(format!("hosts: {}", status["hosts"])) }
    })
}

/// Has the agent dial the coordinator through a link that can be cut.
fn open_link(player: &mut Player, played: &mut Played) {
    let coordinator = player.farm.address.socket();
    let link = player.link.get_or_insert_with(|| Link::open(coordinator));
    let through = player.farm.address.at(link.address());
    daemons::kill(&player.farm.site, Daemon::Agent);
    let started =
        daemons::start(&player.farm.site, Daemon::Agent, &through, Some(&player.arms)).wait(&player.farm.site);
    let linked = started.and_then(|()| linked(player, || false));
    played.hit = linked.is_ok();
    played.problems.extend(linked.err().map(Problem::Restless));
}

/// The first process of a node of the first cluster, as it was when all was at rest.
fn process(player: &Player, node: &str) -> Option<i32> {
    Some(processes_of(&player.seen, &player.farm.cluster, node).first()?.pid)
}

fn kill_node(player: &mut Player, node: &str) -> bool {
    let Some(pid) = process(player, node) else { return false };
    host::kill_now(pid);
    player.wanted.touched.insert(node.to_owned());
    true
}

/// Stops a node until throng no longer calls it ready.
fn hang_node(player: &Player, node: &str, played: &mut Played) {
    let Some(pid) = process(player, node) else { return };
    host::hang(pid);
    let noticed = until(NOTICE_TIMEOUT, || {
        let listed = player.farm.site.throng(&["ps", "--cluster", &player.farm.cluster, "--format", "json"]);
        let listed = if listed.code == Some(0) { listed.json() } else { return Err(listed.to_string()) };
        let is_ready = crate::site::nodes(&listed).iter().any(|seen| seen["node"] == node && seen["phase"] == "ready");
        if is_ready { Err(format!("{node} hangs and is called ready")) } else { Ok(()) }
    });
    host::go_on(pid);
    played.hit = true;
    let violation = |seen| Problem::Violation(Violation { invariant: Invariant::Told, seen });
    played.problems.extend(noticed.err().map(violation));
}

/// Kills a node and takes its port before it is started again.
fn take_port(player: &mut Player, node: &str, lasts: Duration) -> bool {
    let listed = player.farm.site.throng(&["ps", "--cluster", &player.farm.cluster, "--format", "json"]).json();
    let found = crate::site::nodes(&listed).iter().find(|seen| seen["node"] == node);
    let Some(port) = found.and_then(address) else { return false };
    let is_killed = kill_node(player, node);
    let holder = until(Duration::from_secs(2), || TcpListener::bind(port));
    std::thread::sleep(lasts);
    is_killed && holder.is_ok()
}
