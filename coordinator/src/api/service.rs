//! The service: hands every call to the file of its subject.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::Stream;
use throng_proto::operator as wire;
use throng_proto::operator::throng_server::Throng;
use tonic::{Request, Response, Status, Streaming};

use crate::authz::Caller;
use crate::core::Core;
use crate::fleet::EnrolmentService;
use crate::pki::Authority;

/// A stream of answers.
pub(super) type Streamed<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// What the API needs.
#[derive(Debug, Clone)]
pub struct ApiParts {
    /// The coordinator.
    pub core: Arc<Core>,
    /// Issues certificates.
    pub authority: Arc<Authority>,
    /// Makes join tokens.
    pub enrolment: EnrolmentService,
    /// Where agents and remote operators connect.
    pub address: SocketAddr,
}

/// The operators' API.
#[derive(Debug, Clone)]
pub struct ApiService {
    pub(super) core: Arc<Core>,
    pub(super) authority: Arc<Authority>,
    pub(super) enrolment: EnrolmentService,
    pub(super) address: SocketAddr,
}

impl ApiService {
    /// A service over these.
    pub fn new(parts: ApiParts) -> Self {
        let ApiParts { core, authority, enrolment, address } = parts;
        Self { core, authority, enrolment, address }
    }
}

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl Throng for ApiService {
    async fn get_coordinator(&self, _: Request<wire::GetCoordinatorRequest>) -> Answer<wire::Coordinator> {
        Ok(Response::new(self.coordinator()))
    }

    async fn stop(&self, request: Request<wire::StopRequest>) -> Answer<wire::StopReply> {
        self.end(request.into_inner()).await.map(Response::new)
    }

    async fn create_join_token(
        &self,
        request: Request<wire::CreateJoinTokenRequest>,
    ) -> Answer<wire::CreateJoinTokenReply> {
        self.invite(request.into_inner()).await.map(Response::new)
    }

    async fn create_operator(
        &self,
        request: Request<wire::CreateOperatorRequest>,
    ) -> Answer<wire::CreateOperatorReply> {
        self.add_operator(request.into_inner()).await.map(Response::new)
    }

    async fn list_operators(&self, _: Request<wire::ListOperatorsRequest>) -> Answer<wire::ListOperatorsReply> {
        self.operators().await.map(Response::new)
    }

    async fn remove_operator(
        &self,
        request: Request<wire::RemoveOperatorRequest>,
    ) -> Answer<wire::RemoveOperatorReply> {
        self.withdraw_operator(request.into_inner()).await.map(Response::new)
    }

    async fn list_hosts(&self, _: Request<wire::ListHostsRequest>) -> Answer<wire::ListHostsReply> {
        self.hosts().await.map(Response::new)
    }

    async fn plan(&self, request: Request<wire::PlanRequest>) -> Answer<wire::PlanReply> {
        let caller = request.extensions().get::<Caller>().cloned();
        self.make_plan(request.into_inner(), caller.as_ref()).await.map(Response::new)
    }

    async fn missing_contents(
        &self,
        request: Request<wire::MissingContentsRequest>,
    ) -> Answer<wire::MissingContentsReply> {
        self.missing(request.get_ref()).map(Response::new)
    }

    async fn put_contents(&self, request: Request<Streaming<wire::ContentChunk>>) -> Answer<wire::PutContentsReply> {
        self.put(request.into_inner()).await.map(Response::new)
    }

    async fn up(&self, request: Request<wire::UpRequest>) -> Answer<wire::Operation> {
        let caller = request.extensions().get::<Caller>().cloned();
        self.begin_up(request.into_inner(), caller.as_ref()).await.map(Response::new)
    }

    async fn run(&self, request: Request<wire::RunRequest>) -> Answer<wire::Operation> {
        let caller = request.extensions().get::<Caller>().cloned();
        self.begin_run(request.into_inner(), caller.as_ref()).await.map(Response::new)
    }

    async fn test(&self, request: Request<wire::TestRequest>) -> Answer<wire::Operation> {
        self.begin_test(request.get_ref()).await.map(Response::new)
    }

    async fn scale(&self, request: Request<wire::ScaleRequest>) -> Answer<wire::Operation> {
        self.begin_scale(request.into_inner()).await.map(Response::new)
    }

    async fn restart(&self, request: Request<wire::RestartRequest>) -> Answer<wire::Operation> {
        self.begin_restart(request.get_ref()).await.map(Response::new)
    }

    async fn reset(&self, request: Request<wire::ResetRequest>) -> Answer<wire::Operation> {
        self.begin_reset(request.get_ref()).await.map(Response::new)
    }

    async fn diff(&self, request: Request<wire::DiffRequest>) -> Answer<wire::DiffReply> {
        let caller = request.extensions().get::<Caller>().cloned();
        self.compare(request.into_inner(), caller.as_ref()).await.map(Response::new)
    }

    async fn down(&self, request: Request<wire::DownRequest>) -> Answer<wire::Operation> {
        self.begin_down(request.get_ref()).await.map(Response::new)
    }

    type FollowOperationStream = Streamed<wire::OperationEvent>;

    async fn follow_operation(
        &self,
        request: Request<wire::FollowOperationRequest>,
    ) -> Answer<Self::FollowOperationStream> {
        self.follow(request.get_ref()).map(Response::new)
    }

    async fn cancel_operation(
        &self,
        request: Request<wire::CancelOperationRequest>,
    ) -> Answer<wire::CancelOperationReply> {
        self.cancel(request.get_ref()).await.map(Response::new)
    }

    async fn list_operations(&self, _: Request<wire::ListOperationsRequest>) -> Answer<wire::ListOperationsReply> {
        Ok(Response::new(self.list_operations_now()))
    }

    async fn list_clusters(&self, _: Request<wire::ListClustersRequest>) -> Answer<wire::ListClustersReply> {
        Ok(Response::new(self.clusters()))
    }

    async fn get_cluster(&self, request: Request<wire::GetClusterRequest>) -> Answer<wire::Cluster> {
        self.one_cluster(request.get_ref()).await.map(Response::new)
    }

    async fn list_nodes(&self, request: Request<wire::ListNodesRequest>) -> Answer<wire::ListNodesReply> {
        self.nodes(request.get_ref()).await.map(Response::new)
    }

    type ExecStream = Streamed<wire::ExecOutcome>;

    async fn exec(&self, request: Request<wire::ExecRequest>) -> Answer<Self::ExecStream> {
        self.run_exec(request.into_inner()).map(Response::new)
    }

    type TerminalStream = Streamed<wire::TerminalOutput>;

    async fn terminal(&self, request: Request<Streaming<wire::TerminalInput>>) -> Answer<Self::TerminalStream> {
        self.open_terminal(request.into_inner()).await.map(Response::new)
    }

    type LogsStream = Streamed<wire::LogBatch>;

    async fn logs(&self, request: Request<wire::LogsRequest>) -> Answer<Self::LogsStream> {
        self.read_logs(request.into_inner()).map(Response::new)
    }

    type ReadFileStream = Streamed<wire::FileChunk>;

    async fn read_file(&self, request: Request<wire::ReadFileRequest>) -> Answer<Self::ReadFileStream> {
        self.read_node_file(request.into_inner()).await.map(Response::new)
    }

    type EventsStream = Streamed<wire::EventBatch>;

    async fn events(&self, request: Request<wire::EventsRequest>) -> Answer<Self::EventsStream> {
        self.journal(request.into_inner()).await.map(Response::new)
    }

    async fn list_runs(&self, _: Request<wire::ListRunsRequest>) -> Answer<wire::ListRunsReply> {
        self.runs().await.map(Response::new)
    }

    async fn get_report(&self, request: Request<wire::GetReportRequest>) -> Answer<wire::Report> {
        self.report(request.into_inner()).await.map(Response::new)
    }

    async fn audit(&self, _: Request<wire::AuditRequest>) -> Answer<wire::AuditReply> {
        Ok(Response::new(self.audit_now().await))
    }
}
