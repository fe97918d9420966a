//! A TLS connection to a coordinator elsewhere, known to be accepted.
//!
//! In TLS 1.3 the dialling end believes itself connected before its certificate was judged, and what it writes then can
//! take the place of the reason why it was refused. So nothing is written before the coordinator has: its first words are
//! HTTP/2's settings, or the alert that says what is wrong.

use std::io;
use std::sync::Arc;

use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use throng_proto::transport::{ALPN_API, SERVER_NAME};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, join, split};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

/// The coordinator's first words: the frame of its settings is longer.
const FIRST_BYTES: usize = 9;

/// With what a coordinator is called.
#[derive(Clone)]
pub(super) struct Dialer {
    authority: String,
    connector: TlsConnector,
}

impl Dialer {
    /// Calls `host:port`; trusts this authority alone, and shows this certificate.
    pub(super) fn new(
        authority: String,
        ca: CertificateDer<'static>,
        certificate: CertificateDer<'static>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, rustls::Error> {
        let mut roots = RootCertStore::empty();
        roots.add(ca)?;
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&TLS13])?
            .with_root_certificates(roots)
            .with_client_auth_cert(vec![certificate], key)?;
        config.alpn_protocols = vec![ALPN_API.to_vec()];
        Ok(Self { authority, connector: TlsConnector::from(Arc::new(config)) })
    }

    /// Dials, and waits for the coordinator's first words. The cause of an error is the TLS library's own.
    pub(super) async fn dial(self) -> io::Result<impl AsyncRead + AsyncWrite + Send + Unpin + use<>> {
        let name = ServerName::try_from(SERVER_NAME).expect("the name in every coordinator's certificate is one");
        let tcp = TcpStream::connect(&self.authority).await?;
        tcp.set_nodelay(true)?;
        let mut stream = self.connector.connect(name, tcp).await?;
        let mut first = [0; FIRST_BYTES];
        stream.read_exact(&mut first).await?;
        let (reader, writer) = split(stream);
        Ok(join(io::Cursor::new(first).chain(reader), writer))
    }
}
