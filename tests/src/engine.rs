//! The Docker engine, asked over its socket: a second pair of eyes that shares no code with throng.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::wait::patiently;

/// Where the engine listens unless `DOCKER_HOST` says otherwise.
const USUAL_SOCKET: &str = "/var/run/docker.sock";
/// Removing a container may wait for its end.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// How an engine is started where none runs.
const REMEDY: &str = "no engine answers, and these tests prove nothing without one: run `make engine`";

/// Where the engine of these tests listens.
pub fn socket() -> PathBuf {
    let named = std::env::var("DOCKER_HOST").unwrap_or_default();
    PathBuf::from(named.strip_prefix("unix://").unwrap_or(USUAL_SOCKET))
}

/// A container, as the engine lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its image.
    pub image: String,
}

/// Fails with the remedy where no engine answers.
pub fn require() {
    let (status, body) = call("GET", "/_ping", None);
    assert!(status == 200, "{REMEDY} (it answered {status}: {body})");
}

/// All containers in any state, as the engine lists them.
pub fn list() -> Vec<Value> {
    let (status, body) = call("GET", "/containers/json?all=1", None);
    assert!(status == 200, "the engine does not list its containers: {status} {body}");
    let listed: Value = serde_json::from_str(&body).expect("the engine answers with JSON");
    listed.as_array().cloned().unwrap_or_default()
}

/// What the engine says of a container; none where it is gone.
pub fn inspect(id: &str) -> Option<Value> {
    let (status, body) = call("GET", &format!("/containers/{id}/json"), None);
    (status == 200).then(|| serde_json::from_str(&body).expect("the engine answers with JSON"))
}

/// All containers whose name begins so, in any state.
pub fn containers(prefix: &str) -> Vec<Container> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let all = list().into_iter().map(|container| Container {
        id: text(&container["Id"]),
        name: text(&container["Names"][0]).trim_start_matches('/').to_owned(),
        image: text(&container["Image"]),
    });
    all.filter(|container| container.name.starts_with(prefix)).collect()
}

/// Creates and starts a container without labels. Returns its id.
pub fn run(name: &str, image: &str, command: &[&str]) -> String {
    run_labelled(name, image, command, &json!({}))
}

/// The same with labels.
pub fn run_labelled(name: &str, image: &str, command: &[&str], labels: &Value) -> String {
    try_run(name, image, command, &json!({ "Labels": labels })).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The same with any further settings; what the engine says where it refuses. Nothing is left then.
pub fn try_run(name: &str, image: &str, command: &[&str], further: &Value) -> Result<String, String> {
    let id = create(name, image, command, further)?;
    let (status, body) = call("POST", &format!("/containers/{id}/start"), None);
    if status != 204 {
        remove(&id);
        return Err(format!("not started: {status} {body}"));
    }
    Ok(id)
}

/// Creates a container and does not start it. Returns its id, or what the engine says where it refuses.
pub fn create(name: &str, image: &str, command: &[&str], further: &Value) -> Result<String, String> {
    let mut config = json!({ "Image": image, "Cmd": command, "HostConfig": { "NetworkMode": "host" } });
    for (key, value) in further.as_object().into_iter().flatten() {
        config[key] = value.clone();
    }
    let (status, body) = call("POST", &format!("/containers/create?name={name}"), Some(&config));
    if status != 201 {
        return Err(format!("not created: {status} {body}"));
    }
    let created: Value = serde_json::from_str(&body).expect("the engine answers with JSON");
    Ok(created["Id"].as_str().expect("a container has an id").to_owned())
}

/// Whether a container runs.
pub fn is_running(id: &str) -> bool {
    inspect(id).is_some_and(|seen| seen["State"]["Running"] == true)
}

/// Removes a container, whatever it does. One that is not there is none of our business.
pub fn remove(id: &str) {
    let (status, body) = call("DELETE", &format!("/containers/{id}?force=1&v=1"), None);
    assert!(matches!(status, 204 | 404 | 409), "{id} cannot be removed: {status} {body}");
}

/// Removes the images whose name begins so: throng keeps what it built for the next run.
pub fn remove_images(prefix: &str) {
    for name in image_names(prefix) {
        let (status, body) = call("DELETE", &format!("/images/{name}"), None);
        assert!(matches!(status, 200 | 404), "{name} cannot be removed: {status} {body}");
    }
}

/// Gives the images whose name begins so another repository in the place of theirs.
pub fn move_images(prefix: &str, repository: &str) {
    for name in image_names(prefix) {
        let (_, tag) = name.rsplit_once(':').expect("the engine names images with tags");
        let (status, body) = call("POST", &format!("/images/{name}/tag?repo={repository}&tag={tag}"), None);
        assert!(status == 201, "{name} cannot be called {repository}:{tag}: {status} {body}");
    }
    remove_images(prefix);
}

fn image_names(prefix: &str) -> Vec<String> {
    let (status, body) = call("GET", "/images/json", None);
    assert!(status == 200, "the engine does not list its images: {status} {body}");
    let listed: Value = serde_json::from_str(&body).expect("the engine answers with JSON");
    let names = listed.as_array().into_iter().flatten().filter_map(|image| image["RepoTags"].as_array()).flatten();
    names.filter_map(Value::as_str).filter(|name| name.starts_with(prefix)).map(str::to_owned).collect()
}

/// Makes an image from an archive of a root file system.
pub fn import(image: &str, archive: &Path) {
    let (repository, tag) = image.rsplit_once(':').expect("the tests' images have tags");
    let body = std::fs::read(archive).unwrap_or_else(|error| panic!("{}: {error}", archive.display()));
    let path = format!("/images/create?fromSrc=-&repo={repository}&tag={tag}");
    let (status, said) = ask("POST", &path, "Content-Type: application/x-tar\r\n", &body);
    assert!(status == 200 && !said.contains("errorDetail"), "{image} cannot be imported: {status} {said}");
}

/// Pushes an image to its registry, as a user of it with the password `secret`; none: as nobody.
pub fn push(image: &str, user: Option<&str>) {
    let (repository, tag) = image.rsplit_once(':').expect("the tests' images have tags");
    let login = user.map_or_else(|| json!({}), |user| json!({ "username": user, "password": "secret" }));
    let login = base64(login.to_string().as_bytes());
    let header = format!("X-Registry-Auth: {login}\r\n");
    let (status, said) = ask("POST", &format!("/images/{repository}/push?tag={tag}"), &header, b"");
    assert!(status == 200 && !said.contains("errorDetail"), "{image} cannot be pushed: {status} {said}");
}

/// Whether the engine has an image of this name.
pub fn has_image(image: &str) -> bool {
    call("GET", &format!("/images/{image}/json"), None).0 == 200
}

/// RFC 4648, padded: as the engine wants logins, and as Docker's configuration keeps them.
pub fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let padded = [chunk[0], chunk.get(1).copied().unwrap_or(0), chunk.get(2).copied().unwrap_or(0)];
        let bits = u32::from_be_bytes([0, padded[0], padded[1], padded[2]]);
        for position in 0..4 {
            let six = usize::try_from((bits >> (18 - 6 * position)) & 63).expect("six bits");
            text.push(if position <= chunk.len() { char::from(LETTERS[six]) } else { '=' });
        }
    }
    text
}

/// One call. HTTP/1.0: the engine then answers with one piece and closes.
fn call(method: &str, path: &str, body: Option<&Value>) -> (u16, String) {
    let body = body.map(Value::to_string).unwrap_or_default();
    ask(method, path, "Content-Type: application/json\r\n", body.as_bytes())
}

/// The same with any headers and body.
fn ask(method: &str, path: &str, headers: &str, body: &[u8]) -> (u16, String) {
    let socket = socket();
    ask_at(&socket, method, path, headers, body)
        .unwrap_or_else(|error| panic!("{}: {error}: {REMEDY}", socket.display()))
}

/// The same of the engine behind this socket.
pub fn ask_at(socket: &Path, method: &str, path: &str, headers: &str, body: &[u8]) -> std::io::Result<(u16, String)> {
    let mut answer = Vec::new();
    UnixStream::connect(socket).and_then(|mut socket| {
        socket.set_read_timeout(Some(patiently(ANSWER_TIMEOUT)))?;
        let length = body.len();
        write!(socket, "{method} {path} HTTP/1.0\r\nHost: engine\r\n{headers}Content-Length: {length}\r\n\r\n")?;
        socket.write_all(body)?;
        socket.read_to_end(&mut answer)
    })?;
    let text = String::from_utf8_lossy(&answer);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split_whitespace().nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
    Ok((status, body.to_owned()))
}
