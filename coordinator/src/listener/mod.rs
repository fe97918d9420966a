//! The one TLS port and the unix socket.
