//! What else brings a hundred containers up: each from the same bodies, with the same images, binds and limits.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::engine::Engine;
use super::load::Load;
use super::ours::attempt;
use crate::programs::{repository, script};
use crate::wait::{patiently, until};

/// The distribution's docker-compose, and of what installing it would bring all but the interpreter.
const COMPOSE: &str = "docker-compose python3-docker python3-dockerpty python3-docopt python3-dotenv python3-jsonschema \
                       python3-attr python3-pyrsistent python3-texttable python3-websocket python3-requests \
                       python3-urllib3 python3-chardet python3-charset-normalizer python3-idna python3-certifi \
                       python3-six python3-yaml python3-distro python3-pkg-resources";
/// Where it is unpacked.
const COMPOSE_FOLDER: &str = "build/compose";
/// Commands of the plain command line at once, and removals: more of those can wedge the engine.
const CLI_WIDTH: usize = 8;
const CLI_REMOVALS: usize = 4;
/// How long one of its commands may take, in seconds: docker-compose 1.29 can come to wait for itself for good.
const COMMAND_SECONDS: u64 = 300;
/// How long the tasks of a service may take to run, or to be gone.
const SERVICE_TIMEOUT: Duration = Duration::from_secs(300);

/// Another program than throng.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peer {
    /// docker-compose 1.29.
    Compose,
    /// `docker run` and `docker rm`, by xargs.
    Cli,
    /// A service of a Swarm of one machine.
    Swarm,
}

impl Peer {
    /// All.
    pub(super) const ALL: [Self; 3] = [Self::Compose, Self::Cli, Self::Swarm];

    /// Its name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Compose => "compose",
            Self::Cli => "docker xargs",
            Self::Swarm => "swarm",
        }
    }

    /// Makes sure that it is here; else why not.
    pub(super) fn provide(self, engine: &Engine) -> Result<(), String> {
        match self {
            Self::Compose => {
                has("python3", "--version")?;
                let words: Vec<&str> = [COMPOSE_FOLDER].into_iter().chain(COMPOSE.split_whitespace()).collect();
                std::panic::catch_unwind(|| script("scripts/unpack-packages", &words))
                    .map_err(|_| "docker-compose cannot be unpacked".to_owned())
            }
            Self::Cli => has("docker", "--version").and_then(|()| has("xargs", "--version")),
            Self::Swarm => {
                has("docker", "--version")?;
                let words = ["swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1:2377"];
                let output = docker(engine).args(words).output().map_err(|error| error.to_string())?;
                if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
            }
        }
    }

    /// Brings the load up; how long it took, or why it did not.
    pub(super) fn up(self, engine: &Engine, load: &Load) -> Result<Duration, String> {
        match self {
            Self::Compose => compose(engine, load, &["up", "-d"]),
            Self::Cli => {
                let runs: Vec<Vec<String>> = load.bodies().iter().map(|(name, body)| run_words(name, body)).collect();
                xargs(engine, &runs, CLI_WIDTH)
            }
            Self::Swarm => service(engine, load),
        }
    }

    /// Takes it down; how long it took, or why it did not.
    pub(super) fn down(self, engine: &Engine, load: &Load) -> Result<Duration, String> {
        match self {
            Self::Compose => compose(engine, load, &["down", "-t", "5"]),
            Self::Cli => {
                let one = |(name, _): &(String, Value)| ["rm", "-f", "-v", name].map(str::to_owned).to_vec();
                xargs(engine, &load.bodies().iter().map(one).collect::<Vec<_>>(), CLI_REMOVALS)
            }
            Self::Swarm => {
                let began = std::time::Instant::now();
                let _ = bounded(docker(engine).args(["service", "rm", service_name(load)]), "docker service rm")?;
                // It answers at once, and removes afterwards.
                until(patiently(SERVICE_TIMEOUT), || {
                    let left = engine.containers().len();
                    if left == 0 { Ok(()) } else { Err(format!("{left} of the service's containers are left")) }
                })?;
                Ok(began.elapsed())
            }
        }
    }

    /// Whether its containers pass the gate that throng's do. A service's are all alike: they have no ports of their own.
    pub(super) fn is_like_ours(self) -> bool {
        self != Self::Swarm
    }
}

fn has(program: &str, word: &str) -> Result<(), String> {
    let run = Command::new(program).arg(word).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if run.is_ok_and(|status| status.success()) { Ok(()) } else { Err(format!("there is no `{program}` here")) }
}

/// Runs a command to its end, within a time; how long it took.
fn bounded(command: &Command, line: &str) -> Result<Duration, String> {
    let mut within = Command::new("timeout");
    within.args(["--signal=KILL", &COMMAND_SECONDS.to_string()]).arg(command.get_program()).args(command.get_args());
    within.envs(command.get_envs().filter_map(|(key, value)| Some((key, value?))));
    Ok(attempt(&mut within, line)?.took)
}

fn docker(engine: &Engine) -> Command {
    let mut command = Command::new("docker");
    command.env("DOCKER_HOST", engine.host()).env("DOCKER_CONFIG", engine.folder());
    command
}

fn texts(value: &Value) -> impl Iterator<Item = String> + '_ {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned)
}

/// One container as a service of a compose file.
fn compose_service(name: &str, body: &Value) -> Value {
    let host = &body["HostConfig"];
    let volumes: Vec<Value> = host["Mounts"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|mount| {
            json!({ "type": "bind", "source": mount["Source"], "target": mount["Target"], "read_only": mount["ReadOnly"] })
        })
        .collect();
    let service = json!({
        "container_name": name, "image": body["Image"], "command": body["Cmd"], "hostname": body["Hostname"],
        "environment": body["Env"], "labels": body["Labels"], "stop_signal": body["StopSignal"],
        "network_mode": "host", "restart": "no", "init": host["Init"], "read_only": host["ReadonlyRootfs"],
        "cap_drop": host["CapDrop"], "cap_add": host["CapAdd"], "security_opt": host["SecurityOpt"],
        "oom_score_adj": host["OomScoreAdj"], "mem_limit": host["Memory"], "memswap_limit": host["MemorySwap"],
        "pids_limit": host["PidsLimit"], "volumes": volumes,
        "logging": { "driver": host["LogConfig"]["Type"], "options": host["LogConfig"]["Config"] },
    });
    let given = service.as_object().cloned().unwrap_or_default();
    given.into_iter().filter(|(_, value)| !value.is_null()).collect::<Map<_, _>>().into()
}

fn compose(engine: &Engine, load: &Load, words: &[&str]) -> Result<Duration, String> {
    let services: Map<String, Value> = load
        .bodies()
        .iter()
        .enumerate()
        .map(|(at, (name, body))| (format!("w{at}"), compose_service(name, body)))
        .collect();
    let file = engine.folder().join("compose.json");
    // What looks like a variable would be replaced.
    let text = json!({ "version": "2.4", "services": services }).to_string().replace('$', "$$");
    fs::write(&file, text).expect("the folder is ours");
    let mut command = Command::new("python3");
    command.args(["-W", "ignore", "-c", "from compose.cli.main import main; main()"]);
    command.args(["--project-name", &load.prefix.replace('-', ""), "--file"]).arg(&file).args(words);
    command.env("PYTHONPATH", packages()).env("DOCKER_HOST", engine.host());
    // It counts a slow answer as an error after a minute.
    command.env("COMPOSE_HTTP_TIMEOUT", "600").env("COMPOSE_IGNORE_ORPHANS", "1");
    bounded(&command, "docker-compose")
}

fn packages() -> PathBuf {
    repository().join(COMPOSE_FOLDER).join("root/usr/lib/python3/dist-packages")
}

/// The words of the `docker run` that asks for the same container.
fn run_words(name: &str, body: &Value) -> Vec<String> {
    let host = &body["HostConfig"];
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut words: Vec<String> = ["run", "--detach", "--network", "host", "--name", name].map(str::to_owned).to_vec();
    let mut option = |key: &str, value: String| words.push(format!("--{key}={value}"));
    for (key, value) in [
        ("hostname", &body["Hostname"]),
        ("stop-signal", &body["StopSignal"]),
        ("memory", &host["Memory"]),
        ("memory-swap", &host["MemorySwap"]),
        ("pids-limit", &host["PidsLimit"]),
        ("oom-score-adj", &host["OomScoreAdj"]),
        ("log-driver", &host["LogConfig"]["Type"]),
    ] {
        if !value.is_null() {
            option(key, text(value));
        }
    }
    for (key, value) in [("read-only", &host["ReadonlyRootfs"]), ("init", &host["Init"])] {
        if value == true {
            option(key, "true".to_owned());
        }
    }
    for (key, list) in [
        ("cap-drop", &host["CapDrop"]),
        ("cap-add", &host["CapAdd"]),
        ("security-opt", &host["SecurityOpt"]),
        ("env", &body["Env"]),
    ] {
        texts(list).for_each(|value| option(key, value));
    }
    for (key, map) in [("label", &body["Labels"]), ("log-opt", &host["LogConfig"]["Config"])] {
        map.as_object().into_iter().flatten().for_each(|(name, value)| option(key, format!("{name}={}", text(value))));
    }
    for mount in host["Mounts"].as_array().into_iter().flatten() {
        let only = if mount["ReadOnly"] == true { ",readonly" } else { "" };
        let (source, target) = (text(&mount["Source"]), text(&mount["Target"]));
        option("mount", format!("type=bind,source={source},target={target}{only}"));
    }
    words.push(text(&body["Image"]));
    words.extend(texts(&body["Cmd"]));
    words
}

/// Runs `docker` once for each of these lists of words, all of which have the same length.
fn xargs(engine: &Engine, runs: &[Vec<String>], width: usize) -> Result<Duration, String> {
    let count = runs.first().map_or(1, Vec::len);
    assert!(runs.iter().all(|words| words.len() == count), "xargs takes so many words at a time");
    let input = engine.folder().join("words");
    let words: Vec<u8> = runs.iter().flatten().flat_map(|word| [word.as_bytes(), b"\0"].concat()).collect();
    fs::write(&input, words).expect("the folder is ours");
    let mut command = Command::new("xargs");
    command.args(["--null", "--max-args", &count.to_string(), "--max-procs", &width.to_string(), "--arg-file"]);
    command.arg(&input).arg("docker");
    command.env("DOCKER_HOST", engine.host()).env("DOCKER_CONFIG", engine.folder());
    bounded(&command, "xargs docker")
}

/// A service's name must be one of DNS.
fn service_name(load: &Load) -> &str {
    load.prefix.trim_end_matches('-')
}

/// A service with as many replicas as the load has containers; until all run. They are all alike, so they sleep: on the
/// host's network each would need a port of its own.
fn service(engine: &Engine, load: &Load) -> Result<Duration, String> {
    let bodies = load.bodies();
    let (_, body) = bodies.first().expect("a load has containers");
    let image = body["Image"].as_str().expect("bodies name an image");
    let mut command = docker(engine);
    command.args([
        "service",
        "create",
        "--detach",
        "--name",
        service_name(load),
        "--network",
        "host",
        "--no-resolve-image",
    ]);
    command.args(["--replicas", &load.containers.len().to_string(), "--restart-condition", "none", "--read-only"]);
    command.args(["--log-driver", "local", "--limit-memory", "16m", "--limit-pids", "32"]);
    command.args(["--mount", "type=tmpfs,destination=/data,tmpfs-size=1m", image, "busybox", "sleep", "1000000"]);
    let began = std::time::Instant::now();
    let _ = bounded(&command, "docker service create")?;
    let wanted = load.containers.len();
    until(patiently(SERVICE_TIMEOUT), || {
        let running = engine.containers().iter().filter(|found| found["State"] == "running").count();
        if running == wanted { Ok(()) } else { Err(format!("{running} of {wanted} run")) }
    })?;
    Ok(began.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body() -> Value {
        json!({
            "Image": "i:1", "Cmd": ["busybox", "httpd"], "Hostname": "worker-0000", "Labels": { "throng.node": "n" },
            "HostConfig": {
                "Memory": 16_777_216, "CapDrop": ["ALL"], "ReadonlyRootfs": true, "NetworkMode": "host", "Init": true,
                "LogConfig": { "Type": "local", "Config": { "max-size": "1m" } },
                "Mounts": [{ "Type": "bind", "Source": "/s", "Target": "/data", "ReadOnly": true }],
            },
        })
    }

    #[test]
    fn a_peer_is_asked_for_the_same_container() {
        let words = run_words("n", &body()).join(" ");
        for part in [
            "--memory=16777216",
            "--cap-drop=ALL",
            "--read-only=true",
            "--log-opt=max-size=1m",
            "--label=throng.node=n",
            "--mount=type=bind,source=/s,target=/data,readonly i:1 busybox httpd",
        ] {
            assert!(words.contains(part), "{part} is not in {words}");
        }
        let service = compose_service("n", &body());
        assert_eq!((&service["mem_limit"], &service["read_only"]), (&json!(16_777_216), &json!(true)));
        assert_eq!(service["volumes"][0]["source"], "/s");
        assert!(service.get("cap_add").is_none());
    }
}
