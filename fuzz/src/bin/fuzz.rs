//! The targets under libFuzzer: `THRONG_FUZZ_TARGET` names the one. `make fuzz` builds it so that what is reached is seen.

#![no_main]

use std::sync::OnceLock;

use throng_fuzz::Target;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| target().take(bytes));

fn target() -> Target {
    static TARGET: OnceLock<Target> = OnceLock::new();
    *TARGET.get_or_init(|| {
        let name = std::env::var("THRONG_FUZZ_TARGET").unwrap_or_default();
        Target::named(&name).unwrap_or_else(|| panic!("THRONG_FUZZ_TARGET={name} is none of the targets"))
    })
}
