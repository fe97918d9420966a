//! Who may call what: one table over every RPC.
