//! `throng init`: a commented scenario to begin with.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use throng_common::ids::RoleName;
use throng_common::verdict::Outcome;

use super::context::Context;
use super::error::CliError;
use super::invocation::quoted;
use crate::scenario::init_text;

/// The file that is written.
const FILE: &str = "scenario.toml";

/// Arguments.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng init my-system && throng check my-system/scenario.toml")]
pub struct InitArgs {
    /// The folder; made where it does not exist
    #[arg(value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,
}

/// Runs it.
pub fn run(context: &Context, args: InitArgs) -> Result<Outcome, CliError> {
    let path = args.dir.join(FILE);
    let failed = |action| {
        let path = path.clone();
        move |source| CliError::File { action, path, source }
    };
    std::fs::create_dir_all(&args.dir).map_err(failed("create"))?;
    let mut file = match OpenOptions::new().write(true).create_new(true).open(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let hint = "name another folder, or remove it; nothing is overwritten";
            return Err(CliError::refused(format!("{} exists already", path.display()), hint));
        }
        opened => opened.map_err(failed("create"))?,
    };
    file.write_all(init_text(&name(&args.dir)).as_bytes()).map_err(failed("write"))?;
    context.printer.note(&format!("wrote {}. Next:", path.display()));
    let shown = quoted(&path.display().to_string());
    for words in ["check", "plan", "run"] {
        context.printer.note(&format!("  {}", context.invocation.command(&format!("{words} {shown}"))));
    }
    Ok(Outcome::Pass)
}

/// The scenario's name: the folder's, as far as it can be one.
fn name(dir: &Path) -> String {
    let folder = std::path::absolute(dir).ok().and_then(|dir| Some(dir.file_name()?.to_string_lossy().into_owned()));
    folder.filter(|name| RoleName::new(name.as_str()).is_ok()).unwrap_or_else(|| "my-system".to_owned())
}
