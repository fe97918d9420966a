//! The service: each call is decoded, carried out by its module, and its errors told as status codes.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use throng_common::host_spec::HostSpec;
use throng_common::ids::ClusterId;
use throng_common::status::AuditScope;
use throng_failpoints::{Point, hit};
use throng_proto::agent as wire;
use throng_proto::agent::agent_server::{Agent, AgentServer};
use throng_proto::convert::{DecodeError, text};
use throng_proto::transport::MESSAGE_MAX_BYTES;
use tonic::service::Routes;
use tonic::{Request, Response, Status, Streaming};

use super::context::{Context, ServiceParts};
use super::error::ServiceError;
use super::{audit, commands, greet, image, logs, terminal, watch};
use crate::reconcile::task::ApplyError;
use crate::sweep::{neighbours, sweep};

/// The service. Clones are the same.
#[derive(Clone)]
pub struct AgentService {
    context: Arc<Context>,
}

impl AgentService {
    /// A service made of these parts.
    pub fn new(parts: ServiceParts) -> Self {
        Self { context: Arc::new(Context::new(parts)) }
    }

    /// What is served on a connection.
    pub fn routes(&self) -> Routes {
        let server = AgentServer::new(self.clone())
            .max_decoding_message_size(MESSAGE_MAX_BYTES)
            .max_encoding_message_size(MESSAGE_MAX_BYTES);
        Routes::new(server)
    }

    async fn take(&self, request: wire::ApplyRequest) -> Result<wire::ApplyReply, ServiceError> {
        let spec = request.spec.ok_or_else(|| DecodeError::new("spec", "is missing"))?;
        let spec = HostSpec::try_from(spec).map_err(|error| error.within("spec"))?;
        let own = &self.context.parts.host_id;
        if spec.host != *own {
            return Err(ServiceError::OtherHost { own: own.to_string(), given: spec.host.to_string() });
        }
        self.context.see_epoch(spec.epoch.0)?;
        let generation = spec.generation.0;
        let remembered = request.remembered.into_iter().map(Into::into).collect();
        self.context.parts.reconcile.apply(spec, remembered).await?;
        Ok(wire::ApplyReply { generation })
    }

    async fn look_for_residue(&self, mut scope: AuditScope) -> Result<wire::AuditReply, ServiceError> {
        let host = self.context.host();
        if scope.cluster.is_none() {
            let procs = host.procs.clone();
            let known = tokio::task::spawn_blocking(move || neighbours::clusters(&procs)).await?;
            scope.live.extend(known.into_keys());
        }
        let found = audit::audit(scope, host.paths.clone(), host.engine.as_ref()).await?;
        if !found.unread.is_empty() {
            return Err(ServiceError::Audit(found.unread));
        }
        hit(Point::Audited);
        Ok(wire::AuditReply { residues: found.residues.iter().map(Into::into).collect() })
    }
}

impl AgentService {
    async fn remove_leftovers(&self, request: &wire::SweepRequest) -> Result<wire::SweepReply, ServiceError> {
        let ids = request.clusters.iter().map(|cluster| text("clusters", cluster));
        let asked: BTreeSet<ClusterId> = ids.collect::<Result<_, _>>()?;
        let occupied = self.context.parts.reconcile.occupied().await.ok_or(ApplyError::Ending)?;
        let problems = sweep(&self.context.parts.host, asked, &occupied).await;
        Ok(wire::SweepReply { problems })
    }
}

/// A request's message as a checked value.
fn checked<W, T>(request: Request<W>) -> Result<T, ServiceError>
where
    T: TryFrom<W, Error = DecodeError>,
{
    Ok(T::try_from(request.into_inner())?)
}

type Stream<T> = BoxStream<'static, Result<T, Status>>;

#[tonic::async_trait]
impl Agent for AgentService {
    type WatchStream = Stream<wire::WatchBatch>;
    type ExecStream = Stream<wire::ExecOutcome>;
    type TerminalStream = Stream<wire::TerminalOutput>;
    type FetchStream = Stream<wire::FetchOutcome>;
    type LogsStream = Stream<wire::LogBatch>;
    type ReadFileStream = Stream<wire::FileChunk>;
    type EnsureImageStream = Stream<wire::ImageProgress>;

    async fn hello(&self, request: Request<wire::HelloRequest>) -> Result<Response<wire::HelloReply>, Status> {
        Ok(Response::new(greet::hello(&self.context, checked(request)?).await?))
    }

    async fn facts(&self, _: Request<wire::FactsRequest>) -> Result<Response<wire::HostFacts>, Status> {
        Ok(Response::new((&self.context.facts().await?).into()))
    }

    async fn apply(&self, request: Request<wire::ApplyRequest>) -> Result<Response<wire::ApplyReply>, Status> {
        Ok(Response::new(self.take(request.into_inner()).await?))
    }

    async fn watch(&self, request: Request<wire::WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        Ok(Response::new(watch::watch(&self.context, request.into_inner()).boxed()))
    }

    async fn exec(&self, request: Request<wire::ExecRequest>) -> Result<Response<Self::ExecStream>, Status> {
        Ok(Response::new(commands::exec(&self.context, checked(request)?).map(Ok).boxed()))
    }

    async fn terminal(
        &self,
        request: Request<Streaming<wire::TerminalInput>>,
    ) -> Result<Response<Self::TerminalStream>, Status> {
        Ok(Response::new(terminal::open(&self.context, request.into_inner()).await?.boxed()))
    }

    async fn fetch(&self, request: Request<wire::FetchRequest>) -> Result<Response<Self::FetchStream>, Status> {
        Ok(Response::new(commands::fetch(checked(request)?).map(Ok).boxed()))
    }

    async fn logs(&self, request: Request<wire::LogsRequest>) -> Result<Response<Self::LogsStream>, Status> {
        Ok(Response::new(logs::logs(&self.context, checked(request)?).await.map(Ok).boxed()))
    }

    async fn read_file(
        &self,
        request: Request<wire::ReadFileRequest>,
    ) -> Result<Response<Self::ReadFileStream>, Status> {
        Ok(Response::new(logs::file(&self.context, checked(request)?).await?.map(Ok).boxed()))
    }

    async fn signal(&self, request: Request<wire::SignalRequest>) -> Result<Response<wire::SignalReply>, Status> {
        Ok(Response::new(commands::signal(&self.context, checked(request)?).await))
    }

    async fn import_image(
        &self,
        request: Request<Streaming<wire::ImageChunk>>,
    ) -> Result<Response<wire::ImportImageReply>, Status> {
        Ok(Response::new(image::import_image(&self.context, request.into_inner()).await?))
    }

    async fn ensure_image(
        &self,
        request: Request<wire::EnsureImageRequest>,
    ) -> Result<Response<Self::EnsureImageStream>, Status> {
        Ok(Response::new(image::ensure_image(&self.context, checked(request)?).boxed()))
    }

    async fn audit(&self, request: Request<wire::AuditRequest>) -> Result<Response<wire::AuditReply>, Status> {
        Ok(Response::new(self.look_for_residue(checked(request)?).await?))
    }

    async fn sweep(&self, request: Request<wire::SweepRequest>) -> Result<Response<wire::SweepReply>, Status> {
        Ok(Response::new(self.remove_leftovers(&request.into_inner()).await?))
    }

    async fn shutdown(&self, _: Request<wire::ShutdownRequest>) -> Result<Response<wire::ShutdownReply>, Status> {
        tracing::info!("the coordinator asks this agent to end");
        // The connection is closed only after the answers of calls under way.
        self.context.parts.shutdown.cancel();
        Ok(Response::new(wire::ShutdownReply {}))
    }
}
