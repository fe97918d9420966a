//! The one loop that brings the host from what is to what is desired.
