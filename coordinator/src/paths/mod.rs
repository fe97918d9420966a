//! Where things lie: the state directory, what is below it, and the lock that keeps it to one coordinator.

mod lock;
mod state_dir;

pub use lock::{LockError, StateLock};
pub use state_dir::{StateDir, StateDirError, StateEnvironment};
