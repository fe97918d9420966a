//! Where the programs under test lie, and what the tests need of this machine.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The repository.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests' folder lies in the workspace")
}

/// Which build of the two programs is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Build {
    /// The one that people use.
    Plain,
    /// The one that tests can kill at named points.
    Killable,
}

impl Build {
    /// A program of the workspace, in the target folder of this program. It is not built here: it must be there.
    pub fn program(self, name: &str) -> PathBuf {
        let (file, remedy) = match self {
            Self::Plain => (name.to_owned(), "cargo build --workspace --bins"),
            Self::Killable => (format!("{name}-killable"), "cargo build -p throng-tests --bins --features failpoints"),
        };
        let path = beside(&file);
        assert!(path.is_file(), "{} is missing: run `{remedy}` first", path.display());
        path
    }
}

/// The place of a program in the target folder of this one, whether it is there or not.
pub(crate) fn beside(file: &str) -> PathBuf {
    let here = std::env::current_exe().expect("Linux names the running program");
    let folder = here.parent().expect("a program lies in a folder");
    // target/debug/deps/end_to_end-0123, target/debug/kill-loop -> target/debug
    let folder = if folder.ends_with("deps") { folder.parent().unwrap_or(folder) } else { folder };
    folder.join(file)
}

/// A folder with the distribution's static busybox: `bin/busybox`, `root/…`. Unpacked once, never installed.
pub fn busybox() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        script("scripts/unpack-packages", &["build/busybox", "busybox-static"]);
        repository().join("build/busybox")
    })
}

/// The distribution's libfaketime, which gives a process that loads it another clock. Unpacked once, never installed.
pub fn faketime() -> PathBuf {
    script("scripts/unpack-packages", &["build/faketime", "libfaketime"]);
    let libraries = repository().join("build/faketime/root/usr/lib");
    let found = std::fs::read_dir(&libraries).into_iter().flatten().flatten();
    let mut found = found.map(|folder| folder.path().join("faketime/libfaketimeMT.so.1")).filter(|path| path.is_file());
    found.next().unwrap_or_else(|| panic!("no faketime/libfaketimeMT.so.1 below {}", libraries.display()))
}

/// Runs a script of the repository to its end.
pub fn script(path: &str, arguments: &[&str]) {
    let output = Command::new(repository().join(path)).args(arguments).current_dir(repository()).output();
    let output = output.unwrap_or_else(|error| panic!("{path} cannot be run: {error}"));
    assert!(output.status.success(), "{path}: {}", String::from_utf8_lossy(&output.stderr));
}
