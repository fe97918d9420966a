//! The few colours there are. A colour never carries meaning alone: every word stands there too.

/// Paints words, or leaves them as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Palette {
    enabled: bool,
}

impl Palette {
    /// No colours.
    pub const PLAIN: Self = Self { enabled: false };

    /// With colours or without.
    pub const fn new(enabled: bool) -> Self {
        Self { enabled }
    }

    /// Whether words are painted.
    pub const fn is_enabled(self) -> bool {
        self.enabled
    }

    /// Good news.
    pub fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    /// Look here.
    pub fn warn(self, text: &str) -> String {
        self.paint("33", text)
    }

    /// Bad news.
    pub fn bad(self, text: &str) -> String {
        self.paint("31", text)
    }

    /// Headings.
    pub fn strong(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// Asides.
    pub fn faint(self, text: &str) -> String {
        self.paint("2", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.enabled { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}
