//! `throng check`: every mistake in a scenario at once.

use clap::Args;
use throng_common::verdict::Outcome;

use super::args::ScenarioArgs;
use super::context::Context;
use super::error::CliError;
use super::scenario_file::ScenarioFile;

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
    let file = ScenarioFile::read(context, &args.scenario)?;
    file.print_warnings(context)?;
    let warnings = match file.warnings.len() {
        0 => String::new(),
        1 => ", 1 warning".to_owned(),
        count => format!(", {count} warnings"),
    };
    context.printer.note(&format!("{}: no mistakes{warnings}", args.scenario.file.display()));
    Ok(Outcome::Pass)
}
