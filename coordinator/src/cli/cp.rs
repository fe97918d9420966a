//! `throng cp`: a file out of a node.

use std::path::{Path, PathBuf};

use clap::Args;
use throng_common::ids::NodeName;
use throng_common::size::ByteSize;
use throng_common::verdict::Outcome;
use throng_proto::operator::ReadFileRequest;
use tonic::{Code, Status};

use super::args::ClusterArg;
use super::context::Context;
use super::error::CliError;
use super::local_file::LocalFile;

/// Arguments.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng cp worker-0042:/data/dump.rdb .
  throng cp primary-0000:/var/log/redis.log -     to stdout")]
pub struct CpArgs {
    /// The node and the file's path in it
    #[arg(value_name = "NODE:/PATH", value_parser = parse_source)]
    pub source: Source,
    /// A file or folder here; - for stdout
    #[arg(value_name = "LOCAL")]
    pub local: PathBuf,
    /// Refuse a larger file; more than 64MiB are never given
    #[arg(long, value_name = "SIZE", default_value = "64MiB")]
    pub max: ByteSize,
    /// Which cluster
    #[command(flatten)]
    pub cluster: ClusterArg,
}

/// A file in a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    node: NodeName,
    path: String,
}

/// Why a text names no file in a node.
#[derive(Debug, thiserror::Error)]
#[error("write a node and an absolute path, like worker-0042:/data/dump.rdb; into a node nothing is copied")]
pub struct SourceError;

fn parse_source(text: &str) -> Result<Source, SourceError> {
    let (node, path) = text.split_once(':').ok_or(SourceError)?;
    if !path.starts_with('/') || path.ends_with('/') {
        return Err(SourceError);
    }
    Ok(Source { node: node.parse().map_err(|_| SourceError)?, path: path.to_owned() })
}

/// Runs it.
pub async fn run(context: &Context, args: CpArgs) -> Result<Outcome, CliError> {
    let mut client = context.client().await?;
    let request = ReadFileRequest {
        cluster: args.cluster.id(),
        node: args.source.node.to_string(),
        path: args.source.path.clone(),
        max_bytes: args.max.as_bytes(),
        tail: false,
    };
    let (node, file) = (args.source.node, args.source.path);
    // The coordinator says what is wrong, for which of many files it was asked only we know.
    let named = |status: Status| match status.code() {
        Code::NotFound | Code::OutOfRange | Code::FailedPrecondition | Code::InvalidArgument => {
            Status::new(status.code(), format!("{node}:{file}: {}", status.message()))
        }
        _ => status,
    };
    let mut chunks = client.read_file(request).await.map_err(named)?.into_inner();
    if args.local == Path::new("-") {
        while let Some(chunk) = chunks.message().await.map_err(named)? {
            context.printer.bytes(&chunk.data)?;
        }
        return Ok(Outcome::Pass);
    }
    let path = destination(&args.local, &file);
    let failed = |source| CliError::File { action: "write", path: path.clone(), source };
    // All of it is here before a file is begun (it is 64 MiB at most): whoever is killed on the way leaves none.
    let mut bytes = Vec::new();
    while let Some(chunk) = chunks.message().await.map_err(named)? {
        bytes.extend_from_slice(&chunk.data);
    }
    let mut file = LocalFile::begin(&path).map_err(failed)?;
    file.add(&bytes).and_then(|()| file.keep()).map_err(failed)?;
    context.printer.note(&format!("{} {}", path.display(), ByteSize::bytes(bytes.len() as u64)));
    Ok(Outcome::Pass)
}

/// In a folder, the file keeps its name.
fn destination(local: &Path, remote: &str) -> PathBuf {
    match Path::new(remote).file_name() {
        Some(name) if local.is_dir() => local.join(name),
        _ => local.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_a_node_and_an_absolute_path() {
        assert_eq!(parse_source("worker-0042:/data/x").unwrap().path, "/data/x");
        for text in ["worker-0042", "worker-0042:data", "worker:/data/x", "worker-0042:/data/", ":/x"] {
            assert!(parse_source(text).is_err(), "{text}");
        }
    }
}
