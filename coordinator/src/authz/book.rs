//! The certificates of operators and viewers that are good, by their serial numbers, in memory: asked at every request.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

/// The certificates that are good. Clones are the same book.
#[derive(Debug, Clone, Default)]
pub struct OperatorBook {
    good: Arc<Mutex<BTreeMap<String, CancellationToken>>>,
}

impl OperatorBook {
    /// A book of these certificates.
    pub fn new(serials: impl IntoIterator<Item = String>) -> Self {
        let book = Self::default();
        serials.into_iter().for_each(|serial| book.add(serial));
        book
    }

    fn good(&self) -> MutexGuard<'_, BTreeMap<String, CancellationToken>> {
        // Every change is a single insert or remove: a panic elsewhere leaves the map sound.
        self.good.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A certificate was given out.
    pub fn add(&self, serial: String) {
        self.good().entry(serial).or_default();
    }

    /// A certificate is good no more: whatever goes on under it ends now.
    pub fn withdraw(&self, serial: &str) {
        if let Some(token) = self.good().remove(serial) {
            token.cancel();
        }
    }

    /// What ends when a certificate is withdrawn; none: it is not good.
    pub fn withdrawal(&self, serial: &str) -> Option<CancellationToken> {
        self.good().get(serial).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_on_under_a_certificate_ends_when_it_is_withdrawn_and_another_s_goes_on() {
        let book = OperatorBook::new(["a".to_owned(), "b".to_owned()]);
        let (a, b) = (book.withdrawal("a").unwrap(), book.withdrawal("b").unwrap());
        book.withdraw("a");
        assert!(a.is_cancelled() && !b.is_cancelled());
        assert!(book.withdrawal("a").is_none() && book.withdrawal("never").is_none());
    }
}
