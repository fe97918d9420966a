//! The real `throng` program against a coordinator that answers by script, over a real unix socket.

#[cfg(test)]
mod agents;
#[cfg(test)]
mod daemons;
#[cfg(test)]
mod fake;
#[cfg(test)]
mod interrupts;
#[cfg(test)]
mod nodes;
#[cfg(test)]
mod operations;
#[cfg(test)]
mod results;
#[cfg(test)]
mod support;
#[cfg(test)]
mod terminals;
