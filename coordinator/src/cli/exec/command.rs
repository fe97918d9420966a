//! The arguments of `throng exec` and its fan-out.

use std::io::Read as _;
use std::time::Duration;

use clap::Args;
use throng_common::ids::NodeName;
use throng_common::size::ByteSize;
use throng_common::verdict::Outcome;
use throng_proto::operator::ExecRequest;

use super::outcomes::{Gathered, NodeOutcome};
use super::terminal;
use crate::cli::args::ClusterArg;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::pattern;

/// Most that is passed on as standard input: it is sent to every node.
const STDIN_MAX_BYTES: u64 = 1 << 20;

/// Arguments.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng exec worker -- cat /etc/os-release
  throng exec 'worker-[0001-0100]' --timeout 5s -- cat /etc/hostname
  throng exec '10% of worker' --no-fold -- uptime
  throng exec -it worker-0042 -- sh
  echo 'PING' | throng exec -i primary -- nc 127.84.0.1 20000

Of one node the output is printed as it is; of several, equal outputs stand under one node set.
Exit code 1 when the command failed in any node.")]
pub struct ExecArgs {
    /// Nodes: a role, a node, a node set like worker-[0000-0099], 3 of worker, 10% of worker, or all
    #[arg(value_name = "SELECTOR")]
    pub selector: String,
    /// The command and its arguments, after `--` where they could be meant for throng
    #[arg(trailing_var_arg = true, required = true, value_name = "COMMAND")]
    pub command: Vec<String>,
    /// On a terminal of its own
    #[command(flatten)]
    pub terminal: TerminalArgs,
    /// One output a node, in the order of the answers
    #[arg(long)]
    pub no_fold: bool,
    /// How long the command may take in each node
    #[arg(long, value_name = "SPAN", default_value = "60s", value_parser = pattern::duration)]
    pub timeout: Duration,
    /// In how many nodes at a time [default: as the coordinator bounds it]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub parallel: u32,
    /// Most output kept of each node
    #[arg(long, value_name = "SIZE", default_value = "64KiB")]
    pub output_max: ByteSize,
    /// Which cluster
    #[command(flatten)]
    pub cluster: ClusterArg,
}

/// A terminal of its own, in one node.
#[derive(Debug, Clone, Copy, Args)]
pub struct TerminalArgs {
    /// Pass standard input on, to every node; with -t, the keys
    #[arg(short, long)]
    pub interactive: bool,
    /// With -i: on a terminal of its own, in one node
    #[arg(short, long)]
    pub tty: bool,
}

/// Runs it.
pub async fn run(context: &Context, args: ExecArgs) -> Result<Outcome, CliError> {
    if args.terminal.tty {
        return terminal::run(context, args).await;
    }
    let stdin = if args.terminal.interactive { read_stdin()? } else { Vec::new() };
    let mut client = context.client().await?;
    let request = ExecRequest {
        cluster: args.cluster.id(),
        selector: args.selector.clone(),
        command: args.command,
        stdin: stdin.into(),
        timeout_millis: u64::try_from(args.timeout.as_millis()).unwrap_or(u64::MAX),
        output_max_bytes: args.output_max.as_bytes(),
        parallel: args.parallel,
    };
    let mut outcomes = client.exec(request).await?.into_inner();
    let printer = context.printer;
    let mut gathered = Gathered::default();
    while let Some(outcome) = outcomes.message().await? {
        let outcome = NodeOutcome::decode(outcome)?;
        if context.is_json() {
            printer.json_line(&outcome.view())?;
        } else if args.no_fold {
            outcome.print(printer)?;
        }
        gathered.push(outcome);
    }
    if !context.is_json() && !args.no_fold {
        let raw = args.selector.parse::<NodeName>().is_ok();
        gathered.print(printer, raw)?;
    }
    gathered.conclude(context, &args.selector)
}

/// All of standard input.
fn read_stdin() -> Result<Vec<u8>, CliError> {
    let mut input = Vec::new();
    let read = std::io::stdin().lock().take(STDIN_MAX_BYTES + 1).read_to_end(&mut input);
    read.map_err(|source| CliError::File { action: "read", path: "standard input".into(), source })?;
    if input.len() as u64 > STDIN_MAX_BYTES {
        return Err(CliError::refused(
            format!("standard input is larger than {}", ByteSize::bytes(STDIN_MAX_BYTES)),
            "it is sent to every node: put large files into the image or a ramdisk",
        ));
    }
    Ok(input)
}
