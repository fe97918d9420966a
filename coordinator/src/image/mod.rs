//! Images of container roles: built from what the scenario ships, or fetched from a registry, before anything starts.
//!
//! `recipe` says what an image is built from and so what it is called; `build` runs the script; `shelf` keeps what was
//! built; `supply` makes sure that every host has what its nodes need, and says how far it is; `login` is what a private
//! registry wants to see.

mod build;
mod error;
mod login;
mod recipe;
mod shelf;
mod supply;

pub use build::Tell;
pub use error::ImageError;
pub use login::{DockerConfig, LoginError, RegistryLogin, registry_of};
pub use recipe::{ImageDigest, Recipe};
pub use shelf::ImageShelf;
pub use supply::{Order, Source, Supplier};
