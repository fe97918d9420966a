//! How many logs are followed through the engine at once: each holds a connection, and so a file.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::exec::target::TargetError;
use crate::host::open_files;

/// A place for each log that is followed. Copies share their places.
#[derive(Debug, Clone)]
pub struct Followers {
    places: Arc<Semaphore>,
    most: usize,
}

impl Default for Followers {
    /// As many as half of the files that this process may open now.
    fn default() -> Self {
        let most = (open_files::most() / 2).min(Semaphore::MAX_PERMITS);
        Self { places: Arc::new(Semaphore::new(most)), most }
    }
}

impl Followers {
    /// Takes a place, which is given back when it is dropped.
    pub(super) fn enter(&self) -> Result<OwnedSemaphorePermit, TargetError> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        place.map_err(|_| TargetError::Followed { most: self.most })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_is_given_back_is_taken_again() {
        let followers = Followers { places: Arc::new(Semaphore::new(1)), most: 1 };
        let place = followers.clone().enter().unwrap();
        let refused = followers.enter().unwrap_err().to_string();
        assert!(refused.starts_with("1 logs are followed"), "{refused}");
        drop(place);
        assert!(followers.enter().is_ok());
    }
}
