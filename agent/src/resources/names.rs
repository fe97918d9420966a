//! Host names: one hosts file for containers, a delimited block for processes.
