//! What happens to containers, as one endless stream that mends itself.

use std::collections::HashMap;
use std::time::Duration;

use bollard::Docker;
use bollard::models::EventMessage;
use bollard::query_parameters::EventsOptionsBuilder;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use throng_common::status::UnixMillis;
use tokio::time::Instant;

use crate::host::engine::model::{ContainerEvent, ContainerEventKind, ContainerId, EngineEvent};

/// Between the end of one stream and the next try: long enough to be cheap while the engine is down.
const RECONNECT_DELAY: Duration = Duration::from_millis(500);
/// The longest wait, while one stream after the other ends at once.
const RECONNECT_DELAY_MAX: Duration = Duration::from_secs(8);
/// A stream that lived for so long was a good one.
const GOOD_AFTER: Duration = Duration::from_secs(10);
/// The events that change what is known of a container.
const ACTIONS: [&str; 4] = ["start", "die", "oom", "destroy"];

type SdkEvents = BoxStream<'static, Result<EventMessage, bollard::errors::Error>>;

/// Where the endless stream stands.
enum State {
    Open { events: SdkEvents, since: Instant, delay: Duration },
    Broken { reason: String, delay: Duration },
}

/// All events of containers with this label. A stream that ends is opened anew, after a [`EngineEvent::Resync`].
pub(super) fn stream(docker: Docker, label: String) -> BoxStream<'static, EngineEvent> {
    let first = State::Open { events: open(&docker, &label), since: Instant::now(), delay: RECONNECT_DELAY };
    let events = stream::unfold(first, move |state| {
        let (docker, label) = (docker.clone(), label.clone());
        async move { Some(next(state, &docker, &label).await) }
    });
    stream::once(async { EngineEvent::Resync { reason: None } }).chain(events).boxed()
}

async fn next(state: State, docker: &Docker, label: &str) -> (EngineEvent, State) {
    match state {
        State::Broken { reason, delay } => {
            tokio::time::sleep(delay).await;
            let delay = (delay * 2).min(RECONNECT_DELAY_MAX);
            let open = State::Open { events: open(docker, label), since: Instant::now(), delay };
            (EngineEvent::Resync { reason: Some(reason) }, open)
        }
        State::Open { mut events, since, delay } => {
            let ended = |reason: String| {
                let delay = if since.elapsed() >= GOOD_AFTER { RECONNECT_DELAY } else { delay };
                // Said at once, for events are missed, and again when the next stream is open.
                (EngineEvent::Resync { reason: Some(reason.clone()) }, State::Broken { reason, delay })
            };
            loop {
                match events.next().await {
                    Some(Ok(message)) => {
                        if let Some(event) = container_event(message) {
                            return (EngineEvent::Container(event), State::Open { events, since, delay });
                        }
                    }
                    Some(Err(error)) => return ended(error.to_string()),
                    None => return ended("the engine closed the stream of events".to_owned()),
                }
            }
        }
    }
}

fn open(docker: &Docker, label: &str) -> SdkEvents {
    let filters = HashMap::from([("type", vec!["container"]), ("label", vec![label]), ("event", ACTIONS.to_vec())]);
    docker.events(Some(EventsOptionsBuilder::default().filters(&filters).build())).boxed()
}

/// The event in our words; none if it is of no interest.
fn container_event(message: EventMessage) -> Option<ContainerEvent> {
    let actor = message.actor?;
    let labels = actor.attributes.unwrap_or_default();
    let kind = match message.action?.as_str() {
        "start" => ContainerEventKind::Started,
        "die" => ContainerEventKind::Died { exit_code: labels.get("exitCode").and_then(|code| code.parse().ok()) },
        "oom" => ContainerEventKind::OutOfMemory,
        "destroy" => ContainerEventKind::Destroyed,
        _ => return None,
    };
    let at = message.time_nano.and_then(|nanos| u64::try_from(nanos / 1_000_000).ok()).unwrap_or_default();
    Some(ContainerEvent {
        id: ContainerId(actor.id?),
        kind,
        labels: labels.into_iter().filter(|(key, _)| key.starts_with("throng.")).collect(),
        at: UnixMillis(at),
    })
}
