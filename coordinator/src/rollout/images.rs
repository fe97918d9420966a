//! The images of a cluster: built, and on every host that needs them, before anything starts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use throng_common::ids::{HostId, RoleName};
use throng_common::scenario::model::{Image, ImageBuild, Scenario};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::failure::RolloutError;
use super::prepare::Admitted;
use crate::core::Core;
use crate::image::{ImageError, Order, Recipe, Source, Supplier, Tell};
use crate::operation::{NoteLevel, OperationHandle};
use crate::planner::plan::Plan;

/// How often is said how far the images are: an engine says it many times a second.
const SAID_INTERVAL: Duration = Duration::from_millis(500);

/// News that may wait; more are left out.
const NEWS_MAX: usize = 16;

/// Provides the images of a planned cluster, as a phase of its operation; their names by role.
pub(super) async fn provide(
    core: &Arc<Core>,
    admitted: &Admitted,
    plan: &Plan,
    operation: &OperationHandle,
) -> Result<BTreeMap<RoleName, String>, RolloutError> {
    let mut phase = operation.phase("image", 0);
    let (sender, mut news) = mpsc::channel(NEWS_MAX);
    // What finds no room is older than what comes next.
    let tell: Tell = Arc::new(move |text: String| drop(sender.try_send(text)));
    let work = async {
        let names = build(core, admitted, &tell).await?;
        let orders = orders(core, &admitted.scenario, plan, &names, |_, _| true);
        fill(core, orders, operation, &tell).await?;
        Ok::<_, RolloutError>(names)
    };
    tokio::pin!(work);
    let mut said: Option<Instant> = None;
    let provided = loop {
        // Cancel-safe: the work is polled by reference, and news that are lost are followed by others.
        tokio::select! {
            provided = &mut work => break provided,
            () = operation.cancelled().cancelled() => break Err(RolloutError::Interrupted),
            Some(text) = news.recv() => {
                if said.is_none_or(|at| at.elapsed() >= SAID_INTERVAL) {
                    phase.progress(0, text);
                    said = Some(Instant::now());
                }
            }
        }
    };
    let mut names: Vec<&String> = provided.iter().flat_map(BTreeMap::values).collect();
    names.sort();
    names.dedup();
    phase.end(provided.is_ok(), names.into_iter().map(String::as_str).collect::<Vec<_>>().join(", "));
    provided
}

/// Has hosts that get nodes of a role for the first time get its image too.
pub(super) async fn provide_to_new_hosts(
    core: &Arc<Core>,
    scenario: &Scenario,
    before: &Plan,
    plan: &Plan,
) -> Result<(), RolloutError> {
    let names = plan.roles.iter().filter_map(|(role, planned)| Some((role.clone(), planned.image.clone()?))).collect();
    let is_new = |role: &RoleName, host: &HostId| !hosts_of(before, role).contains(host);
    let orders = orders(core, scenario, plan, &names, is_new);
    let outcomes = Supplier::new(core, Arc::new(|_| {})).fill(orders).await;
    outcomes.into_iter().try_for_each(|(_, outcome)| outcome).map_err(RolloutError::from)
}

/// The images that a scenario's roles would have, by the files that scripts build them from. Nothing is built.
pub(super) fn names(admitted: &Admitted) -> Result<BTreeMap<RoleName, String>, ImageError> {
    let mut names = BTreeMap::new();
    for (role, declared) in &admitted.scenario.role {
        match &declared.image {
            None => {}
            Some(Image::Name(image)) => drop(names.insert(role.clone(), image.clone())),
            Some(Image::Build(build)) => {
                let (_, name) = recipe(admitted, role, build)?;
                names.insert(role.clone(), name);
            }
        }
    }
    Ok(names)
}

/// What an image is built from, and its name.
fn recipe(admitted: &Admitted, role: &RoleName, build: &ImageBuild) -> Result<(Recipe, String), ImageError> {
    let Admitted { scenario, bundle, contents } = admitted;
    let recipe = Recipe::of(role, build, bundle, contents).map_err(|source| ImageError::LayOut {
        role: role.clone(),
        script: build.build.clone(),
        source: source.into(),
    })?;
    let name = recipe.image_name(&scenario.scenario.name);
    Ok((recipe, name))
}

/// Builds what the scenario's scripts build, unless it was built before from the same files; all names by role.
async fn build(core: &Core, admitted: &Admitted, tell: &Tell) -> Result<BTreeMap<RoleName, String>, ImageError> {
    let mut names = BTreeMap::new();
    for (role, declared) in &admitted.scenario.role {
        let name = match &declared.image {
            None => continue,
            Some(Image::Name(image)) => image.clone(),
            Some(Image::Build(build)) => {
                let (recipe, name) = recipe(admitted, role, build)?;
                let _alone = core.building.lock().await;
                core.images.build(&recipe, &name, &core.contents, tell).await?;
                name
            }
        };
        names.insert(role.clone(), name);
    }
    Ok(names)
}

/// Which hosts need which image: those with nodes of a role that uses it, as far as `wanted` says.
fn orders(
    core: &Core,
    scenario: &Scenario,
    plan: &Plan,
    names: &BTreeMap<RoleName, String>,
    wanted: impl Fn(&RoleName, &HostId) -> bool,
) -> Vec<Order> {
    let mut orders: Vec<Order> = Vec::new();
    for (role, image) in names {
        let Some(declared) = scenario.role.get(role) else { continue };
        // An archive that is gone does not matter where the host has the image: it says so itself otherwise.
        let archive = tag_of(image).and_then(|tag| core.images.find_tag(tag));
        let source = match (&declared.image, archive) {
            (Some(Image::Build(_)), Some(archive)) => Source::Archive(archive),
            _ => Source::Registry(declared.pull),
        };
        let hosts = hosts_of(plan, role).into_iter().filter(|host| wanted(role, host)).collect();
        let order = Order { image: image.clone(), source, hosts };
        match orders.iter_mut().find(|known| (&known.image, &known.source) == (&order.image, &order.source)) {
            Some(known) => known.hosts.extend(order.hosts),
            None => orders.push(order),
        }
    }
    orders
}

/// Fills all orders; the first error, with the others as notes.
async fn fill(
    core: &Arc<Core>,
    orders: Vec<Order>,
    operation: &OperationHandle,
    tell: &Tell,
) -> Result<(), RolloutError> {
    let outcomes = Supplier::new(core, Arc::clone(tell)).fill(orders).await;
    let mut errors = outcomes.into_iter().filter_map(|(_, outcome)| outcome.err()).map(RolloutError::from);
    let first = errors.next();
    for other in errors {
        operation.note(NoteLevel::Error, other.text(), "");
    }
    first.map_or(Ok(()), Err)
}

/// Removes what no cluster needs any more of what was built and shipped. That it could not be removed stops nothing.
pub(super) async fn prune(core: &Arc<Core>) {
    let records = core.clusters().into_iter().map(|cluster| cluster.record());
    let images = records.flat_map(|record| {
        let plans = std::iter::once(&record.plan).chain(record.pending.as_ref().map(|pending| &pending.plan));
        plans.flat_map(|plan| plan.roles.values()).filter_map(|role| role.image.clone()).collect::<Vec<_>>()
    });
    let used: BTreeSet<String> = images.filter_map(|image| tag_of(&image).map(str::to_owned)).collect();
    let here = Arc::clone(core);
    let work = move || {
        if let Err(error) = here.images.prune(&used) {
            tracing::warn!(%error, "unused images could not be removed");
        }
        if let Err(error) = here.contents.prune() {
            tracing::warn!(%error, "unused contents could not be removed");
        }
    };
    if let Err(error) = tokio::task::spawn_blocking(work).await {
        tracing::warn!(%error, "unused images and contents could not be removed");
    }
}

fn hosts_of(plan: &Plan, role: &RoleName) -> BTreeSet<HostId> {
    let has = |host: &&crate::planner::plan::HostPlan| host.nodes.iter().any(|node| node.name.role() == role);
    plan.hosts.iter().filter(has).map(|host| host.host.clone()).collect()
}

fn tag_of(image: &str) -> Option<&str> {
    image.rsplit_once(':').map(|(_, tag)| tag)
}
