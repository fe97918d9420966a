//! Bounded, printable excerpts of what nodes and programs say. Pure.

/// Most characters of a value quoted within a line.
const QUOTE_MAX_CHARS: usize = 80;

/// Characters shown before the first difference of two long texts.
const LEAD_CHARS: usize = 16;

/// Most lines of an output in a failure's details: the last ones, where programs say why they gave up.
const TAIL_MAX_LINES: usize = 12;

/// Most characters of one of those lines.
const TAIL_LINE_MAX_CHARS: usize = 200;

/// A text in quotes, on one line, cut where it is long.
pub(super) fn quote(text: &str) -> String {
    let mut shown = String::new();
    for letter in text.chars().take(QUOTE_MAX_CHARS) {
        // Between double quotes a single one needs no escape.
        if letter == '\'' { shown.push(letter) } else { shown.extend(letter.escape_debug()) }
    }
    let total = text.chars().count();
    if total > QUOTE_MAX_CHARS {
        format!("\"{shown}\"... ({} characters more)", total - QUOTE_MAX_CHARS)
    } else {
        format!("\"{shown}\"")
    }
}

/// The last lines of an output, without what a terminal would obey.
pub(super) fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    let first = lines.len().saturating_sub(TAIL_MAX_LINES);
    let mut shown: Vec<String> = Vec::new();
    if first > 0 {
        shown.push(format!("({first} lines before)"));
    }
    shown.extend(lines[first..].iter().map(|line| printable(line)));
    shown.join("\n")
}

/// One line, cut where it is long, without what a terminal would obey.
pub(super) fn printable(line: &str) -> String {
    let safe = |letter: char| if letter.is_control() && letter != '\t' { '\u{fffd}' } else { letter };
    let mut shown: String = line.chars().take(TAIL_LINE_MAX_CHARS).map(safe).collect();
    if line.chars().nth(TAIL_LINE_MAX_CHARS).is_some() {
        shown.push_str("...");
    }
    shown
}

/// Where two texts first differ and what stands there: `line 2, column 7: got "x", expected "y"`.
pub(super) fn first_difference(got: &str, expected: &str) -> String {
    let (mut line, mut column, mut start) = (1_u32, 1_u32, 0_usize);
    let mut common: Vec<usize> = Vec::new();
    for ((at, a), b) in got.char_indices().zip(expected.chars()) {
        if a != b {
            start = at;
            break;
        }
        common.push(at);
        start = at + a.len_utf8();
        if a == '\n' {
            (line, column) = (line + 1, 1);
        } else {
            column += 1;
        }
    }
    // The texts are equal up to `start`, so it is a boundary in both.
    let lead = common.len().checked_sub(LEAD_CHARS).map_or(0, |index| common[index]);
    let around =
        |text: &str| if start >= text.len() && lead >= start { "the end".to_owned() } else { quote(&text[lead..]) };
    format!("line {line}, column {column}: got {}, expected {}", around(got), around(expected))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn excerpts_are_bounded_and_harmless() {
        assert_eq!(quote("a\n\u{1b}[31m\"b\""), "\"a\\n\\u{1b}[31m\\\"b\\\"\"");
        assert!(quote(&"x".repeat(100)).ends_with("(20 characters more)"));
        assert_eq!(tail("a\n\u{1b}[2Jb\n\n"), "a\n\u{fffd}[2Jb");
        let long = tail(&"line\n".repeat(100));
        assert!(long.starts_with("(88 lines before)\nline") && long.lines().count() == 13);
    }

    #[test]
    fn the_first_difference_is_found() {
        assert_eq!(first_difference("a\nbXc", "a\nbYc"), "line 2, column 2: got \"a\\nbXc\", expected \"a\\nbYc\"");
        assert_eq!(first_difference("ab", "abc"), "line 1, column 3: got \"ab\", expected \"abc\"");
        let common = "c".repeat(60);
        let shown = first_difference(&format!("{common}1"), &format!("{common}2"));
        assert!(shown.starts_with("line 1, column 61: got \"cccccccccccccccc1\""), "{shown}");
    }

    proptest! {
        #[test]
        fn no_texts_make_it_panic(a in ".{0,60}", b in ".{0,60}") {
            first_difference(&a, &b);
            quote(&a);
            tail(&b);
        }
    }
}
