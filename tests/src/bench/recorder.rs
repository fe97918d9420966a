//! A proxy in front of an engine's socket that keeps the bodies of create calls: the floor sends the very same.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

/// What a create call's first line contains.
const CREATE: &str = "/containers/create?name=";
/// Bytes read at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// A container that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Created {
    /// Its name.
    pub(super) name: String,
    /// The call's body, byte by byte.
    pub(super) body: String,
}

/// The proxy. It serves for as long as this program runs.
#[derive(Debug)]
pub(super) struct Recorder {
    socket: PathBuf,
    created: Arc<Mutex<Vec<Created>>>,
}

impl Recorder {
    /// Begins to listen on `socket` for the engine behind `engine`.
    pub(super) fn listen(socket: &Path, engine: &Path) -> Self {
        let _ = fs::remove_file(socket);
        let listener = UnixListener::bind(socket).unwrap_or_else(|error| panic!("{}: {error}", socket.display()));
        let created = Arc::new(Mutex::new(Vec::new()));
        let (kept, engine) = (Arc::clone(&created), engine.to_owned());
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (kept, engine) = (Arc::clone(&kept), engine.clone());
                thread::spawn(move || serve(client, &engine, &kept));
            }
        });
        Self { socket: socket.to_owned(), created }
    }

    /// As programs want it.
    pub(super) fn host(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// What was asked for, by name.
    pub(super) fn created(&self) -> Vec<Created> {
        let mut created = lock(&self.created).clone();
        created.sort();
        created
    }
}

fn lock(created: &Mutex<Vec<Created>>) -> MutexGuard<'_, Vec<Created>> {
    created.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Passes bytes on both ways until either side closes.
fn serve(client: UnixStream, engine: &Path, created: &Mutex<Vec<Created>>) {
    let Ok(engine) = UnixStream::connect(engine) else { return };
    let (Ok(mut answers), Ok(mut to_client)) = (engine.try_clone(), client.try_clone()) else { return };
    let back = thread::spawn(move || {
        let _ = std::io::copy(&mut answers, &mut to_client);
        let _ = to_client.shutdown(Shutdown::Write);
    });
    let (mut client, mut engine) = (client, engine);
    let mut seen = Vec::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    while let Ok(read @ 1..) = client.read(&mut chunk) {
        seen.extend_from_slice(&chunk[..read]);
        while let Some((found, end)) = first_create(&seen) {
            lock(created).push(found);
            seen.drain(..end);
        }
        if engine.write_all(&chunk[..read]).is_err() {
            break;
        }
    }
    let _ = engine.shutdown(Shutdown::Write);
    let _ = back.join();
}

/// The first create call that is whole in these bytes, and where it ends.
fn first_create(bytes: &[u8]) -> Option<(Created, usize)> {
    let find = |from: usize, what: &[u8]| {
        let at = bytes[from..].windows(what.len()).position(|window| window == what)?;
        Some(from + at)
    };
    let name = find(0, CREATE.as_bytes())? + CREATE.len();
    let begin = find(name, b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&bytes[name..begin]).into_owned();
    let length = head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    })?;
    let body = bytes.get(begin..begin + length)?;
    let name = head.split([' ', '&']).next().unwrap_or_default().to_owned();
    Some((Created { name, body: String::from_utf8_lossy(body).into_owned() }, begin + length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn create_calls_are_found_among_others_and_only_when_they_are_whole() {
        let create = "POST /v1.41/containers/create?name=a HTTP/1.1\r\nContent-Length: 4\r\n\r\n{\"\"}";
        let other = "GET /v1.41/info HTTP/1.1\r\n\r\n";
        let bytes = format!("{other}{create}{other}");
        let (found, end) = first_create(bytes.as_bytes()).unwrap();
        assert_eq!((found.name.as_str(), found.body.as_str()), ("a", "{\"\"}"));
        assert_eq!(&bytes[end..], other);
        let half = &bytes.as_bytes()[..bytes.len() - other.len() - 1];
        assert_eq!(first_create(half), None);
    }
}
