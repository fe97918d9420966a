//! A scenario for tests that are about throng and not about the system under test: a hub, and workers that tell it
//! every second that they are there. It needs nothing but a static busybox.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use crate::programs::{busybox, repository};

const SCENARIO: &str = include_str!("../fixtures/tiny.toml");

/// The pool of its ports, away from the usual one: a throng that somebody uses on this machine is not in the way.
pub const PORTS: std::ops::RangeInclusive<u16> = 28000..=28999;

/// Tests that fail: one that is meant to pass, and one that is known to fail.
pub const FAILING: &str = include_str!("../fixtures/failing.toml");

/// Writes it into a folder, under a name; the path.
pub fn write(folder: &Path, name: &str) -> String {
    executable(&folder.join("own.sh"), include_str!("../fixtures/own.sh"));
    write_scenario(folder, "tiny.toml", name, SCENARIO)
}

/// Writes a scenario that needs no more than a static busybox, with what builds its image; the path.
pub fn write_scenario(folder: &Path, file: &str, name: &str, text: &str) -> String {
    let bin = busybox().join("bin").display().to_string();
    let path = folder.join(file);
    fs::write(&path, text.replace("NAME", name).replace("BIN", &bin)).expect("the site's folder can be written");
    // A script sees only its inputs, so they lie beside it.
    link(&repository().join("scripts/root-file-system"), &folder.join("root-file-system"));
    link(busybox(), &folder.join("busybox"));
    executable(&folder.join("image.sh"), "#!/bin/sh\nexec ./root-file-system \"$1\" busybox\n");
    path.display().to_string()
}

/// A link, which may be there already.
fn link(to: &Path, path: &Path) {
    if !path.is_symlink() {
        symlink(to, path).expect("the site's folder can be written");
    }
}

fn executable(path: &Path, text: &str) {
    fs::write(path, text).expect("the site's folder can be written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("a file of ours can be made executable");
}
