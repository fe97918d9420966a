//! Where things lie: the state directory, what is below it, and the lock that keeps it to one coordinator.

mod lock;
mod private_file;
mod state_dir;

pub use lock::{LockError, StateLock};
pub use private_file::write_private;
pub use state_dir::{StateDir, StateDirError, StateEnvironment};
