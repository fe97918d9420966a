//! Takes the steps of a plan. Every step is tried; each has its outcome.

use std::io;
use std::path::Path;
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use throng_failpoints::{Fault, Point, hit, planted};

use super::desired::DesiredRamdisk;
use super::error::RamdiskError;
use super::plan::{RamdiskPlan, RamdiskStep};
use crate::host::mounts::mounter::{Detach, Mounter, TmpfsOptions};
use crate::resources::outcome::Outcome;

/// How often a busy mount is tried again: a killed node's last threads take a moment to let go. 25 × 20 ms = 0.5 s.
const UNMOUNT_TRIES: u32 = 25;

/// The pause between two tries.
const UNMOUNT_PAUSE: Duration = Duration::from_millis(20);

/// Takes the steps. Blocks for up to half a second for each busy mount; one that stays busy is detached, and an audit finds
/// it for as long as a process sees it.
pub fn apply(mounter: &dyn Mounter, plan: RamdiskPlan) -> Vec<Outcome<RamdiskStep, RamdiskError>> {
    plan.steps.into_iter().map(|step| Outcome::of(step, |step| take(mounter, step))).collect()
}

fn take(mounter: &dyn Mounter, step: &RamdiskStep) -> Result<(), RamdiskError> {
    match step {
        RamdiskStep::Mount(ramdisk) => mount(mounter, ramdisk),
        RamdiskStep::Resize(ramdisk) => {
            let (path, size_bytes) = (ramdisk.path.clone(), ramdisk.size_bytes);
            let result = mounter.remount_tmpfs(&ramdisk.path, &ramdisk.resize_options());
            result.map_err(|source| RamdiskError::Resize { path, size_bytes, source })
        }
        RamdiskStep::Own(ramdisk) => {
            let result = mounter.set_root(&ramdisk.path, ramdisk.root());
            result.map_err(|source| RamdiskError::Own { path: ramdisk.path.clone(), root: ramdisk.root(), source })
        }
        RamdiskStep::Wipe(ramdisk) => {
            unmount(mounter, &ramdisk.path)?;
            mount(mounter, ramdisk)
        }
        RamdiskStep::Unmount(path) => unmount(mounter, path),
    }
}

fn mount(mounter: &dyn Mounter, ramdisk: &DesiredRamdisk) -> Result<(), RamdiskError> {
    let options = ramdisk.options();
    let tmpfs = TmpfsOptions { source: &ramdisk.source, options: &options };
    if planted(Fault::MountTwice) {
        // The second one lies over it.
        let _ = mounter.mount_tmpfs(&ramdisk.path, tmpfs);
    }
    let result = mounter.mount_tmpfs(&ramdisk.path, tmpfs);
    hit(Point::RamdiskMounted);
    result.map_err(|source| RamdiskError::Mount { path: ramdisk.path.clone(), source })
}

/// Unmounts what is mounted at a path; refused by the kernel while somebody uses it, or something is mounted in it.
pub fn unmount_idle(mounter: &dyn Mounter, path: &Path) -> io::Result<()> {
    if planted(Fault::SkipUnmount) {
        return Ok(());
    }
    mounter.unmount(path, Detach::WhenIdle)?;
    hit(Point::RamdiskUnmounted);
    Ok(())
}

fn unmount(mounter: &dyn Mounter, path: &Path) -> Result<(), RamdiskError> {
    let failed = |source: io::Error| RamdiskError::Unmount { path: path.to_path_buf(), source };
    for attempt in 1..=UNMOUNT_TRIES {
        match unmount_idle(mounter, path) {
            Ok(()) => return Ok(()),
            Err(error) if is_busy(&error) && attempt < UNMOUNT_TRIES => thread::sleep(UNMOUNT_PAUSE),
            Err(error) if is_busy(&error) => break,
            Err(error) => return Err(failed(error)),
        }
    }
    mounter.unmount(path, Detach::Lazily).map_err(failed)
}

fn is_busy(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::EBUSY as i32)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::host::mounts::mounter::Root;
    use crate::host::mounts::table::MountEntry;

    /// Records calls; paths that contain `busy` are busy, those with `broken` fail.
    #[derive(Default)]
    struct Fake(RefCell<Vec<String>>);

    impl Fake {
        fn call(&self, name: &str, path: &Path) -> io::Result<()> {
            self.0.borrow_mut().push(format!("{name} {}", path.display()));
            if path.ends_with("broken") { Err(io::Error::from(Errno::EPERM)) } else { Ok(()) }
        }
    }

    impl Mounter for Fake {
        fn table(&self) -> io::Result<Vec<MountEntry>> {
            Ok(Vec::new())
        }
        fn mount_tmpfs(&self, path: &Path, _: TmpfsOptions<'_>) -> io::Result<()> {
            self.call("mount", path)
        }
        fn remount_tmpfs(&self, path: &Path, _: &str) -> io::Result<()> {
            self.call("remount", path)
        }
        fn set_root(&self, path: &Path, _: Root) -> io::Result<()> {
            self.call("own", path)
        }
        fn unmount(&self, path: &Path, how: Detach) -> io::Result<()> {
            if path.ends_with("busy") && how == Detach::WhenIdle {
                return Err(io::Error::from(Errno::EBUSY));
            }
            self.call(if how == Detach::Lazily { "detach" } else { "unmount" }, path)
        }
    }

    #[test]
    fn a_failed_step_stops_no_other_and_a_busy_mount_is_detached() {
        let fake = Fake::default();
        let steps = ["broken", "busy", "fine"].map(|name| RamdiskStep::Unmount(name.into())).to_vec();
        let outcomes = apply(&fake, RamdiskPlan { steps, obstacles: Vec::new() });
        let results: Vec<bool> = outcomes.iter().map(|outcome| outcome.result.is_ok()).collect();
        assert_eq!(results, [false, true, true]);
        assert_eq!(*fake.0.borrow(), ["unmount broken", "detach busy", "unmount fine"]);
    }
}
