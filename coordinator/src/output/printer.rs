//! Where a command's words go: data to stdout, everything else to stderr.
//!
//! A `Printer` is small and passed by value. It decides nothing about content: renderers are pure and give text.

use std::io::{self, IsTerminal as _, Write as _};

use serde::Serialize;

use super::palette::Palette;

/// How data is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Tables and sentences.
    Human,
    /// JSON; of endless commands, one object a line.
    Json,
}

/// When colour is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Columns assumed where there is no terminal: nothing is cut.
const WIDTH_UNBOUNDED: Option<u16> = None;

/// Prints for one command.
#[derive(Debug, Clone, Copy)]
pub struct Printer {
    /// How data is printed.
    pub format: Format,
    /// Only errors on stderr.
    pub quiet: bool,
    /// Colours of stdout.
    pub out: Palette,
    /// Colours of stderr.
    pub err: Palette,
    /// Whether stderr is a terminal: progress may move there.
    pub err_is_terminal: bool,
    /// Columns of stdout's terminal; none where stdout is none, so that nothing is cut.
    pub width_columns: Option<u16>,
}

impl Printer {
    /// A printer for this process: looks at its terminals and at NO_COLOR.
    pub fn detect(format: Format, color: ColorChoice, quiet: bool) -> Self {
        let out_is_terminal = io::stdout().is_terminal();
        let err_is_terminal = io::stderr().is_terminal();
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let palette = |terminal: bool| match color {
            ColorChoice::Auto => Palette::new(terminal && !no_color),
            ColorChoice::Always => Palette::new(true),
            ColorChoice::Never => Palette::new(false),
        };
        let width_columns =
            if out_is_terminal { terminal_size::terminal_size().map(|(width, _)| width.0) } else { WIDTH_UNBOUNDED };
        Self {
            format,
            quiet,
            out: palette(out_is_terminal),
            err: palette(err_is_terminal),
            err_is_terminal,
            width_columns,
        }
    }

    /// Data as text; a line end is added where it lacks one. Nothing is printed for an empty text.
    pub fn data(self, text: &str) -> io::Result<()> {
        self.bytes(text.as_bytes())?;
        if text.is_empty() || text.ends_with('\n') { Ok(()) } else { self.bytes(b"\n") }
    }

    /// Data as it is.
    pub fn bytes(self, data: &[u8]) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(data)?;
        stdout.flush()
    }

    /// One JSON document.
    pub fn json(self, value: &impl Serialize) -> io::Result<()> {
        self.data(&serde_json::to_string_pretty(value)?)
    }

    /// One JSON object on one line, of a sequence.
    pub fn json_line(self, value: &impl Serialize) -> io::Result<()> {
        self.data(&serde_json::to_string(value)?)
    }

    /// Something worth knowing, on stderr unless quiet.
    pub fn note(self, text: &str) {
        if !self.quiet {
            self.stderr(text);
        }
    }

    /// Something wrong that does not end the command.
    pub fn warning(self, text: &str) {
        self.stderr(&format!("{} {text}", self.err.warn("warning:")));
    }

    /// What ended the command.
    pub fn error(self, text: &str) {
        self.stderr(&format!("{} {text}", self.err.bad("error:")));
    }

    /// What a person can do about the line before.
    pub fn hint(self, text: &str) {
        self.stderr(&format!("{} {text}", self.err.strong("hint:")));
    }

    /// A line on stderr, whatever it is. A closed stderr is no reason to fail.
    pub fn stderr(self, line: &str) {
        let mut stderr = io::stderr().lock();
        let _ = writeln!(stderr, "{line}");
    }

    /// Text on stderr without a line end, for questions.
    pub fn prompt(self, text: &str) {
        let mut stderr = io::stderr().lock();
        let _ = write!(stderr, "{text}");
        let _ = stderr.flush();
    }
}
