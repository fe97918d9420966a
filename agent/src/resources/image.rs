//! Images: present, pulled, or imported from a root file system.
