//! Progress as plain lines, where stderr is no terminal. Pure: the events' own times decide what is worth a line.

use std::collections::HashMap;
use std::time::Duration;

use throng_proto::operator::operation_event::Event;
use throng_proto::operator::{Note, OperationEvent, PhaseEnded, PhaseProgress, TestEnded, note};

use crate::output::palette::Palette;
use crate::output::time::took;

/// At most one line of progress of a phase in so many milliseconds: a log of a long run stays readable.
const LINE_EVERY_MILLIS: u64 = 5_000;

/// Turns events into lines.
#[derive(Debug)]
pub struct ProgressLines {
    palette: Palette,
    shown_unix_millis: HashMap<String, u64>,
    /// Phases of no length and tests get one line, at their end.
    positions: HashMap<String, (u32, u32)>,
}

impl ProgressLines {
    /// Lines in these colours.
    pub fn new(palette: Palette) -> Self {
        Self { palette, shown_unix_millis: HashMap::new(), positions: HashMap::new() }
    }

    /// The lines that an event is worth.
    pub fn apply(&mut self, event: &OperationEvent) -> Vec<String> {
        match &event.event {
            Some(Event::PhaseStarted(phase)) => {
                self.shown_unix_millis.insert(phase.phase.clone(), event.at_unix_millis);
                vec![match phase.total {
                    0 | 1 => format!("{} …", phase.phase),
                    total => format!("{} … 0/{total}", phase.phase),
                }]
            }
            Some(Event::PhaseProgress(progress)) => self.progress(progress, event.at_unix_millis),
            Some(Event::PhaseEnded(phase)) => vec![phase_line(self.palette, phase)],
            Some(Event::Note(note)) => note_lines(self.palette, note),
            Some(Event::TestStarted(test)) => {
                self.positions.insert(test.test.clone(), (test.position, test.total));
                Vec::new()
            }
            Some(Event::TestEnded(test)) => test_lines(self.palette, test, self.positions.get(&test.test).copied()),
            Some(Event::Ended(_)) | None => Vec::new(),
        }
    }

    fn progress(&mut self, progress: &PhaseProgress, at: u64) -> Vec<String> {
        let shown = self.shown_unix_millis.entry(progress.phase.clone()).or_insert(at);
        if at.saturating_sub(*shown) < LINE_EVERY_MILLIS {
            return Vec::new();
        }
        *shown = at;
        let detail = aside(&progress.detail);
        let count = match progress.total {
            0 | 1 => String::new(),
            total => format!(" {}/{total}", progress.done),
        };
        vec![format!("{} …{count}{detail}", progress.phase)]
    }
}

/// The line that a phase ends with.
pub fn phase_line(palette: Palette, phase: &PhaseEnded) -> String {
    let word = if phase.ok { palette.good("done") } else { palette.bad("failed") };
    let time = took(Duration::from_millis(phase.took_millis));
    format!("{}: {word} in {time}{}", phase.phase, aside(&phase.detail))
}

/// The lines that a test ends with; `position` is its number and how many there are.
pub fn test_lines(palette: Palette, test: &TestEnded, position: Option<(u32, u32)>) -> Vec<String> {
    let word = verdict(palette, &test.verdict);
    let count = position.map_or_else(String::new, |(number, total)| format!(" {number}/{total}"));
    let time = took(Duration::from_millis(test.took_millis));
    let mut lines = vec![format!("test{count} {}: {word} in {time}", test.test)];
    lines.extend(test.detail.lines().map(|line| format!("    {line}")));
    lines
}

/// The lines of a note.
pub fn note_lines(palette: Palette, note: &Note) -> Vec<String> {
    let text = match note.level() {
        note::Level::Unspecified | note::Level::Info => format!("{} {}", palette.faint("note:"), note.text),
        note::Level::Warning => format!("{} {}", palette.warn("warning:"), note.text),
        note::Level::Error => format!("{} {}", palette.bad("error:"), note.text),
    };
    let hint = (!note.hint.is_empty()).then(|| format!("{} {}", palette.strong("hint:"), note.hint));
    [Some(text), hint].into_iter().flatten().collect()
}

/// A verdict's word, in capitals and its colour.
///
/// A test without one was interrupted.
pub fn verdict(palette: Palette, verdict: &str) -> String {
    if verdict.is_empty() {
        return palette.warn("INTERRUPTED");
    }
    let word = verdict.replace('-', " ").to_uppercase();
    match verdict {
        "pass" => palette.good(&word),
        "known-failure" | "suspect" | "invalid" => palette.warn(&word),
        _ => palette.bad(&word),
    }
}

/// A remark in brackets after a line; nothing for an empty one.
pub fn aside(detail: &str) -> String {
    if detail.is_empty() { String::new() } else { format!(" ({detail})") }
}
