//! `throng report`: a run's report, printed again.

use clap::Args;
use throng_common::verdict::Outcome;
use throng_proto::operator::{GetReportRequest, Report};

use super::context::Context;
use super::error::CliError;
use crate::output::printer::Printer;
use crate::report::human;
use crate::report::model::RunReport;

/// Where stdout is no terminal: as wide as a terminal usually is, for logs of CI servers.
const WIDTH_UNKNOWN_COLUMNS: usize = 100;

/// Arguments.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng report                          the newest run
  throng report redis-run-k3f9a --junit > junit.xml
  throng report --format json | jq .")]
pub struct ReportArgs {
    /// The run, as `throng runs` lists it [default: the newest]
    #[arg(value_name = "RUN")]
    pub run: Option<String>,
    /// As JUnit XML, for CI servers
    #[arg(long)]
    pub junit: bool,
}

/// Runs it. Its exit code says whether there is a report, not what stands in it.
pub async fn run(context: &Context, args: ReportArgs) -> Result<Outcome, CliError> {
    let mut client = context.client().await?;
    let request = GetReportRequest { run: args.run.unwrap_or_default() };
    let stored = client.get_report(request).await?.into_inner();
    let printer = context.printer;
    match (args.junit, context.is_json()) {
        (true, _) => printer.data(&stored.junit_xml)?,
        (false, true) => printer.data(&stored.report_json)?,
        (false, false) => printer.data(&render(&stored, printer)?)?,
    }
    if !stored.artefacts.is_empty() {
        printer.note(&format!("artefacts: {}", stored.artefacts));
    }
    Ok(Outcome::Pass)
}

/// A stored report for people.
pub(super) fn render(stored: &Report, printer: Printer) -> Result<String, CliError> {
    let report: RunReport =
        serde_json::from_str(&stored.report_json).map_err(|error| CliError::answer(format!("report_json: {error}")))?;
    let width = printer.width_columns.map_or(WIDTH_UNKNOWN_COLUMNS, usize::from);
    Ok(human::render(&report, width, printer.out.is_enabled()))
}
