//! `throng scale`: more or fewer nodes of a role.

use clap::Args;
use throng_common::verdict::Outcome;
use throng_proto::operator::ScaleRequest;

use super::args::ClusterArg;
use super::context::Context;
use super::error::CliError;
use super::operation::begin::begin;
use super::operation::interrupt::{Interrupts, OnAsk};
use super::operation::summary;
use super::operation::watch::Watch;
use super::pattern;

/// Arguments.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng scale worker=150
  throng scale worker=50 client=2

Nodes that stay are not touched; the highest indices leave first.")]
pub struct ScaleArgs {
    /// How many nodes a role shall have
    #[arg(value_name = "ROLE=COUNT", required = true, value_parser = pattern::count)]
    pub counts: Vec<(String, u32)>,
    /// Which cluster
    #[command(flatten)]
    pub cluster: ClusterArg,
}

/// Runs it.
pub async fn run(context: &Context, args: ScaleArgs) -> Result<Outcome, CliError> {
    let mut client = context.client().await?;
    let mut interrupts = Interrupts::listen()?;
    let (cluster, counts) = (args.cluster.id(), pattern::counts(args.counts));
    let operation = begin(context, &client, &mut interrupts, "scale", async |mut client, operation| {
        client.scale(ScaleRequest { cluster: cluster.clone(), counts: counts.clone(), operation }).await
    })
    .await?;
    let watched = Watch::new(context, &operation, OnAsk::Stop).run(&mut client, &mut interrupts).await?;
    summary::print(context, &operation, &watched, None)
}
