//! The same work on many hosts: an outcome for every one of them, never the first error.

use futures_util::StreamExt as _;
use throng_common::ids::HostId;

/// Hosts worked on at once: more only queue up in the coordinator's own CPU.
pub const FAN_OUT_WIDTH: usize = 256;

/// Runs `work` on every host, at most [`FAN_OUT_WIDTH`] at a time. Outcomes come in the order of `hosts`.
pub async fn fan_out<T, E, F, C>(hosts: impl IntoIterator<Item = HostId>, work: F) -> Vec<(HostId, Result<T, E>)>
where
    F: Fn(HostId) -> C,
    C: Future<Output = Result<T, E>>,
{
    let each = hosts.into_iter().enumerate().map(|(place, host)| {
        let outcome = work(host.clone());
        async move { (place, host, outcome.await) }
    });
    // Unordered, so that one slow host does not keep others from their turn.
    let mut outcomes: Vec<_> = futures_util::stream::iter(each).buffer_unordered(FAN_OUT_WIDTH).collect().await;
    outcomes.sort_by_key(|(place, _, _)| *place);
    outcomes.into_iter().map(|(_, host, outcome)| (host, outcome)).collect()
}
