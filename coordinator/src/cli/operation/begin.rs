//! Beginning an operation, once, whatever becomes of the coordinator meanwhile.

use std::time::Duration;

use throng_common::backoff::Backoff;
use throng_common::ids::OperationId;
use throng_proto::operator::Operation;
use tokio::time::Instant;
use tonic::{Response, Status};

use crate::cli::error::CliError;
use crate::client::connect::Client;
use crate::client::error::ClientError;

/// How long a coordinator that went away is waited for: a restart takes seconds.
pub const RECONNECT_FOR: Duration = Duration::from_secs(30);
/// Between the tries.
pub const RECONNECT: Backoff = Backoff { base: Duration::from_millis(100), cap: Duration::from_secs(2) };

/// Asks for an operation. Where the answer is lost it is asked for again under the same id, so that it begins once.
pub async fn begin(
    client: &Client,
    verb: &str,
    ask: impl AsyncFn(Client, String) -> Result<Response<Operation>, Status>,
) -> Result<Operation, CliError> {
    let id = OperationId::generate(verb).to_string();
    let deadline = Instant::now() + RECONNECT_FOR;
    let mut attempt = 0;
    loop {
        let error = match ask(client.clone(), id.clone()).await {
            Ok(answer) => return Ok(answer.into_inner()),
            Err(status) => ClientError::from(status),
        };
        if !error.is_lost_connection() || Instant::now() > deadline {
            return Err(error.into());
        }
        tokio::time::sleep(RECONNECT.ceiling(attempt)).await;
        attempt += 1;
    }
}
