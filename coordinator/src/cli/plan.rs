//! `throng plan`: where everything would lie, and how near every limit is.

use std::path::PathBuf;

use clap::Args;
use throng_common::verdict::Outcome;
use throng_proto::operator::{PlanReply, PlanRequest};

use super::args::ScenarioArgs;
use super::context::Context;
use super::error::CliError;
use super::scenario_file;

/// Arguments.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng plan redis.toml
  throng plan redis.toml --set param.workers=1000
  throng-agent facts --format json > big.json && throng plan redis.toml --facts big.json

Changes nothing. Exit code 2 with the arithmetic when it does not fit.")]
pub struct PlanArgs {
    /// The scenario
    #[command(flatten)]
    pub scenario: ScenarioArgs,
    /// Plan for a machine with these facts instead of this one
    #[arg(long, value_name = "FILE")]
    pub facts: Option<PathBuf>,
}

/// Runs it.
pub async fn run(context: &Context, args: PlanArgs) -> Result<Outcome, CliError> {
    let bundle = scenario_file::bundle(context, &args.scenario)?;
    let mut client = context.client().await?;
    let reply = client.plan(PlanRequest { bundle: Some(bundle) }).await?.into_inner();
    print(context, &reply)
}

fn print(context: &Context, reply: &PlanReply) -> Result<Outcome, CliError> {
    for problem in &reply.problems {
        context.printer.error(&problem.message);
        if !problem.hint.is_empty() {
            context.printer.hint(&problem.hint);
        }
    }
    if reply.problems.is_empty() {
        context.printer.data(&reply.plan_json)?;
        return Ok(Outcome::Pass);
    }
    Ok(Outcome::Usage)
}
