//! A container's first process, held so that no later process with its id is taken for it.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use nix::fcntl::OFlag;

use super::error::EnterError;

/// The process, by its open folder in `/proc`: reads of it fail once it is gone, whoever has its id then.
#[derive(Debug)]
pub(super) struct Target {
    folder: File,
}

impl Target {
    /// The process with this id that began then.
    pub(super) fn open(pid: u32, started_ticks: u64) -> Result<Self, EnterError> {
        let folder = File::options().read(true).custom_flags(OFlag::O_DIRECTORY.bits()).open(format!("/proc/{pid}"));
        let target = Self { folder: folder.map_err(|_| EnterError::Gone)? };
        let stat = target.text("stat")?;
        // The program's name stands in parentheses and may hold anything: fields count from the last of them.
        let began = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_ascii_whitespace().nth(19)?.parse().ok());
        if began == Some(started_ticks) { Ok(target) } else { Err(EnterError::Gone) }
    }

    /// It lies in this container, by its control groups: an engine names them for it. A process of the host that got the
    /// id of one that has ended does not, and nothing is ever run as that one.
    pub(super) fn expect_in(&self, container: &str) -> Result<(), EnterError> {
        let known = !container.is_empty() && self.text("cgroup")?.contains(container);
        if known { Ok(()) } else { Err(EnterError::Unknown { what: "control groups that do not bear its name" }) }
    }

    /// The path of a file of its folder, through the open folder.
    fn path(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}/{name}", self.folder.as_raw_fd()))
    }

    /// A file's text.
    pub(super) fn text(&self, what: &'static str) -> Result<String, EnterError> {
        Ok(String::from_utf8_lossy(&self.bytes(what)?).into_owned())
    }

    /// A file's bytes.
    pub(super) fn bytes(&self, what: &'static str) -> Result<Vec<u8>, EnterError> {
        let mut bytes = Vec::new();
        let read = File::open(self.path(what)).and_then(|mut file| file.read_to_end(&mut bytes));
        read.map(|_| bytes).map_err(|source| EnterError::Read { what, source })
    }

    /// A file's text; none where this kernel has no such file, or nothing in it.
    pub(super) fn text_if_any(&self, what: &'static str) -> Option<String> {
        self.text(what).ok().filter(|text| !text.is_empty())
    }

    /// The program that it runs, as it sees its path.
    pub(super) fn program(&self) -> Result<PathBuf, EnterError> {
        fs::read_link(self.path("exe")).map_err(|source| EnterError::Read { what: "program", source })
    }

    /// Opens a folder that it sees, to be gone to later.
    pub(super) fn place(&self, what: &'static str) -> Result<File, EnterError> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY;
        let opened = File::options().read(true).custom_flags(flags.bits()).open(self.path(what));
        opened.map_err(|source| EnterError::Read { what, source })
    }

    /// One of its namespaces, opened; none where it is this process's own too, or where this kernel has no such kind.
    pub(super) fn namespace(&self, kind: &'static str) -> Result<Option<File>, EnterError> {
        let read = |source: io::Error| EnterError::Read { what: "namespaces", source };
        let name = format!("ns/{kind}");
        let own = match fs::read_link(format!("/proc/self/{name}")) {
            Ok(own) => own,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(read(error)),
        };
        let theirs = fs::read_link(self.path(&name)).map_err(read)?;
        if own == theirs {
            return Ok(None);
        }
        File::open(self.path(&name)).map(Some).map_err(read)
    }
}
