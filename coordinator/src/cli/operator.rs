//! `throng operator`: certificates for other people and machines.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;
use throng_common::verdict::Outcome;
use throng_proto::operator::{CreateOperatorRequest, GetCoordinatorRequest, OperatorRole};

use super::certificates;
use super::context::Context;
use super::error::CliError;
use super::invocation::quoted;
use super::pattern;
use crate::output::time::timestamp;
use crate::paths::write_private;

/// Arguments.
#[derive(Debug, Args)]
pub struct OperatorArgs {
    /// What to do
    #[command(subcommand)]
    pub command: OperatorCommand,
}

/// What to do with operators.
#[derive(Debug, Subcommand)]
pub enum OperatorCommand {
    /// Make a certificate with which somebody may call this coordinator from elsewhere
    Add(AddArgs),
    /// The certificates that were given out and not withdrawn
    List(ListArgs),
    /// Withdraw somebody's certificates: they are refused at once, also where they are connected
    Remove(RemoveArgs),
}

/// Arguments of `throng operator list`.
#[derive(Debug, Args)]
pub struct ListArgs {}

/// Arguments of `throng operator remove`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng operator remove ann                       all certificates of ann
  throng operator remove ci --serial 4a1f… --yes   one of them

What its holder had begun goes on: `throng follow OPERATION --cancel` ends it.")]
pub struct RemoveArgs {
    /// Whose
    #[arg(value_name = "NAME", value_parser = parse_name)]
    pub name: String,
    /// Only the one of this serial number, or of the one that begins so
    #[arg(long, value_name = "HEX")]
    pub serial: Option<String>,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
}

/// What somebody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Everything.
    Operator,
    /// Read only.
    Viewer,
}

/// Arguments of `throng operator add`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng operator add ann --role viewer
  throng operator add ci --valid 30d --out secrets/")]
pub struct AddArgs {
    /// Whose it is: 1 to 63 of a-z, 0-9 and '-'
    #[arg(value_name = "NAME", value_parser = parse_name)]
    pub name: String,
    /// What they may do: everything, or only read
    #[arg(long, value_enum, default_value_t = Role::Viewer)]
    pub role: Role,
    /// How long it is valid
    #[arg(long, value_name = "SPAN", default_value = "24h", value_parser = pattern::duration)]
    pub valid: Duration,
    /// The folder for the three files
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub out: PathBuf,
}

#[derive(Serialize)]
struct OperatorView {
    name: String,
    ca: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
    expires: String,
    address: String,
}

/// Its name becomes a file's name and stands in the certificate.
fn parse_name(text: &str) -> Result<String, throng_common::ids::NameError> {
    throng_common::ids::OperatorName::new(text).map(|name| name.as_str().to_owned())
}

/// Runs it.
pub async fn run(context: &Context, args: OperatorArgs) -> Result<Outcome, CliError> {
    match args.command {
        OperatorCommand::Add(args) => add(context, args).await,
        OperatorCommand::List(_) => certificates::list(context).await,
        OperatorCommand::Remove(args) => certificates::remove(context, args).await,
    }
}

async fn add(context: &Context, args: AddArgs) -> Result<Outcome, CliError> {
    // A certificate that cannot be kept would be out in the world all the same.
    demand_writable(&args.out)?;
    let mut client = context.client().await?;
    let role = match args.role {
        Role::Operator => OperatorRole::Operator,
        Role::Viewer => OperatorRole::Viewer,
    };
    let ttl_millis = u64::try_from(args.valid.as_millis()).unwrap_or(u64::MAX);
    let address = client.get_coordinator(GetCoordinatorRequest {}).await?.into_inner().address;
    let request = CreateOperatorRequest { name: args.name.clone(), role: role.into(), ttl_millis };
    let made = client.create_operator(request).await?.into_inner();
    let view = OperatorView {
        ca: args.out.join("throng-ca.pem"),
        certificate: args.out.join(format!("{}.pem", args.name)),
        key: args.out.join(format!("{}.key", args.name)),
        expires: timestamp(made.expires_unix_millis),
        address: format!("https://{}", address.trim_start_matches("https://")),
        name: args.name,
    };
    write(&view.ca, &made.ca_certificate)?;
    write(&view.certificate, &made.certificate)?;
    write(&view.key, &made.private_key)?;
    if context.is_json() {
        context.printer.json(&view)?;
    } else {
        context.printer.data(&text(&view))?;
    }
    Ok(Outcome::Pass)
}

fn text(view: &OperatorView) -> String {
    let path = |path: &Path| quoted(&path.display().to_string());
    format!(
        "{} may call {} until {}:\n  throng --connect {} --ca {} --cert {} --key {} status\n",
        view.name,
        view.address,
        view.expires,
        view.address,
        path(&view.ca),
        path(&view.certificate),
        path(&view.key)
    )
}

/// Makes the folder where it is not there, and shows that files can be written in it.
fn demand_writable(folder: &Path) -> Result<(), CliError> {
    let failed = |action| move |source| CliError::File { action, path: folder.to_owned(), source };
    fs::create_dir_all(folder).map_err(failed("create"))?;
    let probe = folder.join(format!(".throng-{}", std::process::id()));
    fs::write(&probe, "").and_then(|()| fs::remove_file(&probe)).map_err(failed("write into"))
}

/// Readable by its owner only, whoever may read the one that it replaces.
fn write(path: &Path, contents: &str) -> Result<(), CliError> {
    write_private(path, contents.as_bytes()).map_err(|source| CliError::File {
        action: "write",
        path: path.to_owned(),
        source,
    })
}
