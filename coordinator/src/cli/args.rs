//! The command line as a whole: global options and the list of commands.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::{
    check, completions, cp, doctor, down, events, exec, follow, hosts, init, logs, operator, plan, ps, report, reset,
    restart, run, runs, scale, schema, serve, status, stop, test, up,
};
use crate::output::printer::{ColorChoice, Format};

/// Drives a distributed system with a thousand nodes on a few machines, tests it, and leaves nothing behind.
#[derive(Debug, Parser)]
#[command(name = "throng", version = throng_proto::version::BUILD, max_term_width = 100, subcommand_required = true,
          arg_required_else_help = true, disable_help_subcommand = true)]
pub struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What holds for every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct GlobalArgs {
    /// How data on stdout is printed
    #[arg(long, global = true, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Short for --format json
    #[arg(long, global = true, conflicts_with = "format")]
    json: bool,
    /// When colour is used
    #[arg(long, global = true, value_enum, default_value_t = ColorChoice::Auto, hide_possible_values = true,
          value_name = "auto|always|never")]
    pub color: ColorChoice,
    /// Say nothing on stderr but warnings and errors
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// The coordinator's state directory [default: $XDG_STATE_HOME/throng, as root /var/lib/throng]
    #[arg(long, global = true, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
    /// The agent's program, where it does not lie beside throng
    #[arg(long, global = true, value_name = "PROGRAM", env = "THRONG_AGENT", hide_env_values = true)]
    pub agent: Option<PathBuf>,
    /// A coordinator elsewhere
    #[command(flatten)]
    pub remote: RemoteArgs,
}

impl GlobalArgs {
    /// How data is printed.
    pub fn format(&self) -> Format {
        if self.json { Format::Json } else { self.format }
    }
}

/// A coordinator elsewhere, and the certificate with which it is called.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "A coordinator elsewhere")]
pub struct RemoteArgs {
    /// Call the coordinator at this address instead of the one of this machine
    #[arg(long, global = true, value_name = "https://HOST:PORT", env = "THRONG_CONNECT", hide_env_values = true)]
    pub connect: Option<String>,
    /// CA certificate of the fleet, PEM
    #[arg(long, global = true, value_name = "FILE", env = "THRONG_CA", hide_env_values = true)]
    pub ca: Option<PathBuf>,
    /// Your certificate, PEM
    #[arg(long, global = true, value_name = "FILE", env = "THRONG_CERT", hide_env_values = true)]
    pub cert: Option<PathBuf>,
    /// Your key, PEM
    #[arg(long, global = true, value_name = "FILE", env = "THRONG_KEY", hide_env_values = true)]
    pub key: Option<PathBuf>,
}

/// The commands. Their order is that of the groups in the help.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a commented scenario to begin with
    Init(init::InitArgs),
    /// Report every mistake in a scenario
    Check(check::CheckArgs),
    /// Print the JSON Schema of scenarios, for editors
    Schema(schema::SchemaArgs),
    /// Show where everything would lie and how near every limit is
    Plan(plan::PlanArgs),
    /// Bring a cluster up, run its tests, take it down
    Run(run::RunArgs),
    /// Bring a cluster up and leave it
    Up(up::UpArgs),
    /// Run the tests of a cluster that is up
    Test(test::TestArgs),
    /// Change how many nodes a role has
    Scale(scale::ScaleArgs),
    /// Have nodes begin anew, all at once or some at a time
    Restart(restart::RestartArgs),
    /// Wipe what the system has written, and start it anew
    Reset(reset::ResetArgs),
    /// Take a cluster down and prove that nothing is left
    Down(down::DownArgs),
    /// Watch an operation that goes on without you
    Follow(follow::FollowArgs),
    /// The coordinator, its clusters and what goes on
    Status(status::StatusArgs),
    /// Nodes: desired, running, and seen by the system itself
    Ps(ps::PsArgs),
    /// Run a command in nodes; equal outputs are folded
    Exec(exec::ExecArgs),
    /// Logs of nodes
    Logs(logs::LogsArgs),
    /// Copy a file out of a node
    Cp(cp::CpArgs),
    /// What happened
    Events(events::EventsArgs),
    /// Past runs
    Runs(runs::RunsArgs),
    /// The report of a run
    Report(report::ReportArgs),
    /// Check whether this machine can do it, and how to mend it
    Doctor(doctor::DoctorArgs),
    /// The machines of the fleet
    Hosts(hosts::HostsArgs),
    /// Run the coordinator
    Serve(serve::ServeArgs),
    /// End the coordinator and its agents
    Stop(stop::StopArgs),
    /// Certificates for other people
    Operator(operator::OperatorArgs),
    /// Completions for a shell
    Completions(completions::CompletionsArgs),
}

/// The cluster of whoever names none.
const CLUSTER_ENV: &str = "THRONG_CLUSTER";

/// Which cluster a command means.
#[derive(Debug, Clone, Args)]
pub struct ClusterArg {
    /// The cluster; may be left out while there is only one
    #[arg(short, long, value_name = "CLUSTER", env = CLUSTER_ENV, hide_env_values = true)]
    pub cluster: Option<String>,
}

impl ClusterArg {
    /// As the coordinator takes it: empty for "the only one".
    pub fn id(&self) -> String {
        self.cluster.clone().unwrap_or_default()
    }
}

/// Which cluster a command means that takes it by its place, and by name as the other commands do.
#[derive(Debug, Clone, Args)]
pub struct PlacedCluster {
    /// The cluster; may be left out while there is only one
    #[arg(value_name = "CLUSTER")]
    cluster: Option<String>,
    /// The same by name, as other commands take it
    #[arg(short = 'c', long = "cluster", value_name = "CLUSTER", env = CLUSTER_ENV, hide_env_values = true)]
    named: Option<String>,
}

impl PlacedCluster {
    /// The one that was given; the place goes before the name, which the environment may have given.
    pub fn given(self) -> Option<String> {
        self.cluster.or(self.named)
    }

    /// Whether the command line itself gives one.
    pub fn is_on_command_line(&self) -> bool {
        self.cluster.is_some()
            || self.named.as_deref().is_some_and(|named| std::env::var(CLUSTER_ENV).as_deref() != Ok(named))
    }
}

/// A scenario and what changes it without editing it.
#[derive(Debug, Clone, Args)]
pub struct ScenarioArgs {
    /// The scenario
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// A TOML file laid over the scenario; may be given more than once
    #[arg(long, value_name = "FILE")]
    pub overlay: Vec<PathBuf>,
    /// Set one value, like param.workers=5; may be given more than once
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}
