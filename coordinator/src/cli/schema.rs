//! `throng schema`: the JSON Schema of scenarios.

use clap::Args;
use throng_common::verdict::Outcome;

use super::context::Context;
use super::error::CliError;

/// Arguments.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng schema > throng.schema.json     then name it in your editor's TOML settings")]
pub struct SchemaArgs {}

/// Runs it.
pub fn run(context: &Context, _args: SchemaArgs) -> Result<Outcome, CliError> {
    context.printer.json(&crate::scenario::schema())?;
    Ok(Outcome::Pass)
}
