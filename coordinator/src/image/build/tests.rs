use std::collections::BTreeMap;
use std::sync::Mutex;

use super::super::recipe::RecipeFile;
use super::*;
use crate::content::ContentDigest;

struct Place {
    root: tempfile::TempDir,
    store: ContentStore,
    shelf: ImageShelf,
}

impl Place {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let store = ContentStore::new(root.path().join("contents"));
        let shelf = ImageShelf::new(root.path().join("images"));
        Self { root, store, shelf }
    }

    async fn recipe(&self, script: &str, inputs: &[(&str, &str)]) -> Recipe {
        let mut files = BTreeMap::new();
        for (path, text) in [("image.sh", script)].iter().chain(inputs) {
            let content = ContentDigest::of(text.as_bytes()).unwrap();
            let mut partial = self.store.begin(content).await.unwrap();
            partial.write(text.as_bytes()).await.unwrap();
            partial.finish().await.unwrap();
            files.insert((*path).to_owned(), RecipeFile { content, executable: *path == "image.sh" });
        }
        let args = vec!["an argument".to_owned()];
        Recipe { role: "worker".parse().unwrap(), script: "image.sh".to_owned(), args, files }
    }

    async fn build(&self, recipe: &Recipe) -> Result<PathBuf, ImageError> {
        self.shelf.build(recipe, "throng/x-worker:0", &self.store, &(Arc::new(|_| {}) as Tell)).await
    }

    async fn refusal(&self, recipe: &Recipe) -> String {
        self.build(recipe).await.unwrap_err().to_string()
    }
}

#[tokio::test]
async fn a_script_finds_its_inputs_as_beside_the_scenario_and_its_arguments_after_the_archive() {
    let place = Place::new();
    let script =
        "#!/bin/sh\nset -e\ncat lib/a.txt \"$(dirname \"$0\")/lib/b.txt\" >\"$1\"\nprintf %s \"$2\" >>\"$1\"\n";
    let recipe = place.recipe(script, &[("lib/a.txt", "a"), ("lib/b.txt", "b")]).await;
    let archive = place.build(&recipe).await.unwrap();
    assert_eq!(std::fs::read_to_string(&archive).unwrap(), "aban argument");
    let about = std::fs::read_to_string(archive.with_extension("json")).unwrap();
    assert!(about.contains("lib/b.txt") && about.contains("throng/x-worker:0"), "{about}");
}

#[tokio::test]
async fn an_image_is_built_once() {
    let place = Place::new();
    let script = "#!/bin/sh\ndate +%s%N >\"$1\"\n";
    let recipe = place.recipe(script, &[]).await;
    let first = std::fs::read(place.build(&recipe).await.unwrap()).unwrap();
    let again = std::fs::read(place.build(&recipe).await.unwrap()).unwrap();
    assert_eq!(first, again);
    let changed = place.recipe(script, &[("data", "1")]).await;
    assert_ne!(std::fs::read(place.build(&changed).await.unwrap()).unwrap(), first);
}

#[tokio::test]
async fn a_script_that_reads_what_it_does_not_declare_fails_and_is_told_why() {
    let place = Place::new();
    let script = "#!/bin/sh\nset -e\ncat \"$(dirname \"$0\")/secret.txt\" >\"$1\"\n";
    let said = place.refusal(&place.recipe(script, &[("lib/a.txt", "a")]).await).await;
    assert!(said.starts_with("role.worker: image.sh ended with exit code 1"), "{said}");
    assert!(said.contains("secret.txt") && said.contains("must be among `inputs`"), "{said}");
    assert!(said.contains("itself and one file of its `inputs`"), "{said}");
}

#[tokio::test]
async fn a_script_that_writes_nothing_has_not_built_an_image() {
    let place = Place::new();
    for script in ["#!/bin/sh\necho done\n", "#!/bin/sh\n: >\"$1\"\n"] {
        let said = place.refusal(&place.recipe(script, &[]).await).await;
        assert!(said.contains("wrote no archive to the path that is its first argument"), "{said}");
    }
    let said = place.refusal(&place.recipe("#!/nowhere/sh\n", &[]).await).await;
    assert!(said.contains("image.sh could not be run"), "{said}");
}

#[tokio::test]
async fn nothing_of_a_failed_build_is_left() {
    let place = Place::new();
    let script = "#!/bin/sh\necho half >\"$1\"\nexit 3\n";
    let recipe = place.recipe(script, &[]).await;
    let _ = place.refusal(&recipe).await;
    let left: Vec<_> = std::fs::read_dir(place.root.path().join("images")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn it_is_said_how_far_a_script_is() {
    let place = Place::new();
    let script = "#!/bin/sh\necho 'step 1 of 2' >&2\nwhile [ ! -e go ]; do sleep 0.05; done\necho x >\"$1\"\n";
    let recipe = place.recipe(script, &[]).await;
    let said = Arc::new(Mutex::new(Vec::new()));
    let (folder, heard) = (place.root.path().join("images"), Arc::clone(&said));
    let tell: Tell = Arc::new(move |text: String| {
        // The script goes on once its words were passed on.
        if text.contains("step 1 of 2") {
            let workshops = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
            for workshop in workshops.filter(|path| path.is_dir()) {
                std::fs::write(workshop.join("files/go"), "").unwrap();
            }
        }
        heard.lock().unwrap().push(text);
    });
    place.shelf.build(&recipe, "throng/x-worker:0", &place.store, &tell).await.unwrap();
    let said = said.lock().unwrap();
    assert!(said.iter().any(|text| text.starts_with("image.sh (") && text.ends_with(": step 1 of 2")), "{said:?}");
}
