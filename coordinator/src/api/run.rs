//! Runs, reports and events.

use throng_common::ids::{ClusterId, RunId};
use throng_proto::operator as wire;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::service::{ApiService, Streamed};
use super::status::{invalid, of_store};
use super::wire::millis;
use crate::report::folder::{JUNIT_FILE, REPORT_FILE, TRACE_FILE};
use crate::store::{EventFilter, EventRecord, RunRecord};

/// Batches that may wait for a slow reader.
const EVENT_QUEUE: usize = 16;

impl ApiService {
    pub(super) async fn runs(&self) -> Result<wire::ListRunsReply, Status> {
        let runs = self.core.store.list_runs().await.map_err(of_store)?;
        let summary = |run: RunRecord| wire::RunSummary {
            run: run.run.to_string(),
            scenario: run.scenario,
            cluster: run.cluster.to_string(),
            outcome: run.outcome,
            started_unix_millis: run.started.0,
            took_millis: millis(run.took),
            passed: run.counts.passed,
            failed: run.counts.failed,
            known_failures: run.counts.known_failures,
            artefacts: run.artefacts.display().to_string(),
        };
        Ok(wire::ListRunsReply { runs: runs.into_iter().map(summary).collect() })
    }

    pub(super) async fn report(&self, request: wire::GetReportRequest) -> Result<wire::Report, Status> {
        let run = (!request.run.is_empty()).then(|| RunId::new(request.run)).transpose();
        let run = run.map_err(|error| invalid("run", error))?;
        let record = self.core.store.run_record(run).await.map_err(of_store)?;
        let record = record.ok_or_else(|| Status::not_found("there is no such run: `throng runs` lists them"))?;
        let read = |name: &str| {
            let path = record.artefacts.join(name);
            std::fs::read_to_string(&path)
                .map_err(|error| Status::not_found(format!("{}: {error}; was it removed by hand?", path.display())))
        };
        Ok(wire::Report {
            report_json: read(REPORT_FILE)?,
            junit_xml: read(JUNIT_FILE)?,
            artefacts: record.artefacts.display().to_string(),
            trace_json: if request.trace { read(TRACE_FILE)? } else { String::new() },
        })
    }

    pub(super) async fn journal(&self, request: wire::EventsRequest) -> Result<Streamed<wire::EventBatch>, Status> {
        let cluster = (!request.cluster.is_empty()).then(|| ClusterId::new(request.cluster)).transpose();
        let cluster = cluster.map_err(|error| invalid("cluster", error))?;
        let store = self.core.store.clone();
        let mut newest = store.watch_events();
        newest.mark_unchanged();
        let tail = EventFilter { cluster: cluster.clone(), from: request.from };
        let from = match request.tail {
            0 => request.from,
            tail_length => store.tail_begins(tail, tail_length).await.map_err(of_store)?,
        };
        let mut page = store.list_events(EventFilter { cluster: cluster.clone(), from }).await.map_err(of_store)?;
        let (sender, receiver) = mpsc::channel(EVENT_QUEUE);
        let stop = self.core.stop.clone();
        self.core.tasks.spawn(async move {
            let mut next = from;
            loop {
                let has_more = page.has_more;
                next = page.events.last().map_or(next, |event| event.number + 1);
                if !page.events.is_empty() && sender.send(Ok(batch(page.events))).await.is_err() {
                    return;
                }
                if !has_more && !request.follow {
                    return;
                }
                if !has_more {
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = sender.closed() => return,
                        changed = newest.changed() => if changed.is_err() { return },
                    }
                }
                let filter = EventFilter { cluster: cluster.clone(), from: next };
                let Ok(more) = store.list_events(filter).await else { return };
                page = more;
            }
        });
        Ok(Box::pin(ReceiverStream::new(receiver)))
    }
}

fn batch(events: Vec<EventRecord>) -> wire::EventBatch {
    let event = |record: EventRecord| wire::Event {
        number: record.number,
        at_unix_millis: record.event.at.0,
        cluster: record.event.cluster.map(|cluster| cluster.to_string()).unwrap_or_default(),
        subject: record.event.subject,
        kind: record.event.kind,
        message: record.event.message,
    };
    wire::EventBatch { events: events.into_iter().map(event).collect() }
}

#[cfg(test)]
mod tests {
    use throng_common::verdict::Outcome;

    #[test]
    fn the_words_of_outcomes_are_those_of_their_documents() {
        use Outcome::{Budget, Environment, Failed, Interrupted, Pass, Quorum, Residue, Usage};
        for outcome in [Pass, Failed, Usage, Environment, Budget, Residue, Quorum, Interrupted] {
            let word = serde_json::Value::String(crate::rollout::outcome_word(outcome));
            assert_eq!(serde_json::from_value::<Outcome>(word).unwrap(), outcome);
        }
    }
}
