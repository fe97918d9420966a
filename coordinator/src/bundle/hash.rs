//! The digests of a bundle's inputs.

use std::collections::BTreeMap;
use std::fs::File;

use super::error::BundleError;
use super::model::Bundle;
use crate::content::ContentDigest;

/// The digests of files, by their path in a bundle.
pub type Contents = BTreeMap<String, ContentDigest>;

/// Reads all inputs of a bundle, piece by piece, where the caller is.
pub fn hash_inputs(bundle: &Bundle) -> Result<Contents, BundleError> {
    let digest = |name: &String| {
        let path = bundle.dir.join(name);
        let digest = File::open(&path).and_then(ContentDigest::of);
        let digest = digest.map_err(|source| BundleError::ReadNamed { path, source })?;
        Ok((name.clone(), digest))
    };
    bundle.inputs.keys().map(digest).collect()
}
