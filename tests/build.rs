//! What this machine has decides which tests are run; the others are reported as skipped.

/// There while systemd is the service manager.
const SYSTEMD: &str = "/run/systemd/system";

fn main() {
    println!("cargo::rustc-check-cfg=cfg(alluxio, python, systemd)");
    for (variable, name) in [("THRONG_TEST_ALLUXIO", "alluxio"), ("THRONG_TEST_PYTHON", "python")] {
        println!("cargo::rerun-if-env-changed={variable}");
        if std::env::var_os(variable).is_some() {
            println!("cargo::rustc-cfg={name}");
        }
    }
    // A machine keeps its service manager: no reason to look again at each build.
    if std::path::Path::new(SYSTEMD).exists() {
        println!("cargo::rustc-cfg=systemd");
    }
}
