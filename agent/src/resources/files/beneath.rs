//! Opening files and folders below a folder, with the kernel's word that no link leads out of it (`openat2`).

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::stat::{Mode, fchmod, mkdirat};
use nix::unistd::{Gid, Uid, fchown};

use super::error::FilesError;

/// Who owns a file or folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Owner {
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: u32,
}

impl Owner {
    /// Root.
    pub const ROOT: Self = Self { uid: 0, gid: 0 };
}

/// A folder, held open: what is opened through it lies below it.
#[derive(Debug)]
pub struct Beneath {
    folder: OwnedFd,
    path: PathBuf,
}

impl Beneath {
    /// Opens a folder that exists. Its own path may hold links: it is the agent's.
    pub fn open(path: &Path) -> io::Result<Self> {
        let folder = File::open(path)?.into();
        Ok(Self { folder, path: path.to_path_buf() })
    }

    /// The whole path of something below it, for messages.
    pub fn path_of(&self, relative: &Path) -> PathBuf {
        self.path.join(relative)
    }

    /// Opens a file that exists, for reading.
    pub fn read(&self, relative: &Path) -> io::Result<File> {
        Ok(self.open_at(relative, OFlag::O_RDONLY | OFlag::O_NONBLOCK, Mode::empty())?.into())
    }

    /// Opens a file for writing from its beginning, cut to nothing; makes it, readable for its owner alone.
    pub fn write(&self, relative: &Path) -> io::Result<File> {
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_TRUNC | OFlag::O_NONBLOCK;
        Ok(self.open_at(relative, flags, Mode::S_IRUSR | Mode::S_IWUSR)?.into())
    }

    /// Makes a folder below it, and those between, each with this mode and owner where it is new.
    pub fn make_folder(&self, relative: &Path, mode: u32, owner: Owner) -> io::Result<()> {
        let mut so_far = PathBuf::new();
        for part in relative.components() {
            let parent = if so_far.as_os_str().is_empty() { PathBuf::from(".") } else { so_far.clone() };
            so_far.push(part);
            let parent = self.open_at(&parent, OFlag::O_DIRECTORY | OFlag::O_RDONLY, Mode::empty())?;
            match mkdirat(&parent, part.as_os_str(), Mode::S_IRWXU) {
                Ok(()) => self.own_folder(&so_far, mode, owner)?,
                // What is there may be a file or a link: opening it as a folder tells.
                Err(Errno::EEXIST) => drop(self.open_at(&so_far, OFlag::O_DIRECTORY, Mode::empty())?),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Gives a folder below it a mode and an owner.
    pub fn own_folder(&self, relative: &Path, mode: u32, owner: Owner) -> io::Result<()> {
        let folder = self.open_at(relative, OFlag::O_DIRECTORY | OFlag::O_RDONLY, Mode::empty())?;
        own(folder, mode, owner)
    }

    fn open_at(&self, relative: &Path, flags: OFlag, mode: Mode) -> io::Result<OwnedFd> {
        let resolve = ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS;
        let how = OpenHow::new().flags(flags | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW).mode(mode).resolve(resolve);
        Ok(openat2(&self.folder, relative, how)?)
    }
}

/// Gives an open file or folder an owner and a mode. The owner first: a change of it takes special bits away.
pub fn own(file: impl AsFd, mode: u32, owner: Owner) -> io::Result<()> {
    fchown(&file, Some(Uid::from_raw(owner.uid)), Some(Gid::from_raw(owner.gid)))?;
    Ok(fchmod(&file, Mode::from_bits_truncate(mode))?)
}

/// A path made relative: an absolute one is taken from its root. Refused where it is empty or has `.` or `..`.
pub fn relative(path: &str) -> Result<PathBuf, FilesError> {
    let wrong = || FilesError::Path { path: PathBuf::from(path) };
    let mut parts = PathBuf::new();
    for part in Path::new(path).components() {
        match part {
            Component::RootDir => {}
            Component::Normal(part) => parts.push(part),
            Component::CurDir | Component::ParentDir | Component::Prefix(_) => return Err(wrong()),
        }
    }
    if parts.as_os_str().is_empty() || path.contains('\0') { Err(wrong()) } else { Ok(parts) }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn no_link_leads_out_of_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let (inside, outside) = (folder.path().join("in"), folder.path().join("out"));
        fs::create_dir(&inside).unwrap();
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("secret"), "x").unwrap();
        symlink(&outside, inside.join("folder")).unwrap();
        symlink("../out/secret", inside.join("file")).unwrap();
        let beneath = Beneath::open(&inside).unwrap();
        for path in ["folder/secret", "file", "../out/secret"] {
            assert!(beneath.read(Path::new(path)).is_err(), "{path}");
            assert!(beneath.write(Path::new(path)).is_err(), "{path}");
        }
        let owner = Owner { uid: nix::unistd::getuid().as_raw(), gid: nix::unistd::getgid().as_raw() };
        assert!(beneath.make_folder(Path::new("folder/new"), 0o755, owner).is_err());
        beneath.make_folder(Path::new("a/b"), 0o750, owner).unwrap();
        beneath.make_folder(Path::new("a/b"), 0o750, owner).unwrap();
        beneath.write(Path::new("a/b/file")).unwrap();
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
    }

    #[test]
    fn paths_that_leave_their_folder_are_refused() {
        for path in ["", "/", "..", "a/../b", "../a", "/a/..", "a\0b"] {
            assert!(relative(path).is_err(), "{path:?}");
        }
        assert_eq!(relative("/etc//redis/x.conf").unwrap(), Path::new("etc/redis/x.conf"));
    }
}
