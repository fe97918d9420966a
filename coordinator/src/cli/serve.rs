//! `throng serve`: the coordinator itself.

use std::net::SocketAddr;

use clap::Args;
use throng_common::error_chain::chain;
use throng_common::verdict::Outcome;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use super::context::Context;
use super::error::CliError;
use crate::app::{App, AppOptions};

/// Arguments.
#[derive(Debug, Args)]
#[command(after_help = "\
`throng up` and `throng run` start one in the background when none runs. In the foreground its log is on stderr.")]
pub struct ServeArgs {
    /// Where agents and remote operators connect [default: 127.0.0.1 and a port that is chosen once]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,
    /// Leave the session of whoever started it
    #[arg(long, hide = true)]
    pub detached: bool,
}

/// What is logged unless this variable says otherwise.
const LOG_VARIABLE: &str = "THRONG_LOG";
const DEFAULT_LOG: &str = "info";

/// Runs it.
pub async fn run(context: &Context, args: ServeArgs) -> Result<Outcome, CliError> {
    if args.detached {
        // Fails only for the leader of a process group, which is out of reach of our keys anyway.
        let _ = nix::unistd::setsid();
    }
    let wanted = std::env::var(LOG_VARIABLE).unwrap_or_else(|_| DEFAULT_LOG.to_owned());
    let filter = EnvFilter::try_new(&wanted).map_err(|error| {
        CliError::refused(
            format!("{LOG_VARIABLE}=`{wanted}`: {error}"),
            "write it like `debug`, or `throng=debug,info`",
        )
    })?;
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).init();
    let stop = CancellationToken::new();
    let options = AppOptions { state: context.state.clone(), listen: args.listen };
    let app = App::build(options, stop.clone()).await.map_err(|error| refused(&error))?;
    let state = context.state.root().display();
    tracing::info!(address = %app.address(), ca_pin = %app.ca_pin(), %state, "the coordinator listens");
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| refused(&error))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| refused(&error))?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop.cancel();
    });
    app.run().await.map_err(|error| refused(&error))?;
    Ok(Outcome::Pass)
}

fn refused(error: &(dyn std::error::Error + 'static)) -> CliError {
    CliError::refused(chain(error), "")
}
