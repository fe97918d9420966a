//! The trait between everything that works with containers and the engine.

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use tokio::io::AsyncWrite;

use super::error::EngineResult;
use super::model::{
    ContainerId, ContainerPlan, ContainerState, ContainerSummary, EngineEvent, EngineInfo, ExecEnd, ExecRequest,
    FileContents, FileSlice, ImageFacts, LogOptions, Pull, RawLogLine,
};

/// A call under way. It ends within the deadline of its kind.
pub type Call<'a, T> = BoxFuture<'a, EngineResult<T>>;

/// A container engine. Every call has a deadline; none is retried within.
///
/// All calls may be made at the same time; those that are known to harm the engine in numbers (ends, removals) wait
/// for each other within.
pub trait Engine: Send + Sync {
    /// Whether it answers at all.
    fn ping(&self) -> Call<'_, ()>;

    /// What the engine is, and whether it can be used at all.
    fn info(&self) -> Call<'_, EngineInfo>;

    /// All containers, running or not, that have this label: `key`, or `key=value`. One call, whatever their number.
    fn list<'a>(&'a self, label: &'a str) -> Call<'a, Vec<ContainerSummary>>;

    /// Creates a container. A name that is taken is a conflict.
    fn create<'a>(&'a self, plan: &'a ContainerPlan) -> Call<'a, ContainerId>;

    /// Starts a container; one that runs already stays as it is.
    fn start<'a>(&'a self, id: &'a ContainerId) -> Call<'a, ()>;

    /// Kills what runs of a container, and returns when the engine knows of its end. One that does not run is left.
    fn end<'a>(&'a self, id: &'a ContainerId) -> Call<'a, ()>;

    /// Sends a signal to a container's first process. One that does not run is a conflict.
    fn kill<'a>(&'a self, id: &'a ContainerId, signal: i32) -> Call<'a, ()>;

    /// Kills and removes a container and its anonymous volumes. One that is gone already is a success.
    fn remove<'a>(&'a self, id: &'a ContainerId) -> Call<'a, ()>;

    /// Looks at one container, by id or by name.
    fn inspect<'a>(&'a self, id_or_name: &'a str) -> Call<'a, ContainerState>;

    /// What happens to containers with this label, from now on and without end: a stream that breaks is opened anew,
    /// with [`EngineEvent::Resync`] in between.
    fn events(&self, label: &str) -> BoxStream<'static, EngineEvent>;

    /// Runs a command to its end, or to its timeout.
    fn exec<'a>(&'a self, id: &'a ContainerId, request: ExecRequest) -> Call<'a, ExecEnd>;

    /// Runs a command on a terminal.
    fn exec_terminal<'a>(&'a self, id: &'a ContainerId, request: TerminalRequest) -> Call<'a, EngineTerminal>;

    /// Tells a command on a terminal how large it is.
    fn resize_terminal<'a>(&'a self, exec: &'a str, size: TerminalSize) -> Call<'a, ()>;

    /// The exit code of a command that was run on a terminal; none while it runs.
    fn terminal_exit_code<'a>(&'a self, exec: &'a str) -> Call<'a, Option<i64>>;

    /// A container's log. The stream ends at the first error.
    fn logs(&self, id: &ContainerId, options: LogOptions) -> BoxStream<'static, EngineResult<RawLogLine>>;

    /// The image of this name, if the engine has it.
    fn image<'a>(&'a self, name: &'a str) -> Call<'a, Option<ImageFacts>>;

    /// Fetches an image from its registry.
    fn pull<'a>(&'a self, pull: Pull<'a>) -> Call<'a, ()>;

    /// Makes an image of one layer from a tar archive of a root file system. The tag is `repository:tag`.
    fn import<'a>(&'a self, tag: &'a str, tar: BoxStream<'static, std::io::Result<Bytes>>) -> Call<'a, ()>;

    /// Gives an image that is there this name too, if one of its repository's namespace has the same tag; false if none has.
    fn name_twin<'a>(&'a self, name: &'a str) -> Call<'a, bool>;

    /// Removes an image. One that is gone is a success, one that is in use a conflict.
    fn remove_image<'a>(&'a self, name: &'a str) -> Call<'a, ()>;

    /// Reads a regular file of a container that need not run. Its mounts do not show while it is stopped.
    fn read_file<'a>(&'a self, id: &'a ContainerId, path: &'a str, slice: FileSlice) -> Call<'a, FileContents>;
}

/// A command to be run on a terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TerminalRequest {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Environment variables on top of the container's.
    pub env: Vec<(String, String)>,
    /// How large the terminal is.
    pub size: TerminalSize,
}

/// The size of a terminal in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TerminalSize {
    /// Rows.
    pub rows: u16,
    /// Columns.
    pub columns: u16,
}

/// A command that runs on a terminal of the engine's.
pub struct EngineTerminal {
    /// The engine's id of it.
    pub exec: String,
    /// What is typed.
    pub input: std::pin::Pin<Box<dyn AsyncWrite + Send>>,
    /// What it shows; ends when the command does.
    pub output: BoxStream<'static, EngineResult<Bytes>>,
}
