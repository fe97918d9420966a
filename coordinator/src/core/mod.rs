//! The coordinator itself: hosts, clusters and operations under one roof.
