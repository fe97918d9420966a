//! The TLS settings of the coordinator's one port: TLS 1.3 only, the ring provider named explicitly.

use std::sync::Arc;
use std::time::SystemTime;

use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use throng_proto::transport::{ALPN_AGENT, ALPN_API, SERVER_NAME};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use super::{Authority, PkiError};

/// Settings for the two kinds of callers, told apart by the ALPN that they offer.
#[derive(Debug, Clone)]
pub struct ServerTls {
    /// For agents' reversed connections: a client certificate is required.
    pub agent: Arc<ServerConfig>,
    /// For the API: a client certificate is checked where one is shown.
    pub api: Arc<ServerConfig>,
}

impl ServerTls {
    /// Makes a key and certificate for the port; `names` are further host names and addresses to put into it.
    pub fn new(authority: &Authority, names: &[String], now: SystemTime) -> Result<Self, PkiError> {
        let provider = Arc::new(ring::default_provider());
        let mut all_names: Vec<String> = [SERVER_NAME, "localhost", "127.0.0.1", "::1"].map(str::to_owned).into();
        all_names.extend(names.iter().filter(|name| !all_names.contains(name)).cloned().collect::<Vec<_>>());
        let (certificate, key) = authority.issue_server(&all_names, now)?;
        // The CA goes along: a host that only knows its pin has to see it.
        let chain = vec![certificate, authority.certificate().clone()];

        let mut roots = RootCertStore::empty();
        roots.add(authority.certificate().clone())?;
        let verifier = || WebPkiClientVerifier::builder_with_provider(Arc::new(roots.clone()), provider.clone());
        let required = verifier().build()?;
        let optional = verifier().allow_unauthenticated().build()?;
        Ok(Self {
            agent: config(&provider, required, (chain.clone(), key.clone_key()), ALPN_AGENT)?,
            api: config(&provider, optional, (chain, key), ALPN_API)?,
        })
    }
}

fn config(
    provider: &Arc<CryptoProvider>,
    verifier: Arc<dyn ClientCertVerifier>,
    (chain, key): (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>),
    alpn: &[u8],
) -> Result<Arc<ServerConfig>, PkiError> {
    let mut config = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![alpn.to_vec()];
    // No resumption: a resumed session would not be checked for a certificate that has ended since.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}
