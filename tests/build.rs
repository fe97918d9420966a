//! What this machine has decides which tests are run; the others are reported as skipped.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(python)");
    println!("cargo::rerun-if-env-changed=THRONG_TEST_PYTHON");
    if std::env::var_os("THRONG_TEST_PYTHON").is_some() {
        println!("cargo::rustc-cfg=python");
    }
}
