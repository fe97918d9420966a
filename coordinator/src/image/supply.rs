//! Makes sure that hosts have the images of their nodes: sends what was built, has the rest fetched.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use throng_common::ids::HostId;
use throng_common::scenario::model::PullPolicy;
use throng_common::size::ByteSize;
use throng_proto::agent as wire;
use tokio::io::AsyncReadExt as _;
use tonic::Code;

use super::build::Tell;
use super::error::ImageError;
use super::login::{DockerConfig, LoginError};
use super::shelf::failed;
use crate::core::Core;
use crate::fleet::{FleetError, fan_out};

/// How long a host may take to import an image: its engine unpacks it to its disk.
const IMPORT_DEADLINE: Duration = Duration::from_mins(10);

/// How long a host may take to fetch an image of many gigabytes over a slow line. An agent gives up earlier when its
/// engine says nothing any more.
const PULL_DEADLINE: Duration = Duration::from_mins(90);

/// How long a host may take to say where an image came from: a report does without.
const DIGEST_DEADLINE: Duration = Duration::from_secs(5);

/// Bytes sent at once: well below gRPC's limit of 4 MiB for a message.
const CHUNK_BYTES: usize = 512 << 10;

/// An image that hosts must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The image's name.
    pub image: String,
    /// Where it comes from.
    pub source: Source,
    /// The hosts.
    pub hosts: Vec<HostId>,
}

/// Where an image comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The archive of what a script built.
    Archive(PathBuf),
    /// A registry, as the policy says.
    Registry(PullPolicy),
}

/// Supplies hosts with images.
pub struct Supplier {
    core: Arc<Core>,
    logins: Result<DockerConfig, LoginError>,
    tell: Tell,
}

impl Supplier {
    /// One with the logins of whoever runs the coordinator.
    pub fn new(core: &Arc<Core>, tell: Tell) -> Arc<Self> {
        Arc::new(Self { core: Arc::clone(core), logins: DockerConfig::of_process(), tell })
    }

    /// Fills orders, all hosts at once, on each host one image after the other. An outcome for every host.
    pub async fn fill(self: &Arc<Self>, orders: Vec<Order>) -> Vec<(HostId, Result<(), ImageError>)> {
        let orders = Arc::new(orders);
        let mut hosts: Vec<HostId> = orders.iter().flat_map(|order| order.hosts.clone()).collect();
        hosts.sort();
        hosts.dedup();
        fan_out(hosts, |host| {
            let (this, orders) = (Arc::clone(self), Arc::clone(&orders));
            async move {
                for order in orders.iter().filter(|order| order.hosts.contains(&host)) {
                    this.fill_one(&host, order).await?;
                }
                Ok(())
            }
        })
        .await
    }

    async fn fill_one(&self, host: &HostId, order: &Order) -> Result<(), ImageError> {
        let image = order.image.as_str();
        let done = match &order.source {
            Source::Archive(archive) => self.send(host, image, archive).await?,
            Source::Registry(pull) => self.fetch(host, image, *pull).await,
        };
        done.map_err(|source| match source {
            FleetError::Answered { .. } => ImageError::Refused(source),
            source => ImageError::Host { host: host.clone(), image: order.image.clone(), source },
        })
    }

    /// Sends a built image. A host that has it already takes it without importing it again.
    async fn send(&self, host: &HostId, image: &str, archive: &Path) -> Result<Result<(), FleetError>, ImageError> {
        (self.tell)(format!("{image} to {host}"));
        drop(tokio::fs::File::open(archive).await.map_err(failed("read", archive))?);
        let rpc =
            |mut agent: wire::agent_client::AgentClient<_>, request| async move { agent.import_image(request).await };
        let call = || async {
            // One that is gone since ends the stream short, as one that cannot be read does.
            let file = tokio::fs::File::open(archive).await.ok();
            self.core.fleet.call(host, IMPORT_DEADLINE, chunks(file, image.to_owned()), rpc).await
        };
        Ok(self.core.fleet.patiently_with_engine(host, call).await.map(drop))
    }

    /// Has a host fetch an image, if its policy says so. Only then is anybody asked for a login.
    async fn fetch(&self, host: &HostId, image: &str, pull: PullPolicy) -> Result<(), FleetError> {
        if pull != PullPolicy::Always {
            match self.ensure(host, image, (PullPolicy::Never, None)).await {
                Err(FleetError::Answered { code: Code::FailedPrecondition, .. }) if pull == PullPolicy::Missing => {}
                there => return there.map(drop),
            }
        }
        (self.tell)(format!("{image} on {host}"));
        let login = match &self.logins {
            Ok(logins) => logins.login_for(image).await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        let login = login.unwrap_or_else(|problem| {
            tracing::warn!(image, problem, "its registry is asked without a login");
            (self.tell)(format!("{image}: its registry is asked without a login: {problem}"));
            None
        });
        self.ensure(host, image, (pull, login.map(Into::into))).await.map(drop)
    }

    /// The digest in its registry of an image that a host has, by its id; none where it came from none, or the host does
    /// not say.
    pub async fn repo_digest(&self, host: &HostId, image_id: &str) -> Option<String> {
        let asked = self.ensure(host, image_id, (PullPolicy::Never, None));
        match tokio::time::timeout(DIGEST_DEADLINE, asked).await {
            Ok(Ok(digest)) => digest,
            Ok(Err(error)) => {
                tracing::info!(%host, image_id, error = %error, "where an image came from is not known");
                None
            }
            Err(_) => None,
        }
    }

    /// Makes sure of an image, patiently. Gives its digest in the registry that it came from, where it came from one.
    async fn ensure(
        &self,
        host: &HostId,
        image: &str,
        (pull, login): (PullPolicy, Option<wire::RegistryLogin>),
    ) -> Result<Option<String>, FleetError> {
        self.core.fleet.patiently_with_engine(host, || self.ensure_once(host, image, (pull, login.clone()))).await
    }

    async fn ensure_once(
        &self,
        host: &HostId,
        image: &str,
        (pull, login): (PullPolicy, Option<wire::RegistryLogin>),
    ) -> Result<Option<String>, FleetError> {
        let pull = match pull {
            PullPolicy::Missing => wire::PullPolicy::Missing,
            PullPolicy::Always => wire::PullPolicy::Always,
            PullPolicy::Never => wire::PullPolicy::Never,
        };
        let request = wire::EnsureImageRequest { image: image.to_owned(), pull: pull.into(), login };
        let rpc =
            |mut agent: wire::agent_client::AgentClient<_>, request| async move { agent.ensure_image(request).await };
        let ensured = async {
            let mut progress = self.core.fleet.open(host, request, rpc).await?;
            let mut repo_digest = None;
            while let Some(news) = progress.next().await? {
                repo_digest = news.repo_digest.or(repo_digest);
                if news.total_bytes > 0 {
                    let (done, total) = (ByteSize::bytes(news.done_bytes), ByteSize::bytes(news.total_bytes));
                    (self.tell)(format!("{image} on {host}: {done} of {total}"));
                }
            }
            Ok(repo_digest)
        };
        let late = |_| FleetError::DeadlineExceeded { host: host.clone(), deadline: PULL_DEADLINE };
        tokio::time::timeout(PULL_DEADLINE, ensured).await.unwrap_or_else(|over| Err(late(over)))
    }
}

/// An archive in pieces, the first with the image's name.
fn chunks(file: Option<tokio::fs::File>, image: String) -> impl futures_util::Stream<Item = wire::ImageChunk> + Send {
    futures_util::stream::unfold((file, Some(image)), |(mut file, name)| async move {
        let mut data = vec![0; CHUNK_BYTES];
        // A read error ends the stream short; the engine refuses a tar archive that is cut off.
        let count = match &mut file {
            Some(file) => file.read(&mut data).await.unwrap_or(0),
            None => 0,
        };
        data.truncate(count);
        let first = name.is_some();
        (count > 0 || first).then(|| (wire::ImageChunk { image: name, data: data.into() }, (file, None)))
    })
}
