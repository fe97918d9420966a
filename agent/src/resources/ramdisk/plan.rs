//! From what is wanted and what is mounted to the steps between. Pure.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::desired::{DesiredRamdisk, SOURCE_PREFIX};
use super::observe::Observed;
use crate::host::mounts::table::MountEntry;

/// Why ramdisks are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Occasion {
    /// Their node runs, or is about to for the first time: nothing is wiped.
    Keep,
    /// Their node is about to be started again: those that are not kept over a restart are wiped.
    Restart,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum RamdiskStep {
    /// Mount it: nothing lies at its path.
    Mount(DesiredRamdisk),
    /// Give it another size, its data kept.
    Resize(DesiredRamdisk),
    /// Give its root another owner or other permissions, its data kept.
    Own(DesiredRamdisk),
    /// Unmount it and mount an empty one.
    Wipe(DesiredRamdisk),
    /// Unmount what lies there: it is no longer wanted.
    Unmount(PathBuf),
}

/// A mount in our way that is not ours to take away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Obstacle {
    /// Where.
    pub path: PathBuf,
    /// Its type and source.
    pub found: String,
}

impl std::fmt::Display for Obstacle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at {} is in the way and not throng's: unmount it yourself", self.found, self.path.display())
    }
}

/// The steps, in the order in which they are taken, and what stands in the way of others.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RamdiskPlan {
    /// Unmounts first.
    pub steps: Vec<RamdiskStep>,
    /// Reported, not touched.
    pub obstacles: Vec<Obstacle>,
}

impl RamdiskPlan {
    /// Whether there is nothing to do and nothing in the way.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.obstacles.is_empty()
    }
}

/// Compares the ramdisks wanted in a folder with all mounts at and below it.
///
/// A mount is ours if it is a tmpfs with our source; only such mounts are changed. Mounts are never stacked. A root that
/// its node's own program gave another owner is given back: what the spec says holds at every start.
pub fn plan(desired: &[DesiredRamdisk], observed: &Observed, occasion: Occasion) -> RamdiskPlan {
    let mounts = &observed.mounts;
    let mut plan = RamdiskPlan::default();
    let wanted = |path: &Path| desired.iter().any(|ramdisk| ramdisk.path == path);
    // The latest mount first: a stack is taken down from its top.
    for entry in mounts.iter().rev().filter(|entry| !wanted(&entry.mount_point)) {
        if !is_ours(entry) {
            plan.obstacles.push(obstacle(entry));
        } else if foreign_below(entry, mounts).is_none() {
            plan.steps.push(RamdiskStep::Unmount(entry.mount_point.clone()));
        }
    }
    for ramdisk in desired {
        plan_one(ramdisk, observed, occasion, &mut plan);
    }
    plan
}

fn plan_one(ramdisk: &DesiredRamdisk, observed: &Observed, occasion: Occasion, plan: &mut RamdiskPlan) {
    let mounts = &observed.mounts;
    let there: Vec<&MountEntry> = mounts.iter().filter(|entry| entry.mount_point == ramdisk.path).collect();
    let strange = |entry: &&&MountEntry| !(is_ours(entry) && entry.source == ramdisk.source);
    match there[..] {
        [] => plan.steps.push(RamdiskStep::Mount(ramdisk.clone())),
        [only] if !strange(&&only) => {
            let wipe = occasion == Occasion::Restart && !ramdisk.keep_on_restart;
            if wipe && foreign_below(only, mounts).is_none() {
                plan.steps.push(RamdiskStep::Wipe(ramdisk.clone()));
                return;
            }
            if !fits(only, ramdisk) {
                plan.steps.push(RamdiskStep::Resize(ramdisk.clone()));
            }
            if observed.roots.get(&ramdisk.path) != Some(&ramdisk.root()) {
                plan.steps.push(RamdiskStep::Own(ramdisk.clone()));
            }
        }
        // More than one: somebody mounted over ours. Whose data counts is not ours to decide.
        [.., top] => plan.obstacles.push(obstacle(there.iter().rev().find(strange).copied().unwrap_or(top))),
    }
}

/// Whether a mount is one of throng's ramdisks.
pub fn is_ours(entry: &MountEntry) -> bool {
    entry.fs_type == "tmpfs" && entry.source.starts_with(SOURCE_PREFIX)
}

/// A foreign mount that would go with this one. It is reported as an obstacle by its own path.
fn foreign_below<'a>(entry: &MountEntry, observed: &'a [MountEntry]) -> Option<&'a MountEntry> {
    let below = |other: &&MountEntry| other.mount_point.starts_with(&entry.mount_point) && !is_ours(other);
    observed.iter().find(below)
}

fn fits(entry: &MountEntry, ramdisk: &DesiredRamdisk) -> bool {
    let inodes = entry.option("nr_inodes").and_then(|text| text.parse::<u64>().ok());
    entry.size_bytes() == Some(ramdisk.size_bytes) && inodes == Some(ramdisk.inodes)
}

fn obstacle(entry: &MountEntry) -> Obstacle {
    let found = format!("{} `{}`", entry.fs_type, entry.source);
    Obstacle { path: entry.mount_point.clone(), found }
}

#[cfg(test)]
mod tests;
