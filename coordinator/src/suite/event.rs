//! What a run says while it goes on. Mirrors `throng.v1.OperationEvent`; the caller translates.

use std::time::Duration;

use throng_common::verdict::Verdict;
use tokio::sync::mpsc;

/// How many events may wait for a slow reader before the run waits for it: some minutes of a busy run.
pub const EVENTS_MAX: usize = 1024;

/// Something that happened in a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SuiteEvent {
    /// A test begins.
    TestStarted {
        /// Its claim.
        test: String,
        /// Its place among those that are run, from 1.
        position: u32,
        /// How many are run.
        total: u32,
    },
    /// A test ended.
    TestEnded {
        /// Its claim.
        test: String,
        /// What it came to; none: it was interrupted.
        verdict: Option<Verdict>,
        /// How long it took.
        took: Duration,
        /// What failed, nodes folded, one line each; empty when it held.
        detail: String,
    },
    /// How far the tests are. May be left out when the reader is slow.
    Progress {
        /// Steps done of the current test.
        done: u32,
        /// Steps of the current test, repetitions not counted.
        total: u32,
        /// The step that is under way.
        detail: String,
    },
    /// Something that a person should know.
    Note {
        /// How grave it is.
        level: NoteLevel,
        /// What.
        text: String,
    },
}

/// How grave a note is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NoteLevel {
    /// For interest.
    Info,
    /// Something did not work and does not decide the run.
    Warning,
}

/// Where events go. A reader that has gone away is no reason to stop.
#[derive(Debug, Clone)]
pub(super) struct EventSink(mpsc::Sender<SuiteEvent>);

impl EventSink {
    pub(super) fn new(sender: mpsc::Sender<SuiteEvent>) -> Self {
        Self(sender)
    }

    /// Sends an event that must not be lost: waits while the queue is full.
    pub(super) async fn send(&self, event: SuiteEvent) {
        let _ = self.0.send(event).await;
    }

    /// Sends an event that may be lost.
    pub(super) fn offer(&self, event: SuiteEvent) {
        let _ = self.0.try_send(event);
    }
}
