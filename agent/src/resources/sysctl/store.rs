//! Reading and writing settings: `/proc/sys` behind a narrow trait.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::error::SysctlError;
use super::key::SysctlKey;
use super::plan::Values;

/// The kernel reads at most a page of text at once, its end included.
pub const VALUE_MAX_BYTES: usize = 4095;

/// More than any value takes: all ports as ranges of one are less than 400 KB.
const READ_MAX_BYTES: usize = 1 << 20;

/// The kernel's settings.
pub trait Sysctls {
    /// Its value; none where the kernel does not have it.
    fn read(&self, key: &SysctlKey) -> Result<Option<String>, SysctlError>;
    /// Writes it.
    fn write(&self, key: &SysctlKey, value: &str) -> Result<(), SysctlError>;
}

/// `/proc/sys`, or a folder made like it.
#[derive(Debug, Clone)]
pub struct ProcSys {
    root: PathBuf,
}

impl Default for ProcSys {
    fn default() -> Self {
        Self { root: PathBuf::from("/proc/sys") }
    }
}

impl ProcSys {
    /// Another folder in its place.
    pub fn at(root: PathBuf) -> Self {
        Self { root }
    }
}

impl Sysctls for ProcSys {
    fn read(&self, key: &SysctlKey) -> Result<Option<String>, SysctlError> {
        match read_at_once(&self.root.join(key.relative_path())) {
            Ok(text) => Ok(Some(super::value::plain(&text))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(SysctlError::Read { key: key.to_string(), source }),
        }
    }

    fn write(&self, key: &SysctlKey, value: &str) -> Result<(), SysctlError> {
        let (key_text, length_bytes) = (key.to_string(), value.len() + 1);
        if length_bytes > VALUE_MAX_BYTES {
            return Err(SysctlError::TooLong { key: key_text, length_bytes, max_bytes: VALUE_MAX_BYTES });
        }
        // One write: the kernel takes each as a value of its own. The newline makes an empty list a write at all.
        let path = self.root.join(key.relative_path());
        let failed = |source| SysctlError::Write { key: key_text, value: value.to_owned(), source };
        fs::write(path, format!("{value}\n")).map_err(failed)
    }
}

/// A value in one call: of a list of ports the kernel answers a second one with nothing, however much there is, so that
/// what is read piece by piece is cut off after the first piece, in the midst of a number.
fn read_at_once(path: &Path) -> io::Result<String> {
    let mut buffer = vec![0; READ_MAX_BYTES];
    let length = File::open(path)?.read(&mut buffer)?;
    buffer.truncate(length);
    String::from_utf8(buffer).map_err(io::Error::other)
}

/// Reads the settings. One that cannot be read counts as missing and is an error beside the others' values.
pub fn observe(sysctls: &dyn Sysctls, keys: BTreeSet<SysctlKey>) -> (Values, Vec<SysctlError>) {
    let mut errors = Vec::new();
    let mut read = |key: SysctlKey| {
        let value = sysctls.read(&key).unwrap_or_else(|error| {
            errors.push(error);
            None
        });
        (key, value)
    };
    let values = keys.into_iter().map(&mut read).collect();
    (values, errors)
}
