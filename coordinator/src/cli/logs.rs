//! `throng logs`: what nodes wrote.

use std::time::Duration;

use clap::Args;
use serde::Serialize;
use throng_common::nodeset::NodeSet;
use throng_common::verdict::Outcome;
use throng_proto::operator::{LogLine, LogsRequest};

use super::args::ClusterArg;
use super::context::Context;
use super::error::CliError;
use super::{node, pattern};
use crate::output::fold::fold;
use crate::output::palette::Palette;
use crate::output::time::{now_unix_millis, timestamp};

/// Most lines that are held to fold them: beyond, they are printed as they come.
const FOLD_LINES_MAX: usize = 1_000_000;

/// Arguments.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng logs worker-0042
  throng logs worker --tail 5 --fold
  throng logs worker -f --grep 'lost|ERR'
  throng logs all --since 5m

Exit code 1 when the logs of any node cannot be had.")]
pub struct LogsArgs {
    /// Nodes: a role, a node, a node set like worker-[0000-0099], or all
    #[arg(value_name = "SELECTOR")]
    pub selector: String,
    /// Go on with what is written from now on
    #[arg(short, long)]
    pub follow: bool,
    /// Only the last lines of each node
    #[arg(long, value_name = "N")]
    pub tail: Option<u32>,
    /// Only what is younger
    #[arg(long, value_name = "SPAN", value_parser = pattern::duration)]
    pub since: Option<Duration>,
    /// Only lines that match this regular expression
    #[arg(long, value_name = "PATTERN", value_parser = pattern::parse)]
    pub grep: Option<String>,
    /// Equal lines of many nodes under one node set
    #[arg(long, conflicts_with = "follow")]
    pub fold: bool,
    /// With the time of each line
    #[arg(short = 't', long)]
    pub timestamps: bool,
    /// Which cluster
    #[command(flatten)]
    pub cluster: ClusterArg,
}

#[derive(Serialize)]
struct LineView {
    node: String,
    at_unix_millis: u64,
    stream: &'static str,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Runs it.
pub async fn run(context: &Context, args: LogsArgs) -> Result<Outcome, CliError> {
    let mut client = context.client().await?;
    let since = args.since.map(|since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
    let request = LogsRequest {
        cluster: args.cluster.id(),
        selector: args.selector.clone(),
        tail_lines: args.tail,
        since_unix_millis: since.map(|since| now_unix_millis().saturating_sub(since)),
        follow: args.follow,
        grep: args.grep.clone().unwrap_or_default(),
    };
    let mut batches = client.logs(request).await?.into_inner();
    let printer = context.printer;
    let mut held = Vec::new();
    let mut failed = NodeSet::default();
    while let Some(batch) = batches.message().await? {
        for line in batch.lines {
            if let Some(error) = &line.error {
                failed.insert(&node::name(&line.node)?);
                if !context.is_json() {
                    printer.stderr(&format!("{}: {error}", printer.err.bad(&line.node)));
                    continue;
                }
            }
            match (context.is_json(), args.fold && held.len() < FOLD_LINES_MAX) {
                (true, _) => printer.json_line(&LineView::from(line))?,
                (false, true) => held.push((node::name(&line.node)?, line.text)),
                (false, false) => printer.data(&text(&line, args.timestamps, printer.out))?,
            }
        }
    }
    for group in fold(held) {
        printer.data(&format!(
            "{}: {}",
            printer.out.strong(&group.heading()),
            String::from_utf8_lossy(&group.value)
        ))?;
    }
    if failed.is_empty() {
        return Ok(Outcome::Pass);
    }
    printer.stderr(&format!("no logs of {} nodes: {failed}", failed.len()));
    Ok(Outcome::Failed)
}

fn text(line: &LogLine, timestamps: bool, palette: Palette) -> String {
    let at = if timestamps { format!("{} ", timestamp(line.at_unix_millis)) } else { String::new() };
    let text = String::from_utf8_lossy(&line.text);
    format!("{} {at}{}\n", palette.faint(&format!("{} |", line.node)), text.trim_end_matches(['\r', '\n']))
}

impl From<LogLine> for LineView {
    fn from(line: LogLine) -> Self {
        Self {
            node: line.node,
            at_unix_millis: line.at_unix_millis,
            stream: if line.stderr { "stderr" } else { "stdout" },
            text: String::from_utf8_lossy(&line.text).into_owned(),
            error: line.error,
        }
    }
}
