//! What the agent must remember over its own death and a boot: SQLite in its state directory.
