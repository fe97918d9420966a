//! Images: asked for, pulled, imported, removed.

use std::time::Duration;

use bollard::body_try_stream;
use bollard::errors::Error as SdkError;
use bollard::models::CreateImageInfo;
use bollard::query_parameters::{CreateImageOptionsBuilder, RemoveImageOptionsBuilder};
use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{Stream, TryStreamExt as _};
use throng_common::size::ByteSize;

use super::client::{Ask, DockerEngine, READ_DEADLINE, within};
use crate::host::engine::error::{EngineError, EngineResult};
use crate::host::engine::model::ImageFacts;

/// A pull of a large image over a slow line.
const PULL_DEADLINE: Duration = Duration::from_mins(15);
/// An import reads a local file; the engine unpacks it to its disk.
const IMPORT_DEADLINE: Duration = Duration::from_mins(10);
/// The tag of a name that has none.
const DEFAULT_TAG: &str = "latest";

impl DockerEngine {
    pub(super) async fn find_image(&self, name: &str) -> EngineResult<Option<ImageFacts>> {
        let ask = Ask { operation: "look for image", subject: name };
        match within(ask, READ_DEADLINE, self.docker.inspect_image(name)).await {
            Ok(image) => Ok(Some(ImageFacts {
                id: image.id.ok_or_else(|| ask.garbled("the image has no `Id`"))?,
                repo_digest: image.repo_digests.unwrap_or_default().into_iter().next(),
                size: ByteSize::bytes(image.size.and_then(|size| u64::try_from(size).ok()).unwrap_or_default()),
            })),
            Err(EngineError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn pull_image(&self, name: &str) -> EngineResult<()> {
        let ask = Ask { operation: "pull image", subject: name };
        let (repository, tag) = split_name(name);
        let options = CreateImageOptionsBuilder::default().from_image(repository).tag(tag).build();
        within(ask, PULL_DEADLINE, drain(self.docker.create_image(Some(options), None, None))).await
    }

    pub(super) async fn import_image(
        &self,
        name: &str,
        tar: BoxStream<'static, std::io::Result<Bytes>>,
    ) -> EngineResult<()> {
        let ask = Ask { operation: "import image", subject: name };
        let (repository, tag) = split_name(name);
        let options = CreateImageOptionsBuilder::default().from_src("-").repo(repository).tag(tag).build();
        let answers = self.docker.create_image(Some(options), Some(body_try_stream(tar)), None);
        within(ask, IMPORT_DEADLINE, drain(answers)).await
    }

    pub(super) async fn delete_image(&self, name: &str) -> EngineResult<()> {
        let ask = Ask { operation: "remove image", subject: name };
        let options = RemoveImageOptionsBuilder::default().build();
        match within(ask, IMPORT_DEADLINE, self.docker.remove_image(name, Some(options), None)).await {
            Ok(_) | Err(EngineError::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Reads all progress: the call is done when its stream ends, and an error may come in its midst.
async fn drain(progress: impl Stream<Item = Result<CreateImageInfo, SdkError>>) -> Result<(), SdkError> {
    progress.try_for_each(|_| std::future::ready(Ok(()))).await
}

/// Repository and tag; a name with a digest keeps it, since the engine takes either.
fn split_name(name: &str) -> (&str, &str) {
    if let Some((repository, digest)) = name.split_once('@') {
        return (repository, digest);
    }
    match name.rsplit_once(':') {
        // A colon before a slash belongs to the registry's port.
        Some((repository, tag)) if !tag.contains('/') => (repository, tag),
        _ => (name, DEFAULT_TAG),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registrys_port_is_no_tag() {
        for (name, parts) in [
            ("redis:7", ("redis", "7")),
            ("redis", ("redis", "latest")),
            ("localhost:5000/redis", ("localhost:5000/redis", "latest")),
            ("localhost:5000/redis:7", ("localhost:5000/redis", "7")),
            ("redis@sha256:00ff", ("redis", "sha256:00ff")),
        ] {
            assert_eq!(split_name(name), parts, "{name}");
        }
    }
}
