//! What can go wrong with a ramdisk.

use std::io;
use std::path::PathBuf;

use crate::host::mounts::mounter::Root;
use crate::host::mounts::table::Device;

/// Why a ramdisk is not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum RamdiskError {
    /// Its name cannot be part of a path.
    #[error("ramdisk name `{name}` cannot be used: take 1 to 63 of a-z, A-Z, 0-9, '-', '_'")]
    Name {
        /// The name.
        name: String,
    },
    /// The mount table could not be read.
    #[error("cannot read the mount table of {whose}")]
    Table {
        /// `this host`, or a process.
        whose: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// It could not be mounted.
    #[error("cannot mount a ramdisk at {}", path.display())]
    Mount {
        /// Where.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// Its size could not be changed.
    #[error("cannot resize the ramdisk at {} to {size_bytes} bytes: is more than that in use?", path.display())]
    Resize {
        /// Where.
        path: PathBuf,
        /// The size.
        size_bytes: u64,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// Its root could not be given away.
    #[error("cannot give the ramdisk at {} to {root}", path.display())]
    Own {
        /// Where.
        path: PathBuf,
        /// To whom.
        root: Root,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// It could not be unmounted.
    #[error("cannot unmount the ramdisk at {}", path.display())]
    Unmount {
        /// Where.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// What lies at its path is no tmpfs, or no mount at all.
    #[error("{} is not a mounted tmpfs: {found}", path.display())]
    NotMounted {
        /// Where.
        path: PathBuf,
        /// What is there instead.
        found: String,
    },
    /// It is smaller or larger than asked for.
    #[error("the ramdisk at {} has {actual_bytes} bytes, not {wanted_bytes}", path.display())]
    Size {
        /// Where.
        path: PathBuf,
        /// Its size.
        actual_bytes: u64,
        /// The size asked for.
        wanted_bytes: u64,
    },
    /// Its root belongs to somebody else than asked for.
    #[error("the ramdisk at {} belongs to {actual}, not to {wanted}", path.display())]
    Root {
        /// Where.
        path: PathBuf,
        /// Whose it is.
        actual: Root,
        /// Whose it should be.
        wanted: Root,
    },
    /// A node sees another file system at the path than the one mounted for it.
    #[error("process {pid} sees {found} at {}, not the ramdisk with device {device}: restart the node", path.display())]
    NotSeen {
        /// The process.
        pid: u32,
        /// The path, as it sees it.
        path: PathBuf,
        /// The ramdisk's device.
        device: Device,
        /// What it sees.
        found: String,
    },
}
