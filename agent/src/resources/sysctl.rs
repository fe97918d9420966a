//! Kernel settings: recorded, raised, read back, restored.
