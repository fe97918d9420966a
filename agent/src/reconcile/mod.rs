//! The one loop that brings the host from what is to what is desired.
//!
//! ```text
//!   spec (Apply) ─┐                      ┌─ act: start, stop, remove one node   (bounded, concurrent)
//!   engine events ┼─► Event ─► Core ─► Command ─ settle: sysctls, names, address (one at a time)
//!   probes, timer ┘   (task)  (pure)     └─ probe: begin, end
//!   outcomes ─────────▲                        │
//!                     └────────────────────────┘
//! ```
//! [`core`] decides without effects and with time as data; [`task`] turns sources into events and commands into tasks;
//! [`effects`] does the work. A wake-up carries no input of its own. What a node needs next
//! is decided anew whenever something happens to it, and waits in an agenda for its turn: what happens to one of a thousand
//! nodes costs as much as with ten. [`engine_state`] is how the container engine stands: one that is away, hung or wedged takes
//! nothing of what the kernel shows away, and what needs it waits until it is back.

mod agenda;
mod carrying_over;
pub mod command;
pub mod core;
pub mod decide;
pub mod effects;
pub mod engine_state;
mod engine_watch;
mod letting_go;
pub mod node_state;
mod pacer;
mod panics;
mod settling;
pub mod task;
mod warming;
mod width;
