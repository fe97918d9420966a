//! Progress as moving lines on a terminal's stderr: one line a phase, with a spinner, a count and the time.

use std::collections::HashMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use throng_proto::operator::OperationEvent;
use throng_proto::operator::operation_event::Event;

use super::lines::{aside, note_lines, phase_line, test_lines};
use crate::output::palette::Palette;

/// How often a spinner turns.
const TICK: Duration = Duration::from_millis(120);
/// Redraws a second at most: a slow terminal is not flooded.
const REDRAWS_PER_SECOND: u8 = 8;

/// The moving lines.
#[derive(Debug)]
pub struct ProgressBars {
    palette: Palette,
    lines: MultiProgress,
    bars: HashMap<String, ProgressBar>,
    positions: HashMap<String, (u32, u32)>,
}

impl ProgressBars {
    /// Moving lines on stderr.
    pub fn new(palette: Palette) -> Self {
        let target = ProgressDrawTarget::stderr_with_hz(REDRAWS_PER_SECOND);
        let lines = MultiProgress::with_draw_target(target);
        Self { palette, lines, bars: HashMap::new(), positions: HashMap::new() }
    }

    /// Shows an event.
    pub fn apply(&mut self, event: &OperationEvent) {
        match &event.event {
            Some(Event::PhaseStarted(phase)) => self.start(&phase.phase, phase.total),
            Some(Event::PhaseProgress(progress)) => {
                if let Some(bar) = self.bars.get(&progress.phase) {
                    bar.set_length(progress.total.max(1));
                    bar.set_position(progress.done);
                    bar.set_message(aside(&progress.detail));
                }
            }
            Some(Event::PhaseEnded(phase)) => {
                self.finish(&phase.phase);
                self.print(&phase_line(self.palette, phase));
            }
            Some(Event::Note(note)) => note_lines(self.palette, note).iter().for_each(|line| self.print(line)),
            Some(Event::TestStarted(test)) => {
                self.positions.insert(test.test.clone(), (test.position, test.total));
                self.start(&test_key(&test.test), 0);
            }
            Some(Event::TestEnded(test)) => {
                self.finish(&test_key(&test.test));
                let position = self.positions.remove(&test.test);
                for line in test_lines(self.palette, test, position) {
                    self.print(&line);
                }
            }
            Some(Event::Ended(_)) => self.clear(),
            None => {}
        }
    }

    /// A line above the moving ones.
    pub fn print(&self, line: &str) {
        // A terminal that is gone is no reason to fail.
        let _ = self.lines.println(line);
    }

    /// Removes the moving lines.
    pub fn clear(&mut self) {
        for (_, bar) in self.bars.drain() {
            bar.finish_and_clear();
        }
        let _ = self.lines.clear();
    }

    fn start(&mut self, name: &str, total: u64) {
        let template = if total > 1 {
            "{spinner} {prefix} {pos}/{len} {elapsed}{wide_msg}"
        } else {
            "{spinner} {prefix} {elapsed}{wide_msg}"
        };
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bar = self.lines.add(ProgressBar::new(total.max(1)));
        bar.set_style(style);
        bar.set_prefix(name.to_owned());
        bar.enable_steady_tick(TICK);
        self.bars.insert(name.to_owned(), bar);
    }

    fn finish(&mut self, name: &str) {
        if let Some(bar) = self.bars.remove(name) {
            bar.finish_and_clear();
            self.lines.remove(&bar);
        }
    }
}

impl Drop for ProgressBars {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Tests share the lines with phases, whose names may be equal.
fn test_key(test: &str) -> String {
    format!("test {test}")
}
