//! A client with the daemons that long work needs: found, or started for it.

use throng_common::verdict::Outcome;
use throng_proto::operator::{Coordinator, GetCoordinatorRequest, ListOperationsRequest, OperationSummary};

use super::interrupt::Interrupts;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::stop::warn_of;
use crate::client::connect::Client;
use crate::client::error::ClientError;
use crate::daemon::error::DaemonError;
use crate::daemon::{agent, coordinator};

/// A connected coordinator.
#[derive(Debug)]
pub struct Session {
    /// The client.
    pub client: Client,
    /// The life of the coordinator that was started for this command.
    started: Option<u64>,
}

impl Session {
    /// Finds or starts this machine's daemons. A coordinator elsewhere must be there and have its hosts.
    pub async fn ensure(context: &Context) -> Result<Self, CliError> {
        let mut session = Self::of_coordinator(context).await?;
        if context.remote.is_some() {
            return Ok(session);
        }
        let ready = agent::ensure(&mut session.client, context.agent.as_deref(), context.printer).await;
        if let Err(error) = ready {
            // What was started for nothing is ended again; the first error counts.
            let _ = session.end(context).await;
            return Err(error.into());
        }
        Ok(session)
    }

    /// The same, unless the operator has it ended: then what was started for it has ended too.
    pub async fn ensure_unless(context: &Context, interrupts: &mut Interrupts) -> Result<Option<Self>, CliError> {
        let mut ensured = std::pin::pin!(Self::ensure(context));
        tokio::select! {
            session = ensured.as_mut() => return Ok(Some(session?)),
            _ = interrupts.next() => {}
        }
        context.printer.note("ending what was started; press Ctrl-C again to leave at once");
        tokio::select! {
            session = ensured => session?.end(context).await?,
            _ = interrupts.next() => {}
        }
        Ok(None)
    }

    /// Finds or starts this machine's coordinator, for what needs no host.
    pub async fn of_coordinator(context: &Context) -> Result<Self, CliError> {
        if context.remote.is_some() {
            return Ok(Self { client: context.client().await?, started: None });
        }
        let found = coordinator::ensure(&context.state, context.printer).await?;
        let mut session = Self { client: found.client, started: None };
        if found.started {
            let now = session.coordinator().await?;
            session.started = Some(now.epoch);
            now.warnings.iter().for_each(|warning| context.printer.warning(warning));
            session.name_what_goes_on(context).await?;
        }
        Ok(session)
    }

    async fn coordinator(&mut self) -> Result<Coordinator, CliError> {
        let request = GetCoordinatorRequest {};
        Ok(self.client.get_coordinator(request).await.map_err(ClientError::from)?.into_inner())
    }

    /// Says what a coordinator that has just begun goes on with: somebody asked a former one for it, maybe long ago.
    async fn name_what_goes_on(&mut self, context: &Context) -> Result<(), CliError> {
        let listed = self.client.list_operations(ListOperationsRequest {}).await.map_err(ClientError::from)?;
        for operation in listed.into_inner().operations.into_iter().filter(|operation| !operation.ended) {
            let OperationSummary { operation, cluster, .. } = operation;
            context.printer.warning(&format!("the coordinator goes on with {operation} of {cluster}"));
            let stop = context.invocation.command(&format!("follow {operation} --cancel"));
            context.printer.hint(&format!("`{stop}` has it stopped"));
        }
        Ok(())
    }

    /// Whether the daemons were started for this command.
    pub fn is_own(&self) -> bool {
        self.started.is_some()
    }

    /// Ends the daemons that were started for this command, unless something needs them.
    pub async fn end(&mut self, context: &Context) -> Result<(), CliError> {
        let Some(started) = self.started else { return Ok(()) };
        let now = self.coordinator().await?;
        // One that somebody else started in the place of ours is theirs.
        if now.epoch != started {
            return Ok(());
        }
        let still_up = [&now.clusters[..], &now.unknown_clusters[..]].concat();
        if !still_up.is_empty() {
            let stop = context.invocation.command("stop --down");
            context.printer.note(&format!("the coordinator stays with {}; `{stop}` ends both", still_up.join(", ")));
            return Ok(());
        }
        match coordinator::stop(&mut self.client, &context.target(), &context.state).await {
            // It has something to do for somebody else.
            Err(DaemonError::Client(error)) if error.outcome() == Outcome::Usage => {
                context.printer.note(&format!("the coordinator stays: {error}"));
                Ok(())
            }
            stopped => {
                warn_of(context.printer, &stopped?);
                Ok(())
            }
        }
    }
}
