//! What an image is built from: a script, its arguments, and all the files that it may read. Pure.

use std::collections::BTreeMap;
use std::fmt;

use sha2::{Digest as _, Sha256};
use throng_common::ids::{ClusterId, RoleName};
use throng_common::scenario::model::ImageBuild;

use crate::bundle::{Bundle, BundleError, Contents, Naming};
use crate::content::ContentDigest;

/// Raised when scripts are run in another way, so that what was built in the old way is built anew.
const SCHEME: &[u8] = b"throng image 1";

/// Hexadecimal digits of a digest in an image's tag: 48 bits, enough that two builds never meet.
pub(super) const TAG_DIGITS: usize = 12;

/// The digest of everything that an image is built from: equal digests, equal images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ImageDigest(ContentDigest);

impl ImageDigest {
    /// The part of it that stands in an image's tag.
    pub fn tag(&self) -> String {
        let mut tag = self.to_string();
        tag.truncate(TAG_DIGITS);
        tag
    }
}

impl fmt::Display for ImageDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What an image is built from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    /// The role that it is built for, for messages.
    pub role: RoleName,
    /// The script.
    pub script: String,
    /// Its further arguments.
    pub args: Vec<String>,
    /// The script and its inputs, by path: what each holds, and whether it may be executed.
    pub files: BTreeMap<String, RecipeFile>,
}

/// A file that a script may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecipeFile {
    /// What it holds.
    pub content: ContentDigest,
    /// Whether it may be executed.
    pub executable: bool,
}

impl Recipe {
    /// What a role's image is built from, by what the bundle ships.
    pub fn of(role: &RoleName, build: &ImageBuild, bundle: &Bundle, contents: &Contents) -> Result<Self, BundleError> {
        let mut files = BTreeMap::new();
        let mut take = |path: &String, executable: bool| {
            let content = contents.get(path).ok_or_else(|| BundleError::NotShipped(path.clone()))?;
            files.insert(path.clone(), RecipeFile { content: *content, executable });
            Ok::<(), BundleError>(())
        };
        // An entry that is no pattern has been refused when the scenario was checked.
        for naming in build.inputs.iter().filter_map(|entry| Naming::of(entry).ok()) {
            for (path, input) in bundle.named(&naming) {
                take(path, input.executable)?;
            }
        }
        take(&build.build, true)?;
        Ok(Self { role: role.clone(), script: build.build.clone(), args: build.args.clone(), files })
    }

    /// Over everything that decides what comes out; the role does not.
    pub fn digest(&self) -> ImageDigest {
        let mut sum = Sha256::new();
        let mut add = |part: &[u8]| {
            sum.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
            sum.update(part);
        };
        add(SCHEME);
        add(self.script.as_bytes());
        add(&self.args.len().to_le_bytes());
        for argument in &self.args {
            add(argument.as_bytes());
        }
        for (path, file) in &self.files {
            add(path.as_bytes());
            add(&[u8::from(file.executable)]);
            add(file.content.as_bytes());
        }
        ImageDigest(ContentDigest::sum(sum))
    }

    /// The name under which engines know the image; roles that are built from the same have the same.
    pub fn image_name(&self, scenario: &ClusterId) -> String {
        format!("throng/{scenario}:{}", self.digest().tag())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::{Caller, InputFile};

    fn bundle(files: &[(&str, &str, bool)]) -> (Bundle, Contents) {
        let inputs = files.iter().map(|(path, text, executable)| {
            ((*path).to_owned(), InputFile { bytes: text.len() as u64, executable: *executable })
        });
        let contents = files
            .iter()
            .map(|(path, text, _)| ((*path).to_owned(), ContentDigest::of(text.as_bytes()).unwrap()))
            .collect();
        let bundle = Bundle {
            entry: "s.toml".to_owned(),
            files: BTreeMap::new(),
            inputs: inputs.collect(),
            overlays: Vec::new(),
            sets: Vec::new(),
            dir: "/home/anna".into(),
            caller: Caller { uid: 1000, gid: 1000, name: "anna".to_owned() },
        };
        (bundle, contents)
    }

    fn recipe(files: &[(&str, &str, bool)], args: &[&str], inputs: &[&str]) -> Recipe {
        let (bundle, contents) = bundle(files);
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let build = ImageBuild { build: "image.sh".to_owned(), args: texts(args), inputs: texts(inputs) };
        Recipe::of(&"worker".parse().unwrap(), &build, &bundle, &contents).unwrap()
    }

    const FILES: &[(&str, &str, bool)] =
        &[("image.sh", "script", false), ("lib/a.jar", "a", false), ("lib/b.sh", "b", true), ("other", "o", false)];

    #[test]
    fn a_script_has_what_it_declares_and_nothing_else() {
        let recipe = recipe(FILES, &[], &["lib/*.jar"]);
        let found: Vec<(&str, bool)> =
            recipe.files.iter().map(|(path, file)| (path.as_str(), file.executable)).collect();
        assert_eq!(found, [("image.sh", true), ("lib/a.jar", false)]);
    }

    #[test]
    fn an_image_is_built_anew_only_when_something_changed_that_its_script_can_see() {
        let same = recipe(FILES, &["1"], &["lib"]).digest();
        let with = |path: &str, text: &'static str, executable: bool| {
            let changed = |file: &(&'static str, &'static str, bool)| {
                if file.0 == path { (file.0, text, executable) } else { *file }
            };
            recipe(&FILES.iter().map(changed).collect::<Vec<_>>(), &["1"], &["lib"]).digest()
        };
        assert_eq!(with("other", "changed", true), same);
        assert_eq!(with("image.sh", "script", true), same, "the script is run whatever its permissions");
        for changed in [
            with("image.sh", "changed", false),
            with("lib/a.jar", "changed", false),
            with("lib/a.jar", "a", true),
            recipe(FILES, &["2"], &["lib"]).digest(),
            recipe(FILES, &["1", ""], &["lib"]).digest(),
            recipe(FILES, &["1"], &["lib/a.jar"]).digest(),
            recipe(FILES, &["1"], &["lib", "other"]).digest(),
        ] {
            assert_ne!(changed, same);
        }
        let name = recipe(FILES, &["1"], &["lib"]).image_name(&"redis".parse().unwrap());
        assert_eq!(name, format!("throng/redis:{}", &same.to_string()[..12]));
    }

    #[test]
    fn what_came_without_its_contents_is_named() {
        let (bundle, mut contents) = bundle(FILES);
        contents.remove("lib/b.sh");
        let build = ImageBuild { build: "image.sh".to_owned(), args: vec![], inputs: vec!["lib".to_owned()] };
        let error = Recipe::of(&"worker".parse().unwrap(), &build, &bundle, &contents).unwrap_err();
        assert!(error.to_string().contains("lib/b.sh"), "{error}");
    }
}
