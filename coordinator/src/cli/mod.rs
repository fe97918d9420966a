//! The `throng` command line: one file a command.
//!
//! In: arguments. Out: data on stdout, everything else on stderr, and an [`throng_common::verdict::Outcome`].
//! *Invariant:* commands only call the coordinator; what they do by themselves is reading scenarios, starting daemons
//! and looking at this machine.

pub mod args;
pub mod caller;
pub mod certificates;
pub mod check;
pub mod completions;
pub mod confirm;
pub mod context;
pub mod cp;
pub mod dispatch;
pub mod doctor;
pub mod down;
pub mod error;
pub mod events;
pub mod exec;
pub mod follow;
pub mod help;
pub mod hosts;
pub mod init;
pub mod invocation;
mod local_file;
pub mod logs;
pub mod node;
pub mod operation;
pub mod operator;
pub mod orphans;
pub mod pattern;
pub mod plan;
pub mod ps;
pub mod report;
pub mod reset;
pub mod restart;
pub mod rolling;
pub mod run;
pub mod runs;
pub mod scale;
pub mod scenario_file;
pub mod schema;
pub mod serve;
mod shipment;
pub mod status;
pub mod stop;
pub mod test;
pub mod up;
pub mod update;
