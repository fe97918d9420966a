//! Medians, paired ratios and their intervals. Pure.

use serde::Serialize;

/// How sure an interval is meant to be: the chance that a median lies outside is at most this.
const OUTSIDE: f64 = 0.05;

/// The median of some figures; none of none.
pub(super) fn median(figures: &[f64]) -> Option<f64> {
    let sorted = sorted(figures);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        count if count % 2 == 1 => Some(sorted[middle]),
        _ => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
    }
}

fn sorted(figures: &[f64]) -> Vec<f64> {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// Ratios of pairs: their median, and an interval that it lies in.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Ratio {
    /// The median of the pairs' ratios.
    pub(super) median: f64,
    /// The lower end of its interval.
    pub(super) low: f64,
    /// The upper end.
    pub(super) high: f64,
    /// How many pairs there were.
    pub(super) pairs: usize,
}

impl Ratio {
    /// Of what was measured side by side: one over the other, pair by pair. None without a pair.
    ///
    /// The interval is made of order statistics, so that it supposes nothing of how the figures are spread: of ten pairs
    /// the second lowest to the second highest. Of five or fewer it is all of them, and less sure.
    pub(super) fn of(ours: &[f64], theirs: &[f64]) -> Option<Self> {
        let pairs = ours.iter().zip(theirs).filter(|(_, theirs)| **theirs > 0.0);
        let ratios = sorted(&pairs.map(|(ours, theirs)| ours / theirs).collect::<Vec<_>>());
        let cut = outermost(ratios.len());
        Some(Self {
            median: median(&ratios)?,
            low: ratios[cut],
            high: ratios[ratios.len() - 1 - cut],
            pairs: ratios.len(),
        })
    }

    /// Half of how wide the interval is.
    pub(super) fn half_width(&self) -> f64 {
        (self.high - self.low) / 2.0
    }

    /// Whether a target counts as met: the median is at most the target and half of the interval of what is the same on
    /// both sides, which is how much this machine disagrees with itself.
    pub(super) fn meets(&self, target: f64, same: Option<&Self>) -> bool {
        self.median <= target + same.map_or(0.0, Self::half_width)
    }
}

/// How many of the lowest, and of the highest, of so many figures lie outside the interval of their median: the most for
/// which both tails of the binomial distribution together stay below [`OUTSIDE`].
fn outermost(count: usize) -> usize {
    let mut tail = 0.0;
    let mut term = 0.5_f64.powi(i32::try_from(count).unwrap_or(i32::MAX));
    for cut in 0..count / 2 {
        tail += term;
        if 2.0 * tail > OUTSIDE {
            return cut.saturating_sub(1);
        }
        #[expect(clippy::cast_precision_loss, reason = "pairs are few")]
        let next = (count - cut) as f64 / (cut + 1) as f64;
        term *= next;
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_ten_leaves_the_outermost_out_and_that_of_five_nothing() {
        assert_eq!([1, 2, 5, 6, 9, 10, 12, 20].map(outermost), [0, 0, 0, 0, 1, 1, 2, 5]);
        let theirs = [1.0; 10];
        let ours = [9.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 100.0];
        let ratio = Ratio::of(&ours, &theirs).unwrap();
        assert_eq!((ratio.median, ratio.low, ratio.high), (5.5, 2.0, 9.0));
    }

    #[test]
    fn ratios_are_of_pairs_and_not_of_medians() {
        // Noise that both sides share goes.
        let ratio = Ratio::of(&[10.0, 40.0, 20.0], &[5.0, 20.0, 10.0]).unwrap();
        assert_eq!((ratio.median, ratio.low, ratio.high), (2.0, 2.0, 2.0));
        assert_eq!(Ratio::of(&[1.0], &[]), None);
    }

    #[test]
    fn a_target_is_met_within_what_the_machine_disagrees_with_itself() {
        let ratio = Ratio { median: 1.1, low: 1.0, high: 1.2, pairs: 10 };
        let same = Ratio { median: 1.0, low: 0.9, high: 1.1, pairs: 10 };
        assert!(!ratio.meets(1.05, None));
        assert!(ratio.meets(1.05, Some(&same)));
        assert!(!ratio.meets(0.9, Some(&same)));
    }
}
