//! `throng test`: the tests of a cluster that is up.

use clap::Args;
use throng_common::verdict::Outcome;
use throng_proto::operator::TestRequest;

use super::args::ClusterArg;
use super::context::Context;
use super::error::CliError;
use super::operation::begin::begin;
use super::operation::interrupt::{Interrupts, OnAsk};
use super::operation::summary;
use super::operation::watch::Watch;
use super::{pattern, run};

/// Arguments.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng test
  throng test --cluster redis-ab12 --test 'survives'

The cluster stays up. Ctrl-C ends the tests, not the cluster.")]
pub struct TestArgs {
    /// Only tests whose name matches this regular expression
    #[arg(long, value_name = "PATTERN", value_parser = pattern::parse)]
    pub test: Option<String>,
    /// Repeat the random draws of an earlier run
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Which cluster
    #[command(flatten)]
    pub cluster: ClusterArg,
}

/// Runs it.
pub async fn run(context: &Context, args: TestArgs) -> Result<Outcome, CliError> {
    let mut client = context.client().await?;
    let mut interrupts = Interrupts::listen()?;
    let request = TestRequest {
        cluster: args.cluster.id(),
        tests: args.test.unwrap_or_default(),
        seed: args.seed.unwrap_or(0),
        ..TestRequest::default()
    };
    let operation = begin(context, &client, &mut interrupts, "test", async |mut client, operation| {
        client.test(TestRequest { operation, ..request.clone() }).await
    })
    .await?;
    let watched = Watch::new(context, &operation, OnAsk::Stop).run(&mut client, &mut interrupts).await?;
    let report = run::stored_report(context, &mut client, &operation, &watched).await;
    summary::print(context, &operation, &watched, report.as_deref())
}
