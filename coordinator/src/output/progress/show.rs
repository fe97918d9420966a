//! Chooses how progress is shown, and keeps the record of what was.

use throng_proto::operator::OperationEvent;

use super::bars::ProgressBars;
use super::lines::ProgressLines;
use super::record::OperationRecord;
use crate::output::printer::Printer;

/// Shows an operation's events and keeps the record.
#[derive(Debug)]
pub struct Progress {
    printer: Printer,
    shape: Shape,
    record: OperationRecord,
}

#[derive(Debug)]
enum Shape {
    Moving(ProgressBars),
    Plain(ProgressLines),
    Silent,
}

impl Progress {
    /// Moving lines on a terminal, plain lines elsewhere, nothing when quiet.
    pub fn new(printer: Printer) -> Self {
        let shape = match (printer.quiet, printer.err_is_terminal) {
            (true, _) => Shape::Silent,
            (false, true) => Shape::Moving(ProgressBars::new(printer.err)),
            (false, false) => Shape::Plain(ProgressLines::new(printer.err)),
        };
        Self { printer, shape, record: OperationRecord::default() }
    }

    /// Shows an event.
    pub fn apply(&mut self, event: &OperationEvent) {
        self.record.apply(event);
        match &mut self.shape {
            Shape::Moving(bars) => bars.apply(event),
            Shape::Plain(lines) => lines.apply(event).iter().for_each(|line| self.printer.stderr(line)),
            Shape::Silent => {}
        }
    }

    /// Says something between the events, above what moves. Said even when quiet: it answers the operator's keys.
    pub fn say(&self, line: &str) {
        match &self.shape {
            Shape::Moving(bars) => bars.print(line),
            Shape::Plain(_) | Shape::Silent => self.printer.stderr(line),
        }
    }

    /// What was seen so far.
    pub fn record(&self) -> &OperationRecord {
        &self.record
    }

    /// Ends the display.
    pub fn into_record(mut self) -> OperationRecord {
        if let Shape::Moving(bars) = &mut self.shape {
            bars.clear();
        }
        self.record
    }
}
