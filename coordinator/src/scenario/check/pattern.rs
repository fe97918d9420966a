//! Regular expressions, JSON pointers and URLs: whether they are any.

use crate::scenario::code::Code;
use crate::scenario::report::Fault;

/// Largest compiled regular expression, in bytes: guards the coordinator against `(a{1000}){1000}`.
const REGEX_MAX_BYTES: usize = 1 << 20;

/// Compiles a regular expression; the fault says where in it the mistake is.
pub(super) fn regex(pattern: &str) -> Result<regex::Regex, Fault> {
    regex::RegexBuilder::new(pattern).size_limit(REGEX_MAX_BYTES).build().map_err(|error| explain(&error, pattern))
}

fn explain(error: &regex::Error, pattern: &str) -> Fault {
    let fault = |message: String| {
        Fault::new(Code::BadRegex, message)
            .hint("see https://docs.rs/regex for the syntax; in TOML, '…' needs no doubled backslashes")
    };
    match error {
        regex::Error::Syntax(text) => {
            let what = text.lines().find_map(|line| line.strip_prefix("error: ")).unwrap_or("it is malformed");
            match caret(text, pattern) {
                Some(column) => fault(format!("not a regular expression: at character {column}: {what}")),
                None => fault(format!("not a regular expression: {what}")),
            }
        }
        regex::Error::CompiledTooBig(_) => fault("the regular expression is too large".to_owned()),
        other => fault(format!("not a regular expression: {other}")),
    }
}

/// The character, counted from 1, at which the parser's message points. It shows a pattern of one line indented by
/// four, with carets below.
fn caret(message: &str, pattern: &str) -> Option<usize> {
    if pattern.contains('\n') {
        return None;
    }
    let line =
        message.lines().find(|line| !line.is_empty() && line.trim_start().chars().all(|c| c == '^' || c == ' '))?;
    let at = line.find('^')?;
    at.checked_sub(4).map(|at| at + 1)
}

/// A regular expression with at least one group; what the group is for completes the message.
pub(super) fn regex_with_group(pattern: &str, purpose: &str) -> Result<(), Fault> {
    let regex = regex(pattern)?;
    if regex.captures_len() > 1 {
        return Ok(());
    }
    let message = format!("the regular expression has no group, and its first group is {purpose}");
    Err(Fault::new(Code::RegexWithoutGroup, message).hint("put the part that is wanted in brackets: `clients:(\\d+)`"))
}

/// A JSON pointer (RFC 6901): empty, or steps that begin with `/` each.
pub(super) fn json_pointer(text: &str) -> Result<(), Fault> {
    let escapes = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    if (text.is_empty() || text.starts_with('/')) && escapes {
        return Ok(());
    }
    let message = format!("`{text}` is not a JSON pointer");
    Err(Fault::new(Code::BadJsonPointer, message).hint("write the steps with a `/` before each: /servers/0/name"))
}

/// A URL that can be fetched, once its placeholders are filled in.
pub(super) fn url(text: &str) -> Result<(), Fault> {
    let wrong =
        |message: String| Err(Fault::new(Code::BadUrl, message).hint("write http://{node.address}:{port.NAME}/path"));
    if text.starts_with("https://") {
        return wrong("https is not supported: nodes are asked over plain http".to_owned());
    }
    // A one stands for whatever a placeholder gives: it is good in a host, a port and a path.
    let filled = throng_common::scenario::placeholder::render::<throng_common::scenario::placeholder::PlaceholderError>(
        text,
        |_| Ok("1".to_owned()),
    );
    // A malformed placeholder is reported where texts are checked.
    let Ok(filled) = filled else { return Ok(()) };
    match filled.parse::<http::Uri>() {
        Ok(uri) if uri.scheme_str() == Some("http") && uri.host().is_some_and(|host| !host.is_empty()) => Ok(()),
        Ok(_) => wrong(format!("`{text}` is not the URL of something to fetch")),
        Err(error) => wrong(format!("`{text}` is not a URL: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_regex_is_shown_where_it_breaks() {
        let fault = regex("ab(c").unwrap_err();
        assert_eq!(fault.message, "not a regular expression: at character 3: unclosed group");
        assert!(regex(r"a{1000}{1000}{1000}").is_err());
        assert!(regex("a(\nb").unwrap_err().message.contains("unclosed group"));
    }

    #[test]
    fn json_pointers_begin_with_a_slash() {
        for (text, good) in
            [("", true), ("/a/0", true), ("/a~1b~0", true), ("a", false), ("/a~", false), ("/a~2", false)]
        {
            assert_eq!(json_pointer(text).is_ok(), good, "{text}");
        }
    }

    #[test]
    fn urls_may_hold_placeholders() {
        for (text, good) in [
            ("http://{node.address}:{port.http}/healthz?x=1", true),
            ("http://127.0.0.1/", true),
            ("https://{node.address}/", false),
            ("{node.address}:80", false),
            ("/healthz", false),
            ("http://", false),
            ("http://a b/", false),
            ("", false),
        ] {
            assert_eq!(url(text).is_ok(), good, "{text}");
        }
    }
}
