//! Every target takes its seeds, and what is left when they are cut anywhere.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its own files has failed")]

use std::fs;
use std::path::{Path, PathBuf};

use throng_fuzz::Target;

/// Places at which a seed is cut.
const CUTS: usize = 16;

fn seeds(target: Target) -> Vec<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = match target {
        Target::Scenario => own.join("../coordinator/tests/corpus"),
        Target::Nodes | Target::Hosts | Target::Mounts | Target::Wire => own.join("seeds").join(target.name()),
    };
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect()
}

#[test]
fn every_target_takes_its_seeds() {
    for target in Target::ALL {
        let seeds = seeds(target);
        assert!(!seeds.is_empty(), "{} has none", target.name());
        for path in seeds {
            let seed = fs::read(&path).unwrap();
            for cut in 0..=CUTS {
                target.take(&seed[..seed.len() * cut / CUTS]);
            }
        }
    }
}

#[test]
fn targets_are_found_by_their_names() {
    for target in Target::ALL {
        assert_eq!(Target::named(target.name()), Some(target));
    }
    assert_eq!(Target::named("none"), None);
}
