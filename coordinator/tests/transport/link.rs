//! Agents and a fleet in one process over pipes, most of them under paused time.

use std::time::Duration;

use crate::duplex::{PipedAgent, facts, fleet, host};
use crate::scripted_agent::ScriptedAgent;
use throng::fleet::{DisconnectReason, FleetError, HOST_AWAY_MAX, LinkState, fan_out};
use throng_agent::link::{LinkStatus, ServeEnd, serve};
use throng_proto::agent::{SignalRequest, WatchRequest};
use throng_proto::version;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::Code;

const SECOND: Duration = Duration::from_secs(1);
const SOON: Duration = Duration::from_secs(10);

fn connection_of(state: Option<LinkState>) -> u64 {
    match state {
        Some(LinkState::Connected { connection, .. }) => connection,
        other => panic!("not connected: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn calls_streams_and_refusals_go_over_the_connection_that_the_agent_dialled() {
    let (fleet, name) = (fleet(), host("a"));
    let _agent = PipedAgent::start(&fleet, &name);
    fleet.wait_connected(&name, SOON).await.unwrap();
    assert_eq!(facts(&fleet, &name, SECOND).await.unwrap().hostname, "a");

    let request = WatchRequest::default();
    let mut events = fleet.open(&name, request, async |mut agent, request| agent.watch(request).await).await.unwrap();
    for _ in 0..5 {
        assert!(events.next().await.unwrap().is_some());
    }
    let request = SignalRequest::default();
    let refused = fleet.call(&name, SECOND, request, async |mut agent, request| agent.signal(request).await).await;
    let error = refused.unwrap_err();
    assert_eq!(error.code(), Code::FailedPrecondition);
    assert_eq!(error.to_string(), "host a: no such cluster here");
}

#[tokio::test(start_paused = true)]
async fn a_host_that_never_connected_is_named_with_the_reason() {
    let fleet = fleet();
    let error = facts(&fleet, &host("ghost"), SECOND).await.unwrap_err();
    let reason = DisconnectReason::NeverConnected;
    assert_eq!(error, FleetError::NotConnected { host: host("ghost"), reason });
    assert_eq!(fleet.wait_connected(&host("ghost"), SECOND).await.unwrap_err(), error);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_too_late_ends_the_call_but_not_the_connection() {
    let (fleet, name) = (fleet(), host("a"));
    let piped = PipedAgent::start(&fleet, &name);
    fleet.wait_connected(&name, SOON).await.unwrap();
    piped.agent.delay(Duration::from_mins(2));
    let begun = Instant::now();
    let error = facts(&fleet, &name, 2 * SECOND).await.unwrap_err();
    assert_eq!(error, FleetError::DeadlineExceeded { host: name.clone(), deadline: 2 * SECOND });
    assert!(begun.elapsed() < 3 * SECOND, "{:?}", begun.elapsed());
    piped.agent.delay(Duration::ZERO);
    facts(&fleet, &name, SECOND).await.unwrap();
    assert_eq!(connection_of(fleet.state(&name)), 1);
}

#[tokio::test(start_paused = true)]
async fn a_broken_connection_fails_its_calls_with_a_reason_and_the_agent_comes_back() {
    let (fleet, name) = (fleet(), host("a"));
    let piped = PipedAgent::start(&fleet, &name);
    fleet.wait_connected(&name, SOON).await.unwrap();
    piped.agent.delay(Duration::from_mins(2));
    let waiting = tokio::spawn({
        let (fleet, name) = (fleet.clone(), name.clone());
        async move { facts(&fleet, &name, Duration::from_mins(1)).await }
    });
    tokio::time::sleep(SECOND).await;
    piped.connector.break_now();
    let error = waiting.await.unwrap().unwrap_err();
    assert!(matches!(error, FleetError::Lost { .. }), "{error}");
    assert_eq!(error.code(), Code::Unavailable);

    piped.agent.delay(Duration::ZERO);
    fleet.wait_connected(&name, SOON).await.unwrap();
    facts(&fleet, &name, SECOND).await.unwrap();
    assert_eq!(connection_of(fleet.state(&name)), 2);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_may_be_made_again_is_answered_by_the_agent_that_came_back() {
    let (fleet, name) = (fleet(), host("a"));
    let piped = PipedAgent::start(&fleet, &name);
    fleet.wait_connected(&name, SOON).await.unwrap();
    piped.agent.delay(Duration::from_secs(30));
    let waiting = tokio::spawn({
        let (fleet, name) = (fleet.clone(), name.clone());
        async move { fleet.patiently(&name, || facts(&fleet, &name, Duration::from_mins(1))).await }
    });
    tokio::time::sleep(SECOND).await;
    piped.agent.delay(Duration::ZERO);
    piped.connector.break_now();
    assert_eq!(waiting.await.unwrap().unwrap().hostname, "a");
    assert_eq!(connection_of(fleet.state(&name)), 2);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_stays_away_is_waited_for_only_so_long_and_a_refusal_not_at_all() {
    let (fleet, ghost) = (fleet(), host("ghost"));
    let begun = Instant::now();
    let error = fleet.patiently(&ghost, || facts(&fleet, &ghost, SECOND)).await.unwrap_err();
    assert!(matches!(error, FleetError::NotConnected { .. }), "{error}");
    assert_eq!(begun.elapsed().as_secs(), HOST_AWAY_MAX.as_secs());

    let name = host("a");
    let _agent = PipedAgent::start(&fleet, &name);
    fleet.wait_connected(&name, SOON).await.unwrap();
    let begun = Instant::now();
    let signal =
        || fleet.call(&name, SECOND, SignalRequest::default(), async |mut agent, request| agent.signal(request).await);
    let error = fleet.patiently(&name, signal).await.unwrap_err();
    assert_eq!(error.code(), Code::FailedPrecondition);
    assert!(begun.elapsed() < SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_new_connection_of_a_host_supersedes_the_old_one() {
    let (fleet, name) = (fleet(), host("a"));
    let old = ScriptedAgent::new("old");
    let (near, far) = tokio::io::duplex(1 << 16);
    let old_end = tokio::spawn({
        let routes = old.routes();
        async move { serve(near, routes, &CancellationToken::new()).await }
    });
    fleet.admit(name.clone(), far).await.unwrap();
    old.delay(Duration::from_mins(2));
    let waiting = tokio::spawn({
        let (fleet, name) = (fleet.clone(), name.clone());
        async move { facts(&fleet, &name, Duration::from_mins(1)).await }
    });
    tokio::time::sleep(SECOND).await;

    let (near, far) = tokio::io::duplex(1 << 16);
    let new = ScriptedAgent::new("new").routes();
    tokio::spawn(async move { serve(near, new, &CancellationToken::new()).await });
    fleet.admit(name.clone(), far).await.unwrap();

    let reason = DisconnectReason::Superseded;
    assert_eq!(waiting.await.unwrap().unwrap_err(), FleetError::Lost { host: name.clone(), reason });
    assert!(matches!(old_end.await.unwrap(), ServeEnd::Closed(_)));
    assert_eq!(facts(&fleet, &name, SECOND).await.unwrap().hostname, "new");
    assert_eq!(connection_of(fleet.state(&name)), 2);
}

#[tokio::test(start_paused = true)]
async fn a_black_hole_is_found_out_by_both_ends_within_20_seconds() {
    let (fleet, name) = (fleet(), host("a"));
    let mut piped = PipedAgent::start(&fleet, &name);
    fleet.wait_connected(&name, SOON).await.unwrap();
    // Idle for a while, so that nothing but the pings keeps it alive.
    tokio::time::sleep(Duration::from_mins(1)).await;
    facts(&fleet, &name, SECOND).await.unwrap();
    piped.agent.delay(Duration::from_mins(5));
    let begun = Instant::now();
    piped.connector.swallow_everything();
    let waiting = tokio::spawn({
        let (fleet, name) = (fleet.clone(), name.clone());
        async move { facts(&fleet, &name, Duration::from_mins(2)).await }
    });
    let mut states = fleet.watch();
    states.wait_for(|states| !states[&host("a")].is_connected()).await.unwrap();
    assert!(begun.elapsed() <= Duration::from_secs(20), "{:?}", begun.elapsed());
    let reason = DisconnectReason::KeepAliveTimedOut;
    assert_eq!(waiting.await.unwrap().unwrap_err(), FleetError::Lost { host: name.clone(), reason });
    piped.status.wait_for(|status| *status != LinkStatus::Connected).await.unwrap();
    assert!(begun.elapsed() <= Duration::from_secs(21), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_storm_of_cancelled_calls_leaves_the_connection_whole() {
    let (fleet, name) = (fleet(), host("a"));
    let piped = PipedAgent::start(&fleet, &name);
    fleet.wait_connected(&name, SOON).await.unwrap();
    piped.agent.delay(Duration::from_mins(5));
    for _ in 0..50 {
        let calls: Vec<_> = (0..100)
            .map(|_| {
                let (fleet, name) = (fleet.clone(), name.clone());
                tokio::spawn(async move { facts(&fleet, &name, Duration::from_mins(1)).await })
            })
            .collect();
        tokio::task::yield_now().await;
        for call in calls {
            call.abort();
        }
    }
    piped.agent.delay(Duration::ZERO);
    facts(&fleet, &name, SOON).await.unwrap();
    assert_eq!(connection_of(fleet.state(&name)), 1);
}

#[tokio::test(start_paused = true)]
async fn a_fan_out_has_an_outcome_for_every_host_of_200_even_when_a_tenth_is_gone() {
    let fleet = fleet();
    let hosts: Vec<_> = (0..200).map(|index| host(&format!("host-{index}"))).collect();
    let agents: Vec<_> = hosts.iter().map(|name| PipedAgent::start(&fleet, name)).collect();
    for name in &hosts {
        fleet.wait_connected(name, SOON).await.unwrap();
    }
    for gone in &agents[..20] {
        gone.shutdown.cancel();
    }
    let mut states = fleet.watch();
    states.wait_for(|states| states.values().filter(|state| state.is_connected()).count() == 180).await.unwrap();
    let outcomes = fan_out(hosts.clone(), |name| {
        let fleet = fleet.clone();
        async move { facts(&fleet, &name, SECOND).await }
    })
    .await;
    assert_eq!(outcomes.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>(), hosts);
    for (index, (name, outcome)) in outcomes.into_iter().enumerate() {
        match outcome {
            Ok(facts) => assert!(index >= 20 && facts.hostname == name.as_str()),
            Err(error) => assert!(index < 20 && error.code() == Code::Unavailable, "{error}"),
        }
    }

    for agent in &agents {
        agent.connector.break_now();
    }
    states.wait_for(|states| states.values().all(|state| !state.is_connected())).await.unwrap();
    states.wait_for(|states| states.values().filter(|state| state.is_connected()).count() == 180).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_shuts_down_says_so_even_while_a_stream_is_open() {
    let (fleet, name) = (fleet(), host("a"));
    let mut piped = PipedAgent::start(&fleet, &name);
    fleet.wait_connected(&name, SOON).await.unwrap();
    let request = WatchRequest::default();
    let mut events = fleet.open(&name, request, async |mut agent, request| agent.watch(request).await).await.unwrap();
    events.next().await.unwrap();
    piped.shutdown.cancel();
    piped.status.wait_for(|status| *status == LinkStatus::Closed).await.unwrap();
    let error = loop {
        match events.next().await {
            Ok(message) => assert!(message.is_some()),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, FleetError::Lost { .. }), "{error}");
    assert!(!fleet.state(&name).unwrap().is_connected());
}

#[tokio::test(start_paused = true)]
async fn an_agent_of_another_major_version_is_not_let_in() {
    let (fleet, name) = (fleet(), host("a"));
    let (near, far) = tokio::io::duplex(1 << 16);
    let agent = ScriptedAgent::new("a").of_version(version::MAJOR + 1).routes();
    tokio::spawn(async move { serve(near, agent, &CancellationToken::new()).await });
    let error = fleet.admit(name.clone(), far).await.unwrap_err();
    assert!(error.to_string().contains("install the same release on both"), "{error}");
    assert_eq!(fleet.state(&name), None);
}

#[tokio::test(start_paused = true)]
async fn a_fleet_that_closes_lets_nobody_in_and_leaves_no_task() {
    let (fleet, name) = (fleet(), host("a"));
    let mut piped = PipedAgent::start(&fleet, &name);
    fleet.wait_connected(&name, SOON).await.unwrap();
    fleet.close().await;
    piped.status.wait_for(|status| *status != LinkStatus::Connected).await.unwrap();
    tokio::time::sleep(SOON).await;
    assert!(fleet.connected().is_empty());
    let reason = DisconnectReason::ClosedHere;
    assert_eq!(facts(&fleet, &name, SECOND).await.unwrap_err(), FleetError::NotConnected { host: name, reason });
}
