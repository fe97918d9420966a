//! What people and programs read: tables, folded node sets, JSON, progress.
