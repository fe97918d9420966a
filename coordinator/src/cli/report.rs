//! `throng report`: a run's report, printed again.

use clap::Args;
use throng_common::verdict::Outcome;
use throng_proto::operator::{GetReportRequest, ListClustersRequest, Report};

use super::context::Context;
use super::error::CliError;
use super::operation::session::Session;
use crate::client::connect::Client;
use crate::report::human::{self, Standing};
use crate::report::model::{RunReport, Teardown};

/// Where stdout is no terminal: as wide as a terminal usually is, for logs of CI servers.
const WIDTH_UNKNOWN_COLUMNS: usize = 100;

/// Arguments.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng report                          the newest run
  throng report redis-run-k3f9a --junit > junit.xml
  throng report --trace > trace.json     where the time went: open it in ui.perfetto.dev
  throng report --format json | jq .")]
pub struct ReportArgs {
    /// The run, as `throng runs` lists it [default: the newest]
    #[arg(value_name = "RUN")]
    pub run: Option<String>,
    /// As JUnit XML, for CI servers
    #[arg(long)]
    pub junit: bool,
    /// As a trace of where the time went, for Perfetto or chrome://tracing
    #[arg(long, conflicts_with = "junit")]
    pub trace: bool,
}

/// Runs it. Its exit code says whether there is a report, not what stands in it.
pub async fn run(context: &Context, args: ReportArgs) -> Result<Outcome, CliError> {
    // Reports outlive the daemons that `run` started and ended.
    let mut session = Session::of_coordinator(context).await?;
    let printed = print(context, &mut session.client, args).await;
    let ended = session.end(context).await;
    printed.and(ended).map(|()| Outcome::Pass)
}

async fn print(context: &Context, client: &mut Client, args: ReportArgs) -> Result<(), CliError> {
    let request = GetReportRequest { run: args.run.unwrap_or_default(), trace: args.trace };
    let stored = client.get_report(request).await?.into_inner();
    let printer = context.printer;
    match (args.junit, context.is_json()) {
        _ if args.trace => printer.data(&stored.trace_json)?,
        (true, _) => printer.data(&stored.junit_xml)?,
        (false, true) => printer.data(&stored.report_json)?,
        (false, false) => printer.data(&render(context, client, &stored).await?)?,
    }
    if !stored.artefacts.is_empty() {
        printer.note(&format!("artefacts: {}", stored.artefacts));
    }
    Ok(())
}

/// A stored report for people. Of a cluster that was left up is said what has become of it.
pub(super) async fn render(context: &Context, client: &mut Client, stored: &Report) -> Result<String, CliError> {
    let printer = context.printer;
    let mut report: RunReport =
        serde_json::from_str(&stored.report_json).map_err(|error| CliError::answer(format!("report_json: {error}")))?;
    let mut standing = Standing::Unknown;
    if let Teardown::Kept { commands } = &mut report.teardown {
        // The coordinator does not know how this program is called.
        for command in commands {
            if let Some(words) = command.strip_prefix("throng ") {
                *command = context.invocation.command(words);
            }
        }
        standing = ask_standing(client, report.cluster.as_str()).await;
    }
    let width = printer.width_columns.map_or(WIDTH_UNKNOWN_COLUMNS, usize::from);
    Ok(human::render_now(&report, width, printer.out.is_enabled(), standing))
}

async fn ask_standing(client: &mut Client, cluster: &str) -> Standing {
    let known = client.list_clusters(ListClustersRequest {}).await.map(|reply| reply.into_inner().clusters);
    match known.as_deref().map(|known| known.iter().find(|one| one.cluster == cluster)) {
        Ok(Some(one)) if one.state == "stopping" => Standing::Leaving,
        Ok(Some(_)) => Standing::Up,
        Ok(None) => Standing::Gone,
        Err(_) => Standing::Unknown,
    }
}
