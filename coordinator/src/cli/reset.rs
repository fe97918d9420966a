//! `throng reset`: what the system under test has written goes, the cluster stays.

use clap::Args;
use throng_common::verdict::Outcome;
use throng_proto::operator::{GetClusterRequest, ResetRequest};

use super::args::PlacedCluster;
use super::confirm::confirm;
use super::context::Context;
use super::error::CliError;
use super::operation::begin::begin;
use super::operation::interrupt::{Interrupts, OnAsk};
use super::operation::summary;
use super::operation::watch::Watch;

/// Arguments.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng reset                     asks before it wipes the only cluster
  throng reset redis-ab12 --yes

Stops all nodes, wipes ramdisks, disks and scratch, runs `prepare` again, and starts roles in the order of their
dependencies. Hosts, names and ports stay, and images need not be built or sent again.")]
pub struct ResetArgs {
    /// Which cluster
    #[command(flatten)]
    pub cluster: PlacedCluster,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
}

/// Runs it.
pub async fn run(context: &Context, args: ResetArgs) -> Result<Outcome, CliError> {
    let mut client = context.client().await?;
    let request = GetClusterRequest { cluster: args.cluster.given().unwrap_or_default() };
    let cluster = client.get_cluster(request).await?.into_inner();
    let roles: Vec<String> = cluster.roles.iter().map(|role| format!("{} {}", role.desired, role.role)).collect();
    context.printer.note(&format!(
        "reset: all that {} of cluster {} have written goes",
        roles.join(", "),
        cluster.cluster
    ));
    confirm(context, args.yes, "This cannot be undone.")?;
    let mut interrupts = Interrupts::listen()?;
    let operation = begin(context, &client, &mut interrupts, "reset", async |mut client, operation| {
        client.reset(ResetRequest { cluster: cluster.cluster.clone(), operation }).await
    })
    .await?;
    // Half a reset helps nobody: it is only left.
    let watched = Watch::new(context, &operation, OnAsk::Detach).run(&mut client, &mut interrupts).await?;
    summary::print(context, &operation, &watched, None)
}
