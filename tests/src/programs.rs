//! Where the programs under test lie, and what the tests need of this machine.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The repository.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests' folder lies in the workspace")
}

/// A program of the workspace, beside the folder of the running test program. It is not built here: it must be there.
pub fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("Linux names the running program");
    // target/debug/deps/end_to_end-0123 -> target/debug
    let folder = test.parent().and_then(Path::parent).expect("test programs lie in a folder of the target folder");
    let path = folder.join(name);
    assert!(path.is_file(), "{} is missing: run `cargo build --workspace --bins` first", path.display());
    path
}

/// A folder with the distribution's static busybox: `bin/busybox`, `root/…`. Unpacked once, never installed.
pub fn busybox() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        script("scripts/unpack-packages", &["build/busybox", "busybox-static"]);
        repository().join("build/busybox")
    })
}

/// Runs a script of the repository to its end.
pub fn script(path: &str, arguments: &[&str]) {
    let output = Command::new(repository().join(path)).args(arguments).current_dir(repository()).output();
    let output = output.unwrap_or_else(|error| panic!("{path} cannot be run: {error}"));
    assert!(output.status.success(), "{path}: {}", String::from_utf8_lossy(&output.stderr));
}
