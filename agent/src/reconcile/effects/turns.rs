//! Whose turn it is to have the engine start something.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::{Semaphore, SemaphorePermit};

use super::super::width::Width;

/// As many turns at once as the engine does well with.
#[derive(Debug)]
pub(super) struct Turns {
    places: Semaphore,
    width: Mutex<Width>,
}

/// A turn, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    turns: &'a Turns,
    place: Option<SemaphorePermit<'a>>,
    began: Instant,
}

impl Default for Turns {
    fn default() -> Self {
        let width = Width::default();
        Self { places: Semaphore::new(width.now()), width: Mutex::new(width) }
    }
}

impl Turns {
    /// Waits for a turn.
    pub(super) async fn turn(&self) -> Turn<'_> {
        let place = self.places.acquire().await.expect("the semaphore is never closed");
        Turn { turns: self, place: Some(place), began: Instant::now() }
    }

    fn width(&self) -> MutexGuard<'_, Width> {
        // A width is sound whatever step of learning was its last.
        self.width.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn<'_> {
    /// It was a whole start: how long it took says how many the engine does well with.
    pub(super) fn learn(mut self) {
        let mut width = self.turns.width();
        let before = width.now();
        let now = width.learn(self.began.elapsed());
        if now > before {
            self.turns.places.add_permits(1);
        } else if now < before {
            // This turn's place is not given back.
            self.place.take().into_iter().for_each(SemaphorePermit::forget);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::super::width::WIDTH_MIN;
    use super::*;

    #[tokio::test]
    async fn there_are_always_as_many_places_as_the_width_says() {
        let turns = Turns::default();
        assert_eq!(turns.places.available_permits(), WIDTH_MIN);
        for millis in [1, 1, 1, 5, 5, 1, 20, 20, 20, 20, 20, 20, 1] {
            let turn = turns.turn().await;
            tokio::time::sleep(Duration::from_millis(millis)).await;
            turn.learn();
            assert_eq!(turns.places.available_permits(), turns.width().now());
        }
        let turn = turns.turn().await;
        assert_eq!(turns.places.available_permits(), turns.width().now() - 1);
        drop(turn);
        assert_eq!(turns.places.available_permits(), turns.width().now());
    }
}
