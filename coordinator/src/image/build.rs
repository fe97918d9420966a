//! Runs a script that builds an image: in a folder of its own, made from what the bundle ships.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use throng_common::span::Span;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::error::{Failure, ImageError};
use super::recipe::Recipe;
use super::shelf::{ImageShelf, Workshop, failed};
use crate::bundle::BundleError;
use crate::clock;
use crate::content::ContentStore;
use crate::suite::process::{self, ProgramEnd, ProgramSpec};

/// How long a script may take: it may have to download a large system.
const BUILD_DEADLINE: Duration = Duration::from_mins(30);

/// Most of a script's last words that are shown, in bytes.
const WORDS_SHOWN_BYTES: u64 = 4_000;

/// How often is said how far a script is.
const TELL_INTERVAL: Duration = Duration::from_secs(1);

/// Variables that a script that downloads needs on some networks, beyond those that every program gets.
const PROXIES: [&str; 6] = ["http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"];

/// Is told how far something is. Must not block.
pub type Tell = Arc<dyn Fn(String) + Send + Sync>;

/// Where a script writes its archive, in its workshop: what is not whole goes with that.
const ARCHIVE_FILE: &str = "image.tar";
/// The script's files in its workshop.
const FILES_DIR: &str = "files";

impl ImageShelf {
    /// The archive of an image: as it was built before, or built now.
    pub async fn build(
        &self,
        recipe: &Recipe,
        image: &str,
        store: &ContentStore,
        tell: &Tell,
    ) -> Result<PathBuf, ImageError> {
        let digest = recipe.digest();
        if let Some(archive) = self.find(&digest) {
            return Ok(archive);
        }
        let workshop = self.workshop()?;
        lay_out(recipe, store, &workshop).await?;
        let archive = workshop.path().join(ARCHIVE_FILE);
        let end = run(recipe, &workshop, &archive, tell).await?;
        let failure = match end.code {
            None => Some(Failure::TooLong(BUILD_DEADLINE)),
            Some(0) if archive.metadata().is_ok_and(|metadata| metadata.len() > 0) => None,
            Some(0) => Some(Failure::NoArchive),
            Some(code) => Some(Failure::Exit(code)),
        };
        match failure {
            None => self.keep(recipe, image, &archive, clock::now()),
            Some(how) => Err(explain(recipe, &workshop, how)),
        }
    }
}

fn explain(recipe: &Recipe, workshop: &Workshop, how: Failure) -> ImageError {
    let words = [out_file(workshop), err_file(workshop)].map(|path| last_words(&path, WORDS_SHOWN_BYTES));
    // The folder is gone when this is read: its files are called as beside the scenario.
    let folder = format!("{}/", workshop.path().join(FILES_DIR).display());
    let output = words.join("").trim().replace(&folder, "");
    let others = match recipe.files.len() - 1 {
        0 => "nothing but itself: it has no `inputs`".to_owned(),
        1 => "itself and one file of its `inputs`".to_owned(),
        count => format!("itself and the {count} files of its `inputs`"),
    };
    let remedy = format!(
        "it ran in a folder of its own that holds {others}; whatever else it reads beside the scenario must be among `inputs`"
    );
    ImageError::Failed { role: recipe.role.clone(), script: recipe.script.clone(), how, output, remedy }
}

async fn lay_out(recipe: &Recipe, store: &ContentStore, workshop: &Workshop) -> Result<(), ImageError> {
    let (recipe_here, store, folder) = (recipe.clone(), store.clone(), workshop.path().join(FILES_DIR));
    let work = move || {
        for (path, file) in &recipe_here.files {
            let mode = if file.executable { 0o755 } else { 0o644 };
            let copied = store.copy_to(&file.content, &folder.join(path), mode);
            copied.map_err(|source| BundleError::Content { path: path.clone(), source })?;
        }
        Ok(())
    };
    let laid_out = tokio::task::spawn_blocking(work).await;
    let wrong = |source: BundleError| ImageError::LayOut {
        role: recipe.role.clone(),
        script: recipe.script.clone(),
        source: source.into(),
    };
    match laid_out {
        Ok(laid_out) => laid_out.map_err(wrong),
        Err(error) => Err(failed("write", workshop.path())(std::io::Error::other(error))),
    }
}

async fn run(recipe: &Recipe, workshop: &Workshop, archive: &Path, tell: &Tell) -> Result<ProgramEnd, ImageError> {
    let dir = workshop.path().join(FILES_DIR);
    let mut env = process::inherited();
    env.extend(PROXIES.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?))));
    let spec = ProgramSpec {
        path: dir.join(&recipe.script),
        args: std::iter::once(archive.display().to_string()).chain(recipe.args.iter().cloned()).collect(),
        dir,
        env,
        timeout: BUILD_DEADLINE,
        stdout_file: out_file(workshop),
        stderr_file: err_file(workshop),
    };
    let began = Instant::now();
    let mut ticks = interval(TELL_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let running = process::run(spec);
    tokio::pin!(running);
    let ended = loop {
        // Cancel-safe: the program is polled by reference, a tick that is missed is made up for.
        tokio::select! {
            ended = &mut running => break ended,
            _ = ticks.tick() => tell(progress(recipe, workshop, began.elapsed())),
        }
    };
    ended.map_err(|source| ImageError::Run { role: recipe.role.clone(), script: recipe.script.clone(), source })
}

/// How far a script is, by the last line that it wrote.
fn progress(recipe: &Recipe, workshop: &Workshop, since: Duration) -> String {
    let lines = [err_file(workshop), out_file(workshop)].map(|path| last_words(&path, 400));
    let said = lines.iter().find_map(|text| text.lines().rev().find(|line| !line.trim().is_empty()));
    let said = said.map(|line| format!(": {}", line.trim())).unwrap_or_default();
    format!("{} ({}){said}", recipe.script, Span::seconds(since.as_secs()))
}

fn out_file(workshop: &Workshop) -> PathBuf {
    workshop.path().join("out")
}

fn err_file(workshop: &Workshop) -> PathBuf {
    workshop.path().join("err")
}

/// The end of a file, as text; empty where there is none.
fn last_words(path: &Path, bytes: u64) -> String {
    let read = || {
        let mut file = std::fs::File::open(path)?;
        let from = file.metadata()?.len().saturating_sub(bytes);
        file.seek(SeekFrom::Start(from))?;
        let mut text = Vec::new();
        file.take(bytes).read_to_end(&mut text)?;
        Ok::<_, std::io::Error>(text)
    };
    read().map(|text| String::from_utf8_lossy(&text).into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
