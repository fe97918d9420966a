//! `ImportImage`: a root file system as it comes in, straight into the engine. `EnsureImage`: an image from its registry.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::stream::{self, Stream, StreamExt as _};
use throng_failpoints::{Point, hit};
use throng_proto::agent as wire;
use throng_proto::convert::DecodeError;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_stream::wrappers::WatchStream;
use tonic::{Status, Streaming};

use super::context::Context;
use super::error::ServiceError;
use super::request::EnsureImage;
use crate::host::engine::model::{ImageFacts, Pull, PullProgress};
use crate::resources::image::ensure::{ensure, import};
use crate::resources::image::tag::{REPOSITORY, is_ours};

/// Imports what the stream brings. Where the image is there already the stream is not read.
pub(super) async fn import_image(
    context: &Context,
    mut chunks: Streaming<wire::ImageChunk>,
) -> Result<wire::ImportImageReply, ServiceError> {
    let wrong = |problem: &str| ServiceError::Request(DecodeError::new("image", problem));
    let first = chunks.message().await.map_err(|status| ServiceError::Caller(Box::new(status)))?;
    let first = first.ok_or_else(|| wrong("is missing: the stream is empty"))?;
    let tag = first.image.ok_or_else(|| wrong("is missing in the first message"))?;
    if !is_ours(&tag) {
        return Err(wrong(&format!("`{tag}` does not begin with `{REPOSITORY}/`")));
    }
    let rest = chunks.map(|chunk: Result<wire::ImageChunk, Status>| match chunk {
        Ok(chunk) => Ok(chunk.data),
        Err(status) => Err(io::Error::other(status)),
    });
    let all = stream::once(std::future::ready(Ok(first.data))).chain(rest);
    let image = import(context.host().engine.as_ref(), &tag, all.boxed()).await?;
    hit(Point::ImageImported);
    Ok(wire::ImportImageReply { image_id: image.id })
}

/// How often is told how far a pull is: the engine says it many times a second.
const TOLD_INTERVAL: Duration = Duration::from_millis(500);

/// Makes sure of an image. The stream is the work: whoever drops it gives the pull up.
pub(super) fn ensure_image(
    context: &Context,
    request: EnsureImage,
) -> impl Stream<Item = Result<wire::ImageProgress, Status>> + Send + use<> {
    let engine = Arc::clone(&context.host().engine);
    let (teller, told) = watch::channel(PullProgress::default());
    let work = async move {
        let last = Mutex::new(None::<Instant>);
        let progress = |news: PullProgress| {
            // A time is sound whatever happened while it was held.
            let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
            if last.is_none_or(|at| at.elapsed() >= TOLD_INTERVAL) {
                *last = Some(Instant::now());
                teller.send_replace(news);
            }
        };
        let EnsureImage { image, policy, login } = request;
        let pull = Pull { image: &image, login: login.as_ref(), progress: &progress };
        let ensured = ensure(engine.as_ref(), pull, policy).await.map_err(ServiceError::from)?;
        let ImageFacts { id, repo_digest, .. } = ensured;
        Ok(wire::ImageProgress { image_id: Some(id), repo_digest, ..wire::ImageProgress::default() })
    };
    let progress = WatchStream::from_changes(told).map(|PullProgress { done_bytes, total_bytes }| {
        Ok(wire::ImageProgress { done_bytes, total_bytes, ..wire::ImageProgress::default() })
    });
    stream::select(progress, stream::once(work))
}
