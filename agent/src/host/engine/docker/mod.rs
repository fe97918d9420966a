//! The trait [`super::api::Engine`] over bollard and the engine's unix socket. The SDK's types end here.

mod archive;
mod body;
pub mod client;
mod containers;
mod events;
mod exec;
mod images;
mod info;
mod logs;
