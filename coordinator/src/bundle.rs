//! A scenario with every file it names, as the CLI ships it.
