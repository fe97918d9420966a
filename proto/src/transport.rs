//! What both ends of a connection must agree on, and the bounds that they set on it.
//!
//! The figures were measured; each says what breaks without it.

use std::time::Duration;

/// ALPN of an agent's connection: after the handshake the coordinator is the HTTP/2 client.
pub const ALPN_AGENT: &[u8] = b"throng-agent/1";

/// ALPN of the ordinary gRPC API.
pub const ALPN_API: &[u8] = b"h2";

/// The name in the coordinator's certificate: agents know it by its CA, wherever it listens.
pub const SERVER_NAME: &str = "throng";

/// The origin of calls over a connection that the other end dialled; never resolved.
pub const AGENT_ORIGIN: &str = "http://agent.throng";

/// How often an HTTP/2 ping is sent on a silent connection. Far below the 350 s after which clouds forget a flow.
pub const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);

/// How long a ping may go unanswered. With the interval: a dead peer is known within 20 s.
pub const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long sent bytes may go unacknowledged (TCP_USER_TIMEOUT).
pub const TCP_USER_TIMEOUT: Duration = Duration::from_secs(20);

/// Flow control of one stream: also what one stream carries per round trip.
pub const STREAM_WINDOW_BYTES: u32 = 256 * 1024;

/// Flow control of a connection: 64 streams may stall before commands do, and half of it is h2's budget for small
/// unread frames, beyond which it closes the connection.
pub const CONNECTION_WINDOW_BYTES: u32 = 16 * 1024 * 1024;

/// Calls that may be cancelled at once: h2's default of 20 closes the connection when more are.
pub const CANCELLED_CALLS_MAX: usize = 10_000;

/// Largest message. A host's whole desired state with 1,000 nodes, each naming all, takes some megabytes; tonic's
/// default is 4 MiB. Set it with `max_decoding_message_size` on servers and clients.
pub const MESSAGE_MAX_BYTES: usize = 64 * 1024 * 1024;
