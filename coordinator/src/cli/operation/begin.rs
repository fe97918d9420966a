//! Beginning an operation, once, whatever becomes of the coordinator meanwhile.

use std::time::Duration;

use throng_common::backoff::Backoff;
use throng_common::ids::OperationId;
use throng_common::verdict::Outcome;
use throng_proto::operator::Operation;
use tokio::time::Instant;
use tonic::{Response, Status};

use super::interrupt::Interrupts;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::client::connect::Client;
use crate::client::error::ClientError;

/// How long a coordinator that went away is waited for: a restart takes seconds.
pub const RECONNECT_FOR: Duration = Duration::from_secs(30);
/// Between the tries.
pub const RECONNECT: Backoff = Backoff { base: Duration::from_millis(100), cap: Duration::from_secs(2) };

/// Why an operation is left whose coordinator goes on with it once it is back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaving {
    /// The coordinator did not come back.
    Away,
    /// The operator did not wait for it.
    Interrupted,
}

/// What is said of an operation that is left while its coordinator is away: what has begun is never to be begun again.
pub fn left(context: &Context, operation: &str, why: Leaving) -> CliError {
    let command = |words: &str| context.invocation.command(words);
    let (serve, follow) = (command("serve"), command(&format!("follow {operation}")));
    let hint = format!("if it has begun it goes on once `{serve}` runs; `{follow}` watches it, with --cancel stops it");
    let (why, outcome) = match why {
        Leaving::Away => ("its coordinator ended, and did not come back within 30 seconds", Outcome::Environment),
        Leaving::Interrupted => ("its coordinator does not answer", Outcome::Interrupted),
    };
    CliError::Abandoned { operation: operation.to_owned(), why, hint, outcome }
}

/// Asks for an operation. Where the answer is lost it is asked for again under the same id, so that it begins once.
pub async fn begin(
    context: &Context,
    client: &Client,
    interrupts: &mut Interrupts,
    verb: &str,
    ask: impl AsyncFn(Client, String) -> Result<Response<Operation>, Status>,
) -> Result<Operation, CliError> {
    let id = OperationId::generate(verb).to_string();
    let deadline = Instant::now() + RECONNECT_FOR;
    for attempt in 0.. {
        let answer = tokio::select! {
            answer = ask(client.clone(), id.clone()) => answer,
            _ = interrupts.next() => break,
        };
        let error = match answer {
            Ok(answer) => return Ok(answer.into_inner()),
            Err(status) => ClientError::from(status),
        };
        if !error.is_lost_connection() {
            return Err(error.into());
        }
        if Instant::now() > deadline {
            return Err(left(context, &id, Leaving::Away));
        }
        tokio::select! {
            () = tokio::time::sleep(RECONNECT.ceiling(attempt)) => {}
            _ = interrupts.next() => break,
        }
    }
    Err(left(context, &id, Leaving::Interrupted))
}
