//! Looking for the shortest sequence that still does what a long one did. Pure but for what it is given.

/// Leaves out steps, halves first, then ever smaller pieces, as long as what is left still fails. `fails` plays a
/// sequence; none: there is no time for it any more.
pub(super) fn shrink(steps: Vec<u64>, mut fails: impl FnMut(&[u64]) -> Option<bool>) -> Vec<u64> {
    let mut shortest = steps;
    let mut piece = shortest.len() / 2;
    while piece > 0 {
        let mut from = 0;
        while from < shortest.len() && shortest.len() > 1 {
            let to = (from + piece).min(shortest.len());
            let without = [&shortest[..from], &shortest[to..]].concat();
            match (without.is_empty(), (!without.is_empty()).then(|| fails(&without)).flatten()) {
                (false, None) => return shortest,
                // What follows has moved to this place.
                (false, Some(true)) => shortest = without,
                (true, _) | (false, Some(false)) => from = to,
            }
        }
        piece /= 2;
    }
    shortest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_steps_those_that_are_needed_are_left() {
        for needed in [vec![13], vec![0, 31], vec![3, 4, 20], (0..32).collect()] {
            let mut played = 0;
            let found = shrink((0..32).collect(), |steps| {
                played += 1;
                Some(needed.iter().all(|step| steps.contains(step)))
            });
            assert_eq!(found, needed);
            assert!(played < 100, "{played}");
        }
    }

    #[test]
    fn when_the_time_is_over_the_shortest_so_far_is_what_there_is() {
        let mut played = 0;
        let found = shrink((0..32).collect(), |steps| {
            played += 1;
            (played < 3).then(|| steps.contains(&30))
        });
        assert_eq!(found, (24..32).collect::<Vec<_>>());
        assert_eq!(shrink(vec![5], |_| None), [5]);
    }
}
