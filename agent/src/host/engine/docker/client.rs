//! The connection: one deadline a call, and errors mapped by status code.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bollard::errors::Error as SdkError;
use bollard::{API_DEFAULT_VERSION, Docker};
use bytes::Bytes;
use futures_util::stream::BoxStream;
use tokio::sync::Semaphore;

use crate::host::engine::api::{Call, Engine, EngineTerminal, TerminalRequest, TerminalSize};
use crate::host::engine::error::{EngineError, EngineResult};
use crate::host::engine::model::{
    ContainerId, ContainerPlan, ContainerState, ContainerSummary, EngineEvent, EngineInfo, ExecEnd, ExecRequest,
    FileContents, FileSlice, ImageFacts, LogOptions, Pull, RawLogLine,
};
use crate::host::engine::socket;

/// The SDK's own timeout, well above every deadline here, which end calls first.
const SDK_TIMEOUT_SECONDS: u64 = 3600;
/// Questions about one thing, or the one list: milliseconds when all is well, more when 100 starts are under way.
pub(super) const READ_DEADLINE: Duration = Duration::from_secs(20);
/// Creating, starting and removing: about 100 ms alone; a host with a full disk queue takes seconds.
pub(super) const CHANGE_DEADLINE: Duration = Duration::from_mins(1);
/// Ends and removals under way at once: a burst of them can wedge the engine for good (libnetwork's lock order).
const ENDS_IN_FLIGHT: usize = 4;
/// How long one of them may keep the others waiting. One that takes longer hangs, for a container or for good: it has
/// done its harm, and those whose container is well must not wait for it.
const END_PLACE_MAX: Duration = Duration::from_secs(5);

/// The engine behind one unix socket.
#[derive(Clone)]
pub struct DockerEngine {
    pub(super) docker: Docker,
    pub(super) socket: Arc<Path>,
    pub(super) ends: Arc<Semaphore>,
}

/// What is asked, for deadlines and error texts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ask<'a> {
    /// The verb.
    pub(super) operation: &'static str,
    /// The object: a container, an image.
    pub(super) subject: &'a str,
}

impl DockerEngine {
    /// The engine whose socket is found on this host. Speaks to nobody yet.
    pub fn find() -> EngineResult<Self> {
        Self::open(&socket::find()?)
    }

    /// The engine behind this socket. Speaks to nobody yet.
    pub fn open(socket: &Path) -> EngineResult<Self> {
        let docker = Docker::connect_with_unix(&socket.to_string_lossy(), SDK_TIMEOUT_SECONDS, API_DEFAULT_VERSION)
            .map_err(|_| EngineError::NoSocket { tried: socket.display().to_string() })?;
        Ok(Self { docker, socket: Arc::from(PathBuf::from(socket)), ends: Arc::new(Semaphore::new(ENDS_IN_FLIGHT)) })
    }
}

/// Asks a question under its deadline. An error of the engine's own is no answer: it tells nothing of the subject.
pub(super) async fn question<T>(ask: Ask<'_>, call: impl Future<Output = Result<T, SdkError>>) -> EngineResult<T> {
    within(ask, READ_DEADLINE, call).await.map_err(|error| match error {
        EngineError::Refused { operation, subject, status: Some(500..), message }
        | EngineError::Conflict { operation, subject, message } => {
            EngineError::NoAnswer { operation, subject, message }
        }
        error => error,
    })
}

/// Runs a call under a deadline.
pub(super) async fn within<T>(
    ask: Ask<'_>,
    deadline: Duration,
    call: impl Future<Output = Result<T, SdkError>>,
) -> EngineResult<T> {
    match tokio::time::timeout(deadline, call).await {
        Ok(result) => result.map_err(|error| ask.failed(error)),
        Err(_) => Err(ask.hung(deadline)),
    }
}

impl DockerEngine {
    /// Runs an end or a removal when it is its turn.
    pub(super) async fn in_turn<T>(&self, call: impl Future<Output = T>) -> T {
        let mut call = std::pin::pin!(call);
        {
            let _turn = self.ends.acquire().await.expect("the semaphore is never closed");
            if let Ok(answer) = tokio::time::timeout(END_PLACE_MAX, call.as_mut()).await {
                return answer;
            }
        }
        call.await
    }
}

impl Ask<'_> {
    /// The call took longer than it may.
    pub(super) fn hung(self, after: Duration) -> EngineError {
        EngineError::Hung { operation: self.operation, subject: self.subject.to_owned(), after }
    }

    /// The answer makes no sense.
    pub(super) fn garbled(self, source: impl Into<crate::host::engine::error::Cause>) -> EngineError {
        EngineError::Garbled { operation: self.operation, subject: self.subject.to_owned(), source: source.into() }
    }

    /// The error in our words, told apart by status code and by which layer it came from.
    pub(super) fn failed(self, error: SdkError) -> EngineError {
        let (operation, subject) = (self.operation, self.subject.to_owned());
        match error {
            SdkError::DockerResponseServerError { status_code: 404, message } => {
                EngineError::NotFound { operation, subject, message }
            }
            SdkError::DockerResponseServerError { status_code: 409, message } => {
                EngineError::Conflict { operation, subject, message }
            }
            SdkError::DockerResponseServerError { status_code, message } => {
                EngineError::Refused { operation, subject, status: Some(status_code), message }
            }
            SdkError::DockerStreamError { error } => {
                EngineError::Refused { operation, subject, status: None, message: error }
            }
            error @ (SdkError::JsonDataError { .. }
            | SdkError::JsonSerdeError { .. }
            | SdkError::StrParseError { .. }) => EngineError::Garbled { operation, subject, source: error.into() },
            // Everything else is of the transport: the engine may or may not have done it.
            error => EngineError::Unreachable { operation, subject, source: error.into() },
        }
    }
}

impl Engine for DockerEngine {
    fn ping(&self) -> Call<'_, ()> {
        Box::pin(self.ping_engine())
    }

    fn info(&self) -> Call<'_, EngineInfo> {
        Box::pin(self.read_info())
    }

    fn list<'a>(&'a self, label: &'a str) -> Call<'a, Vec<ContainerSummary>> {
        Box::pin(self.list_labelled(label))
    }

    fn create<'a>(&'a self, plan: &'a ContainerPlan) -> Call<'a, ContainerId> {
        Box::pin(self.create_container(plan))
    }

    fn start<'a>(&'a self, id: &'a ContainerId) -> Call<'a, ()> {
        Box::pin(self.start_container(id))
    }

    fn end<'a>(&'a self, id: &'a ContainerId) -> Call<'a, ()> {
        Box::pin(self.end_container(id))
    }

    fn kill<'a>(&'a self, id: &'a ContainerId, signal: i32) -> Call<'a, ()> {
        Box::pin(self.kill_container(id, signal))
    }

    fn remove<'a>(&'a self, id: &'a ContainerId) -> Call<'a, ()> {
        Box::pin(self.remove_container(id))
    }

    fn inspect<'a>(&'a self, id_or_name: &'a str) -> Call<'a, ContainerState> {
        Box::pin(self.inspect_container(id_or_name))
    }

    fn events(&self, label: &str) -> BoxStream<'static, EngineEvent> {
        super::events::stream(self.docker.clone(), label.to_owned())
    }

    fn exec<'a>(&'a self, id: &'a ContainerId, request: ExecRequest) -> Call<'a, ExecEnd> {
        Box::pin(self.run_exec(id, request))
    }

    fn exec_terminal<'a>(&'a self, id: &'a ContainerId, request: TerminalRequest) -> Call<'a, EngineTerminal> {
        Box::pin(self.open_terminal(id, request))
    }

    fn resize_terminal<'a>(&'a self, exec: &'a str, size: TerminalSize) -> Call<'a, ()> {
        Box::pin(self.resize_exec_terminal(exec, size))
    }

    fn terminal_exit_code<'a>(&'a self, exec: &'a str) -> Call<'a, Option<i64>> {
        Box::pin(self.exec_exit_code(exec))
    }

    fn logs(&self, id: &ContainerId, options: LogOptions) -> BoxStream<'static, EngineResult<RawLogLine>> {
        super::logs::stream(self.docker.clone(), id.clone(), options)
    }

    fn image<'a>(&'a self, name: &'a str) -> Call<'a, Option<ImageFacts>> {
        Box::pin(self.find_image(name))
    }

    fn pull<'a>(&'a self, pull: Pull<'a>) -> Call<'a, ()> {
        Box::pin(self.pull_image(pull))
    }

    fn import<'a>(&'a self, tag: &'a str, tar: BoxStream<'static, std::io::Result<Bytes>>) -> Call<'a, ()> {
        Box::pin(self.import_image(tag, tar))
    }

    fn name_twin<'a>(&'a self, name: &'a str) -> Call<'a, bool> {
        Box::pin(self.name_twin_of(name))
    }

    fn remove_image<'a>(&'a self, name: &'a str) -> Call<'a, ()> {
        Box::pin(self.delete_image(name))
    }

    fn read_file<'a>(&'a self, id: &'a ContainerId, path: &'a str, slice: FileSlice) -> Call<'a, FileContents> {
        Box::pin(self.read_archived_file(id, path, slice))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASK: Ask<'static> = Ask { operation: "start", subject: "throng-demo-worker-0001" };

    #[test]
    fn errors_are_told_apart_by_status_code_only() {
        let answer =
            |status_code| SdkError::DockerResponseServerError { status_code, message: "no such luck".to_owned() };
        assert!(ASK.failed(answer(404)).is_not_found());
        assert!(ASK.failed(answer(409)).is_conflict());
        assert!(matches!(ASK.failed(answer(500)), EngineError::Refused { status: Some(500), .. }));
    }

    #[test]
    fn a_broken_transport_is_neither_gone_nor_failed() {
        let error = ASK.failed(SdkError::IOError { err: std::io::ErrorKind::ConnectionRefused.into() });
        assert!(error.is_unreachable() && !error.is_not_found());
    }

    #[tokio::test]
    async fn a_question_answered_by_an_error_tells_nothing_and_not_found_is_an_answer() {
        for status_code in [500, 503, 409] {
            let answer = SdkError::DockerResponseServerError { status_code, message: "oh".to_owned() };
            let error = question(ASK, std::future::ready(Err::<(), _>(answer))).await.unwrap_err();
            assert!(error.is_unreachable() && !error.is_hung(), "{status_code}: {error}");
        }
        let answer = SdkError::DockerResponseServerError { status_code: 404, message: "no such container".to_owned() };
        let error = question(ASK, std::future::ready(Err::<(), _>(answer))).await.unwrap_err();
        assert!(error.is_not_found() && !error.is_unreachable());
    }

    #[tokio::test(start_paused = true)]
    async fn ends_that_hang_hold_the_others_up_for_a_short_while_only() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("engine.sock");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let engine = DockerEngine::open(&socket).unwrap();
        let hung = (0..ENDS_IN_FLIGHT * 3).map(|_| engine.in_turn(std::future::pending::<()>()));
        let hung = futures_util::future::join_all(hung);
        let well = async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            engine.in_turn(std::future::ready(())).await;
        };
        tokio::select! {
            biased;
            _ = hung => unreachable!("they never end"),
            done = tokio::time::timeout(END_PLACE_MAX * 4, well) => done.expect("it has its turn"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_engine_that_does_not_answer_ends_in_its_own_kind_of_error() {
        let error = within(ASK, READ_DEADLINE, std::future::pending::<Result<(), SdkError>>()).await.unwrap_err();
        assert!(matches!(error, EngineError::Hung { after: READ_DEADLINE, .. }) && error.is_unreachable());
    }
}
