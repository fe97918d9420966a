//! What the coordinator must remember: SQLite.
