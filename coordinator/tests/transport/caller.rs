//! A client over real TLS with any certificate and any ALPN, and a raw call of any method.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::uri::PathAndQuery;
use hyper_util::rt::TokioIo;
use prost::bytes::{Buf, BufMut};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use throng::pki::{Authority, IssuedWithKey};
use throng_proto::transport::SERVER_NAME;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

const DEADLINE: Duration = Duration::from_secs(10);

/// Who calls, and how.
pub(crate) struct Credentials<'a> {
    /// The authority that the client trusts.
    pub(crate) trust: &'a Authority,
    /// The certificate that it shows.
    pub(crate) shown: Option<&'a IssuedWithKey>,
    /// The protocols that it offers.
    pub(crate) alpn: &'a [&'a [u8]],
}

/// A TLS connection, which in TLS 1.3 may be refused only when it is first read.
pub(crate) async fn dial(address: SocketAddr, credentials: Credentials<'_>) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    let ca = CertificateDer::from_pem_slice(credentials.trust.certificate_pem().as_bytes()).unwrap();
    roots.add(ca).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match credentials.shown {
        None => builder.with_no_client_auth(),
        Some(given) => {
            let certificate = CertificateDer::from_pem_slice(given.issued.certificate_pem.as_bytes()).unwrap();
            let key = PrivateKeyDer::from_pem_slice(given.key_pem.as_bytes()).unwrap();
            builder.with_client_auth_cert(vec![certificate], key).unwrap()
        }
    };
    config.alpn_protocols = credentials.alpn.iter().map(|alpn| alpn.to_vec()).collect();
    let tcp = TcpStream::connect(address).await?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from(SERVER_NAME).unwrap(), tcp).await
}

/// A channel over one connection.
pub(crate) async fn channel<IO>(io: IO) -> Result<Channel, tonic::transport::Error>
where
    IO: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let mut io = Some(TokioIo::new(io));
    let once = tower::service_fn(move |_: http::Uri| {
        std::future::ready(io.take().ok_or_else(|| std::io::Error::other("the connection was refused")))
    });
    Endpoint::from_static("http://throng").timeout(DEADLINE).connect_with_connector(once).await
}

/// Calls a method with an empty message, as a client stream or not, and answers with what came of it.
pub(crate) async fn call(channel: Channel, path: &'static str) -> Result<(), Status> {
    let mut grpc = Grpc::new(channel);
    grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    let request = Request::new(tokio_stream::iter([()]));
    let path = PathAndQuery::from_static(path);
    let mut answers = grpc.streaming(request, path, EmptyCodec).await?.into_inner();
    answers.message().await.map(drop)
}

/// Empty messages, whatever the method's type.
#[derive(Default)]
struct EmptyCodec;

impl Codec for EmptyCodec {
    type Encode = ();
    type Decode = ();
    type Encoder = Self;
    type Decoder = Self;
    fn encoder(&mut self) -> Self {
        Self
    }
    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for EmptyCodec {
    type Item = ();
    type Error = Status;
    fn encode(&mut self, (): (), buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&[]);
        Ok(())
    }
}

impl Decoder for EmptyCodec {
    type Item = ();
    type Error = Status;
    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<()>, Status> {
        buffer.advance(buffer.remaining());
        Ok(Some(()))
    }
}
