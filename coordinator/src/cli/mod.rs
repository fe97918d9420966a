//! The command line: clap types, one file a command.
