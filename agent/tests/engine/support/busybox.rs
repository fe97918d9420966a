//! A root file system of one static busybox, from the distribution's package, made once and kept in the target folder.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The programs that tests use.
const APPLETS: [&str; 12] =
    ["sh", "sleep", "echo", "cat", "true", "false", "ls", "hostname", "id", "dd", "kill", "stty"];

/// A tar archive of the root file system.
pub(crate) fn archive() -> &'static Path {
    static ARCHIVE: OnceLock<PathBuf> = OnceLock::new();
    ARCHIVE.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let archive = folder.join("busybox-root.tar");
        if !archive.exists() {
            let work = tempfile::tempdir_in(folder).unwrap();
            let made = make(work.path());
            std::fs::rename(made, &archive).unwrap();
        }
        archive
    })
}

/// The busybox on this machine, or the one of the distribution's package.
fn busybox(work: &Path) -> PathBuf {
    let installed = Path::new("/bin/busybox");
    if installed.exists() {
        return installed.to_owned();
    }
    run(Command::new("apt-get").args(["download", "busybox-static"]).current_dir(work));
    let package = std::fs::read_dir(work)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|ext| ext == "deb"));
    let package = package.expect("apt-get download leaves a package: run `apt-get update` if it does not");
    run(Command::new("dpkg-deb").arg("-x").arg(package).arg(work.join("package")));
    work.join("package/bin/busybox")
}

fn make(work: &Path) -> PathBuf {
    let root = work.join("root");
    for folder in ["bin", "etc", "proc", "sys", "dev", "tmp", "data", "run"] {
        std::fs::create_dir_all(root.join(folder)).unwrap();
    }
    std::fs::copy(busybox(work), root.join("bin/busybox")).unwrap();
    for applet in APPLETS {
        std::os::unix::fs::symlink("busybox", root.join("bin").join(applet)).unwrap();
    }
    std::fs::write(root.join("etc/motd"), "0123456789").unwrap();
    std::os::unix::fs::symlink("motd", root.join("etc/link")).unwrap();
    let archive = work.join("root.tar");
    let owners = ["--owner=0", "--group=0", "--numeric-owner"];
    run(Command::new("tar").arg("-c").args(owners).arg("-f").arg(&archive).arg("-C").arg(&root).arg("."));
    archive
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} cannot be run: {error}"));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {stderr}");
}
