//! The order in which roles start.

use std::collections::{BTreeMap, BTreeSet};

use throng_common::ids::RoleName;
use throng_common::scenario::model::Role;

use super::refusal::Problem;

/// Waves of roles: each waits for those before it; within one, by name. A role that is not declared is not waited for.
pub(super) fn waves(roles: &BTreeMap<RoleName, Role>) -> Result<Vec<Vec<RoleName>>, Problem> {
    let mut waiting: BTreeSet<&RoleName> = roles.keys().collect();
    let mut waves = Vec::new();
    while !waiting.is_empty() {
        let free = |name: &&RoleName| roles[*name].after.iter().all(|before| !waiting.contains(before));
        let wave: Vec<RoleName> = waiting.iter().copied().filter(free).cloned().collect();
        if wave.is_empty() {
            let names: Vec<&str> = waiting.iter().map(|name| name.as_str()).collect();
            return Err(Problem::Cycle { roles: names.join(", ") });
        }
        for name in &wave {
            waiting.remove(name);
        }
        waves.push(wave);
    }
    Ok(waves)
}
