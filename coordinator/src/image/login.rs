//! What a private registry wants to see: as `docker login` left it with whoever runs the coordinator.
//!
//! Read when an image must be fetched, handed to the agent that fetches it, and kept nowhere.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use throng_proto::agent as wire;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// How the key of Docker's own registry ends in its configuration, and no other's: that of images whose name begins with
/// no registry.
const OWN_REGISTRY_KEY_END: &str = "/v1/";

/// The user name with which a helper says that it gives a token.
const TOKEN_USER: &str = "<token>";

/// How long a credential helper may take: it may ask a cloud, or wait for a key to be unlocked.
const HELPER_DEADLINE: Duration = Duration::from_secs(20);

/// Largest configuration that is read, in bytes.
const CONFIG_MAX_BYTES: u64 = 1 << 20;

/// Name and password, or a token, for a registry.
#[derive(Clone, PartialEq, Eq)]
pub struct RegistryLogin {
    /// The registry.
    pub server: String,
    /// The user's name.
    pub username: String,
    /// The password.
    pub password: String,
    /// In place of both.
    pub identity_token: String,
}

/// Why a login cannot be had although there should be one.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The configuration cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It is not what it should be.
    #[error("{path} is not Docker's configuration")]
    Config {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// An entry is neither a name with a password nor a token.
    #[error("the entry of {registry} among `auths` is malformed: `docker login {registry}` writes it anew")]
    Entry {
        /// The registry.
        registry: String,
    },
    /// A credential helper did not do its work.
    #[error("docker-credential-{helper}: {problem}")]
    Helper {
        /// Its name.
        helper: String,
        /// What went wrong.
        problem: String,
    },
}

/// Docker's configuration, as far as it is about registries.
#[derive(Debug, Default, Deserialize)]
pub struct DockerConfig {
    #[serde(default)]
    auths: BTreeMap<String, Auth>,
    #[serde(default, rename = "credHelpers")]
    helpers: BTreeMap<String, String>,
    #[serde(default, rename = "credsStore")]
    store: Option<String>,
}

#[derive(Default, Deserialize)]
struct Auth {
    #[serde(default, rename = "auth")]
    encoded: String,
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: String,
    #[serde(default, rename = "identitytoken")]
    identity_token: String,
}

/// What a credential helper answers.
#[derive(Deserialize)]
struct Given {
    #[serde(rename = "Username")]
    username: String,
    #[serde(rename = "Secret")]
    secret: String,
}

// Neither passwords nor tokens get into a log.
impl fmt::Debug for RegistryLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistryLogin").field("server", &self.server).finish_non_exhaustive()
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth").finish_non_exhaustive()
    }
}

impl From<RegistryLogin> for wire::RegistryLogin {
    fn from(login: RegistryLogin) -> Self {
        let RegistryLogin { server, username, password, identity_token } = login;
        Self { server, username, password, identity_token }
    }
}

/// The registry with which an image's name begins; none: it is in Docker's own.
pub fn registry_of(image: &str) -> Option<&str> {
    let (first, _) = image.split_once('/')?;
    (first.contains(['.', ':']) || first == "localhost").then_some(first)
}

impl DockerConfig {
    /// That of whoever runs the coordinator: `$DOCKER_CONFIG/config.json`, else `~/.docker/config.json`. An empty one
    /// where there is none.
    pub fn of_process() -> Result<Self, LoginError> {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let folder = set("DOCKER_CONFIG").or_else(|| set("HOME").map(|home| home.join(".docker")));
        folder.map_or_else(|| Ok(Self::default()), |folder| Self::read(&folder.join("config.json")))
    }

    fn read(path: &Path) -> Result<Self, LoginError> {
        use std::io::Read as _;
        let failed = |source| LoginError::Read { path: path.to_owned(), source };
        let file = match std::fs::File::open(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            file => file.map_err(failed)?,
        };
        let mut text = Vec::new();
        file.take(CONFIG_MAX_BYTES).read_to_end(&mut text).map_err(failed)?;
        serde_json::from_slice(&text).map_err(|source| LoginError::Config { path: path.to_owned(), source })
    }

    /// What the registry of an image wants to see; none where nothing is known: it is asked as nobody.
    pub async fn login_for(&self, image: &str) -> Result<Option<RegistryLogin>, LoginError> {
        let registry = registry_of(image);
        let entry = self.auths.iter().find(|(key, _)| is_of(key, registry));
        let Some(server) = entry.map(|(key, _)| key.as_str()).or(registry) else { return Ok(None) };
        match self.helper(registry) {
            Some(helper) => ask(helper, server).await,
            None => entry.map_or(Ok(None), |(_, auth)| auth.login(server)),
        }
    }

    /// The helper that knows a registry, by name; Docker itself asks in this order.
    fn helper(&self, registry: Option<&str>) -> Option<&str> {
        let own = self.helpers.iter().find(|(key, _)| is_of(key, registry)).map(|(_, helper)| helper);
        own.or(self.store.as_ref()).map(String::as_str).filter(|helper| !helper.is_empty())
    }
}

impl Auth {
    /// What the configuration itself holds; none where it holds nothing.
    fn login(&self, server: &str) -> Result<Option<RegistryLogin>, LoginError> {
        let malformed = || LoginError::Entry { registry: server.to_owned() };
        let mut login = RegistryLogin {
            server: server.to_owned(),
            username: self.username.clone(),
            password: self.password.clone(),
            identity_token: self.identity_token.clone(),
        };
        if !self.encoded.is_empty() {
            let text = STANDARD.decode(&self.encoded).map_err(|_| malformed())?;
            let text = String::from_utf8(text).map_err(|_| malformed())?;
            let (username, password) = text.split_once(':').ok_or_else(malformed)?;
            // Docker pads passwords with zeros.
            (login.username, login.password) = (username.to_owned(), password.trim_matches('\0').to_owned());
        }
        let empty = login.username.is_empty() && login.identity_token.is_empty();
        Ok((!empty).then_some(login))
    }
}

/// Whether a key of the configuration is about this registry: with or without scheme and path.
fn is_of(key: &str, registry: Option<&str>) -> bool {
    let Some(registry) = registry else { return key.ends_with(OWN_REGISTRY_KEY_END) };
    let host = key.trim_start_matches("https://").trim_start_matches("http://");
    host.split('/').next() == Some(registry)
}

/// Asks a credential helper, found through PATH.
async fn ask(helper: &str, server: &str) -> Result<Option<RegistryLogin>, LoginError> {
    let wrong = |problem: String| LoginError::Helper { helper: helper.to_owned(), problem };
    if helper.contains('/') {
        return Err(wrong("not the name of a helper".to_owned()));
    }
    let mut command = Command::new(format!("docker-credential-{helper}"));
    command.arg("get");
    answer_of(command, server).await.map_err(wrong)
}

/// What a helper says of a registry. One that knows nothing of it ends with an error code: that is no error.
async fn answer_of(mut command: Command, server: &str) -> Result<Option<RegistryLogin>, String> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let asked = async {
        let mut child = command.spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(server.as_bytes()).await?;
        }
        child.wait_with_output().await
    };
    let output = tokio::time::timeout(HELPER_DEADLINE, asked).await;
    let output = output.map_err(|_| format!("no answer within {HELPER_DEADLINE:?}"))?;
    let output = output.map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Ok(None);
    }
    let given: Given = serde_json::from_slice(&output.stdout).map_err(|_| "its answer is not understood".to_owned())?;
    let server = server.to_owned();
    Ok(Some(if given.username == TOKEN_USER {
        RegistryLogin { server, username: String::new(), password: String::new(), identity_token: given.secret }
    } else {
        RegistryLogin { server, username: given.username, password: given.secret, identity_token: String::new() }
    }))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn config(text: &str) -> DockerConfig {
        serde_json::from_str(text).unwrap()
    }

    fn shown(login: Option<RegistryLogin>) -> String {
        login.map_or_else(String::new, |login| {
            format!("{} {} {} {}", login.server, login.username, login.password, login.identity_token)
        })
    }

    #[test]
    fn an_image_s_registry_is_what_its_name_begins_with() {
        for (image, registry) in [
            ("redis:7", None),
            ("library/redis", None),
            ("localhost/redis", Some("localhost")),
            ("127.0.0.1:5000/a/redis:7", Some("127.0.0.1:5000")),
            ("registry.example.com/redis@sha256:00", Some("registry.example.com")),
        ] {
            assert_eq!(registry_of(image), registry, "{image}");
        }
    }

    #[tokio::test]
    async fn what_docker_login_wrote_is_found_however_the_registry_is_written() {
        // "ann:secret" and "bob:pass:word"
        let config = config(
            r#"{"auths": {
                "https://own.example.com/v1/": {"auth": "YW5uOnNlY3JldA=="},
                "http://127.0.0.1:5000": {"auth": "Ym9iOnBhc3M6d29yZA=="},
                "token.example.com": {"identitytoken": "t0ken"},
                "empty.example.com": {}
            }, "HttpHeaders": {"x": "y"}}"#,
        );
        for (image, expected) in [
            ("redis:7", "https://own.example.com/v1/ ann secret "),
            ("127.0.0.1:5000/redis", "http://127.0.0.1:5000 bob pass:word "),
            ("token.example.com/a/b", "token.example.com   t0ken"),
            ("empty.example.com/a", ""),
            ("other.example.com/a", ""),
        ] {
            assert_eq!(shown(config.login_for(image).await.unwrap()), expected, "{image}");
        }
        assert_eq!(DockerConfig::default().login_for("redis:7").await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_malformed_entry_names_its_remedy_and_no_log_shows_a_password() {
        let config =
            config(r#"{"auths": {"a.example.com": {"auth": "%%%"}, "b.example.com": {"password": "secret"}}}"#);
        let error = config.login_for("a.example.com/x").await.unwrap_err().to_string();
        assert!(error.contains("docker login a.example.com"), "{error}");
        let login = RegistryLogin {
            server: "s".into(),
            username: "ann".into(),
            password: "secret".into(),
            identity_token: "secret".into(),
        };
        assert!(!format!("{config:?} {login:?}").contains("secret"));
    }

    #[tokio::test]
    async fn a_helper_is_asked_where_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let helper = folder.path().join("docker-credential-throng-test");
        let script = "#!/bin/sh\nread -r server\n[ \"$server\" = known.example.com ] || exit 1\n\
            echo '{\"ServerURL\":\"x\",\"Username\":\"<token>\",\"Secret\":\"t0ken\"}'\n";
        std::fs::write(&helper, script).unwrap();
        std::fs::set_permissions(&helper, std::fs::Permissions::from_mode(0o755)).unwrap();
        // A PATH for this one call: that of the test program is everybody's.
        let path = std::env::var("PATH").unwrap_or_default();
        let ask = async |server: &str| {
            let mut command = Command::new("env");
            command
                .arg(format!("PATH={}:{path}", folder.path().display()))
                .arg("docker-credential-throng-test")
                .arg("get");
            answer_of(command, server).await
        };
        assert_eq!(shown(ask("known.example.com").await.unwrap()), "known.example.com   t0ken");
        assert_eq!(ask("unknown.example.com").await.unwrap(), None);
        let config = config(r#"{"credsStore": "all", "credHelpers": {"https://own.example.com": "own"}, "auths": {}}"#);
        assert_eq!((config.helper(Some("own.example.com")), config.helper(None)), (Some("own"), Some("all")));
        let missing = config.login_for("own.example.com/a").await.unwrap_err().to_string();
        assert!(missing.starts_with("docker-credential-own: "), "{missing}");
    }

    #[test]
    fn no_configuration_is_an_empty_one_and_a_broken_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        assert!(DockerConfig::read(&folder.path().join("none.json")).unwrap().auths.is_empty());
        let path = folder.path().join("config.json");
        std::fs::write(&path, "{").unwrap();
        let error = DockerConfig::read(&path).unwrap_err().to_string();
        assert!(error.contains("config.json"), "{error}");
    }
}
