//! Joining, renewing and the link over real TLS, with the agent's own code at the other end.

use std::sync::Arc;
use std::time::Duration;

use crate::port::Port;
use crate::scripted_agent::ScriptedAgent;
use throng::fleet::{FleetError, LinkState};
use throng_agent::enrol::{EnrolError, Identity, IdentityStore, Invitation, JoinToken, join, keep_renewed, renew};
use throng_agent::link::{LinkStatus, TlsDialer, run};
use throng_common::ca_pin::CaPin;
use throng_common::ids::HostId;
use throng_proto::agent::FactsRequest;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::Code;

const SOON: Duration = Duration::from_secs(10);

fn host(name: &str) -> HostId {
    HostId::new(name).unwrap()
}

async fn invitation(port: &Port, name: Option<&str>) -> Invitation {
    let token = port.enrolment.invite(name.map(host), SOON).await.unwrap();
    Invitation {
        coordinator: port.address.to_string(),
        pin: port.authority.ca_pin(),
        token: JoinToken::new(token.reveal()),
    }
}

/// Keeps a link up; ended by the token.
fn link(identity: Identity, agent: &ScriptedAgent) -> (watch::Receiver<LinkStatus>, CancellationToken) {
    let shutdown = CancellationToken::new();
    let (status, watched) = watch::channel(LinkStatus::Closed);
    tokio::spawn({
        let (agent, shutdown) = (agent.clone(), shutdown.clone());
        async move {
            let (_current, identity) = watch::channel(Arc::new(identity));
            run(&TlsDialer::new(identity), || agent.routes(), &shutdown, &status).await;
        }
    });
    (watched, shutdown)
}

async fn facts(port: &Port, name: &str, deadline: Duration) -> Result<String, FleetError> {
    let rpc = async |mut agent: throng_proto::agent::agent_client::AgentClient<_>, request| agent.facts(request).await;
    port.fleet.call(&host(name), deadline, FactsRequest {}, rpc).await.map(|facts| facts.hostname)
}

#[tokio::test]
async fn a_host_joins_with_its_token_is_kept_and_called() {
    let port = Port::open().await;
    let identity = join(&invitation(&port, Some("host-1")).await, "machine.example").await.unwrap();
    assert_eq!((identity.host(), identity.fleet()), (&host("host-1"), port.authority.fleet()));
    let record = port.store.host(host("host-1")).await.unwrap().unwrap();
    assert_eq!((record.hostname.as_str(), record.address.as_str()), ("machine.example", "127.0.0.1"));

    let folder = tempfile::tempdir().unwrap();
    let store = IdentityStore::new(&folder.path().join("identity"));
    assert_eq!(store.load().unwrap(), None);
    store.save(&identity).unwrap();
    let file = folder.path().join("identity/identity.json");
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&file.metadata().unwrap().permissions()) & 0o777, 0o600);
    let loaded = store.load().unwrap().unwrap();
    assert_eq!(loaded, identity);
    assert!(!format!("{loaded:?}").contains("PRIVATE"));

    let (_status, _shutdown) = link(loaded, &ScriptedAgent::new("x"));
    port.fleet.wait_connected(&host("host-1"), SOON).await.unwrap();
    assert_eq!(facts(&port, "host-1", SOON).await.unwrap(), "x");
}

#[tokio::test]
async fn a_token_is_good_once() {
    let port = Port::open().await;
    let invitation = invitation(&port, None).await;
    let identity = join(&invitation, "Machine.example").await.unwrap();
    assert_eq!(identity.host(), &host("machine"));
    let error = join(&invitation, "Machine.example").await.unwrap_err();
    assert!(matches!(&error, EnrolError::Refused { message, .. } if message.contains("used up")), "{error}");
    let second = join(&self::invitation(&port, None).await, "machine").await.unwrap();
    assert!(second.host().as_str().starts_with("machine-"), "{second:?}");
}

#[tokio::test]
async fn machines_of_one_name_that_join_at_once_are_hosts_of_their_own() {
    let port = Port::open().await;
    let mut invitations = Vec::new();
    for _ in 0..4 {
        invitations.push(invitation(&port, None).await);
    }
    let joined = futures_util::future::join_all(invitations.iter().map(|one| join(one, "localhost"))).await;
    let hosts: std::collections::BTreeSet<String> =
        joined.into_iter().map(|identity| identity.unwrap().host().to_string()).collect();
    assert_eq!(hosts.len(), 4, "{hosts:?}");
}

#[tokio::test]
async fn the_token_is_not_sent_to_a_coordinator_whose_ca_has_another_pin() {
    let port = Port::open().await;
    let good = invitation(&port, Some("host-1")).await;
    let error = join(&Invitation { pin: CaPin([7; 32]), ..good.clone() }, "x").await.unwrap_err();
    assert!(matches!(error, EnrolError::Link(_)), "{error:?}");
    // Had it been sent, it would be used up.
    join(&good, "x").await.unwrap();
}

#[tokio::test]
async fn an_agent_renews_over_its_certificate_until_its_host_is_removed() {
    let port = Port::open().await;
    let first = join(&invitation(&port, Some("host-1")).await, "machine").await.unwrap();
    let second = renew(&first).await.unwrap();
    assert_eq!((second.host(), second.fleet()), (first.host(), first.fleet()));
    assert_ne!(second, first);
    assert!(second.renew_at() > first.renew_at() && second.renew_at() < second.expires());
    assert_eq!(port.store.host(host("host-1")).await.unwrap().unwrap().hostname, "machine");
    let third = renew(&second).await.unwrap();
    port.store.delete_host(host("host-1")).await.unwrap();
    let error = renew(&third).await.unwrap_err();
    assert!(matches!(&error, EnrolError::Refused { message, .. } if message.contains("removed")), "{error}");
}

/// The same identity, got so long ago that it is past half of its life.
fn aged(identity: &Identity) -> Identity {
    let mut fields = serde_json::to_value(identity).unwrap();
    fields["obtained"] = 0.into();
    serde_json::from_value(fields).unwrap()
}

#[tokio::test]
async fn a_certificate_past_half_of_its_life_is_renewed_stored_and_used_for_the_next_dial() {
    let port = Port::open().await;
    let old = aged(&join(&invitation(&port, Some("host-1")).await, "machine").await.unwrap());
    let folder = tempfile::tempdir().unwrap();
    let store = IdentityStore::new(folder.path());
    let (current, mut watched) = watch::channel(Arc::new(old.clone()));
    let shutdown = CancellationToken::new();
    let renewed = async {
        let new = tokio::time::timeout(SOON, watched.wait_for(|identity| **identity != old)).await.unwrap().unwrap();
        let new = Identity::clone(&new);
        shutdown.cancel();
        new
    };
    let ((), new) = tokio::join!(keep_renewed(&store, &current, &shutdown), renewed);
    assert_eq!(store.load().unwrap(), Some(new.clone()));
    let (_status, _shutdown) = link(new, &ScriptedAgent::new("x"));
    port.fleet.wait_connected(&host("host-1"), SOON).await.unwrap();
}

/// Forwards connections to a port until it is cut, then takes new ones.
struct Proxy {
    address: String,
    cut: watch::Sender<u64>,
}

impl Proxy {
    async fn open(target: std::net::SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let cut = watch::Sender::new(0);
        let cuts = cut.clone();
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let mut cut = cuts.subscribe();
                tokio::spawn(async move {
                    let mut far = TcpStream::connect(target).await.unwrap();
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                        _ = cut.changed() => {}
                    }
                });
            }
        });
        Self { address, cut }
    }
}

#[tokio::test]
async fn a_cut_tls_connection_fails_calls_clearly_and_the_agent_comes_back() {
    let port = Port::open().await;
    let proxy = Proxy::open(port.address).await;
    let through_proxy = Invitation { coordinator: proxy.address.clone(), ..invitation(&port, Some("host-1")).await };
    let identity = join(&through_proxy, "machine").await.unwrap();
    let agent = ScriptedAgent::new("x");
    let (_status, _shutdown) = link(identity, &agent);
    port.fleet.wait_connected(&host("host-1"), SOON).await.unwrap();
    agent.delay(Duration::from_mins(1));
    let mut states = port.fleet.watch();
    let (outcome, ()) = tokio::join!(facts(&port, "host-1", Duration::from_mins(1)), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        proxy.cut.send_modify(|cuts| *cuts += 1);
    });
    let error = outcome.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable);
    assert!(error.to_string().starts_with("lost host host-1 during the call: "), "{error}");

    agent.delay(Duration::ZERO);
    let back = states
        .wait_for(|states| matches!(states.get(&host("host-1")), Some(LinkState::Connected { connection: 2, .. })));
    tokio::time::timeout(SOON, back).await.unwrap().unwrap();
    assert_eq!(facts(&port, "host-1", SOON).await.unwrap(), "x");
}

#[tokio::test]
async fn an_agent_whose_host_was_removed_stays_out_and_keeps_trying_until_it_is_shut_down() {
    let port = Port::open().await;
    let identity = join(&invitation(&port, Some("host-1")).await, "machine").await.unwrap();
    port.store.delete_host(host("host-1")).await.unwrap();
    let (mut status, shutdown) = link(identity, &ScriptedAgent::new("x"));
    let waiting = |status: &LinkStatus| matches!(status, LinkStatus::Connecting { attempt, .. } if *attempt >= 2);
    tokio::time::timeout(SOON, status.wait_for(waiting)).await.unwrap().unwrap();
    shutdown.cancel();
    tokio::time::timeout(SOON, status.wait_for(|status| *status == LinkStatus::Closed)).await.unwrap().unwrap();
}
