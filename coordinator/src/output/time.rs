//! Durations, ages and points in time, for people.

use std::time::Duration;

/// How long something took: `80ms`, `4.2s`, `2m05s`, `1h02m`.
pub fn took(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 if duration.as_millis() < 1000 => format!("{}ms", duration.as_millis()),
        0..60 => format!("{seconds}.{}s", duration.subsec_millis() / 100),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}

/// How long ago something was, coarsely: `now`, `5s`, `12m`, `3h`, `9d`; `-` for never (0).
pub fn age(then_unix_millis: u64, now_unix_millis: u64) -> String {
    if then_unix_millis == 0 {
        return "-".to_owned();
    }
    let seconds = now_unix_millis.saturating_sub(then_unix_millis) / 1000;
    match seconds {
        0 => "now".to_owned(),
        1..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / 60),
        7200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// How long ago something was, in a sentence: `just now`, `5s ago`; `never` for 0.
pub fn ago(then_unix_millis: u64, now_unix_millis: u64) -> String {
    match age(then_unix_millis, now_unix_millis).as_str() {
        "-" => "never".to_owned(),
        "now" => "just now".to_owned(),
        age => format!("{age} ago"),
    }
}

/// A point in time in UTC, to the second; `-` for never (0).
pub fn timestamp(unix_millis: u64) -> String {
    let at =
        i64::try_from(unix_millis).ok().filter(|at| *at > 0).and_then(|at| jiff::Timestamp::from_millisecond(at).ok());
    at.map_or_else(|| "-".to_owned(), |at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// Now, by this machine's clock.
pub fn now_unix_millis() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_keep_the_digits_that_matter() {
        let shown: Vec<String> = [0, 80, 999, 4_260, 59_999, 125_000, 3_720_000]
            .map(|millis| took(Duration::from_millis(millis)))
            .into_iter()
            .collect();
        assert_eq!(shown, ["0ms", "80ms", "999ms", "4.2s", "59.9s", "2m05s", "1h02m"]);
    }

    #[test]
    fn ages_are_coarse_and_never_negative() {
        let shown: Vec<String> =
            [(0, 9), (9_000, 9_000), (9_000, 1), (1_000, 60_000), (1_000, 600_000), (1, 8_000_000), (1, 200_000_000)]
                .map(|(then, now)| age(then, now))
                .into_iter()
                .collect();
        assert_eq!(shown, ["-", "now", "now", "59s", "9m", "2h", "2d"]);
    }

    #[test]
    fn points_in_time_are_utc() {
        assert_eq!(timestamp(1_795_374_096_123), "2026-11-22T19:01:36Z");
        assert_eq!(timestamp(0), "-");
    }
}
