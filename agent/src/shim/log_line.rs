//! A line of a process node's log as it is kept: time in nanoseconds, stream, text.
//!
//! `1795373100000000007 o hello` is a line of standard output; `e` stands for standard error; `o+` and `e+` for a piece
//! of a line that was too long and goes on in the next.

use crate::host::engine::model::{OutputStream, RawLogLine};

/// How long a line may be before it is cut into pieces.
pub const LINE_MAX_BYTES: usize = 16 * 1024;

/// Writes one line, with its end.
pub fn encode(at_unix_nanos: u64, stream: OutputStream, is_cut: bool, text: &[u8], out: &mut Vec<u8>) {
    let mark = match stream {
        OutputStream::Stdout => 'o',
        OutputStream::Stderr => 'e',
    };
    let cut = if is_cut { "+" } else { "" };
    out.extend_from_slice(format!("{at_unix_nanos} {mark}{cut} ").as_bytes());
    out.extend_from_slice(text);
    out.push(b'\n');
}

/// Reads one line without its end; none where it is no whole line of a log.
pub fn decode(line: &[u8]) -> Option<RawLogLine> {
    let mut parts = line.splitn(3, |byte| *byte == b' ');
    let at_unix_nanos = std::str::from_utf8(parts.next()?).ok()?.parse().ok()?;
    let stream = match parts.next()? {
        b"o" | b"o+" => OutputStream::Stdout,
        b"e" | b"e+" => OutputStream::Stderr,
        _ => return None,
    };
    Some(RawLogLine { at_unix_nanos, stream, text: String::from_utf8_lossy(parts.next()?).into_owned() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read_again(at in any::<u64>(), text in "[^\n]{0,200}", is_err in any::<bool>(), cut in any::<bool>()) {
            let stream = if is_err { OutputStream::Stderr } else { OutputStream::Stdout };
            let mut line = Vec::new();
            encode(at, stream, cut, text.as_bytes(), &mut line);
            prop_assert_eq!(line.pop(), Some(b'\n'));
            prop_assert_eq!(decode(&line), Some(RawLogLine { at_unix_nanos: at, stream, text }));
        }

        #[test]
        fn no_bytes_make_the_reader_panic(line in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = decode(&line);
        }
    }
}
