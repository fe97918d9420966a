//! Where the host's settings stand: those that it must have, and what became of the last work on them.

use throng_common::status::Reason;

use super::command::{HostSettings, Settled};
use crate::clock::Uptime;

/// Where the host's settings stand.
#[derive(Debug, Default)]
pub(super) struct Settling {
    wanted: HostSettings,
    done: Option<Settled>,
    /// Whether what was done is what is wanted.
    current: bool,
    /// Whether work on them is under way.
    busy: bool,
    /// After a failure: not before this.
    retry_at: Option<Uptime>,
}

/// What to do next about the host's settings.
#[derive(Debug, PartialEq)]
pub(super) enum Next {
    /// Nothing: they are as wanted, or worked on.
    Nothing,
    /// Try again then.
    WaitUntil(Uptime),
    /// Give the host these.
    Settle(HostSettings),
}

impl Settling {
    /// Takes what the host must have from now on.
    pub(super) fn want(&mut self, wanted: HostSettings) {
        self.current = self.done.as_ref().is_some_and(|done| done.settings == wanted);
        self.wanted = wanted;
    }

    /// Takes what came of the work; after obstacles it is done again at `retry_at`.
    pub(super) fn settled(&mut self, settled: Settled, retry_at: Uptime) {
        self.busy = false;
        self.retry_at = (!settled.obstacles.is_empty()).then_some(retry_at);
        self.current = settled.settings == self.wanted;
        self.done = Some(settled);
    }

    /// What to do next; work that is to be done counts as under way.
    pub(super) fn next(&mut self, now: Uptime) -> Next {
        let waiting = self.retry_at.filter(|at| *at > now);
        match (self.busy, self.current, self.retry_at, waiting) {
            (true, ..) | (false, true, None, _) => Next::Nothing,
            (false, true, Some(_), Some(at)) => Next::WaitUntil(at),
            (false, false, ..) | (false, true, Some(_), None) => {
                self.busy = true;
                self.retry_at = None;
                Next::Settle(self.wanted.clone())
            }
        }
    }

    /// Whether the work on what is wanted came to its end, well or not.
    pub(super) fn is_over(&self) -> bool {
        self.current && !self.busy
    }

    /// Whether the host has all that nodes need before they start.
    pub(super) fn allows_starts(&self) -> bool {
        self.is_over() && self.done.as_ref().is_some_and(|done| done.obstacles.is_empty())
    }

    /// What keeps nodes from being started; none where nothing does.
    pub(super) fn obstacle(&self) -> Option<&Reason> {
        self.done.as_ref().and_then(|done| done.obstacles.first())
    }

    /// What the host does not have, or not as it should.
    pub(super) fn problems(&self) -> Vec<Reason> {
        self.done.as_ref().map(|done| [&done.obstacles[..], &done.warnings].concat()).unwrap_or_default()
    }
}
