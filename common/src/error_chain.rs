//! The one printer of errors: an error with its causes, on one line.

use std::error::Error;

/// The error's own words, then those of each cause. A cause with which the text ends already is not said again: some
/// libraries repeat their cause in their own words.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        if !text.ends_with(&words) {
            text = format!("{text}: {words}");
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    enum Layer {
        #[error("cannot start")]
        Outer(#[source] Box<Layer>),
        #[error("engine: no such file")]
        Repeating(#[source] std::io::Error),
    }

    #[test]
    fn every_cause_is_said_once() {
        let cause = std::io::Error::other("no such file");
        let error = Layer::Outer(Box::new(Layer::Repeating(cause)));
        assert_eq!(chain(&error), "cannot start: engine: no such file");
    }
}
