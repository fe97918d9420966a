//! The Docker engine, asked over its socket: a second pair of eyes that shares no code with throng.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde_json::{Value, json};

/// Where the engine listens.
const SOCKET: &str = "/var/run/docker.sock";
/// Removing a container may wait for its end.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// How an engine is started where none runs.
const REMEDY: &str = "no engine answers, and these tests prove nothing without one: run `make engine`";

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

/// All containers whose name begins so, in any state.
pub fn containers(prefix: &str) -> Vec<Container> {
    let (status, body) = call("GET", "/containers/json?all=1", None);
    assert!(status == 200, "the engine does not list its containers: {status} {body}");
    let listed: Value = serde_json::from_str(&body).expect("the engine answers with JSON");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let all = listed.as_array().into_iter().flatten().map(|container| Container {
        id: text(&container["Id"]),
        name: text(&container["Names"][0]).trim_start_matches('/').to_owned(),
        image: text(&container["Image"]),
    });
    all.filter(|container| container.name.starts_with(prefix)).collect()
}

/// Creates and starts a container without labels. Returns its id.
pub fn run(name: &str, image: &str, command: &[&str]) -> String {
    let config = json!({ "Image": image, "Cmd": command, "HostConfig": { "NetworkMode": "host" } });
    let (status, body) = call("POST", &format!("/containers/create?name={name}"), Some(&config));
    assert!(status == 201, "{name} cannot be created: {status} {body}");
    let created: Value = serde_json::from_str(&body).expect("the engine answers with JSON");
    let id = created["Id"].as_str().expect("a container has an id").to_owned();
    let (status, body) = call("POST", &format!("/containers/{id}/start"), None);
    assert!(status == 204, "{name} cannot be started: {status} {body}");
    id
}

/// Whether a container runs.
pub fn is_running(id: &str) -> bool {
    let (status, body) = call("GET", &format!("/containers/{id}/json"), None);
    let seen: Value = serde_json::from_str(&body).unwrap_or_default();
    status == 200 && seen["State"]["Running"] == true
}

/// Removes a container, whatever it does. One that is not there is none of our business.
pub fn remove(id: &str) {
    let (status, body) = call("DELETE", &format!("/containers/{id}?force=1&v=1"), None);
    assert!(matches!(status, 204 | 404 | 409), "{id} cannot be removed: {status} {body}");
}

/// Removes the images whose name begins so: throng keeps what it built for the next run.
pub fn remove_images(prefix: &str) {
    let (status, body) = call("GET", "/images/json", None);
    assert!(status == 200, "the engine does not list its images: {status} {body}");
    let listed: Value = serde_json::from_str(&body).expect("the engine answers with JSON");
    let tags = listed.as_array().into_iter().flatten().filter_map(|image| image["RepoTags"].as_array()).flatten();
    for tag in tags.filter_map(Value::as_str).filter(|tag| tag.starts_with(prefix)) {
        let (status, body) = call("DELETE", &format!("/images/{tag}"), None);
        assert!(matches!(status, 200 | 404), "{tag} cannot be removed: {status} {body}");
    }
}

/// One call. HTTP/1.0: the engine then answers with one piece and closes.
fn call(method: &str, path: &str, body: Option<&Value>) -> (u16, String) {
    let body = body.map(Value::to_string).unwrap_or_default();
    let mut answer = Vec::new();
    let asked = UnixStream::connect(SOCKET).and_then(|mut socket| {
        socket.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        let length = body.len();
        write!(
            socket,
            "{method} {path} HTTP/1.0\r\nHost: engine\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )?;
        socket.read_to_end(&mut answer)
    });
    if let Err(error) = asked {
        panic!("{SOCKET}: {error}: {REMEDY}");
    }
    let text = String::from_utf8_lossy(&answer);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split_whitespace().nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
    (status, body.to_owned())
}
