//! A coordinator that answers by script and records what it was asked.

use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use throng_proto::operator::throng_server::{Throng, ThrongServer};
use throng_proto::operator::{self as api, OperationEvent};
use tokio::net::UnixListener;
use tokio::sync::Notify;
use tokio_stream::wrappers::UnixListenerStream;
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Request, Response, Status};

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;
type Reply<T> = Result<Response<T>, Status>;

/// What is answered.
#[derive(Debug, Default, Clone)]
pub(crate) struct Script {
    /// This machine's agent connects only after a token was made for it.
    pub(crate) agentless: bool,
    pub(crate) clusters: Vec<api::Cluster>,
    pub(crate) nodes: Vec<api::Node>,
    pub(crate) hosts: Vec<api::Host>,
    pub(crate) runs: Vec<api::RunSummary>,
    pub(crate) report: Option<api::Report>,
    pub(crate) operations: Vec<api::OperationSummary>,
    pub(crate) outcomes: Vec<api::ExecOutcome>,
    pub(crate) log_lines: Vec<api::LogLine>,
    pub(crate) events: Vec<api::Event>,
    pub(crate) file: Vec<u8>,
    pub(crate) plan: api::PlanReply,
    pub(crate) residues: Vec<api::Residue>,
    pub(crate) certificates: Vec<api::OperatorCertificate>,
    pub(crate) diff: api::DiffReply,
    /// Of every operation, before it is cancelled; all of it where `after_cancel` is empty.
    pub(crate) progress: Vec<OperationEvent>,
    /// Sent once it is cancelled.
    pub(crate) after_cancel: Vec<OperationEvent>,
    /// The stream of events breaks after so many of them, once; a file's after so many chunks.
    pub(crate) break_after: Option<usize>,
}

/// The coordinator.
#[derive(Debug, Clone)]
pub(crate) struct Fake {
    script: Arc<Mutex<Script>>,
    calls: Arc<Mutex<Vec<String>>>,
    cancelled: Arc<Notify>,
    stopped: Arc<Notify>,
}

impl Fake {
    /// Listens on this socket until it is asked to stop, or the test ends.
    pub(crate) fn serve(socket: &Path, script: Script) -> Self {
        let fake = Self {
            script: Arc::new(Mutex::new(script)),
            calls: Arc::default(),
            cancelled: Arc::default(),
            stopped: Arc::default(),
        };
        let listener = UnixListener::bind(socket).unwrap();
        let service = ThrongServer::new(fake.clone());
        let (stopped, socket) = (fake.stopped.clone(), socket.to_owned());
        tokio::spawn(async move {
            let connections = UnixListenerStream::new(listener);
            let server = tonic::transport::Server::builder().add_service(service);
            server
                .serve_with_incoming_shutdown(connections, async move {
                    stopped.notified().await;
                    std::fs::remove_file(socket).unwrap();
                })
                .await
                .unwrap();
        });
        fake
    }

    /// What was asked, in order.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }

    fn called(&self, call: impl Into<String>) -> Script {
        self.calls.lock().unwrap().push(call.into());
        self.script.lock().unwrap().clone()
    }

    fn begin(&self, verb: &str, detail: &str) -> Reply<api::Operation> {
        self.called(format!("{verb}{detail}"));
        let run = if verb == "run" || verb == "test" { "demo-run-abcde" } else { "" };
        answer(api::Operation { operation: format!("{verb}-abcdef"), cluster: "demo-k3f9".into(), run: run.into() })
    }
}

#[expect(clippy::unnecessary_wraps, reason = "it is what every method of the service gives back")]
fn answer<T>(value: T) -> Reply<T> {
    Ok(Response::new(value))
}

fn stream<T: Send + 'static>(values: Vec<T>) -> Reply<Answers<T>> {
    answer(Box::pin(tokio_stream::iter(values.into_iter().map(Ok))))
}

#[tonic::async_trait]
impl Throng for Fake {
    type FollowOperationStream = Answers<OperationEvent>;
    type ExecStream = Answers<api::ExecOutcome>;
    type TerminalStream = Answers<api::TerminalOutput>;
    type LogsStream = Answers<api::LogBatch>;
    type ReadFileStream = Answers<api::FileChunk>;
    type EventsStream = Answers<api::EventBatch>;

    async fn get_coordinator(&self, _: Request<api::GetCoordinatorRequest>) -> Reply<api::Coordinator> {
        let script = self.called("get_coordinator");
        answer(api::Coordinator {
            pid: 4711,
            build: "0.1.0".into(),
            address: "127.0.0.1:7000".into(),
            state_dir: "/state".into(),
            connected_hosts: if script.agentless { Vec::new() } else { vec!["local".into()] },
            clusters: script.clusters.iter().map(|cluster| cluster.cluster.clone()).collect(),
            ..api::Coordinator::default()
        })
    }

    async fn stop(&self, request: Request<api::StopRequest>) -> Reply<api::StopReply> {
        self.called(format!("stop agents={}", request.into_inner().agents));
        self.stopped.notify_one();
        answer(api::StopReply::default())
    }

    async fn create_join_token(&self, _: Request<api::CreateJoinTokenRequest>) -> Reply<api::CreateJoinTokenReply> {
        self.called("create_join_token");
        self.script.lock().unwrap().agentless = false;
        answer(api::CreateJoinTokenReply {
            token: "s3cret-token".into(),
            ca_pin: "ab12".into(),
            address: "127.0.0.1:7000".into(),
        })
    }

    async fn create_operator(&self, request: Request<api::CreateOperatorRequest>) -> Reply<api::CreateOperatorReply> {
        self.called(format!("create_operator {}", request.get_ref().name));
        answer(api::CreateOperatorReply {
            certificate: "CERT".into(),
            private_key: "KEY".into(),
            ca_certificate: "CA".into(),
            expires_unix_millis: 1_795_374_096_000,
        })
    }

    async fn list_operators(&self, _: Request<api::ListOperatorsRequest>) -> Reply<api::ListOperatorsReply> {
        answer(api::ListOperatorsReply { certificates: self.called("list_operators").certificates })
    }

    async fn remove_operator(&self, request: Request<api::RemoveOperatorRequest>) -> Reply<api::RemoveOperatorReply> {
        let request = request.into_inner();
        let script = self.called(format!("remove_operator {} {}", request.name, request.serial));
        let is_meant = |one: &api::OperatorCertificate| one.serial == request.serial;
        answer(api::RemoveOperatorReply { certificates: script.certificates.into_iter().filter(is_meant).collect() })
    }

    async fn list_hosts(&self, _: Request<api::ListHostsRequest>) -> Reply<api::ListHostsReply> {
        answer(api::ListHostsReply { hosts: self.called("list_hosts").hosts })
    }

    async fn plan(&self, _: Request<api::PlanRequest>) -> Reply<api::PlanReply> {
        answer(self.called("plan").plan)
    }

    async fn missing_contents(
        &self,
        request: Request<api::MissingContentsRequest>,
    ) -> Reply<api::MissingContentsReply> {
        let sha256 = request.into_inner().sha256;
        self.called(format!("missing_contents {}", sha256.len()));
        // As if it had all but the first.
        answer(api::MissingContentsReply { sha256: sha256.into_iter().take(1).collect() })
    }

    async fn put_contents(
        &self,
        request: Request<tonic::Streaming<api::ContentChunk>>,
    ) -> Reply<api::PutContentsReply> {
        let mut chunks = request.into_inner();
        let (mut files, mut bytes) = (0, 0);
        while let Some(chunk) = chunks.message().await? {
            files += usize::from(chunk.sha256.is_some());
            bytes += chunk.data.len();
        }
        self.called(format!("put_contents {files} {bytes}"));
        answer(api::PutContentsReply {})
    }

    async fn up(&self, request: Request<api::UpRequest>) -> Reply<api::Operation> {
        let request = request.into_inner();
        match (request.into.as_str(), request.bound) {
            ("", _) => self.begin("up", ""),
            (into, bound) => {
                let bound = bound.unwrap_or_default();
                self.begin("update", &format!(" {into} {}/{}", bound.down, bound.failed))
            }
        }
    }

    async fn run(&self, request: Request<api::RunRequest>) -> Reply<api::Operation> {
        let request = request.into_inner();
        self.begin("run", &format!(" keep={:?} tests={:?} seed={}", request.keep(), request.tests, request.seed))
    }

    async fn test(&self, request: Request<api::TestRequest>) -> Reply<api::Operation> {
        self.begin("test", &format!(" {}", request.get_ref().tests))
    }

    async fn scale(&self, request: Request<api::ScaleRequest>) -> Reply<api::Operation> {
        self.begin("scale", &format!(" {:?}", request.get_ref().counts))
    }

    async fn restart(&self, request: Request<api::RestartRequest>) -> Reply<api::Operation> {
        let request = request.into_inner();
        let bound =
            request.bound.map_or_else(|| "at once".to_owned(), |bound| format!("{}/{}", bound.down, bound.failed));
        self.begin("restart", &format!(" {} {bound}", request.selector))
    }

    async fn reset(&self, request: Request<api::ResetRequest>) -> Reply<api::Operation> {
        self.begin("reset", &format!(" {}", request.get_ref().cluster))
    }

    async fn diff(&self, request: Request<api::DiffRequest>) -> Reply<api::DiffReply> {
        let script = self.called(format!("diff {}", request.get_ref().into));
        answer(api::DiffReply { cluster: request.into_inner().into, ..script.diff })
    }

    async fn down(&self, request: Request<api::DownRequest>) -> Reply<api::Operation> {
        let request = request.into_inner();
        let orphans =
            if request.orphans { format!(" orphans={}", request.orphaned_clusters.join(",")) } else { String::new() };
        self.begin("down", &format!(" {}{orphans}", request.cluster))
    }

    async fn follow_operation(
        &self,
        request: Request<api::FollowOperationRequest>,
    ) -> Reply<Self::FollowOperationStream> {
        let request = request.into_inner();
        let mut script = self.called(format!("follow {} from={}", request.operation, request.from));
        let later = script.progress.iter().filter(|event| event.number >= request.from).cloned().collect::<Vec<_>>();
        if let Some(count) = script.break_after.take() {
            self.script.lock().unwrap().break_after = None;
            let broken = tokio_stream::iter([Err(Status::unavailable("the coordinator restarts"))]);
            let first = tokio_stream::iter(later.into_iter().take(count).map(Ok));
            return answer(Box::pin(first.chain(broken)));
        }
        let cancelled = self.cancelled.clone();
        let after = script.after_cancel;
        let ends_by_itself =
            later.iter().any(|event| matches!(event.event, Some(api::operation_event::Event::Ended(_))));
        let (sender, receiver) = tokio::sync::mpsc::channel(64);
        tokio::spawn(async move {
            for event in later {
                let _ = sender.send(Ok(event)).await;
            }
            if !ends_by_itself {
                cancelled.notified().await;
                for event in after {
                    let _ = sender.send(Ok(event)).await;
                }
                // Without a script for its end it goes on until the watcher leaves.
                sender.closed().await;
            }
        });
        answer(Box::pin(tokio_stream::wrappers::ReceiverStream::new(receiver)))
    }

    async fn cancel_operation(
        &self,
        request: Request<api::CancelOperationRequest>,
    ) -> Reply<api::CancelOperationReply> {
        self.called(format!("cancel {}", request.get_ref().operation));
        self.cancelled.notify_one();
        answer(api::CancelOperationReply {})
    }

    async fn list_operations(&self, _: Request<api::ListOperationsRequest>) -> Reply<api::ListOperationsReply> {
        answer(api::ListOperationsReply { operations: self.called("list_operations").operations })
    }

    async fn list_clusters(&self, _: Request<api::ListClustersRequest>) -> Reply<api::ListClustersReply> {
        answer(api::ListClustersReply { clusters: self.called("list_clusters").clusters })
    }

    async fn get_cluster(&self, request: Request<api::GetClusterRequest>) -> Reply<api::Cluster> {
        let wanted = request.into_inner().cluster;
        let script = self.called(format!("get_cluster {wanted}"));
        let found = script.clusters.into_iter().find(|cluster| wanted.is_empty() || cluster.cluster == wanted);
        let missing = || Status::not_found(format!("there is no cluster `{wanted}`\nhint: `throng status` lists them"));
        found.map(Response::new).ok_or_else(missing)
    }

    async fn list_nodes(&self, request: Request<api::ListNodesRequest>) -> Reply<api::ListNodesReply> {
        let script = self.called(format!("list_nodes {}", request.get_ref().selector));
        answer(api::ListNodesReply { nodes: script.nodes, seen_at_unix_millis: 0 })
    }

    async fn exec(&self, request: Request<api::ExecRequest>) -> Reply<Self::ExecStream> {
        let request = request.into_inner();
        let stdin = String::from_utf8_lossy(&request.stdin).into_owned();
        let script = self.called(format!("exec {} {:?} stdin={stdin:?}", request.selector, request.command));
        stream(script.outcomes)
    }

    /// A shell that prompts, takes every key, and ends with code 3 at `q`.
    async fn terminal(&self, request: Request<tonic::Streaming<api::TerminalInput>>) -> Reply<Self::TerminalStream> {
        use api::terminal_input::Input;
        use api::terminal_output::Output;
        let (mut inputs, fake) = (request.into_inner(), self.clone());
        let (sender, receiver) = tokio::sync::mpsc::channel(64);
        let say = |output| Ok(api::TerminalOutput { output: Some(output) });
        tokio::spawn(async move {
            let size = |size: api::TerminalSize| format!("{}x{}", size.rows, size.columns);
            while let Ok(Some(message)) = inputs.message().await {
                match message.input {
                    Some(Input::Start(start)) => {
                        fake.called(format!("terminal start {} {}", start.node, start.size.map(size).unwrap()));
                        sender.send(say(Output::Data("$ ".into()))).await.unwrap();
                    }
                    Some(Input::Size(changed)) => drop(fake.called(format!("terminal size {}", size(changed)))),
                    Some(Input::Data(data)) if data == "q" => sender.send(say(Output::Code(3))).await.unwrap(),
                    Some(Input::Data(data)) => {
                        drop(fake.called(format!("terminal data {:?}", String::from_utf8_lossy(&data))));
                    }
                    None => {}
                }
            }
        });
        answer(Box::pin(tokio_stream::wrappers::ReceiverStream::new(receiver)))
    }

    async fn logs(&self, request: Request<api::LogsRequest>) -> Reply<Self::LogsStream> {
        let request = request.into_inner();
        let script = self.called(format!("logs {} tail={:?}", request.selector, request.tail_lines));
        stream(vec![api::LogBatch { lines: script.log_lines }])
    }

    async fn read_file(&self, request: Request<api::ReadFileRequest>) -> Reply<Self::ReadFileStream> {
        let request = request.into_inner();
        let script = self.called(format!("read_file {} {} max={}", request.node, request.path, request.max_bytes));
        if script.file.is_empty() {
            return Err(Status::not_found(format!("{} has no {}", request.node, request.path)));
        }
        let chunks = script.file.chunks(4).map(|data| Ok(api::FileChunk { data: data.to_vec().into() }));
        let end = script.break_after.map(|_| Err(Status::unavailable("host local is not connected")));
        let chunks: Vec<_> = chunks.take(script.break_after.unwrap_or(usize::MAX)).chain(end).collect();
        answer(Box::pin(tokio_stream::iter(chunks)))
    }

    async fn events(&self, request: Request<api::EventsRequest>) -> Reply<Self::EventsStream> {
        let script = self.called(format!("events from={} tail={}", request.get_ref().from, request.get_ref().tail));
        stream(vec![api::EventBatch { events: script.events }])
    }

    async fn list_runs(&self, _: Request<api::ListRunsRequest>) -> Reply<api::ListRunsReply> {
        answer(api::ListRunsReply { runs: self.called("list_runs").runs })
    }

    async fn get_report(&self, request: Request<api::GetReportRequest>) -> Reply<api::Report> {
        let script = self.called(format!("get_report {}", request.get_ref().run));
        script.report.map(Response::new).ok_or_else(|| Status::not_found("there is no such run"))
    }

    async fn audit(&self, _: Request<api::AuditRequest>) -> Reply<api::AuditReply> {
        answer(api::AuditReply { residues: self.called("audit").residues })
    }
}
