//! Every RPC over real TLS, with each role's certificate and with none; and connections that must not come about.

use std::time::{Duration, SystemTime};

use crate::caller::{Credentials, call, channel, dial};
use crate::port::{DAY, Port};
use throng::authz::{Access, TABLE};
use throng::pki::{Authority, IssuedWithKey, Principal, Validity};
use throng_common::ids::{HostId, OperatorName};
use throng_proto::transport::{ALPN_AGENT, ALPN_API};
use tokio::io::AsyncReadExt as _;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

const JOIN: &str = "/throng.v1.Enrolment/Join";
const HEALTH: &str = "/grpc.health.v1.Health/Check";

fn ann() -> OperatorName {
    OperatorName::new("ann").unwrap()
}

fn agent() -> Principal {
    Principal::Agent(HostId::new("host-1").unwrap())
}

fn issue(authority: &Authority, principal: Principal) -> IssuedWithKey {
    authority.issue_with_key(principal, Validity::from_now(SystemTime::now(), DAY)).unwrap()
}

/// A certificate that the coordinator knows it gave out.
fn give(port: &Port, principal: Principal) -> IssuedWithKey {
    let given = issue(&port.authority, principal);
    port.operators.add(given.issued.serial.clone());
    given
}

async fn api(port: &Port, shown: Option<&IssuedWithKey>) -> Channel {
    let stream = dial(port.address, Credentials { trust: &port.authority, shown, alpn: &[ALPN_API] }).await.unwrap();
    channel(stream).await.unwrap()
}

/// What comes of a call past the table: health and reflection are real, Join judges for itself, all else is not served
/// here.
fn got_through(path: &str, outcome: &Result<(), Status>) -> bool {
    let Err(status) = outcome else { return path.starts_with("/grpc.") };
    match path {
        JOIN => {
            [Code::InvalidArgument, Code::PermissionDenied, Code::Unauthenticated].contains(&status.code())
                && !status.message().contains("certificate of this fleet")
                && !status.message().starts_with(JOIN)
        }
        // The reflection service itself refuses an empty message.
        _ if path.starts_with("/grpc.reflection.") => status.code() == Code::InvalidArgument,
        _ => status.code() == Code::Unimplemented && !path.starts_with("/grpc."),
    }
}

async fn walk(port: &Port, shown: Option<&IssuedWithKey>, allowed: &[Access], refused_with: Code) {
    let channel = api(port, shown).await;
    for (path, access) in TABLE {
        let outcome = call(channel.clone(), path).await;
        if allowed.contains(access) {
            assert!(got_through(path, &outcome), "{path}: {outcome:?}");
        } else {
            let status = outcome.expect_err(path);
            assert_eq!(status.code(), refused_with, "{path}: {status}");
            assert!(status.message().contains("certificate"), "{path}: {status}");
        }
    }
    let unknown = call(channel, "/throng.v1.Throng/Invented").await.unwrap_err();
    assert_eq!(unknown.code(), refused_with, "{unknown}");
}

#[tokio::test]
async fn an_operator_may_call_everything_in_the_table() {
    let port = Port::open().await;
    let shown = give(&port, Principal::Operator(ann()));
    let all = [Access::Anyone, Access::Viewer, Access::Operator];
    walk(&port, Some(&shown), &all, Code::PermissionDenied).await;
}

#[tokio::test]
async fn a_viewer_may_look_and_nothing_else() {
    let port = Port::open().await;
    let shown = give(&port, Principal::Viewer(ann()));
    walk(&port, Some(&shown), &[Access::Anyone, Access::Viewer], Code::PermissionDenied).await;
}

#[tokio::test]
async fn an_agent_may_renew_and_nothing_else() {
    let port = Port::open().await;
    let shown = issue(&port.authority, agent());
    walk(&port, Some(&shown), &[Access::Anyone], Code::PermissionDenied).await;
}

#[tokio::test]
async fn a_stranger_may_join_and_nothing_else() {
    let port = Port::open().await;
    walk(&port, None, &[Access::Anyone], Code::Unauthenticated).await;
}

/// Whether a call is refused as of a certificate that was withdrawn.
fn is_withdrawn(outcome: &Result<(), Status>) -> bool {
    let text = "the certificate of ann was withdrawn";
    outcome.as_ref().is_err_and(|status| status.code() == Code::Unauthenticated && status.message().starts_with(text))
}

#[tokio::test]
async fn a_certificate_that_is_withdrawn_is_refused_on_the_connection_that_is_open_and_on_the_next() {
    let port = Port::open().await;
    for principal in [Principal::Operator(ann()), Principal::Viewer(ann())] {
        let (shown, other) = (give(&port, principal.clone()), give(&port, principal));
        let (open, others) = (api(&port, Some(&shown)).await, api(&port, Some(&other)).await);
        assert!(call(open.clone(), HEALTH).await.is_ok());
        port.operators.withdraw(&shown.issued.serial);
        for (path, _) in TABLE {
            let outcome = call(open.clone(), path).await;
            assert!(is_withdrawn(&outcome), "{path} {outcome:?}");
        }
        let outcome = call(api(&port, Some(&shown)).await, HEALTH).await;
        assert!(is_withdrawn(&outcome), "{outcome:?}");
        assert!(call(others, HEALTH).await.is_ok(), "another certificate of the same name");
    }
}

#[tokio::test]
async fn what_streams_to_the_holder_of_a_certificate_ends_when_it_is_withdrawn() {
    let port = Port::open().await;
    let shown = give(&port, Principal::Viewer(ann()));
    let mut client = HealthClient::new(api(&port, Some(&shown)).await);
    let mut stream = client.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    stream.message().await.unwrap().expect("it says at once how things stand");
    let next = tokio::spawn(async move { stream.message().await.map(drop) });
    port.operators.withdraw(&shown.issued.serial);
    let ended = tokio::time::timeout(Duration::from_secs(5), next).await.expect("it ends at once").unwrap();
    assert!(is_withdrawn(&ended), "{ended:?}");
}

#[tokio::test]
async fn a_certificate_of_this_authority_that_nobody_knows_of_is_good_for_nothing() {
    let port = Port::open().await;
    let shown = issue(&port.authority, Principal::Operator(ann()));
    let outcome = call(api(&port, Some(&shown)).await, HEALTH).await;
    assert!(is_withdrawn(&outcome), "{outcome:?}");
}

/// Whether a connection with these credentials is closed by the coordinator before it says anything useful.
async fn is_refused(port: &Port, shown: Option<&IssuedWithKey>, alpn: &[&[u8]]) -> bool {
    let dialled = dial(port.address, Credentials { trust: &port.authority, shown, alpn }).await;
    let Ok(mut stream) = dialled else { return true };
    let mut byte = [0; 1];
    let read = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut byte)).await;
    matches!(read, Ok(Err(_) | Ok(0)))
}

#[tokio::test]
async fn certificates_that_have_ended_or_are_of_another_authority_are_refused() {
    let port = Port::open().await;
    let long_ago = SystemTime::now() - 2 * DAY;
    let ended = Validity::from_now(long_ago, DAY);
    let expired = port.authority.issue_with_key(Principal::Operator(ann()), ended).unwrap();
    let foreign = issue(&port.impostor(), Principal::Operator(ann()));
    for shown in [&expired, &foreign] {
        assert!(is_refused(&port, Some(shown), &[ALPN_API]).await);
    }
    let good = issue(&port.authority, Principal::Operator(ann()));
    assert!(!is_refused(&port, Some(&good), &[ALPN_API]).await, "the check itself");
    let expired = port.authority.issue_with_key(agent(), ended).unwrap();
    let foreign = issue(&port.impostor(), agent());
    for shown in [&expired, &foreign] {
        assert!(is_refused(&port, Some(shown), &[ALPN_AGENT]).await);
    }
}

#[tokio::test]
async fn the_reversed_connection_is_for_agents_that_the_fleet_knows() {
    let port = Port::open().await;
    for principal in [Principal::Operator(ann()), Principal::Viewer(ann())] {
        let shown = issue(&port.authority, principal);
        assert!(is_refused(&port, Some(&shown), &[ALPN_AGENT]).await);
    }
    assert!(is_refused(&port, None, &[ALPN_AGENT]).await, "no certificate");
    let shown = issue(&port.authority, agent());
    assert!(is_refused(&port, Some(&shown), &[ALPN_AGENT]).await, "a host that never joined");
    port.know(&HostId::new("host-1").unwrap()).await;
    assert!(!is_refused(&port, Some(&shown), &[ALPN_AGENT]).await, "a host that joined");
}

#[tokio::test]
async fn a_caller_without_a_known_protocol_is_refused() {
    let port = Port::open().await;
    let shown = issue(&port.authority, Principal::Operator(ann()));
    let offers: [&[&[u8]]; 4] = [&[], &[b"http/1.1"], &[b"throng-agent/2"], &[b"h3", b"x"]];
    for alpn in offers {
        assert!(is_refused(&port, Some(&shown), alpn).await, "{alpn:?}");
    }
}

#[tokio::test]
async fn the_unix_socket_s_own_user_is_an_operator() {
    let port = Port::open().await;
    let stream = tokio::net::UnixStream::connect(port.state.socket()).await.unwrap();
    let channel = channel(stream).await.unwrap();
    for (path, _) in TABLE {
        let outcome = call(channel.clone(), path).await;
        assert!(got_through(path, &outcome), "{path}: {outcome:?}");
    }
    let mode = std::os::unix::fs::PermissionsExt::mode(&port.state.socket().metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
}
