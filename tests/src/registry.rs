//! A registry of images on this machine: the distribution's own, unpacked and never installed, on a loopback address.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::programs::{repository, script};
use crate::wait::wait_for;

/// An address of 127.0.0.0/8: the engine speaks to registries there without TLS.
const ADDRESS: &str = "127.84.77.7";
/// How long it may take to begin.
const START_TIMEOUT: Duration = Duration::from_secs(20);
/// The password `secret`, as `htpasswd -B` writes it.
const SECRET: &str = "$2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a";

/// A registry that runs. It ends with this value.
#[derive(Debug)]
pub struct Registry {
    child: Child,
    folder: PathBuf,
    host: String,
    log: PathBuf,
}

impl Registry {
    /// Starts one that keeps its data in `folder`. `user`: whom alone it serves, with the password `secret`; none:
    /// everybody.
    pub fn start(folder: &Path, user: Option<&str>) -> Self {
        script("scripts/unpack-packages", &["build/registry", "docker-registry"]);
        let folder = folder.join("registry");
        fs::create_dir_all(&folder).expect("the test's folder can be written");
        let free = TcpListener::bind((ADDRESS, 0)).and_then(|listener| listener.local_addr());
        let port = free.expect("a port of the loopback network is free").port();
        let host = format!("{ADDRESS}:{port}");
        let auth = user.map_or_else(String::new, |user| {
            let file = folder.join("htpasswd");
            fs::write(&file, format!("{user}:{SECRET}\n")).expect("the test's folder can be written");
            format!("auth:\n  htpasswd:\n    realm: tests\n    path: {}\n", file.display())
        });
        let config = format!(
            "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: {host}\n{auth}",
            folder.join("data").display()
        );
        let (config_file, log) = (folder.join("config.yml"), folder.join("log"));
        fs::write(&config_file, config).expect("the test's folder can be written");
        let output = File::create(&log).expect("the test's folder can be written");
        let copy = output.try_clone().expect("a descriptor can be copied");
        let mut command = Command::new(repository().join("build/registry/bin/docker-registry"));
        command.arg("serve").arg(config_file).stdin(Stdio::null()).stdout(output).stderr(copy);
        let child = command.spawn().expect("the unpacked registry can be started");
        let registry = Self { child, folder, host, log };
        let address: SocketAddr = registry.host.parse().expect("an address and a port");
        wait_for("the registry listens", START_TIMEOUT, || {
            TcpStream::connect(address).map_err(|error| format!("{error}: {}", registry.said()))
        });
        registry
    }

    /// Its address and port: what the names of its images begin with.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// How often it was asked for this path: `GET /v2/tiny/manifests/1`.
    pub fn asked(&self, request: &str) -> usize {
        let request = format!("\"{request} HTTP");
        self.said().lines().filter(|line| line.contains(&request)).count()
    }

    /// Changes one byte in each of the layers that it holds: it serves what is not what it says.
    pub fn damage(&self) {
        let blobs = self.folder.join("data/docker/registry/v2/blobs/sha256");
        let folders = |folder: &Path| {
            let entries = fs::read_dir(folder).expect("the registry has blobs");
            entries.map(|entry| entry.expect("the registry has blobs").path()).collect::<Vec<_>>()
        };
        let mut damaged = 0;
        for data in folders(&blobs).iter().flat_map(|prefix| folders(prefix)).map(|blob| blob.join("data")) {
            let mut bytes = fs::read(&data).expect("a blob is a file");
            // Manifests and configurations are texts.
            if !bytes.starts_with(b"{") {
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                fs::write(&data, bytes).expect("the test's folder can be written");
                damaged += 1;
            }
        }
        assert!(damaged > 0, "no layer below {}", blobs.display());
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
