//! `throng check`: every mistake in a scenario at once.

use clap::Args;
use throng_common::verdict::Outcome;

use super::args::ScenarioArgs;
use super::context::Context;
use super::error::CliError;
use super::scenario_file;

/// Arguments.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng check redis.toml
  throng check redis.toml --set param.workers=1000 --format json

Starts nothing and asks nobody. Exit code 2 when there is a mistake.")]
pub struct CheckArgs {
    /// The scenario
    #[command(flatten)]
    pub scenario: ScenarioArgs,
}

/// Runs it.
pub fn run(context: &Context, args: CheckArgs) -> Result<Outcome, CliError> {
    scenario_file::bundle(context, &args.scenario)?;
    context.printer.note(&format!("{}: no mistakes", args.scenario.file.display()));
    Ok(Outcome::Pass)
}
