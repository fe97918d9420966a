//! Having an image before its containers are created.

use bytes::Bytes;
use futures_util::stream::BoxStream;
use serde::Serialize;
use throng_common::scenario::model::PullPolicy;

use super::tag::is_ours;
use crate::host::engine::api::Engine;
use crate::host::engine::error::EngineError;
use crate::host::engine::model::{ImageFacts, Pull};

/// Why an image cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The engine does not have it and may not ask for it.
    #[error("image {image} is not on this host and its pull policy is `never`: load it, or set `pull = \"missing\"`")]
    Missing {
        /// The image.
        image: String,
    },
    /// Throng's own image that was never sent here, or was removed.
    #[error("image {image} was not sent to this host: run `throng up` again, which builds and sends it")]
    NotSent {
        /// The image.
        image: String,
    },
    /// Its registry does not have it, or does not give it to this host.
    #[error("image {image} is not to be had from its registry")]
    Unknown {
        /// The image.
        image: String,
        /// The engine's words.
        source: EngineError,
    },
    /// It could not be fetched.
    #[error("image {image} could not be pulled")]
    Pull {
        /// The image.
        image: String,
        /// Why.
        source: EngineError,
    },
    /// The engine did not do it.
    #[error("image {image} cannot be had")]
    Engine {
        /// The image.
        image: String,
        /// Why.
        source: EngineError,
    },
}

impl ImageError {
    /// What a person can do about it, where the message does not end in it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Unknown { .. } => {
                Some("check its name and tag; if it is private, `docker login` as the user who runs the coordinator")
            }
            Self::Pull { .. } => Some(
                "can this host reach its registry, has it room for the image, and may it have it (`docker login` as the \
                 user who runs the coordinator)?",
            ),
            Self::Missing { .. } | Self::NotSent { .. } | Self::Engine { .. } => None,
        }
    }
}

/// What is to be done about an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum ImageStep {
    /// Nothing: it is there.
    Use,
    /// Fetch it from its registry.
    Pull,
    /// Refuse: it is not there and may not be fetched.
    Refuse,
}

/// Decides, from what is there and what is allowed. Pure. An image of throng's own is in no registry.
pub fn plan(image: &str, present: bool, policy: PullPolicy) -> ImageStep {
    match (present, policy) {
        (present, _) if is_ours(image) => {
            if present {
                ImageStep::Use
            } else {
                ImageStep::Refuse
            }
        }
        (true, PullPolicy::Missing | PullPolicy::Never) => ImageStep::Use,
        (false, PullPolicy::Missing) | (_, PullPolicy::Always) => ImageStep::Pull,
        (false, PullPolicy::Never) => ImageStep::Refuse,
    }
}

/// Makes sure that the engine has the image that is to be pulled as the policy says.
pub async fn ensure(engine: &dyn Engine, pull: Pull<'_>, policy: PullPolicy) -> Result<ImageFacts, ImageError> {
    let image = pull.image;
    let failed = |source| ImageError::Engine { image: image.to_owned(), source };
    let missing = || {
        let image = image.to_owned();
        if is_ours(&image) { ImageError::NotSent { image } } else { ImageError::Missing { image } }
    };
    let found = present(engine, image).await.map_err(failed)?;
    match plan(image, found.is_some(), policy) {
        ImageStep::Use => found.ok_or_else(missing),
        ImageStep::Refuse => Err(missing()),
        ImageStep::Pull => {
            engine.pull(pull).await.map_err(|source| of_pull(image, source))?;
            engine.image(image).await.map_err(failed)?.ok_or_else(missing)
        }
    }
}

/// An image that the engine has; of throng's own also one that another scenario has built from the same files, which gets
/// this name too.
async fn present(engine: &dyn Engine, image: &str) -> Result<Option<ImageFacts>, EngineError> {
    let found = engine.image(image).await?;
    if found.is_none() && is_ours(image) && engine.name_twin(image).await? {
        return engine.image(image).await;
    }
    Ok(found)
}

/// What came of a pull, so that a person knows where to look.
fn of_pull(image: &str, source: EngineError) -> ImageError {
    let image = image.to_owned();
    if source.is_not_found() {
        ImageError::Unknown { image, source }
    } else if source.is_unreachable() {
        ImageError::Engine { image, source }
    } else {
        ImageError::Pull { image, source }
    }
}

/// Imports a root file system as it comes in. One whose content-addressed tag is there already, under whatever name, is not
/// imported again, though the stream is then not read: the caller ends it.
pub async fn import(
    engine: &dyn Engine,
    tag: &str,
    tar: BoxStream<'static, std::io::Result<Bytes>>,
) -> Result<ImageFacts, ImageError> {
    let failed = |source| ImageError::Engine { image: tag.to_owned(), source };
    if let Some(found) = present(engine, tag).await.map_err(failed)?.filter(|_| is_ours(tag)) {
        return Ok(found);
    }
    engine.import(tag, tar).await.map_err(failed)?;
    engine.image(tag).await.map_err(failed)?.ok_or_else(|| ImageError::NotSent { image: tag.to_owned() })
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt as _;

    use super::*;
    use crate::host::engine::fake::state::FakeEngine;

    fn pull(image: &str) -> Pull<'_> {
        Pull { image, login: None, progress: &|_| {} }
    }

    #[test]
    fn a_registry_is_asked_only_as_the_policy_allows() {
        for (image, present, policy, step) in [
            ("redis:7", true, PullPolicy::Missing, ImageStep::Use),
            ("redis:7", false, PullPolicy::Missing, ImageStep::Pull),
            ("redis:7", true, PullPolicy::Always, ImageStep::Pull),
            ("redis:7", true, PullPolicy::Never, ImageStep::Use),
            ("redis:7", false, PullPolicy::Never, ImageStep::Refuse),
            ("throng/redis:00", true, PullPolicy::Always, ImageStep::Use),
            ("throng/redis:00", false, PullPolicy::Missing, ImageStep::Refuse),
        ] {
            assert_eq!(plan(image, present, policy), step, "{image} {present} {policy:?}");
        }
    }

    #[tokio::test]
    async fn what_another_scenario_has_built_from_the_same_files_is_not_asked_for_again() {
        let engine = FakeEngine::default();
        let tar = || futures_util::stream::iter([Ok(Bytes::from_static(b"tar"))]).boxed();
        import(&engine, "throng/redis:00", tar()).await.unwrap();
        ensure(&engine, pull("throng/variant:00"), PullPolicy::Missing).await.unwrap();
        import(&engine, "throng/another:00", tar()).await.unwrap();
        assert!(engine.state().images.contains("throng/another:00"));
        let imports = engine.state().calls.iter().filter(|call| call.starts_with("import")).count();
        assert_eq!(imports, 1);
        for other in ["throng/variant:01", "variant:00"] {
            let error = ensure(&engine, pull(other), PullPolicy::Never).await.unwrap_err();
            assert!(error.to_string().contains(other), "{error}");
        }
    }

    #[tokio::test]
    async fn an_image_is_pulled_once_and_imported_once() {
        let engine = FakeEngine::default();
        for _ in 0..2 {
            ensure(&engine, pull("redis:7"), PullPolicy::Missing).await.unwrap();
            let tar = futures_util::stream::iter([Ok(Bytes::from_static(b"tar"))]);
            import(&engine, "throng/redis:00", tar.boxed()).await.unwrap();
        }
        let made: Vec<String> =
            engine.state().calls.iter().filter(|call| !call.starts_with("image ")).cloned().collect();
        assert_eq!(made, ["pull redis:7", "name-twin throng/redis:00", "import throng/redis:00"]);
        let error = ensure(&engine, pull("nats:2"), PullPolicy::Never).await.unwrap_err();
        assert!(error.to_string().contains("pull = "), "{error}");
    }
}
