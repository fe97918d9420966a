//! `ImportImage`: a root file system as it comes in, straight into the engine.

use std::io;

use futures_util::stream::{self, StreamExt as _};
use throng_proto::agent as wire;
use throng_proto::convert::DecodeError;
use tonic::{Status, Streaming};

use super::context::Context;
use super::error::ServiceError;
use crate::resources::image::ensure::import;
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
    Ok(wire::ImportImageReply { image_id: image.id })
}
