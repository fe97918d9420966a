//! From the command line's scenario arguments to the bundle that is shipped.

use throng_proto::operator::Bundle;

use super::args::ScenarioArgs;
use super::context::Context;
use super::error::CliError;

/// Reads the scenario with every file that it names. All its mistakes are printed before this fails.
pub fn bundle(_context: &Context, args: &ScenarioArgs) -> Result<Bundle, CliError> {
    let read = |path: &std::path::Path| {
        std::fs::read(path).map_err(|source| CliError::File { action: "read", path: path.to_owned(), source })
    };
    let entry = args.file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let contents = read(&args.file)?;
    Ok(Bundle {
        entry: entry.clone(),
        files: [(entry, contents.into())].into(),
        sets: args.set.clone(),
        ..Bundle::default()
    })
}
