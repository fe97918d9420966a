//! Containers and processes on the real engine and the real kernel of this machine. They fail where there is none.

#[cfg(test)]
mod commands;
#[cfg(test)]
mod docker;
#[cfg(test)]
mod enter;
#[cfg(test)]
mod shim;
#[cfg(test)]
mod support;
