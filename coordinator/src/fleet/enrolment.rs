//! Joining the fleet: a one-time token, or a certificate that is still valid, for a certificate.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sha2::{Digest as _, Sha256};
use throng_common::ids::{HostId, random_suffix};
use throng_common::status::UnixMillis;
use throng_proto::operator::enrolment_server::Enrolment;
use throng_proto::operator::{JoinReply, JoinRequest};
use tokio::sync::Mutex;
use tonic::{Request, Response, Status};

use crate::authz::{Caller, CallerRole};
use crate::clock;
use crate::pki::{AGENT_TTL, Authority, PkiError, Validity};
use crate::store::{HostRecord, NewToken, Store, StoreError, TokenHash};

/// How long a join token can be used when nothing else is asked for.
pub const JOIN_TOKEN_TTL: Duration = Duration::from_mins(15);

/// Random bytes of a token: 256 bits cannot be guessed, so that no bound on tries is needed.
const TOKEN_BYTES: usize = 32;

/// Longest host id derived from a machine's name; leaves room for a suffix.
const DERIVED_HOST_MAX_BYTES: usize = 40;

/// A token as it is given out, once. Never printed by `{:?}`; only its hash is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct JoinToken(String);

impl JoinToken {
    /// The text to hand to the host.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JoinToken(…)")
    }
}

/// Lets hosts join.
#[derive(Debug, Clone)]
pub struct EnrolmentService {
    authority: Arc<Authority>,
    store: Store,
    /// Held from the choice of a new host's id until it is in the store: two of one name may come at once.
    joining: Arc<Mutex<()>>,
}

impl EnrolmentService {
    /// Issues with this authority, remembers in this store.
    pub fn new(authority: Arc<Authority>, store: Store) -> Self {
        Self { authority, store, joining: Arc::default() }
    }

    /// A token with which one host may join, once, within `ttl`; `host` is the id that it then gets.
    pub async fn invite(&self, host: Option<HostId>, ttl: Duration) -> Result<JoinToken, StoreError> {
        let token = JoinToken(hex::encode(rand::random::<[u8; TOKEN_BYTES]>()));
        let created = clock::steady();
        let ttl_millis = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
        let expires = UnixMillis(created.0.saturating_add(ttl_millis));
        self.store.save_token(NewToken { hash: hash(token.reveal()), host, uses: 1, created, expires }).await?;
        Ok(token)
    }

    /// Who may get a certificate: the holder of a good token, or an agent that has one already.
    async fn admitted(&self, caller: &Caller, request: &JoinRequest) -> Result<HostId, Status> {
        if request.token.is_empty() {
            return self.renewed(caller).await;
        }
        let spent = self.store.spend_token(hash(&request.token), clock::steady()).await.map_err(failed)?;
        match spent {
            Some(Some(host)) => Ok(host),
            Some(None) => self.new_host(&request.hostname).await,
            None => Err(Status::permission_denied(
                "this join token is unknown, used up or expired; ask the coordinator for a new one (CreateJoinToken)",
            )),
        }
    }

    async fn renewed(&self, caller: &Caller) -> Result<HostId, Status> {
        let CallerRole::Agent(host) = &caller.role else {
            return Err(Status::unauthenticated("joining needs a token, renewing the certificate of an agent"));
        };
        match self.store.host(host.clone()).await.map_err(failed)? {
            Some(_) => Ok(host.clone()),
            None => Err(Status::permission_denied("this host was removed from the fleet; it must join again")),
        }
    }

    /// An id that no host has, made of the machine's own name.
    async fn new_host(&self, hostname: &str) -> Result<HostId, Status> {
        let host = derive_host(hostname);
        if self.store.host(host.clone()).await.map_err(failed)?.is_none() {
            return Ok(host);
        }
        HostId::new(format!("{host}-{}", random_suffix(4))).map_err(|error| Status::internal(error.to_string()))
    }

    async fn issue(&self, host: HostId, caller: &Caller, request: JoinRequest) -> Result<JoinReply, Status> {
        let validity = Validity::from_now(SystemTime::now(), AGENT_TTL);
        let issued = self.authority.issue_agent(&request.certificate_request, &host, validity).map_err(refused)?;
        let known = self.store.host(host.clone()).await.map_err(failed)?;
        let hostname = match &known {
            Some(record) if request.hostname.is_empty() => record.hostname.clone(),
            Some(_) | None => request.hostname,
        };
        let now = clock::now();
        let record = HostRecord {
            host: host.clone(),
            hostname,
            address: caller.origin.clone(),
            certificate_serial: issued.serial,
            first_seen: known.map_or(now, |record| record.first_seen),
            last_enrolled: now,
        };
        self.store.save_host(record).await.map_err(failed)?;
        tracing::info!(%host, origin = caller.origin, "certificate issued to an agent");
        Ok(JoinReply {
            certificate: issued.certificate_pem,
            fleet: self.authority.fleet().to_string(),
            host: host.to_string(),
            expires_unix_millis: issued.expires.0,
        })
    }
}

#[tonic::async_trait]
impl Enrolment for EnrolmentService {
    async fn join(&self, request: Request<JoinRequest>) -> Result<Response<JoinReply>, Status> {
        let caller = request.extensions().get::<Caller>().cloned();
        let caller = caller.ok_or_else(|| Status::unauthenticated("unknown caller"))?;
        let request = request.into_inner();
        let _joining = self.joining.lock().await;
        let host = self.admitted(&caller, &request).await?;
        self.issue(host, &caller, request).await.map(Response::new)
    }
}

fn hash(token: &str) -> TokenHash {
    Sha256::digest(token.trim().as_bytes()).into()
}

/// A host id of a machine's name: its first label, what is not allowed replaced.
fn derive_host(hostname: &str) -> HostId {
    let label = hostname.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let plain: String =
        label.chars().map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' }).collect();
    let plain = plain.get(..DERIVED_HOST_MAX_BYTES).unwrap_or(&plain).trim_matches('-');
    let text = match plain.chars().next() {
        None => format!("host-{}", random_suffix(6)),
        Some(first) if first.is_ascii_lowercase() => plain.to_owned(),
        Some(_) => format!("host-{plain}"),
    };
    HostId::new(text).expect("a letter first, then letters, digits and inner hyphens")
}

fn failed(error: StoreError) -> Status {
    tracing::error!(error = &error as &dyn std::error::Error, "enrolment failed");
    Status::internal("the coordinator's database failed; see its log")
}

fn refused(error: PkiError) -> Status {
    match error {
        PkiError::BadRequest(_) => Status::invalid_argument(error.to_string()),
        other => {
            tracing::error!(error = &other as &dyn std::error::Error, "enrolment failed");
            Status::internal("the coordinator could not issue a certificate; see its log")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_s_name_makes_a_host_id_whatever_it_is() {
        for (hostname, host) in [
            ("ip-10-0-0-1.ec2.internal", "ip-10-0-0-1"),
            ("Laptop_of_Ann", "laptop-of-ann"),
            ("42", "host-42"),
            ("-x-", "x"),
        ] {
            assert_eq!(derive_host(hostname).as_str(), host);
        }
        for odd in ["", "...", "ünïcode", &"x".repeat(300), "日本"] {
            derive_host(odd);
        }
    }
}
