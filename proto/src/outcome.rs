//! What the end of an operation would have been that was refused before it began, beside the status of the refusal.

use throng_common::verdict::Outcome;
use tonic::metadata::MetadataValue;
use tonic::{Code, Status};

/// The key of the status's metadata.
const KEY: &str = "throng-outcome";

/// A status that says what the operation came to.
pub fn refusal(code: Code, message: impl Into<String>, outcome: Outcome) -> Status {
    let mut status = Status::new(code, message);
    let word = serde_json::to_value(outcome).ok();
    let word = word.as_ref().and_then(|word| word.as_str()).and_then(|word| MetadataValue::try_from(word).ok());
    if let Some(word) = word {
        status.metadata_mut().insert(KEY, word);
    }
    status
}

/// What a status says the operation came to; none where it says nothing.
pub fn outcome_of(status: &Status) -> Option<Outcome> {
    let word = status.metadata().get(KEY)?.to_str().ok()?;
    serde_json::from_value(word.into()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_operation_came_to_is_read_from_its_status() {
        let status = refusal(Code::FailedPrecondition, "no host is connected", Outcome::Quorum);
        assert_eq!(outcome_of(&status), Some(Outcome::Quorum));
        assert_eq!(outcome_of(&Status::internal("")), None);
    }
}
