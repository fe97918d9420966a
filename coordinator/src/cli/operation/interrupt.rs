//! What the operator's signals mean to a command that watches an operation.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::error::CliError;

/// A signal, in our words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interrupt {
    /// Ctrl-C or a polite end (SIGINT, SIGTERM).
    Ask,
    /// The terminal is gone (SIGHUP).
    Hangup,
}

/// What a first Ctrl-C does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnAsk {
    /// It cancels the operation, whose cluster goes with it; the second one detaches.
    TearDown,
    /// It cancels the operation, and its cluster stays; the second one detaches.
    Stop,
    /// It detaches: somebody else's operation is only watched.
    Detach,
}

impl OnAsk {
    /// What is said once the operation is cancelled.
    pub const fn said(self) -> &'static str {
        match self {
            Self::TearDown => "tearing down gracefully; press Ctrl-C again to detach",
            Self::Stop | Self::Detach => "stopping; press Ctrl-C again to detach",
        }
    }
}

/// What follows from a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reaction {
    /// Ask the coordinator to cancel the operation, and go on watching.
    Cancel,
    /// Leave; the operation goes on.
    Detach,
}

/// What a signal leads to, given what came before.
pub fn react(interrupt: Interrupt, on_ask: OnAsk, cancelled: bool) -> Reaction {
    match (interrupt, on_ask, cancelled) {
        (Interrupt::Ask, OnAsk::TearDown | OnAsk::Stop, false) => Reaction::Cancel,
        (Interrupt::Ask, OnAsk::TearDown | OnAsk::Stop, true)
        | (Interrupt::Ask, OnAsk::Detach, _)
        | (Interrupt::Hangup, _, _) => Reaction::Detach,
    }
}

/// The signals as they come.
#[derive(Debug)]
pub struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Interrupts {
    /// From now on these signals no longer end the process.
    pub fn listen() -> Result<Self, CliError> {
        let listen = |kind| signal(kind).map_err(|source| CliError::Terminal { action: "listen to signals", source });
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }

    /// The next one. Cancel-safe: a signal that came is kept.
    pub async fn next(&mut self) -> Interrupt {
        tokio::select! {
            _ = self.interrupt.recv() => Interrupt::Ask,
            _ = self.terminate.recv() => Interrupt::Ask,
            _ = self.hangup.recv() => Interrupt::Hangup,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_ctrl_c_cancels_and_the_second_detaches() {
        assert_eq!(react(Interrupt::Ask, OnAsk::TearDown, false), Reaction::Cancel);
        assert_eq!(react(Interrupt::Ask, OnAsk::TearDown, true), Reaction::Detach);
    }

    #[test]
    fn a_lost_terminal_and_a_mere_watcher_only_detach() {
        for cancelled in [false, true] {
            assert_eq!(react(Interrupt::Hangup, OnAsk::TearDown, cancelled), Reaction::Detach);
            assert_eq!(react(Interrupt::Ask, OnAsk::Detach, cancelled), Reaction::Detach);
        }
    }
}
