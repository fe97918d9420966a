//! What tests draw: another one in every run, unless it is given. A commit whose tests are told a seed draws the same
//! wherever it is tested.

use std::time::{SystemTime, UNIX_EPOCH};

use rand::SeedableRng as _;
use rand::rngs::StdRng;

/// What decides the draws, where it is given.
const SEED: &str = "THRONG_TEST_SEED";

/// The seed that is given, else the time.
pub fn seed() -> u64 {
    if let Ok(text) = std::env::var(SEED) {
        return text.parse().unwrap_or_else(|error| panic!("{SEED} is `{text}`, not a whole number: {error}"));
    }
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    clock.as_secs()
}

/// The draws of one test. Prints what plays them again.
#[expect(clippy::print_stdout, reason = "of a test that failed it is shown, of others not")]
pub fn draws() -> StdRng {
    let seed = seed();
    println!("{SEED}={seed}");
    StdRng::seed_from_u64(seed)
}
