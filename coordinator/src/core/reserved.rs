//! Plans that were made and are not journalled yet: another one made meanwhile leaves them their room.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::planner::plan::Plan;

/// The plans, and whose turn it is to make one.
#[derive(Debug, Default)]
pub struct Reservations {
    turn: tokio::sync::Mutex<()>,
    plans: Mutex<BTreeMap<u64, Plan>>,
}

/// Keeps a plan's room until it is dropped; by then the journal has the plan, or nobody wants it.
#[derive(Debug)]
pub struct Reservation {
    of: Arc<Reservations>,
    key: u64,
}

impl Reservations {
    /// Waits for the turn to plan: from the look at what others hold to the reservation.
    pub async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// Keeps a plan's room.
    #[must_use]
    pub fn reserve(self: &Arc<Self>, plan: &Plan) -> Reservation {
        let mut plans = self.map();
        let key = plans.last_key_value().map_or(0, |(last, _)| last + 1);
        drop(plans.insert(key, plan.clone()));
        Reservation { of: Arc::clone(self), key }
    }

    /// The plans of all clusters.
    pub fn plans(&self) -> Vec<Plan> {
        self.map().values().cloned().collect()
    }

    fn map(&self) -> MutexGuard<'_, BTreeMap<u64, Plan>> {
        // Every change is a single insert or remove: a panic elsewhere leaves the map sound.
        self.plans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        drop(self.of.map().remove(&self.key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planner::tests::fixture::{host, redis, try_plan};

    #[test]
    fn a_plan_keeps_its_room_until_its_reservation_is_dropped() {
        let reservations = Arc::new(Reservations::default());
        let plan = try_plan(&redis(2), &[host("a")], None).unwrap();
        let reservation = reservations.reserve(&plan);
        assert_eq!(reservations.plans(), std::slice::from_ref(&plan));
        drop(reservation);
        assert_eq!(reservations.plans(), []);
    }
}
