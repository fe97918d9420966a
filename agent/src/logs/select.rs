//! Choosing the last lines within a bound. Pure.

use std::collections::VecDeque;

use super::query::LogQuery;
use crate::host::engine::model::RawLogLine;

/// Keeps the last matching lines of one node.
pub(super) struct Selection<'a> {
    query: &'a LogQuery,
    max_bytes: usize,
    bytes: usize,
    lines: VecDeque<RawLogLine>,
    /// Lines that were wanted and had no room.
    pub(super) omitted: u64,
    /// The time of the last line seen, wanted or not.
    pub(super) last_nanos: u64,
}

impl<'a> Selection<'a> {
    pub(super) fn new(query: &'a LogQuery, max_bytes: usize) -> Self {
        Self { query, max_bytes, bytes: 0, lines: VecDeque::new(), omitted: 0, last_nanos: 0 }
    }

    pub(super) fn add(&mut self, line: RawLogLine) {
        self.last_nanos = self.last_nanos.max(line.at_unix_nanos);
        if !is_wanted(self.query, &line) {
            return;
        }
        self.bytes += line.text.len();
        self.lines.push_back(line);
        while self.query.tail.is_some_and(|tail| self.lines.len() > tail) {
            self.drop_first();
        }
        while self.bytes > self.max_bytes {
            self.drop_first();
            self.omitted += 1;
        }
    }

    fn drop_first(&mut self) {
        self.bytes -= self.lines.pop_front().map_or(0, |line| line.text.len());
    }

    pub(super) fn into_lines(self) -> VecDeque<RawLogLine> {
        self.lines
    }
}

/// Whether a line matches, and is not too old.
pub(super) fn is_wanted(query: &LogQuery, line: &RawLogLine) -> bool {
    let is_recent = query.since.is_none_or(|since| line.at_unix_nanos / 1_000_000 >= since.0);
    is_recent && query.grep.as_ref().is_none_or(|grep| grep.is_match(&line.text))
}

#[cfg(test)]
mod tests {
    use regex::Regex;
    use throng_common::status::UnixMillis;

    use super::*;
    use crate::host::engine::model::OutputStream;

    fn selected(query: &LogQuery, max_bytes: usize) -> (Vec<String>, u64) {
        let mut selection = Selection::new(query, max_bytes);
        for number in 0..10u64 {
            let text = if number % 2 == 0 { format!("even {number}") } else { format!("odd {number}") };
            selection.add(RawLogLine { at_unix_nanos: number * 1_000_000, stream: OutputStream::Stdout, text });
        }
        let omitted = selection.omitted;
        (selection.into_lines().into_iter().map(|line| line.text).collect(), omitted)
    }

    #[test]
    fn the_last_lines_are_the_last_that_match() {
        let query = LogQuery { tail: Some(2), grep: Some(Regex::new("^odd").unwrap()), ..LogQuery::default() };
        assert_eq!(selected(&query, 1000), (vec!["odd 7".to_owned(), "odd 9".to_owned()], 0));
    }

    #[test]
    fn lines_without_room_are_counted() {
        let (lines, omitted) = selected(&LogQuery::default(), 12);
        assert_eq!((lines, omitted), (vec!["even 8".to_owned(), "odd 9".to_owned()], 8));
    }

    #[test]
    fn old_lines_are_left_out_without_being_counted() {
        let query = LogQuery { since: Some(UnixMillis(8)), ..LogQuery::default() };
        assert_eq!(selected(&query, 1000), (vec!["even 8".to_owned(), "odd 9".to_owned()], 0));
    }
}
