//! `Watch`: everything that stands on the board, then every change, in batches, with samples in between.

use std::sync::Arc;
use std::time::Duration;

use throng_common::status::AgentEvent;
use throng_failpoints::{Point, hit};
use throng_proto::agent as wire;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::context::Context;
use super::error::ServiceError;
use super::sampling::Sampling;

/// How long events are gathered: a change is told this late at most, and a burst of changes becomes few messages.
const BATCH_INTERVAL: Duration = Duration::from_millis(50);
/// Most events of a message.
const BATCH_EVENTS: usize = 512;
/// Batches on their way; when the coordinator reads no more, changes wait on the board's queue.
const QUEUE_BATCHES: usize = 4;
/// Shortest time between samples: within 200 ms the figure of the CPUs does not change.
const SAMPLE_INTERVAL_MIN: Duration = Duration::from_millis(200);
/// Shortest interval of the ticker: more often would be work of its own.
const TICK_INTERVAL_MIN: Duration = Duration::from_millis(10);

type Batches = mpsc::Sender<Result<wire::WatchBatch, Status>>;

/// Begins to tell. The first message comes at once, even when there is nothing to tell.
pub(super) fn watch(
    context: &Context,
    request: wire::WatchRequest,
) -> ReceiverStream<Result<wire::WatchBatch, Status>> {
    let (batches, queue) = mpsc::channel(QUEUE_BATCHES);
    let every = interval_of(request.sample_interval_millis, SAMPLE_INTERVAL_MIN);
    let tick = interval_of(request.tick_interval_millis, TICK_INTERVAL_MIN).filter(|_| every.is_some());
    let parts = &context.parts;
    let (all, changes) = parts.board.listen();
    let (host, board, shutdown) = (Arc::clone(&parts.host), Arc::clone(&parts.board), parts.shutdown.clone());
    // Ends when the coordinator goes, or the agent.
    tokio::spawn(async move {
        let tell = async {
            send_all(&batches, &all).await?;
            let sampling = Sampling::new(host, board, tick);
            tell_changes(changes, &batches, every, sampling).await
        };
        // Both may be dropped: what was not sent is asked for anew on the next connection.
        let end = tokio::select! {
            end = tell => end,
            () = shutdown.cancelled() => Ok(()),
        };
        if let Err(End::Failed(error)) = end {
            // Nobody may be left to hear it.
            let _ = batches.send(Err(error.into())).await;
        }
    });
    ReceiverStream::new(queue)
}

/// An interval as it was asked for, none for 0.
fn interval_of(millis: u64, least: Duration) -> Option<Duration> {
    (millis > 0).then(|| Duration::from_millis(millis).max(least))
}

/// Why a watch ends before the agent does.
enum End {
    /// The coordinator is gone.
    Left,
    /// It cannot go on.
    Failed(ServiceError),
}

async fn tell_changes(
    mut changes: mpsc::Receiver<AgentEvent>,
    batches: &Batches,
    every: Option<Duration>,
    sampling: Sampling,
) -> Result<(), End> {
    let mut ticks = interval(every.unwrap_or(Duration::MAX / 4));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut sampling = Some(sampling);
    loop {
        // All arms are cancel safe: a channel, a timer, and a notice that does not go away.
        tokio::select! {
            () = batches.closed() => return Err(End::Left),
            event = changes.recv() => {
                let first = event.ok_or(End::Failed(ServiceError::Behind))?;
                let events = gather(first, &mut changes).await;
                send_all(batches, &events).await?;
            }
            _ = ticks.tick(), if every.is_some() => {
                let Some(sampler) = sampling.take() else { continue };
                let taken = tokio::task::spawn_blocking(move || sampler.take()).await;
                let (sampler, events) = taken.map_err(|error| End::Failed(error.into()))?;
                sampling = Some(sampler);
                send_all(batches, &events).await?;
            }
        }
    }
}

/// What else happens within the interval, up to a full batch.
async fn gather(first: AgentEvent, changes: &mut mpsc::Receiver<AgentEvent>) -> Vec<AgentEvent> {
    let until = Instant::now() + BATCH_INTERVAL;
    let mut events = vec![first];
    while events.len() < BATCH_EVENTS {
        match timeout_at(until, changes.recv()).await {
            Ok(Some(event)) => events.push(event),
            // The end of the queue is seen again by whoever reads it next.
            Ok(None) | Err(_) => break,
        }
    }
    events
}

async fn send_all(batches: &Batches, events: &[AgentEvent]) -> Result<(), End> {
    let mut rest = events;
    loop {
        let (now, later) = rest.split_at(rest.len().min(BATCH_EVENTS));
        let batch = wire::WatchBatch { events: now.iter().map(Into::into).collect() };
        hit(Point::EventsSending);
        batches.send(Ok(batch)).await.map_err(|_| End::Left)?;
        hit(Point::EventsSent);
        rest = later;
        if rest.is_empty() {
            return Ok(());
        }
    }
}
