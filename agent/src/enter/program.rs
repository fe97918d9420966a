//! This agent's own program, so that a container cannot write to it.
//!
//! A command in a container is this program for a moment. Somebody in the container could have it run again, as the
//! interpreter of a script, and then open `/proc/<pid>/exe` for writing: it would be the file on the host. So it is run
//! from a mount of its own that is read only, and that nobody can reach by a path.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::mount::{MntFlags, MsFlags, mount, umount2};

/// The program, for as long as this lives.
#[derive(Debug)]
pub struct SealedProgram {
    file: File,
}

impl SealedProgram {
    /// Seals `program`. `place` is a file to be made for the moment that the mount has a path.
    pub fn seal(program: &Path, place: &Path) -> io::Result<Self> {
        File::create(place)?;
        let sealed = Self::mounted(program, place);
        // Also where it failed: the mount may be there.
        let _ = umount2(place, MntFlags::MNT_DETACH);
        let removed = fs::remove_file(place);
        let sealed = sealed?;
        removed.map(|()| sealed)
    }

    fn mounted(program: &Path, place: &Path) -> io::Result<Self> {
        let none = None::<&Path>;
        mount(Some(program), place, none, MsFlags::MS_BIND, none)?;
        mount(none, place, none, MsFlags::MS_PRIVATE, none)?;
        let read_only = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY | MsFlags::MS_NOSUID;
        mount(none, place, none, read_only, none)?;
        let file = File::options().read(true).custom_flags(OFlag::O_PATH.bits()).open(place)?;
        if File::options().write(true).open(format!("/proc/self/fd/{}", file.as_raw_fd())).is_ok() {
            return Err(io::Error::other("the program can still be written to"));
        }
        Ok(Self { file })
    }

    /// Its path, for this process's own children.
    pub fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.file.as_raw_fd()))
    }
}
