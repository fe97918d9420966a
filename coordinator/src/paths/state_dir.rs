//! The state directory: which one is meant, and the files in it.

use std::ffi::OsString;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use throng_common::ids::{ClusterId, RunId};

/// Longest path of a unix socket on Linux, in bytes (`sun_path` holds 108 with its terminating zero).
const SOCKET_PATH_MAX_BYTES: usize = 107;

/// Only its owner may look into the state directory: it holds the CA's key.
const STATE_DIR_MODE: u32 = 0o700;

/// The coordinator's files. A plain value: nothing is created before [`StateDir::create`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateDir {
    root: PathBuf,
}

/// What of the environment decides where the state directory lies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StateEnvironment {
    /// `--state-dir`.
    pub flag: Option<PathBuf>,
    /// `THRONG_STATE_DIR`; an empty value counts as unset.
    pub variable: Option<OsString>,
    /// `XDG_STATE_HOME`; ignored unless absolute, as its specification demands.
    pub xdg_state_home: Option<OsString>,
    /// `HOME`.
    pub home: Option<OsString>,
    /// Whether the caller is root.
    pub root: bool,
}

/// Why there is no usable state directory.
#[derive(Debug, thiserror::Error)]
pub enum StateDirError {
    /// Nothing says where it should be.
    #[error("no place for throng's state: HOME is not set; give --state-dir or set THRONG_STATE_DIR")]
    Nowhere,
    /// The current folder, against which a relative path counts, is gone.
    #[error("cannot make `{}` absolute; give --state-dir as an absolute path", path.display())]
    Relative {
        /// The path as given.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A unix socket below it would have a path that the kernel refuses.
    #[error("state directory `{}` is too long for a unix socket in it ({length_bytes} bytes, at most \
             {SOCKET_PATH_MAX_BYTES}); give a shorter one with --state-dir", root.display())]
    TooLong {
        /// The directory.
        root: PathBuf,
        /// Length of the socket's path.
        length_bytes: usize,
    },
    /// It could not be created.
    #[error("cannot create state directory `{}`; give another with --state-dir", path.display())]
    Create {
        /// The directory.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
}

impl StateEnvironment {
    /// The environment of this process with the command line's `--state-dir`.
    pub fn of_process(flag: Option<PathBuf>) -> Self {
        Self {
            flag,
            variable: std::env::var_os("THRONG_STATE_DIR"),
            xdg_state_home: std::env::var_os("XDG_STATE_HOME"),
            home: std::env::var_os("HOME"),
            root: nix::unistd::geteuid().is_root(),
        }
    }

    /// The directory that is meant: the flag, the variable, for root `/var/lib/throng`, else below the home.
    fn root_dir(&self) -> Result<PathBuf, StateDirError> {
        let set = |value: &Option<OsString>| value.clone().filter(|text| !text.is_empty()).map(PathBuf::from);
        if let Some(path) = self.flag.clone().or_else(|| set(&self.variable)) {
            return Ok(path);
        }
        if self.root {
            return Ok(PathBuf::from("/var/lib/throng"));
        }
        if let Some(path) = set(&self.xdg_state_home).filter(|path| path.is_absolute()) {
            return Ok(path.join("throng"));
        }
        set(&self.home).map(|home| home.join(".local/state/throng")).ok_or(StateDirError::Nowhere)
    }
}

impl StateDir {
    /// The state directory that this environment means. Nothing is created.
    pub fn resolve(environment: &StateEnvironment) -> Result<Self, StateDirError> {
        let path = environment.root_dir()?;
        let root = std::path::absolute(&path).map_err(|source| StateDirError::Relative { path, source })?;
        let state = Self { root };
        let length_bytes = state.socket().as_os_str().len();
        if length_bytes > SOCKET_PATH_MAX_BYTES {
            return Err(StateDirError::TooLong { root: state.root, length_bytes });
        }
        Ok(state)
    }

    /// Creates the directory and the folder of runs, readable by their owner only. Existing ones are left as they are.
    pub fn create(&self) -> Result<(), StateDirError> {
        for path in [self.root.clone(), self.runs_dir()] {
            std::fs::DirBuilder::new()
                .recursive(true)
                .mode(STATE_DIR_MODE)
                .create(&path)
                .map_err(|source| StateDirError::Create { path, source })?;
        }
        Ok(())
    }

    /// The directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The database.
    pub fn database(&self) -> PathBuf {
        self.root.join("throng.db")
    }

    /// The CA's private key, PEM, readable by its owner only.
    pub fn ca_key(&self) -> PathBuf {
        self.root.join("ca.key")
    }

    /// The CA's certificate, PEM.
    pub fn ca_certificate(&self) -> PathBuf {
        self.root.join("ca.pem")
    }

    /// The unix socket of the local command line.
    pub fn socket(&self) -> PathBuf {
        self.root.join("throng.sock")
    }

    /// Locked while a coordinator uses the directory; holds its process id.
    pub fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }

    /// The TLS port, chosen at the first start and kept.
    pub fn port(&self) -> PathBuf {
        self.root.join("port")
    }

    /// The coordinator's log when it runs in the background.
    pub fn log(&self) -> PathBuf {
        self.root.join("coordinator.log")
    }

    /// The folder of what scripts and programs read, by digest.
    pub fn contents_dir(&self) -> PathBuf {
        self.root.join("contents")
    }

    /// The folder of images that scripts built.
    pub fn images_dir(&self) -> PathBuf {
        self.root.join("images")
    }

    /// The folder of what clusters' programs read, one for each cluster that the journal knows.
    pub fn clusters_dir(&self) -> PathBuf {
        self.root.join("clusters")
    }

    /// The folder of what a cluster's programs read once the cluster is all of the scenario that it is changed to.
    pub fn next_cluster_dir(&self, cluster: &ClusterId) -> PathBuf {
        self.clusters_dir().join(format!("{cluster}.next"))
    }

    /// The folder of all runs' artefacts.
    pub fn runs_dir(&self) -> PathBuf {
        self.root.join("runs")
    }

    /// The folder of a run's artefacts.
    pub fn run_dir(&self, run: &RunId) -> PathBuf {
        self.runs_dir().join(run.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment() -> StateEnvironment {
        StateEnvironment { home: Some("/home/ann".into()), ..StateEnvironment::default() }
    }

    fn root_of(environment: &StateEnvironment) -> String {
        StateDir::resolve(environment).unwrap().root().display().to_string()
    }

    #[test]
    fn the_flag_wins_over_the_variable_over_the_user_s_own_place() {
        let mut given = environment();
        assert_eq!(root_of(&given), "/home/ann/.local/state/throng");
        given.xdg_state_home = Some("relative".into());
        assert_eq!(root_of(&given), "/home/ann/.local/state/throng");
        given.xdg_state_home = Some("/xdg".into());
        assert_eq!(root_of(&given), "/xdg/throng");
        given.root = true;
        assert_eq!(root_of(&given), "/var/lib/throng");
        given.variable = Some("".into());
        assert_eq!(root_of(&given), "/var/lib/throng");
        given.variable = Some("/variable".into());
        assert_eq!(root_of(&given), "/variable");
        given.flag = Some("/flag".into());
        assert_eq!(root_of(&given), "/flag");
    }

    #[test]
    fn a_directory_too_deep_for_a_socket_is_refused_with_the_arithmetic() {
        let deep = PathBuf::from(format!("/{}", "d".repeat(100)));
        let error = StateDir::resolve(&StateEnvironment { flag: Some(deep), ..environment() }).unwrap_err();
        assert!(error.to_string().contains("113 bytes, at most 107"), "{error}");
    }

    #[test]
    fn without_a_home_the_remedy_is_named() {
        let error = StateDir::resolve(&StateEnvironment::default()).unwrap_err();
        assert!(error.to_string().contains("THRONG_STATE_DIR"), "{error}");
    }

    #[test]
    fn a_created_state_directory_is_its_owner_s_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let scratch = tempfile::tempdir().unwrap();
        let flag = Some(scratch.path().join("a/b"));
        let state = StateDir::resolve(&StateEnvironment { flag, ..environment() }).unwrap();
        state.create().unwrap();
        state.create().unwrap();
        assert_eq!(state.root().metadata().unwrap().permissions().mode() & 0o777, STATE_DIR_MODE);
    }
}
