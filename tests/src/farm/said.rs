//! What a play says as it goes, and what it leaves for whoever looks into a violation.

use std::any::Any;
use std::fs;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};

use crate::programs::repository;

/// One line, or several, on standard output.
pub(crate) fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    // A reader that left has seen enough.
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// Does it; a panic is a problem as others are.
pub(crate) fn caught<T>(play: impl FnOnce() -> T) -> Result<T, String> {
    // Its text is said with the other problems.
    let hook = take_hook();
    set_hook(Box::new(|_| {}));
    let played = catch_unwind(AssertUnwindSafe(play));
    set_hook(hook);
    played.map_err(|failure| panic_text(failure.as_ref()))
}

fn panic_text(failure: &(dyn Any + Send)) -> String {
    let text = failure.downcast_ref::<String>().cloned();
    let text = text.or_else(|| failure.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    text.unwrap_or_else(|| "a step panicked".to_owned())
}

/// Keeps a text below `build/`; where.
pub(crate) fn keep(folder: &str, file: &str, text: &str) -> String {
    let folder = repository().join("build").join(folder);
    let path = folder.join(file);
    let written = fs::create_dir_all(&folder).and_then(|()| fs::write(&path, text));
    written.map_or_else(|error| error.to_string(), |()| path.display().to_string())
}

/// A text that was kept; none where there is none.
pub(crate) fn kept(folder: &str, file: &str) -> Option<String> {
    fs::read_to_string(repository().join("build").join(folder).join(file)).ok()
}

/// Problems, a line each under what came before.
pub(crate) fn indented(problems: impl IntoIterator<Item = String>) -> String {
    let line = |problem: String| format!("\n  VIOLATION {}", problem.replace('\n', "\n    "));
    problems.into_iter().map(line).collect()
}
