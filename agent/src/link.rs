//! The one TLS connection to the coordinator, dialled from here, over which the coordinator calls.
