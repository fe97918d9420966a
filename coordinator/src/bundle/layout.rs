//! Laying a bundle's files out in a folder, as they lie beside the scenario.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::error::BundleError;
use super::hash::Contents;
use super::model::Bundle;
use crate::content::ContentStore;
use crate::scenario::is_safe_path;

/// How programs and scripts begin. What travels in a message carries no permissions, and may be one.
const EXECUTABLE_MAGIC: [&[u8]; 2] = [b"#!", b"\x7fELF"];

/// Permissions of what may be executed.
const EXECUTABLE_MODE: u32 = 0o755;
/// Permissions of what may not.
const PLAIN_MODE: u32 = 0o644;

/// Where overlays from outside the scenario's folder lie.
const OVERLAYS_DIR: &str = ".overlays";

/// Lays out what throng itself read, and the inputs that `wanted` takes. Blocks.
pub fn lay_out(
    bundle: &Bundle,
    contents: &Contents,
    store: &ContentStore,
    folder: &Path,
    wanted: impl Fn(&str) -> bool,
) -> Result<(), BundleError> {
    for (name, bytes) in &bundle.files {
        let executable = EXECUTABLE_MAGIC.iter().any(|magic| bytes.starts_with(magic));
        let place = if is_safe_path(name) { PathBuf::from(name) } else { overlay_place(bundle, name) };
        write(&folder.join(place), bytes, if executable { EXECUTABLE_MODE } else { PLAIN_MODE })?;
    }
    for (name, input) in bundle.inputs.iter().filter(|(name, _)| is_safe_path(name) && wanted(name)) {
        let digest = contents.get(name).ok_or_else(|| BundleError::NotShipped(name.clone()))?;
        let mode = if input.executable { EXECUTABLE_MODE } else { PLAIN_MODE };
        let path = folder.join(name);
        let copied = store.copy_to(digest, &path, mode);
        copied.map_err(|source| BundleError::Content { path: name.clone(), source })?;
        if !input.executable && is_program(&path) {
            let made = fs::set_permissions(&path, fs::Permissions::from_mode(EXECUTABLE_MODE));
            made.map_err(|source| BundleError::Write { path, source })?;
        }
    }
    Ok(())
}

/// Whether a file begins as programs and scripts do: one that the scenario names is run whatever its permissions.
fn is_program(path: &Path) -> bool {
    let mut head = [0; 4];
    let read = fs::File::open(path).and_then(|mut file| file.read(&mut head)).unwrap_or(0);
    EXECUTABLE_MAGIC.iter().any(|magic| head[..read].starts_with(magic))
}

/// Only overlays may have names that lead out of the folder: they keep their order and the end of their name.
fn overlay_place(bundle: &Bundle, name: &str) -> PathBuf {
    let position = bundle.overlays.iter().position(|overlay| overlay == name).unwrap_or(bundle.overlays.len());
    let end = Path::new(name).file_name().unwrap_or_default().to_string_lossy();
    Path::new(OVERLAYS_DIR).join(format!("{position}-{end}"))
}

/// Lays out again what [`lay_out`] laid out: every file below `from`, with its permissions. Blocks.
pub fn lay_out_copy(from: &Path, folder: &Path) -> Result<(), BundleError> {
    let mut open = vec![PathBuf::new()];
    while let Some(below) = open.pop() {
        let at = from.join(&below);
        let failed = |source| BundleError::ReadNamed { path: at.clone(), source };
        for entry in fs::read_dir(&at).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let below = below.join(entry.file_name());
            if entry.file_type().map_err(failed)?.is_dir() {
                open.push(below);
                continue;
            }
            let path = folder.join(below);
            let written = |source| BundleError::Write { path: path.clone(), source };
            fs::create_dir_all(path.parent().unwrap_or(folder)).map_err(written)?;
            fs::copy(entry.path(), &path).map_err(written)?;
        }
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), BundleError> {
    let failed = |source| BundleError::Write { path: path.to_owned(), source };
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(failed)?;
    }
    let mut file =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(path).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    // The mode above counts only for a file that was not there, and less the caller's mask.
    file.set_permissions(fs::Permissions::from_mode(mode)).map_err(failed)
}
