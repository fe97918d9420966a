//! A Java virtual machine whose own memory is out ends like any program; only its last words say why.

use throng_common::status::{Reason, ReasonKind};

use crate::host::engine::model::RawLogLine;

/// How many of a node's last lines are looked at: the place of an error in a program takes some.
pub(super) const LOOKED_AT_LINES: usize = 50;
/// What it writes then: before it ends by `-XX:+ExitOnOutOfMemoryError`, or where nobody caught the error.
const OUT_OF_MEMORY: &str = "java.lang.OutOfMemoryError";
/// The kinds of it, by how they begin, with what each lacks: OpenJDK's `universe.cpp`, `jvm.cpp` and `java.nio.Bits`.
const REMEDIES: [(&str, &str); 5] = [
    ("Metaspace", "raise -XX:MaxMetaspaceSize"),
    ("Compressed class space", "raise -XX:CompressedClassSpaceSize"),
    ("Direct buffer memory", "raise -XX:MaxDirectMemorySize"),
    ("Cannot reserve", "raise -XX:MaxDirectMemorySize"),
    ("unable to create native thread", "raise `pids`"),
];
const OF_HEAP: &str = "raise -Xmx";

/// Why it ended that ended for this reason, where it says so itself.
pub(super) fn refined(reason: Reason, lines: &[RawLogLine]) -> Reason {
    // Killed by a signal it may have spoken of it long before; but it aborts by one, too.
    let aborted = reason.kind == ReasonKind::Signalled && reason.message.ends_with(" 6");
    if reason.kind != ReasonKind::Exited && !aborted {
        return reason;
    }
    let said = lines.iter().rev().take(LOOKED_AT_LINES).find_map(|line| line.text.split_once(OUT_OF_MEMORY));
    let Some((_, kind)) = said else { return reason };
    let kind = kind.trim_start_matches(':').trim();
    let remedy = REMEDIES.iter().find(|(begins, _)| kind.starts_with(begins)).map_or(OF_HEAP, |(_, remedy)| remedy);
    let kind = if kind.is_empty() { String::new() } else { format!(" ({})", first_part(kind)) };
    let message = format!("its JVM ran out of memory{kind} and ended with {}: {remedy}", reason.message);
    // Its own bound, not the kernel's: the host's memory is no excuse for it.
    Reason { message, ..reason }
}

/// Nodes that ended alike are told together: without numbers, and without the advice that some kinds carry.
fn first_part(kind: &str) -> &str {
    let ends = kind.find([':', '(', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']).unwrap_or(kind.len());
    kind[..ends].trim()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::engine::model::OutputStream;

    fn told(kind: ReasonKind, message: &str, lines: &[&str]) -> String {
        let line =
            |text: &&str| RawLogLine { at_unix_nanos: 1, stream: OutputStream::Stderr, text: (*text).to_owned() };
        refined(Reason::new(kind, message), &lines.iter().map(line).collect::<Vec<_>>()).message
    }

    #[test]
    fn a_jvm_that_is_out_of_memory_says_which_and_what_to_raise() {
        let cases = [
            (
                &["Terminating due to java.lang.OutOfMemoryError: Java heap space"][..],
                "its JVM ran out of memory (Java heap space) and ended with exit code 3: raise -Xmx",
            ),
            (
                &["Exception in thread \"main\" java.lang.OutOfMemoryError: Metaspace", "\tat a.B.c(B.java:7)"],
                "its JVM ran out of memory (Metaspace) and ended with exit code 3: raise -XX:MaxMetaspaceSize",
            ),
            (
                &["java.lang.OutOfMemoryError: Cannot reserve 65536 bytes of direct buffer memory (allocated: 1)"],
                "its JVM ran out of memory (Cannot reserve) and ended with exit code 3: raise -XX:MaxDirectMemorySize",
            ),
            (
                &[
                    "java.lang.OutOfMemoryError: unable to create native thread: possibly out of memory or process limits",
                ],
                "its JVM ran out of memory (unable to create native thread) and ended with exit code 3: raise `pids`",
            ),
            (&["java.lang.OutOfMemoryError"], "its JVM ran out of memory and ended with exit code 3: raise -Xmx"),
        ];
        for (lines, message) in cases {
            assert_eq!(told(ReasonKind::Exited, "exit code 3", lines), message);
        }
        let heap = &["java.lang.OutOfMemoryError: Java heap space"][..];
        assert!(told(ReasonKind::Signalled, "killed by signal 6", heap).contains("JVM"));
        assert_eq!(told(ReasonKind::Signalled, "killed by signal 9", heap), "killed by signal 9");
        assert_eq!(told(ReasonKind::Exited, "exit code 3", &["it is over"]), "exit code 3");
    }
}
