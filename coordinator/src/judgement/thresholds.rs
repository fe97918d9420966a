//! From when on something counts as pressure. Set before the cases were run that they are judged by.

use std::time::Duration;

/// Pressure explains a failure when it lasted for this share of the time in which the test failed. A test that had three
/// quarters of its time undisturbed had enough: nobody grants four times what is needed.
pub const PRESSED_SHARE_MIN: f64 = 0.25;

/// So long before the failure's time pressure counts, too: what it held up arrives late.
pub const MARGIN: Duration = Duration::from_secs(1);

/// Somebody waited for a CPU for this share of the time, in percent (PSI "some"). Below, half of the time everybody had
/// what they wanted.
pub const CPU_STALLED_MIN_PERCENT: f64 = 50.0;

/// And this share of the cores was busy or stolen: otherwise it was a limit of somebody's own that they waited for, and
/// nobody else was kept from anything.
pub const CPU_BUSY_SHARE_MIN: f64 = 0.9;

/// The hypervisor gave this share of the cores to somebody else: on a machine of one's own it is nothing.
pub const STOLEN_SHARE_MIN: f64 = 0.1;

/// The agent's ticker of 100 ms came so late: three ticks missed. A host with time for its programs wakes them within a
/// few milliseconds.
pub const LATE_MIN: Duration = Duration::from_millis(300);

/// Somebody waited for memory for this share of the time, in percent. A healthy host has none of it.
pub const MEMORY_STALLED_MIN_PERCENT: f64 = 20.0;

/// And of the host's memory less than this share was left: otherwise somebody ran into a limit of their own.
pub const MEMORY_LEFT_SHARE_MAX: f64 = 0.1;

/// Somebody waited for input or output for this share of the time, in percent. One program that syncs often comes to a
/// third of it on an idle disk.
pub const IO_STALLED_MIN_PERCENT: f64 = 60.0;

/// Less free space than this: engines and systems under test fail to write.
pub const DISK_LEFT_MAX_BYTES: u64 = 32 << 20;

/// The clock was set by this much: leases and timeouts of a second run out at once.
pub const CLOCK_STEP_MIN: Duration = Duration::from_secs(1);

/// A node waited because of its own CPU limit for this share of the time.
pub const THROTTLED_SHARE_MIN: f64 = 0.25;
