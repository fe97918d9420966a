//! The loop's readiness probes: one task for each node that is asked.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use throng_failpoints::{Point, hit};
use tokio::sync::mpsc;

use super::{News, ReconcileTask};
use crate::probe::{self, ProbeNews};
use crate::reconcile::command::{Event, Key, WantedNode};
use crate::reconcile::panics::fault;

/// How long after a panic a node is asked anew.
const ANEW_AFTER: Duration = Duration::from_secs(2);

impl ReconcileTask {
    pub(super) fn begin_probe(&mut self, key: Key, pid: u32, wanted: &WantedNode) {
        let Some(probe) = wanted.spec.ready.clone() else { return };
        let ports = wanted.spec.ports.clone();
        let exec = (self.make_exec)(&key);
        let asked = Asked { key: key.clone(), pid, events: self.events.clone(), is_ready: AtomicBool::new(false) };
        let task = self.tasks.spawn(async move {
            let phase = f64::from(pid % 1000) / 1000.0;
            loop {
                let (sender, news) = mpsc::channel::<ProbeNews>(4);
                let watch = probe::watch(probe.clone(), &ports, exec.as_ref(), phase, sender);
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

/// A node that is asked.
struct Asked {
    key: Key,
    pid: u32,
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
        let event = Event::Probed { key: self.key.clone(), pid: self.pid, news };
        self.events.send(News::Happened(event)).await.is_ok()
    }
}
