//! The calls that change the mount table, behind a narrow trait so that plans can be applied to a fake.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use serde::Serialize;

use super::table::{MountEntry, parse_below, read_table};

/// What a tmpfs is mounted with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TmpfsOptions<'a> {
    /// The source, by which the mount is told from others'.
    pub source: &'a str,
    /// Its own options: `size=…,nr_inodes=…,mode=…,uid=…,gid=…`.
    pub options: &'a str,
}

/// Owner, group and permissions of the root of a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Root {
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Permissions.
    pub mode: u32,
}

impl std::fmt::Display for Root {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{} with mode {:o}", self.uid, self.gid, self.mode)
    }
}

/// How a mount is taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detach {
    /// Only if nobody uses it; `EBUSY` otherwise.
    WhenIdle,
    /// At once from the table; its pages go when the last user does.
    Lazily,
}

/// The mount calls that the agent makes. They block; none follows a symbolic link at the end of a path.
pub trait Mounter {
    /// The mounts that this process sees.
    fn table(&self) -> io::Result<Vec<MountEntry>>;
    /// Those of them that lie at and below a folder.
    fn below(&self, folder: &Path) -> io::Result<Vec<MountEntry>> {
        Ok(self.table()?.into_iter().filter(|entry| entry.mount_point.starts_with(folder)).collect())
    }
    /// Mounts a tmpfs, `nosuid` and `nodev`; makes the folder where it is missing.
    fn mount_tmpfs(&self, path: &Path, tmpfs: TmpfsOptions<'_>) -> io::Result<()>;
    /// Gives a mounted tmpfs other options.
    fn remount_tmpfs(&self, path: &Path, options: &str) -> io::Result<()>;
    /// Gives the root of the file system at the path another owner, group and permissions.
    fn set_root(&self, path: &Path, root: Root) -> io::Result<()>;
    /// Unmounts the topmost mount at the path.
    fn unmount(&self, path: &Path, how: Detach) -> io::Result<()>;
}

/// Whether the kernel may know `noswap`. One that does not writes a line into its log whenever it is asked: once is enough.
static MAY_KNOW_NOSWAP: AtomicBool = AtomicBool::new(true);

/// The kernel of this host.
#[derive(Debug, Clone, Copy, Default)]
pub struct KernelMounter;

impl Mounter for KernelMounter {
    fn table(&self) -> io::Result<Vec<MountEntry>> {
        read_table(Path::new("/proc"), "self")
    }

    fn below(&self, folder: &Path) -> io::Result<Vec<MountEntry>> {
        Ok(parse_below(&fs::read("/proc/self/mountinfo")?, folder))
    }

    fn mount_tmpfs(&self, path: &Path, tmpfs: TmpfsOptions<'_>) -> io::Result<()> {
        std::fs::create_dir_all(path)?;
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        let call = |options: &str| mount(Some(tmpfs.source), path, Some("tmpfs"), flags, Some(options));
        // A ramdisk must stay in memory; kernels before 6.4 do not know the word and refuse the whole call.
        if MAY_KNOW_NOSWAP.load(Ordering::Relaxed) {
            match call(&format!("{},noswap", tmpfs.options)) {
                Err(Errno::EINVAL) => {}
                other => return Ok(other?),
            }
        }
        call(tmpfs.options)?;
        // The word it was that was refused, not another.
        MAY_KNOW_NOSWAP.store(false, Ordering::Relaxed);
        Ok(())
    }

    fn remount_tmpfs(&self, path: &Path, options: &str) -> io::Result<()> {
        let flags = MsFlags::MS_REMOUNT | MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        let call = |options: &str| mount(None::<&str>, path, None::<&str>, flags, Some(options));
        // What was mounted with `noswap` must be remounted with it.
        match call(options) {
            Err(Errno::EINVAL) => Ok(call(&format!("{options},noswap"))?),
            other => Ok(other?),
        }
    }

    fn set_root(&self, path: &Path, root: Root) -> io::Result<()> {
        let flags = (OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW).bits();
        let folder = File::options().read(true).custom_flags(flags).open(path)?;
        // The owner first: a change of it takes permissions away.
        fchown(&folder, Some(root.uid), Some(root.gid))?;
        folder.set_permissions(Permissions::from_mode(root.mode))
    }

    fn unmount(&self, path: &Path, how: Detach) -> io::Result<()> {
        let flags = match how {
            Detach::WhenIdle => MntFlags::UMOUNT_NOFOLLOW,
            Detach::Lazily => MntFlags::UMOUNT_NOFOLLOW | MntFlags::MNT_DETACH,
        };
        Ok(umount2(path, flags)?)
    }
}
