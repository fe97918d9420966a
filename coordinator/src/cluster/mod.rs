//! The truth about a cluster: desired, running, and seen by the system under test.
