//! One program run beside the coordinator: its own process group, bounded output, killed with all it started.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// Most bytes of each stream that expectations see.
const KEPT_MAX_BYTES: usize = 1 << 20;

/// Most bytes of each stream that are written to its file.
const FILE_MAX_BYTES: u64 = 16 << 20;

/// How long a program may take to end after it was asked to.
const TERM_GRACE: Duration = Duration::from_secs(2);

/// How long the end of its output is awaited after its process group is gone: a program may have left one behind that
/// keeps the pipe open.
const DRAIN: Duration = Duration::from_secs(2);

/// The environment's variables that a program gets of the coordinator's own; all others stay with it.
const INHERITED: [&str; 8] = ["PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR"];

/// Where a program is looked for when the coordinator has no PATH.
const PATH_DEFAULT: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What is run, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramSpec {
    /// The program.
    pub path: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its working folder.
    pub dir: PathBuf,
    /// All of its environment.
    pub env: BTreeMap<String, String>,
    /// How long it may take.
    pub timeout: Duration,
    /// Where its standard output is kept.
    pub stdout_file: PathBuf,
    /// Where its standard error is kept.
    pub stderr_file: PathBuf,
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramEnd {
    /// Its exit code; 128 and the signal's number where a signal ended it; none: it was cut off by its timeout.
    pub code: Option<i32>,
    /// Its standard output, the first part.
    pub stdout: Vec<u8>,
    /// Its standard error, the first part.
    pub stderr: Vec<u8>,
    /// Whether there was more of either.
    pub truncated: bool,
}

/// Why a program could not be run.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// Its output has no place.
    #[error("cannot write {path}: {source}", path = .path.display())]
    Output {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It cannot be started.
    #[error("cannot start {path}: {source}{hint}", path = .path.display(), hint = hint(.source))]
    Start {
        /// The program.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Its end cannot be learned.
    #[error("cannot wait for {path}: {source}", path = .path.display())]
    Wait {
        /// The program.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

fn hint(error: &io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(nix::libc::ENOEXEC) => " (a script must begin with its interpreter, like #!/usr/bin/env python3)",
        Some(nix::libc::ENOENT) => " (it, or the interpreter that its first line names, is missing)",
        _ => "",
    }
}

/// Kills a program's process group when it goes out of scope: also when the run is cancelled in the midst.
struct Group(Pid);

impl Group {
    /// A group that is gone already is as good as killed.
    fn signal(&self, signal: Signal) {
        let _ = killpg(self.0, signal);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::SIGKILL);
    }
}

/// What a program gets of the coordinator's own environment.
pub fn inherited() -> BTreeMap<String, String> {
    let mut env: BTreeMap<String, String> =
        INHERITED.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?))).collect();
    env.entry("PATH".to_owned()).or_insert_with(|| PATH_DEFAULT.to_owned());
    env
}

/// Runs a program to its end, or to its timeout.
pub async fn run(spec: ProgramSpec) -> Result<ProgramEnd, ProcessError> {
    let stdout_file = create(&spec.stdout_file).await?;
    let stderr_file = create(&spec.stderr_file).await?;
    let mut child = start(&spec)?;
    let group = child.id().and_then(|pid| i32::try_from(pid).ok()).map(|pid| Group(Pid::from_raw(pid)));
    let (mut stdout, mut stderr) = (Kept::default(), Kept::default());
    let streams = (child.stdout.take(), child.stderr.take());
    let code = {
        let reading = async {
            tokio::join!(pump(streams.0, stdout_file, &mut stdout), pump(streams.1, stderr_file, &mut stderr));
        };
        let waiting = wait(&mut child, group, &spec);
        tokio::pin!(reading, waiting);
        // Cancel-safe: both are polled by reference until they end.
        let mut drained = false;
        let code = loop {
            tokio::select! {
                code = &mut waiting => break code,
                () = &mut reading, if !drained => drained = true,
            }
        };
        if !drained {
            let _ = timeout(DRAIN, reading).await;
        }
        code
    };
    let code = code.map_err(|source| ProcessError::Wait { path: spec.path, source })?;
    let truncated = stdout.truncated || stderr.truncated;
    Ok(ProgramEnd { code, stdout: stdout.bytes, stderr: stderr.bytes, truncated })
}

async fn create(path: &Path) -> Result<File, ProcessError> {
    File::create(path).await.map_err(|source| ProcessError::Output { path: path.to_owned(), source })
}

fn start(spec: &ProgramSpec) -> Result<Child, ProcessError> {
    Command::new(&spec.path)
        .args(&spec.args)
        .current_dir(&spec.dir)
        .env_clear()
        .envs(&spec.env)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|source| ProcessError::Start { path: spec.path.clone(), source })
}

/// Waits for the program; past its timeout it is asked to end, then killed. Then its whole group is.
async fn wait(child: &mut Child, group: Option<Group>, spec: &ProgramSpec) -> io::Result<Option<i32>> {
    let code = if let Ok(status) = timeout(spec.timeout, child.wait()).await {
        Some(exit_code(status?))
    } else {
        if let Some(group) = &group {
            group.signal(Signal::SIGTERM);
        }
        if timeout(TERM_GRACE, child.wait()).await.is_err() {
            child.start_kill()?;
            child.wait().await?;
        }
        None
    };
    drop(group);
    Ok(code)
}

fn exit_code(status: std::process::ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt as _;
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(-1)
}

/// The first part of a stream.
#[derive(Debug, Default)]
struct Kept {
    bytes: Vec<u8>,
    truncated: bool,
}

/// Reads a stream to its end, so that its writer never blocks; keeps what fits.
async fn pump(stream: Option<impl AsyncRead + Unpin>, mut file: File, kept: &mut Kept) {
    let Some(mut stream) = stream else { return };
    let mut buffer = vec![0; 16 << 10];
    let mut left = FILE_MAX_BYTES;
    loop {
        let read = match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(read) => &buffer[..read],
        };
        let room = KEPT_MAX_BYTES - kept.bytes.len();
        kept.truncated |= read.len() > room;
        kept.bytes.extend_from_slice(&read[..read.len().min(room)]);
        let size = u64::try_from(read.len()).unwrap_or(u64::MAX);
        if left >= size {
            left = if file.write_all(read).await.is_ok() { left - size } else { 0 };
        } else if left > 0 {
            left = 0;
            let _ = file.write_all(format!("\n(cut after {FILE_MAX_BYTES} bytes)\n").as_bytes()).await;
        }
        // Written at once, so that a program that hangs can be read while it does.
        let _ = file.flush().await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn spec(folder: &Path, script: &str, timeout: Duration) -> ProgramSpec {
        ProgramSpec {
            path: "/bin/sh".into(),
            args: vec!["-c".to_owned(), script.to_owned()],
            dir: folder.to_owned(),
            env: BTreeMap::from([("A".to_owned(), "b".to_owned()), ("PATH".to_owned(), "/usr/bin:/bin".to_owned())]),
            timeout,
            stdout_file: folder.join("out"),
            stderr_file: folder.join("err"),
        }
    }

    #[tokio::test]
    async fn a_program_sees_only_its_environment_and_its_output_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let script = "echo $A-$HOME; pwd; echo oh >&2; exit 3";
        let end = run(spec(folder.path(), script, Duration::from_secs(20))).await.unwrap();
        let dir = folder.path().canonicalize().unwrap();
        assert_eq!(String::from_utf8(end.stdout).unwrap(), format!("b-\n{}\n", dir.display()));
        assert_eq!((end.code, end.stderr.as_slice()), (Some(3), b"oh\n".as_slice()));
        assert_eq!(std::fs::read(folder.path().join("err")).unwrap(), b"oh\n");
    }

    #[tokio::test]
    async fn a_program_that_hangs_is_killed_with_all_that_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let script = "trap '' TERM; sleep 600 & echo $!; wait; sleep 600";
        let began = Instant::now();
        let end = run(spec(folder.path(), script, Duration::from_millis(300))).await.unwrap();
        assert_eq!(end.code, None);
        assert!(began.elapsed() < Duration::from_secs(20));
        let child: i32 = String::from_utf8(end.stdout).unwrap().trim().parse().unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        // A zombie that its new parent has not reaped yet is dead too.
        let alive = || std::fs::read_to_string(format!("/proc/{child}/stat")).is_ok_and(|stat| !stat.contains(") Z "));
        while alive() {
            assert!(Instant::now() < deadline, "process {child} still lives");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    #[tokio::test]
    async fn a_flood_of_output_is_cut_and_does_not_block_the_program() {
        let folder = tempfile::tempdir().unwrap();
        let script = "head -c 20000000 /dev/zero; echo done >&2";
        let end = run(spec(folder.path(), script, Duration::from_secs(60))).await.unwrap();
        assert!(end.truncated && end.stdout.len() == KEPT_MAX_BYTES && end.stderr == b"done\n");
        let written = std::fs::metadata(folder.path().join("out")).unwrap().len();
        assert!(written <= FILE_MAX_BYTES + 100, "{written}");
    }

    #[tokio::test]
    async fn a_program_that_cannot_be_started_says_what_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let mut spec = spec(folder.path(), "", Duration::from_secs(1));
        spec.path = "/nowhere/x".into();
        let error = run(spec).await.unwrap_err().to_string();
        assert!(
            error.starts_with("cannot start /nowhere/x: No such file") && error.ends_with("is missing)"),
            "{error}"
        );
    }
}
