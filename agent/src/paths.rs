//! Where things lie: the state directory, the run directory, and what is below them.
