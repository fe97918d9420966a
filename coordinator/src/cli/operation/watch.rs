//! Watching an operation to its end, or to the point where the operator leaves it.

use throng_common::verdict::Outcome;
use throng_proto::operator::{CancelOperationRequest, FollowOperationRequest, Operation, OperationEvent};
use tokio::time::Instant;
use tonic::Streaming;

use super::begin::{Leaving, RECONNECT, RECONNECT_FOR, left};
use super::interrupt::{Interrupts, OnAsk, Reaction, react};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::client::connect::Client;
use crate::client::error::ClientError;
use crate::output::progress::record::OperationRecord;
use crate::output::progress::show::Progress;

/// How the watching ended.
#[derive(Debug)]
pub enum Watched {
    /// The operation ended.
    Ended(OperationRecord),
    /// The operator left; the operation goes on. Whether it was cancelled before.
    Detached {
        /// It is being torn down.
        cancelled: bool,
    },
}

/// Watches one operation.
#[derive(Debug)]
pub struct Watch<'a> {
    context: &'a Context,
    operation: &'a Operation,
    on_ask: OnAsk,
    cancelled: bool,
    next_number: u64,
}

enum Step {
    Event(OperationEvent),
    Ended,
    Lost(ClientError),
    Signal(Reaction),
}

impl<'a> Watch<'a> {
    /// Watches this operation from its beginning.
    pub fn new(context: &'a Context, operation: &'a Operation, on_ask: OnAsk) -> Self {
        Self { context, operation, on_ask, cancelled: false, next_number: 0 }
    }

    /// To its end. `interrupts` were listened to before the operation began, so that no key is lost.
    pub async fn run(mut self, client: &mut Client, interrupts: &mut Interrupts) -> Result<Watched, CliError> {
        let mut progress = Progress::new(self.context.printer);
        let mut events = match self.follow(client).await {
            Ok(events) => events,
            Err(error) if error.is_lost_connection() => self.reconnect(client, &mut progress, interrupts).await?,
            Err(error) => return Err(error.into()),
        };
        loop {
            // Both arms are cancel-safe: a stream keeps its next message, a signal is kept until asked for.
            let step = tokio::select! {
                message = events.message() => match message {
                    Ok(Some(event)) => Step::Event(event),
                    Ok(None) => Step::Ended,
                    Err(status) => Step::Lost(status.into()),
                },
                interrupt = interrupts.next() => Step::Signal(react(interrupt, self.on_ask, self.cancelled)),
            };
            match step {
                Step::Event(event) => {
                    self.next_number = event.number + 1;
                    progress.apply(&event);
                    if progress.record().end.is_some() {
                        return Ok(Watched::Ended(progress.into_record()));
                    }
                }
                Step::Ended => {
                    return Err(CliError::answer("FollowOperation ended without saying how the operation ended"));
                }
                Step::Lost(error) if error.is_lost_connection() => {
                    events = self.reconnect(client, &mut progress, interrupts).await?;
                }
                Step::Lost(error) => return Err(error.into()),
                Step::Signal(Reaction::Cancel) => {
                    self.cancelled = true;
                    progress.say(self.on_ask.said());
                    match self.cancel(client).await {
                        Ok(()) => {}
                        Err(error) if error.is_lost_connection() => {
                            events = self.reconnect(client, &mut progress, interrupts).await?;
                            self.cancel(client).await?;
                        }
                        Err(error) => return Err(error.into()),
                    }
                }
                Step::Signal(Reaction::Detach) => return Ok(Watched::Detached { cancelled: self.cancelled }),
            }
        }
    }

    async fn follow(&self, client: &mut Client) -> Result<Streaming<OperationEvent>, ClientError> {
        let request = FollowOperationRequest { operation: self.operation.operation.clone(), from: self.next_number };
        Ok(client.follow_operation(request).await?.into_inner())
    }

    async fn cancel(&self, client: &mut Client) -> Result<(), ClientError> {
        let operation = self.operation.operation.clone();
        client.cancel_operation(CancelOperationRequest { operation }).await?;
        Ok(())
    }

    /// Follows on from where the stream broke. A signal ends the waiting; the operation goes on all the same.
    async fn reconnect(
        &self,
        client: &mut Client,
        progress: &mut Progress,
        interrupts: &mut Interrupts,
    ) -> Result<Streaming<OperationEvent>, CliError> {
        progress.say("the coordinator went away, waiting for it");
        let id = &self.operation.operation;
        let deadline = Instant::now() + RECONNECT_FOR;
        for attempt in 0.. {
            tokio::select! {
                () = tokio::time::sleep(RECONNECT.ceiling(attempt)) => {}
                _ = interrupts.next() => break,
            }
            match self.follow(client).await {
                Ok(events) => {
                    progress.say("the coordinator is back");
                    return Ok(events);
                }
                Err(error) if error.is_not_found() => return Err(self.forgotten()),
                Err(error) if !error.is_lost_connection() => return Err(error.into()),
                Err(_) if Instant::now() < deadline => {}
                Err(_) => return Err(left(self.context, id, Leaving::Away)),
            }
        }
        Err(left(self.context, id, Leaving::Interrupted))
    }

    /// The journal that knew of it is lost.
    fn forgotten(&self) -> CliError {
        let Operation { operation, cluster, .. } = self.operation;
        let command = |words: &str| self.context.invocation.command(words);
        let (status, down) = (command("status"), command(&format!("down {cluster} --yes")));
        let hint = format!("`{status}` shows what there is, `{down}` takes it down");
        let why = "its coordinator ended, and the one that began after it does not know of it";
        CliError::Abandoned { operation: operation.clone(), why, hint, outcome: Outcome::Environment }
    }
}
