//! Joining a fleet: key, certificate request, one-time token, pinned CA.
