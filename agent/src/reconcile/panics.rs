//! What becomes of a panic, which is a fault of throng's own.
//!
//! Work on one node fails for that node, with a reason, and is tried again; the others do not notice. (What may block has
//! a thread of its own, whose panic is an error.) What decides for all nodes must not live on half dead: the process ends
//! as if it had been killed, and its successor finds all nodes again.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use throng_common::status::{Reason, ReasonKind};

use super::command::ActOutcome;

/// The work's outcome, and whether it came to one: after a panic nothing is known of what it did before.
pub(super) async fn contained(work: impl Future<Output = ActOutcome>) -> (ActOutcome, bool) {
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(outcome) => (outcome, true),
        Err(panic) => (ActOutcome::Failed { reason: fault(&*panic), presence: None, strays: None }, false),
    }
}

/// A panic as a person is told of it.
pub(super) fn fault(panic: &(dyn Any + Send)) -> Reason {
    Reason::new(ReasonKind::Host, format!("a fault in throng-agent itself, worth a report: {}", text(panic)))
}

/// What the work comes to; a panic in it is the end of the process.
pub(super) async fn or_end<T>(what: &str, work: impl Future<Output = T>) -> T {
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(value) => value,
        Err(panic) => {
            tracing::error!(what, panic = text(&*panic), "the agent ends: nodes go on, and its successor finds them");
            std::process::abort();
        }
    }
}

fn text(panic: &(dyn Any + Send)) -> &str {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without words")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_that_panics_fails_with_what_it_said() {
        let (outcome, is_known) = contained(async { panic!("no {} here", "step") }).await;
        let ActOutcome::Failed { reason, presence: None, strays: None } = outcome else { panic!("{outcome:?}") };
        assert!(!is_known && reason.message.ends_with("no step here"), "{reason:?}");
        let (outcome, is_known) = contained(async { ActOutcome::Removed }).await;
        assert!(is_known && matches!(outcome, ActOutcome::Removed));
    }
}
