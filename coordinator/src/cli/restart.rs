//! `throng restart`: nodes begin anew, all at once or some at a time.

use clap::Args;
use throng_common::verdict::Outcome;
use throng_proto::operator::{ListNodesRequest, RestartRequest};

use super::args::ClusterArg;
use super::context::Context;
use super::error::CliError;
use super::operation::begin::begin;
use super::operation::interrupt::{Interrupts, OnAsk};
use super::operation::summary;
use super::operation::watch::Watch;
use super::rolling::RollingArgs;

/// Arguments.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng restart worker-0042
  throng restart worker --rolling                       one after the other
  throng restart all --rolling --max-down 10% --max-failed 2

They keep their names, ports and ramdisks, and come again role by role in the order of their dependencies.
Rolling, the next ones follow once those before are up again: ready, and seen by the system itself.
Ctrl-C stops after those that are under way.")]
pub struct RestartArgs {
    /// Nodes: a role, a node, a node set like worker-[0000-0099], 3 of worker, 10% of worker, or all
    #[arg(value_name = "SELECTOR")]
    pub selector: String,
    /// Some at a time
    #[arg(long)]
    pub rolling: bool,
    /// How many
    #[command(flatten)]
    pub bound: RollingArgs,
    /// Which cluster
    #[command(flatten)]
    pub cluster: ClusterArg,
}

/// Runs it.
pub async fn run(context: &Context, args: RestartArgs) -> Result<Outcome, CliError> {
    if args.bound.is_given() && !args.rolling {
        let problem = "--max-down and --max-failed bound a rolling restart, and this one is not";
        return Err(CliError::refused(problem, "add --rolling, or leave them out: all begin anew at once then"));
    }
    let mut client = context.client().await?;
    let mut interrupts = Interrupts::listen()?;
    let mut request =
        RestartRequest { cluster: args.cluster.id(), selector: args.selector, ..RestartRequest::default() };
    if args.rolling {
        let nodes = ListNodesRequest { cluster: request.cluster.clone(), selector: request.selector.clone() };
        let count = client.list_nodes(nodes).await?.into_inner().nodes.len();
        request.bound = Some(args.bound.bound(u32::try_from(count).unwrap_or(u32::MAX))?);
    }
    let operation = begin(context, &client, &mut interrupts, "restart", async |mut client, operation| {
        client.restart(RestartRequest { operation, ..request.clone() }).await
    })
    .await?;
    let watched = Watch::new(context, &operation, OnAsk::Stop).run(&mut client, &mut interrupts).await?;
    summary::print(context, &operation, &watched, None)
}
