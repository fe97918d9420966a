//! What a run teaches about memory limits.

const MIB: u64 = 1 << 20;

/// A limit for nodes that at their peaks used so many bytes of anonymous and of kernel memory, with ramdisks that may hold
/// so many: all of these, a quarter more than was used for what a run did not see, rounded up to a size that people write.
pub fn proposed_limit(anonymous: u64, kernel: u64, ramdisks_max: u64) -> u64 {
    let used = anonymous.saturating_add(kernel);
    let needed = used.saturating_add(used / 4).saturating_add(ramdisks_max);
    // A power of two, and half way between two: nobody reads more into one run.
    let power = needed.max(MIB).checked_next_power_of_two().unwrap_or(u64::MAX);
    let between = power / 4 * 3;
    if needed <= between && between >= 2 * MIB { between } else { power }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_holds_what_was_used_with_a_reserve_and_all_of_the_ramdisks() {
        let cases = [
            ((0, 0, 0), MIB),
            ((3 * MIB, MIB, 8 * MIB), 16 * MIB),
            ((2 * MIB, 0, 0), 3 * MIB),
            ((3 * MIB, 0, 0), 4 * MIB),
            // A worker of Alluxio's with a ramdisk of 64 MiB.
            ((94 * MIB, 3 * MIB, 64 * MIB), 192 * MIB),
            ((u64::MAX, 1, 1), u64::MAX),
        ];
        for ((anonymous, kernel, ramdisks), limit) in cases {
            let proposed = proposed_limit(anonymous, kernel, ramdisks);
            assert_eq!(proposed, limit, "{anonymous} {kernel} {ramdisks}");
        }
    }
}
