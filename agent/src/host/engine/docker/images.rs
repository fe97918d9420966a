//! Images: asked for, pulled, imported, removed.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use bollard::auth::DockerCredentials;
use bollard::body_try_stream;
use bollard::errors::Error as SdkError;
use bollard::models::CreateImageInfo;
use bollard::query_parameters::{
    CreateImageOptionsBuilder, ListImagesOptionsBuilder, RemoveImageOptionsBuilder, TagImageOptionsBuilder,
};
use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _};
use throng_common::size::ByteSize;

use super::client::{Ask, DockerEngine, question, within};
use crate::host::engine::error::{EngineError, EngineResult};
use crate::host::engine::model::{ImageFacts, Pull, PullProgress, RegistryLogin};

/// A pull of an image of many gigabytes over a slow line.
const PULL_DEADLINE: Duration = Duration::from_mins(80);
/// A pull of which the engine says nothing for so long makes no progress: unpacking a large layer takes a while, too.
const PULL_STALL: Duration = Duration::from_mins(3);
/// An import reads a local file; the engine unpacks it to its disk.
const IMPORT_DEADLINE: Duration = Duration::from_mins(10);
/// The tag of a name that has none.
const DEFAULT_TAG: &str = "latest";

impl DockerEngine {
    pub(super) async fn find_image(&self, name: &str) -> EngineResult<Option<ImageFacts>> {
        let ask = Ask { operation: "look for image", subject: name };
        match question(ask, self.docker.inspect_image(name)).await {
            Ok(image) => Ok(Some(ImageFacts {
                id: image.id.ok_or_else(|| ask.garbled("the image has no `Id`"))?,
                repo_digest: image.repo_digests.unwrap_or_default().into_iter().next(),
                size: ByteSize::bytes(image.size.and_then(|size| u64::try_from(size).ok()).unwrap_or_default()),
            })),
            Err(EngineError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn pull_image(&self, pull: Pull<'_>) -> EngineResult<()> {
        let ask = Ask { operation: "pull image", subject: pull.image };
        let (repository, tag) = split_name(pull.image);
        let options = CreateImageOptionsBuilder::default().from_image(repository).tag(tag).build();
        let said = self.docker.create_image(Some(options), None, pull.login.map(credentials));
        let pulled = async {
            let mut said = std::pin::pin!(said);
            let mut layers = Layers::default();
            loop {
                // The call is done when its stream ends, and an error may come in its midst.
                let next = tokio::time::timeout(PULL_STALL, said.next()).await.map_err(|_| ask.hung(PULL_STALL))?;
                let Some(news) = next else { return Ok(()) };
                layers.see(&news.map_err(|error| ask.failed(error))?);
                (pull.progress)(layers.progress());
            }
        };
        tokio::time::timeout(PULL_DEADLINE, pulled).await.unwrap_or_else(|_| Err(ask.hung(PULL_DEADLINE)))
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

    pub(super) async fn name_twin_of(&self, name: &str) -> EngineResult<bool> {
        let (repository, tag) = split_name(name);
        let Some((namespace, _)) = repository.rsplit_once('/') else { return Ok(false) };
        let ask = Ask { operation: "look for image", subject: name };
        let pattern = format!("{namespace}/*:{tag}");
        let filters = HashMap::from([("reference".to_owned(), vec![pattern])]);
        let options = ListImagesOptionsBuilder::default().filters(&filters).build();
        let found = question(ask, self.docker.list_images(Some(options))).await?;
        let Some(twin) = found.into_iter().next() else { return Ok(false) };
        let options = TagImageOptionsBuilder::default().repo(repository).tag(tag).build();
        match question(ask, self.docker.tag_image(&twin.id, Some(options))).await {
            Ok(()) => Ok(true),
            Err(EngineError::NotFound { .. }) => Ok(false), // somebody has removed it meanwhile
            Err(error) => Err(error),
        }
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

/// A login as the SDK has it.
fn credentials(login: &RegistryLogin) -> DockerCredentials {
    let given = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    DockerCredentials {
        username: given(&login.username),
        password: given(&login.password),
        identitytoken: given(&login.identity_token),
        serveraddress: given(&login.server),
        ..DockerCredentials::default()
    }
}

/// The layers of an image that is being pulled, by id: how much of each is here, and how large it is. For show only.
#[derive(Debug, Default)]
struct Layers(BTreeMap<String, (u64, u64)>);

impl Layers {
    fn see(&mut self, news: &CreateImageInfo) {
        let (Some(id), Some(status)) = (&news.id, news.status.as_deref()) else { return };
        let number = |number: Option<i64>| number.and_then(|number| u64::try_from(number).ok());
        match (status, &news.progress_detail) {
            ("Downloading", Some(detail)) => {
                if let (Some(done), Some(total)) = (number(detail.current), number(detail.total)) {
                    self.0.insert(id.clone(), (done, total));
                }
            }
            // Of a small layer nothing else is said; of a large one it has been said how large it is.
            ("Download complete" | "Pull complete", _) => {
                if let Some(layer) = self.0.get_mut(id) {
                    layer.0 = layer.1;
                }
            }
            _ => {}
        }
    }

    fn progress(&self) -> PullProgress {
        let sum = |pick: fn(&(u64, u64)) -> u64| self.0.values().map(pick).sum();
        PullProgress { done_bytes: sum(|layer| layer.0), total_bytes: sum(|layer| layer.1) }
    }
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
    use bollard::models::ProgressDetail;

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

    #[test]
    fn progress_is_summed_over_the_layers() {
        let news = |id: &str, status: &str, bytes: Option<(i64, i64)>| CreateImageInfo {
            id: Some(id.to_owned()),
            status: Some(status.to_owned()),
            progress_detail: bytes.map(|(done, total)| ProgressDetail { current: Some(done), total: Some(total) }),
            ..CreateImageInfo::default()
        };
        let mut layers = Layers::default();
        for (said, done_bytes, total_bytes) in [
            (news("latest", "Pulling from library/redis", None), 0, 0),
            (news("a", "Downloading", Some((5, 100))), 5, 100),
            (news("b", "Downloading", Some((10, 50))), 15, 150),
            (news("c", "Download complete", None), 15, 150),
            (news("b", "Download complete", None), 55, 150),
            (news("b", "Extracting", Some((1, 50))), 55, 150),
            (news("a", "Pull complete", None), 150, 150),
        ] {
            layers.see(&said);
            assert_eq!(layers.progress(), PullProgress { done_bytes, total_bytes }, "{said:?}");
        }
    }
}
