//! Where things lie: the state directory and what is below it.
