//! Files and folders given to nodes.
