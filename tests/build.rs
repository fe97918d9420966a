//! What this machine has decides which tests are run; the others are reported as skipped.

/// There while systemd is the service manager.
const SYSTEMD: &str = "/run/systemd/system";

fn main() {
    println!("cargo::rustc-check-cfg=cfg(python, systemd)");
    println!("cargo::rerun-if-env-changed=THRONG_TEST_PYTHON");
    if std::env::var_os("THRONG_TEST_PYTHON").is_some() {
        println!("cargo::rustc-cfg=python");
    }
    // A machine keeps its service manager: no reason to look again at each build.
    if std::path::Path::new(SYSTEMD).exists() {
        println!("cargo::rustc-cfg=systemd");
    }
}
