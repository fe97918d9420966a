//! Where the engine's socket lies.

use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use super::error::{EngineError, EngineResult};

/// Where an engine's socket usually lies.
const USUAL_SOCKETS: [&str; 2] = ["/var/run/docker.sock", "/run/docker.sock"];

/// Finds the engine's socket: `DOCKER_HOST` if it is given, else the usual places.
pub fn find() -> EngineResult<PathBuf> {
    let named = std::env::var("DOCKER_HOST").ok().filter(|value| !value.is_empty());
    choose(named.as_deref(), |path| std::fs::metadata(path).is_ok_and(|meta| meta.file_type().is_socket()))
}

/// Chooses among the places, given which of them hold a socket.
fn choose(named: Option<&str>, is_socket: impl Fn(&Path) -> bool) -> EngineResult<PathBuf> {
    let places: Vec<PathBuf> = match named {
        Some(value) => {
            let path =
                value.strip_prefix("unix://").ok_or_else(|| EngineError::NotLocal { value: value.to_owned() })?;
            vec![PathBuf::from(path)]
        }
        None => USUAL_SOCKETS.iter().map(PathBuf::from).collect(),
    };
    places.iter().find(|path| is_socket(path)).cloned().ok_or_else(|| EngineError::NoSocket {
        tried: places.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docker_host_is_believed_before_the_usual_places() {
        let found = choose(Some("unix:///x/engine.sock"), |_| true).unwrap();
        assert_eq!(found, PathBuf::from("/x/engine.sock"));
    }

    #[test]
    fn an_engine_of_another_machine_is_refused() {
        let error = choose(Some("tcp://10.0.0.1:2375"), |_| true).unwrap_err();
        assert!(matches!(error, EngineError::NotLocal { .. }));
    }

    #[test]
    fn the_second_usual_place_is_found_and_none_is_named() {
        let found = choose(None, |path| path.starts_with("/run")).unwrap();
        assert_eq!(found, PathBuf::from("/run/docker.sock"));
        let error = choose(None, |_| false).unwrap_err();
        assert!(error.to_string().contains("/var/run/docker.sock, /run/docker.sock"), "{error}");
    }
}
