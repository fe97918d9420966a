//! Random draws that can be repeated: the same seed, test, step and repetition draw the same nodes, whatever else ran
//! before.

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use sha2::{Digest, Sha256};
use throng_common::ids::NodeName;
use throng_common::scenario::selector::Selector;

use super::context::{Context, Place};
use super::expect::Miss;
use crate::planner::texts::Saved;

/// The nodes of a step, at least one. Those that its selector names must all be there: what a step leaves out, it has
/// not tested.
pub(super) fn nodes(
    context: &Context<'_>,
    place: &Place<'_>,
    selector: &Selector,
    saved: &Saved,
) -> Result<Vec<NodeName>, Miss> {
    let nodes = context.ops.nodes();
    let selector = &meant(selector, saved)?;
    if let Some(absent) = selector.absent(&nodes) {
        return Err(Miss::mistake(absent.words("this cluster")));
    }
    let selected = select(selector, &nodes, context.seed, &place.draw_key());
    if selected.is_empty() {
        return Err(Miss::mistake(format_args!("`{selector}` selects no nodes of this cluster")));
    }
    Ok(selected)
}

/// The selector, or what an earlier step saved in its place.
fn meant(selector: &Selector, saved: &Saved) -> Result<Selector, Miss> {
    let Selector::Saved(name) = selector else { return Ok(selector.clone()) };
    let text = saved.get(name).ok_or_else(|| Miss::mistake(format_args!("no earlier step has saved `{name}`")))?;
    match text.parse() {
        Ok(Selector::Saved(_)) | Err(_) => {
            Err(Miss::mistake(format_args!("`{selector}` is {text:?}, which are no nodes")))
        }
        Ok(selector) => Ok(selector),
    }
}

/// Selects nodes; where a selector says how many, they are drawn.
///
/// `place` says for what the draw is: it decides the draw together with the seed.
fn select(selector: &Selector, nodes: &[NodeName], seed: u64, place: &str) -> Vec<NodeName> {
    let mut selected = selector.select(nodes, |candidates, count| {
        let mut random = StdRng::from_seed(mix(seed, place));
        candidates.sample(&mut random, count).cloned().collect()
    });
    selected.sort();
    selected
}

/// Whether a selector draws.
pub(super) fn is_drawn(selector: &Selector) -> bool {
    match selector {
        Selector::Some { .. } => true,
        Selector::All | Selector::Role(_) | Selector::Nodes(_) | Selector::Saved(_) => false,
    }
}

fn mix(seed: u64, place: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(seed.to_le_bytes());
    hash.update(place.as_bytes());
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use throng_common::ids::RoleName;

    use super::*;

    #[test]
    fn a_seed_and_a_place_give_the_same_draw_and_others_give_others() {
        let role = RoleName::new("worker").unwrap();
        let nodes: Vec<NodeName> = (0..1000).map(|index| NodeName::new(role.clone(), index)).collect();
        let selector: Selector = "10 of worker".parse().unwrap();
        let draw = |seed, place| select(&selector, &nodes, seed, place);
        assert_eq!(draw(1, "a"), draw(1, "a"));
        assert_ne!(draw(1, "a"), draw(2, "a"));
        assert_ne!(draw(1, "a"), draw(1, "b"));
        let drawn = draw(3, "c");
        assert!(drawn.len() == 10 && drawn.is_sorted() && drawn.iter().all(|node| nodes.contains(node)));
    }
}
