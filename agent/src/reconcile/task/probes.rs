//! The loop's readiness probes: one task for each node that is asked.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use throng_failpoints::{Point, hit};
use tokio::sync::mpsc;

use super::{News, ReconcileTask};
use crate::probe::{self, Begins, ProbeNews};
use crate::reconcile::command::{Event, Key, WantedNode};
use crate::reconcile::panics::fault;

/// How long after a panic a node is asked anew.
const ANEW_AFTER: Duration = Duration::from_secs(2);

impl ReconcileTask {
    pub(super) fn begin_probe(&mut self, question: Question, wanted: &WantedNode) {
        let Question { key, pid, number, is_ready } = question;
        let Some(probe) = wanted.spec.ready.clone() else { return };
        let ports = wanted.spec.ports.clone();
        let exec = (self.make_exec)(&key);
        let asked =
            Asked { key: key.clone(), number, events: self.events.clone(), is_ready: AtomicBool::new(is_ready) };
        let task = self.tasks.spawn(async move {
            let phase = f64::from(pid % 1000) / 1000.0;
            loop {
                let (sender, news) = mpsc::channel::<ProbeNews>(4);
                let begins = Begins { phase, is_ready: asked.is_ready.load(Ordering::Relaxed) };
                let watch = probe::watch(probe.clone(), &ports, exec.as_ref(), begins, sender);
                let asking = async { tokio::join!(watch, asked.forward(news)) };
                let Err(panic) = AssertUnwindSafe(asking).catch_unwind().await else { return };
                let reason = fault(&*panic);
                tracing::error!(node = %asked.key.node, reason = %reason, "a node is asked anew in a moment");
                // Of a node that was ready nothing else is known: it still is.
                if !asked.is_ready.load(Ordering::Relaxed) && !asked.tell(ProbeNews::NotReady(reason)).await {
                    return;
                }
                tokio::time::sleep(ANEW_AFTER).await;
            }
        });
        if let Some(before) = self.probes.insert(key, task.abort_handle()) {
            before.abort();
        }
    }
}

/// What is asked of whom.
pub(super) struct Question {
    pub(super) key: Key,
    /// Its first process.
    pub(super) pid: u32,
    /// Tells this asking from those before it.
    pub(super) number: u64,
    /// Whether it is ready, by one before it.
    pub(super) is_ready: bool,
}

/// A node that is asked.
struct Asked {
    key: Key,
    number: u64,
    events: mpsc::Sender<News>,
    /// What was told of it last.
    is_ready: AtomicBool,
}

impl Asked {
    async fn forward(&self, mut news: mpsc::Receiver<ProbeNews>) {
        while let Some(news) = news.recv().await {
            hit(Point::NodeReady);
            if !self.tell(news).await {
                return;
            }
        }
    }

    /// Tells the loop; false when it has ended.
    async fn tell(&self, news: ProbeNews) -> bool {
        self.is_ready.store(matches!(news, ProbeNews::Ready), Ordering::Relaxed);
        let event = Event::Probed { key: self.key.clone(), number: self.number, news };
        self.events.send(News::Happened(event)).await.is_ok()
    }
}
