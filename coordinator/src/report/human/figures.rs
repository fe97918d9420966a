//! Numbers, durations and columns as people read them. Pure.

use std::time::Duration;

use throng_common::scenario::figure::Figure;

/// A duration with about three digits: `45ms`, `1.2s`, `3m05s`, `1h02m`.
pub(super) fn duration(millis: u64) -> String {
    let seconds = millis / 1000;
    match millis {
        0..1_000 => format!("{millis}ms"),
        1_000..60_000 => format!("{:.1}s", Duration::from_millis(millis).as_secs_f64()),
        60_000..3_600_000 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

/// A figure: whole where it is, else with as many decimals as its size deserves.
pub(super) fn figure(value: Figure) -> String {
    let value = match value {
        Figure::Whole(whole) => return whole.to_string(),
        Figure::Real(real) => real,
    };
    let decimals = match value.abs() {
        _ if value.fract() == 0.0 && value.abs() < 1e15 => 0,
        size if size >= 100.0 => 1,
        size if size >= 1.0 => 2,
        _ => 4,
    };
    format!("{value:.decimals$}")
}

/// A count with its noun: `1 test`, `3 tests`.
pub(super) fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// A text in one line of at most `width` characters.
pub(super) fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(3)).collect();
    format!("{}...", kept.trim_end())
}

/// Lines of at most `width` characters, broken at spaces; a word that is longer keeps its length, since it may be a
/// path or a node set that somebody wants to copy.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            let length = line.chars().count() + 1 + word.chars().count();
            if !line.is_empty() && length > width {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines
}

/// Rows in columns: the first to the left, the others to the right, two spaces between.
pub(super) fn columns(rows: &[Vec<String>]) -> Vec<String> {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..count).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate();
        let padded = cells.map(
            |(column, (cell, width))| {
                if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
            },
        );
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_figures_are_short() {
        let durations = [0, 45, 999, 1_000, 12_340, 59_999, 60_000, 185_000, 3_720_000].map(duration);
        assert_eq!(durations, ["0ms", "45ms", "999ms", "1.0s", "12.3s", "60.0s", "1m00s", "3m05s", "1h02m"]);
        assert_eq!(
            ["0", "97", "0.123456", "12.345", "123.456", "81234"].map(|text| figure(text.parse().unwrap())),
            ["0", "97", "0.1235", "12.35", "123.5", "81234"]
        );
    }

    #[test]
    fn texts_are_wrapped_at_spaces_and_long_words_stay_whole() {
        assert_eq!(wrap("a bc def\nghi", 5), ["a bc", "def", "ghi"]);
        assert_eq!(wrap("worker-[0000-0099]: x", 10), ["worker-[0000-0099]:", "x"]);
    }
}
