//! Sending a bundle's inputs: only what the coordinator does not have, piece by piece.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;

use throng_common::size::ByteSize;
use throng_proto::operator::{ContentChunk, MissingContentsRequest};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::context::Context;
use super::error::CliError;
use crate::bundle::{Bundle, BundleError, Contents};
use crate::client::connect::Client;

/// Bytes sent at once: well below gRPC's limit of 4 MiB for a message.
const PIECE_BYTES: usize = 512 << 10;

/// Pieces that are read ahead of what is sent.
const PIECES_AHEAD: usize = 4;

/// What is sent without a word, in bytes: it takes no noticeable time.
const SILENT_MAX_BYTES: u64 = 64 << 20;

/// Sends what the coordinator lacks of a bundle's inputs.
pub(super) async fn send(
    context: &Context,
    client: &mut Client,
    bundle: &Bundle,
    contents: &Contents,
) -> Result<(), CliError> {
    // Each of them once, however many files hold the same.
    let paths: BTreeMap<String, &String> = contents.iter().map(|(path, digest)| (digest.to_string(), path)).collect();
    if paths.is_empty() {
        return Ok(());
    }
    let request = MissingContentsRequest { sha256: paths.keys().cloned().collect() };
    let lacking = client.missing_contents(request).await?.into_inner().sha256;
    let mut missing: Vec<(String, PathBuf)> = Vec::new();
    let mut total = 0;
    for digest in lacking {
        if let Some(path) = paths.get(&digest) {
            total += bundle.inputs.get(*path).map_or(0, |input| input.bytes);
            missing.push((digest, bundle.dir.join(path)));
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    if total > SILENT_MAX_BYTES {
        context.printer.note(&format!("sending {} to the coordinator", ByteSize::bytes(total)));
    }
    let (sender, pieces) = mpsc::channel(PIECES_AHEAD);
    let reading =
        tokio::task::spawn_blocking(move || missing.iter().try_for_each(|(digest, path)| read(digest, path, &sender)));
    let sent = client.put_contents(ReceiverStream::new(pieces)).await;
    // A file that could not be read ended the stream short: that is the better reason.
    reading.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))?;
    sent?;
    Ok(())
}

/// Passes a file on, piece by piece. Blocks.
fn read(digest: &str, path: &PathBuf, sender: &mpsc::Sender<ContentChunk>) -> Result<(), BundleError> {
    let failed = |source| BundleError::ReadNamed { path: path.clone(), source };
    let mut file = File::open(path).map_err(failed)?;
    let mut begins = Some(digest.to_owned());
    loop {
        let mut data = Vec::with_capacity(PIECE_BYTES);
        let read = (&mut file).take(PIECE_BYTES as u64).read_to_end(&mut data).map_err(failed)?;
        // The first piece also tells of a file that holds nothing.
        if read == 0 && begins.is_none() {
            return Ok(());
        }
        let chunk = ContentChunk { sha256: begins.take(), data: data.into() };
        // Nobody takes it any more: the call has ended, and says why.
        if sender.blocking_send(chunk).is_err() {
            return Ok(());
        }
    }
}
