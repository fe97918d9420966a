//! `throng up`: bring a cluster up and leave it.

use clap::Args;
use throng_common::verdict::Outcome;
use throng_proto::operator::{Operation, UpRequest};

use super::args::ScenarioArgs;
use super::context::Context;
use super::error::CliError;
use super::operation::begin::begin;
use super::operation::interrupt::{Interrupts, OnAsk};
use super::operation::session::Session;
use super::operation::summary;
use super::operation::watch::{Watch, Watched};
use super::rolling::RollingArgs;
use super::scenario_file::ScenarioFile;
use super::update;
use crate::client::connect::Client;

/// Arguments.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng up redis.toml
  throng up redis.toml --set param.workers=20 --overlay small.toml

  throng up redis.toml --into redis-ab12 --dry-run        what would change, role by role
  throng up redis.toml --into redis-ab12 --max-down 10%   and the change itself

The daemons stay after it: `throng down` takes the cluster down, `throng stop` ends them.
Ctrl-C tears down gracefully; pressed again, it detaches and prints how to go on.
With --into it stops the change: the cluster is then partly of the new scenario, partly as before.")]
pub struct UpArgs {
    /// The scenario
    #[command(flatten)]
    pub scenario: ScenarioArgs,
    /// Bring this cluster, which is up, to the scenario, node by node: images and settings, not counts or ports
    #[arg(long, value_name = "CLUSTER")]
    pub into: Option<String>,
    /// With --into: only show what would change
    #[arg(long, requires = "into")]
    pub dry_run: bool,
    /// With --into: how far it goes at once
    #[command(flatten)]
    pub rolling: RollingArgs,
}

/// Runs it.
pub async fn run(context: &Context, args: UpArgs) -> Result<Outcome, CliError> {
    let file = ScenarioFile::read_and_warn(context, &args.scenario)?;
    if let Some(into) = args.into {
        return update::run(context, file, into, &args.rolling, args.dry_run).await;
    }
    let mut interrupts = Interrupts::listen()?;
    let Some(mut session) = Session::ensure_unless(context, &mut interrupts).await? else {
        return Ok(Outcome::Interrupted);
    };
    let operation = match ship_and_begin(context, &mut session.client, &mut interrupts, file).await {
        Ok(Some(operation)) => operation,
        Ok(None) => return session.end(context).await.map(|()| Outcome::Interrupted),
        Err(error) => {
            let _ = session.end(context).await;
            return Err(error);
        }
    };
    let watched = Watch::new(context, &operation, OnAsk::TearDown).run(&mut session.client, &mut interrupts).await?;
    let outcome = summary::print(context, &operation, &watched, None)?;
    if let Watched::Ended(record) = &watched
        && record.end.as_ref().is_some_and(|end| !end.cluster_up)
    {
        session.end(context).await?;
    }
    Ok(outcome)
}

/// None where the operator has it ended before it began.
async fn ship_and_begin(
    context: &Context,
    client: &mut Client,
    interrupts: &mut Interrupts,
    file: ScenarioFile,
) -> Result<Option<Operation>, CliError> {
    let bundle = tokio::select! {
        shipped = file.ship(context, client) => shipped?,
        _ = interrupts.next() => return Ok(None),
    };
    let begun = begin(context, client, interrupts, "up", async |mut client, operation| {
        client.up(UpRequest { bundle: Some(bundle.clone()), operation, ..UpRequest::default() }).await
    });
    Ok(Some(begun.await?))
}
