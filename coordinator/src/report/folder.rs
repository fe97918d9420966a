//! The folder of a run: its report and everything that belongs to it. Every file is written whole, under another name,
//! and then renamed: a reader never sees half of one.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};

use throng_common::ids::random_suffix;

use super::model::{REPORT_FORMAT, RunReport};
use super::{csv, junit};

#[cfg(test)]
mod tests;

/// The report, as JSON.
pub const REPORT_FILE: &str = "report.json";

/// The report of a run whose cluster is still to be taken down: gone once there is a report.
const DRAFT_FILE: &str = "draft.json";

/// The report for CI servers.
pub const JUNIT_FILE: &str = "junit.xml";

/// The plan.
pub const PLAN_FILE: &str = "plan.json";

/// Where the time went, for a trace viewer.
pub const TRACE_FILE: &str = "trace.json";

/// The samples of all metrics.
pub const METRICS_FILE: &str = "metrics.csv";

/// The load of all hosts.
pub const HOSTS_FILE: &str = "hosts.csv";

/// The scenario with every file that it names.
const SCENARIO_DIR: &str = "scenario";

/// The folder of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFolder {
    root: PathBuf,
}

/// Why a run's folder cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// A file cannot be written.
    #[error("cannot write {path}", path = .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file cannot be read.
    #[error("cannot read {path}", path = .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A path would lead out of the folder.
    #[error("`{0}` is not a path inside a run's folder")]
    Outside(String),
    /// The report is not what it should be.
    #[error("{path} is not a report of this throng", path = .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The report is of a newer kind.
    #[error("{path} has format {found}, this throng reads up to {REPORT_FORMAT}: use the throng that wrote it", path = .path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// The report cannot be put into XML.
    #[error("cannot write the report as JUnit XML")]
    Junit(#[source] quick_junit::SerializeError),
}

impl RunFolder {
    /// Makes a run's folder, with one for the scenario's files.
    pub fn create(root: impl Into<PathBuf>) -> Result<Self, FolderError> {
        let folder = Self { root: root.into() };
        folder.ensure_folder(SCENARIO_DIR)?;
        Ok(folder)
    }

    /// A run's folder that is there.
    pub fn open(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The scenario's folder in it.
    pub fn scenario_dir(&self) -> PathBuf {
        self.root.join(SCENARIO_DIR)
    }

    /// The path of a file in it.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// Makes a folder in it.
    pub fn ensure_folder(&self, relative: &str) -> Result<(), FolderError> {
        let path = self.inside(relative)?;
        fs::create_dir_all(&path).map_err(|source| FolderError::Write { path, source })
    }

    /// Writes a file in it.
    pub fn write(&self, relative: &str, bytes: &[u8], mode: u32) -> Result<(), FolderError> {
        let path = self.inside(relative)?;
        let failed = |source| FolderError::Write { path: path.clone(), source };
        let parent = path.parent().unwrap_or(&self.root);
        fs::create_dir_all(parent).map_err(failed)?;
        let half = parent.join(format!(".half-{}", random_suffix(10)));
        let written = write_whole(&half, bytes, mode).and_then(|()| fs::rename(&half, &path));
        written.map_err(|source| {
            let _ = fs::remove_file(&half);
            failed(source)
        })
    }

    /// Writes a file in it from async code.
    pub async fn store(&self, relative: String, bytes: Vec<u8>) -> Result<(), FolderError> {
        let folder = self.clone();
        let path = self.path(&relative);
        let written = tokio::task::spawn_blocking(move || folder.write(&relative, &bytes, 0o644)).await;
        written.unwrap_or_else(|error| Err(FolderError::Write { path, source: io::Error::other(error) }))
    }

    /// Writes the report in all its forms: `report.json`, `junit.xml`, `metrics.csv`, `hosts.csv`. Blocks; `report.json` comes last,
    /// so that where it is, the others are too.
    pub fn write_report(&self, report: &RunReport) -> Result<(), FolderError> {
        let xml = junit::xml(report).map_err(FolderError::Junit)?;
        self.write(JUNIT_FILE, xml.as_bytes(), 0o644)?;
        self.write(METRICS_FILE, csv::metrics(&report.metrics).as_bytes(), 0o644)?;
        self.write(HOSTS_FILE, csv::hosts(&report.hosts).as_bytes(), 0o644)?;
        self.write_json(REPORT_FILE, report)?;
        // One that stays is not looked at beside a report.
        let _ = fs::remove_file(self.path(DRAFT_FILE));
        Ok(())
    }

    /// Reads the report back. Its `folder` is this one, also where it was moved.
    pub fn load(&self) -> Result<RunReport, FolderError> {
        self.read_json(REPORT_FILE)
    }

    /// Writes down what a run came to before its cluster is gone: whoever takes that down may not live to report it.
    pub fn write_draft(&self, report: &RunReport) -> Result<(), FolderError> {
        self.write_json(DRAFT_FILE, report)
    }

    /// Reads the draft back; an error where there is none.
    pub fn load_draft(&self) -> Result<RunReport, FolderError> {
        self.read_json(DRAFT_FILE)
    }

    fn write_json(&self, file: &str, report: &RunReport) -> Result<(), FolderError> {
        let malformed = |source| FolderError::Malformed { path: self.path(file), source };
        let mut json = serde_json::to_vec_pretty(report).map_err(malformed)?;
        json.push(b'\n');
        self.write(file, &json, 0o644)
    }

    fn read_json(&self, file: &str) -> Result<RunReport, FolderError> {
        let path = self.path(file);
        let text = fs::read_to_string(&path).map_err(|source| FolderError::Read { path: path.clone(), source })?;
        Ok(RunReport { folder: self.root.display().to_string(), ..parse(&text, path)? })
    }

    fn inside(&self, relative: &str) -> Result<PathBuf, FolderError> {
        let plain = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
        if relative.is_empty() || relative.contains('\0') || !Path::new(relative).components().all(plain) {
            return Err(FolderError::Outside(relative.to_owned()));
        }
        Ok(self.root.join(relative))
    }
}

fn write_whole(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut file = fs::File::create_new(path)?;
    file.write_all(bytes)?;
    file.set_permissions(fs::Permissions::from_mode(mode))
}

/// Reads a report's JSON; `path` is where it came from, for errors.
pub fn parse(text: &str, path: PathBuf) -> Result<RunReport, FolderError> {
    let format = serde_json::from_str::<serde_json::Value>(text).ok().and_then(|value| value.get("format")?.as_u64());
    match format.map(|format| u32::try_from(format).unwrap_or(u32::MAX)) {
        Some(found) if found > REPORT_FORMAT => Err(FolderError::Newer { path, found }),
        _ => serde_json::from_str(text).map_err(|source| FolderError::Malformed { path, source }),
    }
}
