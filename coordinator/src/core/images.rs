//! Images that the scenario's scripts build: built once on this machine, sent to every host that lacks them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use throng_common::ids::{HostId, RoleName};
use throng_common::scenario::model::{Image, ImageBuild, Scenario};
use throng_proto::agent as wire;
use tokio::io::AsyncReadExt as _;

use super::coordinator::Core;
use crate::bundle::Bundle;
use crate::fleet::FleetError;

/// How long a script may take.
const BUILD_DEADLINE: Duration = Duration::from_secs(30 * 60);

/// How long a host may take to import an image.
const IMPORT_DEADLINE: Duration = Duration::from_secs(10 * 60);

/// Bytes sent at once: well below gRPC's limit of 4 MiB for a message.
const CHUNK_BYTES: usize = 512 * 1024;

/// Most of a script's last words that are shown.
const OUTPUT_SHOWN_BYTES: usize = 2000;

/// Why an image could not be built or sent.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The script could not be run.
    #[error("role.{role}: {script} could not be run")]
    Run {
        /// The role.
        role: RoleName,
        /// The script.
        script: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The script failed.
    #[error("role.{role}: {script} {how}; it said:\n{output}")]
    Failed {
        /// The role.
        role: RoleName,
        /// The script.
        script: PathBuf,
        /// Its exit, or that it took too long.
        how: String,
        /// Its last words.
        output: String,
    },
    /// The archive cannot be read or put in its place.
    #[error("{path}")]
    Archive {
        /// The archive.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A host did not take it.
    #[error("host {host} did not take image {image}")]
    Send {
        /// The host.
        host: HostId,
        /// The image.
        image: String,
        /// Why.
        #[source]
        source: FleetError,
    },
}

/// An image that was built: its name, and the archive that holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// The name under which the engines know it.
    pub name: String,
    /// The archive of its root file system.
    pub archive: PathBuf,
}

/// The images of a scenario's container roles by role, with the archives of those that were built.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Images {
    /// The names.
    pub names: BTreeMap<RoleName, String>,
    /// What must be sent.
    pub built: Vec<Built>,
}

impl Core {
    /// Builds what the scenario's scripts build, unless it was built before from the same files.
    pub async fn build_images(&self, scenario: &Scenario, bundle: &Bundle) -> Result<Images, ImageError> {
        let mut images = Images::default();
        for (name, role) in &scenario.role {
            match &role.image {
                None => {}
                Some(Image::Name(image)) => drop(images.names.insert(name.clone(), image.clone())),
                Some(Image::Build(build)) => {
                    let built = self.build_image(scenario, name, build, bundle).await?;
                    images.names.insert(name.clone(), built.name.clone());
                    if !images.built.contains(&built) {
                        images.built.push(built);
                    }
                }
            }
        }
        Ok(images)
    }

    async fn build_image(
        &self,
        scenario: &Scenario,
        role: &RoleName,
        build: &ImageBuild,
        bundle: &Bundle,
    ) -> Result<Built, ImageError> {
        let digest = digest(build, bundle);
        let name = format!("throng/{}-{role}:{}", scenario.scenario.name, &digest[..12]);
        let folder = self.state.root().join("images");
        let archive = folder.join(format!("{digest}.tar"));
        if archive.exists() {
            return Ok(Built { name, archive });
        }
        let failed = |source| ImageError::Archive { path: archive.clone(), source };
        std::fs::create_dir_all(&folder).map_err(failed)?;
        let unfinished = archive.with_extension("unfinished");
        run_script(role, &bundle.dir.join(&build.build), &bundle.dir, &unfinished).await?;
        std::fs::rename(&unfinished, &archive).map_err(failed)?;
        Ok(Built { name, archive })
    }

    /// Sends an image to a host. One that has it already takes it without importing it again.
    pub async fn send_image(&self, host: &HostId, built: &Built) -> Result<(), ImageError> {
        let file = tokio::fs::File::open(&built.archive).await;
        let file = file.map_err(|source| ImageError::Archive { path: built.archive.clone(), source })?;
        let name = built.name.clone();
        let chunks = futures_util::stream::unfold((file, Some(name)), |(mut file, name)| async move {
            let mut data = vec![0; CHUNK_BYTES];
            // A read error ends the stream short; the engine refuses a tar archive that is cut off.
            let count = file.read(&mut data).await.unwrap_or(0);
            data.truncate(count);
            let first = name.is_some();
            (count > 0 || first).then(|| (wire::ImageChunk { image: name, data: data.into() }, (file, None)))
        });
        self.fleet
            .call(host, IMPORT_DEADLINE, chunks, |mut agent, request| async move { agent.import_image(request).await })
            .await
            .map(drop)
            .map_err(|source| ImageError::Send { host: host.clone(), image: built.name.clone(), source })
    }
}

/// What decides whether an image must be built anew: the script and its inputs, with their names.
fn digest(build: &ImageBuild, bundle: &Bundle) -> String {
    let mut digest = Sha256::new();
    for name in std::iter::once(&build.build).chain(&build.inputs) {
        let below = format!("{name}/");
        for (path, contents) in bundle.files.iter().filter(|(path, _)| *path == name || path.starts_with(&below)) {
            digest.update((path.len() as u64).to_le_bytes());
            digest.update(path);
            digest.update((contents.len() as u64).to_le_bytes());
            digest.update(contents);
        }
    }
    hex::encode(digest.finalize())
}

async fn run_script(role: &RoleName, script: &Path, folder: &Path, archive: &Path) -> Result<(), ImageError> {
    let mut command = tokio::process::Command::new(script);
    command.arg(archive).current_dir(folder).stdin(Stdio::null()).kill_on_drop(true);
    let ended = tokio::time::timeout(BUILD_DEADLINE, command.output()).await;
    let failed = |how: String, output: &[u8]| {
        let from = output.len().saturating_sub(OUTPUT_SHOWN_BYTES);
        let output = String::from_utf8_lossy(&output[from..]).trim().to_owned();
        ImageError::Failed { role: role.clone(), script: script.to_owned(), how, output }
    };
    let output = ended.map_err(|_| failed(format!("did not end within {BUILD_DEADLINE:?}"), b""))?;
    let output = output.map_err(|source| ImageError::Run { role: role.clone(), script: script.to_owned(), source })?;
    if !output.status.success() {
        return Err(failed(format!("ended with {}", output.status), &[output.stdout, output.stderr].concat()));
    }
    if archive.exists() { Ok(()) } else { Err(failed("wrote no archive".to_owned(), &output.stderr)) }
}
