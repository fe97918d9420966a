//! A client with the daemons that long work needs: found, or started for it.

use throng_proto::operator::GetCoordinatorRequest;

use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::client::connect::Client;
use crate::client::error::ClientError;
use crate::daemon::{agent, coordinator};

/// A connected coordinator with at least this machine's agent.
#[derive(Debug)]
pub struct Session {
    /// The client.
    pub client: Client,
    /// Whether the coordinator was started for this command.
    pub started: bool,
}

impl Session {
    /// Finds or starts this machine's daemons. A coordinator elsewhere must be there and have its hosts.
    pub async fn ensure(context: &Context) -> Result<Self, CliError> {
        if context.remote.is_some() {
            return Ok(Self { client: context.client().await?, started: false });
        }
        let found = coordinator::ensure(&context.state, context.printer).await?;
        let mut session = Self { client: found.client, started: found.started };
        if session.started {
            session.warn(context).await?;
        }
        let ready = agent::ensure(&mut session.client, context.agent.as_deref(), context.printer).await;
        if let Err(error) = ready {
            // What was started for nothing is ended again; the first error counts.
            let _ = session.end(context).await;
            return Err(error.into());
        }
        Ok(session)
    }

    /// Says what a person should know of a coordinator that has just begun: that its journal was lost, say.
    async fn warn(&mut self, context: &Context) -> Result<(), CliError> {
        let state = self.client.get_coordinator(GetCoordinatorRequest {}).await.map_err(ClientError::from)?;
        state.into_inner().warnings.iter().for_each(|warning| context.printer.warning(warning));
        Ok(())
    }

    /// Ends the daemons that were started for this command, unless a cluster needs them.
    pub async fn end(&mut self, context: &Context) -> Result<(), CliError> {
        if !self.started {
            return Ok(());
        }
        let state =
            self.client.get_coordinator(GetCoordinatorRequest {}).await.map_err(ClientError::from)?.into_inner();
        let still_up = [&state.clusters[..], &state.unknown_clusters[..]].concat();
        if !still_up.is_empty() {
            let stop = context.invocation.command("stop --down");
            context.printer.note(&format!("the coordinator stays with {}; `{stop}` ends both", still_up.join(", ")));
            return Ok(());
        }
        Ok(coordinator::stop(&mut self.client, &context.target(), &context.state).await?)
    }
}
