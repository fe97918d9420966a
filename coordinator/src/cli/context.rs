//! What every command is given: where to print, which coordinator to call.

use std::path::PathBuf;

use super::args::GlobalArgs;
use super::error::CliError;
use super::invocation::Invocation;
use crate::client::connect::{Client, Remote, Target, connect};
use crate::output::printer::{Format, Printer};
use crate::paths::{StateDir, StateEnvironment};

/// What every command is given.
#[derive(Debug, Clone)]
pub struct Context {
    /// Where to print.
    pub printer: Printer,
    /// The coordinator's state directory on this machine.
    pub state: StateDir,
    /// A coordinator elsewhere; none: the one of this machine.
    pub remote: Option<Remote>,
    /// `--agent`.
    pub agent: Option<PathBuf>,
    /// How a next command is called.
    pub invocation: Invocation,
}

impl Context {
    /// From the global options.
    pub fn new(global: &GlobalArgs, printer: Printer) -> Result<Self, CliError> {
        let state = StateDir::resolve(&StateEnvironment::of_process(global.state_dir.clone()))?;
        let invocation = Invocation::new(std::env::args_os().map(|word| word.to_string_lossy().into_owned()), global);
        Ok(Self { printer, state, remote: remote(global)?, agent: global.agent.clone(), invocation })
    }

    /// The coordinator that is meant.
    pub fn target(&self) -> Target {
        match &self.remote {
            Some(remote) => Target::Remote(remote.clone()),
            None => Target::Local(self.state.socket()),
        }
    }

    /// Connects to the coordinator, which must be there.
    pub async fn client(&self) -> Result<Client, CliError> {
        Ok(connect(&self.target()).await?)
    }

    /// Whether data is asked for as JSON.
    pub fn is_json(&self) -> bool {
        self.printer.format == Format::Json
    }
}

fn remote(global: &GlobalArgs) -> Result<Option<Remote>, CliError> {
    let args = &global.remote;
    let Some(address) = args.connect.clone() else { return Ok(None) };
    let (Some(ca), Some(certificate), Some(key)) = (args.ca.clone(), args.cert.clone(), args.key.clone()) else {
        return Err(CliError::refused(
            "--connect needs --ca, --cert and --key",
            "`throng operator add NAME` on the coordinator's machine writes the three files",
        ));
    };
    let named = address.strip_prefix("https://").and_then(|authority| authority.parse::<http::uri::Authority>().ok());
    if named.and_then(|authority| authority.port_u16()).is_none() {
        return Err(CliError::refused(
            format!("`{address}` is no address of a coordinator"),
            "write https://HOST:PORT, as `throng status` shows it",
        ));
    }
    Ok(Some(Remote { address, ca, certificate, key }))
}
