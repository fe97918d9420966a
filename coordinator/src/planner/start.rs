//! How fast the roles of a host start.

use throng_common::host_spec::StartPace;
use throng_common::scenario::rate::Rate;

use super::needs::RoleNeeds;

/// Starts a second, as the plan keeps it.
pub(super) fn per_second(rate: Rate) -> f64 {
    thousandths(rate.per_second())
}

/// The pace of one host: the slowest of its roles' rates, each by the share of the role's nodes that lie there.
/// `counts` gives the host's nodes by role, `totals` the fleet's.
pub(super) fn pace(needs: &[RoleNeeds<'_>], counts: &[u32], totals: &[u32]) -> StartPace {
    let rates =
        needs.iter().zip(counts).zip(totals).filter(|((_, here), _)| **here > 0).filter_map(|((need, here), all)| {
            let rate = need.role.start.rate?.per_second();
            Some(thousandths(rate * f64::from(*here) / f64::from(*all)))
        });
    StartPace { parallel: 0, per_second: rates.reduce(f64::min) }
}

/// Rounded, so that it is the same number after a trip through JSON; never 0.
fn thousandths(number: f64) -> f64 {
    ((number * 1000.0).round() / 1000.0).max(0.001)
}
