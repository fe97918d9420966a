//! Contents of files that bundles name by their digest.

use throng_common::error_chain::chain;
use throng_proto::operator as wire;
use tonic::{Status, Streaming};

use super::service::ApiService;
use super::status::invalid;
use super::wire::digest;
use crate::content::{ContentError, Partial};

impl ApiService {
    /// Which of these are not here.
    pub(super) fn missing(&self, request: &wire::MissingContentsRequest) -> Result<wire::MissingContentsReply, Status> {
        let digests = request.sha256.iter().map(|text| digest(text)).collect::<Result<Vec<_>, _>>()?;
        let missing = self.core.contents.missing(digests);
        Ok(wire::MissingContentsReply { sha256: missing.iter().map(ToString::to_string).collect() })
    }

    /// Takes in what comes, file after file.
    pub(super) async fn put(
        &self,
        mut chunks: Streaming<wire::ContentChunk>,
    ) -> Result<wire::PutContentsReply, Status> {
        let mut open: Option<Partial> = None;
        while let Some(chunk) = chunks.message().await? {
            if let Some(sha256) = &chunk.sha256 {
                if let Some(whole) = open.take() {
                    whole.finish().await.map_err(of_content)?;
                }
                open = Some(self.core.contents.begin(digest(sha256)?).await.map_err(of_content)?);
            }
            let partial = open.as_mut().ok_or_else(|| invalid("sha256", "is missing in the first message"))?;
            partial.write(&chunk.data).await.map_err(of_content)?;
        }
        if let Some(whole) = open {
            whole.finish().await.map_err(of_content)?;
        }
        Ok(wire::PutContentsReply {})
    }
}

fn of_content(error: ContentError) -> Status {
    let text = chain(&error);
    match error {
        ContentError::Changed { .. } => Status::aborted(text),
        ContentError::TooLarge => Status::invalid_argument(text),
        ContentError::Missing { .. } | ContentError::Damaged { .. } => Status::not_found(text),
        ContentError::Io { .. } => Status::internal(text),
    }
}
