//! From a bundle to a planned cluster in the journal: check, build images, plan.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join_all, select_ok};
use throng_common::ids::{ClusterId, HostId, RoleName};
use throng_common::ports::PortSet;
use throng_common::scenario::model::{Image, Provider, Scenario};
use throng_common::scenario::steps::Step;
use throng_common::size::ByteSize;
use throng_common::status::HostFacts;
use throng_failpoints::{Point, hit};
use throng_proto::agent as wire;

use super::commands::off_the_runtime;
use super::failure::RolloutError;
use super::images;
use crate::bundle::{Bundle, Contents, Naming, lay_out};
use crate::clock;
use crate::cluster::{ClusterRecord, ClusterState, LiveCluster, RoleWanted};
use crate::core::{Core, CoreError, Reservation};
use crate::fleet::FleetError;
use crate::fleet::fan_out;
use crate::operation::{NoteLevel, OperationHandle};
use crate::planner::input::{HostInput, PlanInput};
use crate::planner::plan::Plan;
use crate::planner::planning::plan;
use crate::planner::refusal::{PlanRefusal, Problem};
use crate::scenario;

/// How long a host may take to say what it has.
const FACTS_DEADLINE: Duration = Duration::from_secs(15);

/// How long the first host of a coordinator that has just begun is waited for: agents dial again within 5 s.
const HOST_WAIT: Duration = Duration::from_secs(10);

/// A scenario that was checked.
#[derive(Debug, Clone)]
pub struct Admitted {
    /// The scenario.
    pub scenario: Scenario,
    /// Where it came from.
    pub bundle: Arc<Bundle>,
    /// What the bundle's inputs hold.
    pub contents: Arc<Contents>,
}

/// Checks a bundle.
pub fn admit(bundle: Bundle, contents: Contents) -> Result<Admitted, RolloutError> {
    let loaded = scenario::load(&bundle).map_err(|diagnostics| RolloutError::Scenario(diagnostics.render(false)))?;
    Ok(Admitted { scenario: loaded.scenario, bundle: Arc::new(bundle), contents: Arc::new(contents) })
}

impl Admitted {
    /// Lays out what programs find beside the scenario: all that it ships, but what only its images are built from.
    pub(super) async fn lay_out(&self, core: &Arc<Core>, folder: &Path) -> Result<(), RolloutError> {
        let (admitted, core, folder) = (self.clone(), Arc::clone(core), folder.to_owned());
        let laid_out = off_the_runtime(move || {
            let namings: Vec<Naming> =
                admitted.for_programs().iter().filter_map(|entry| Naming::of(entry).ok()).collect();
            let wanted = |path: &str| namings.iter().any(|naming| naming.takes(path));
            lay_out(&admitted.bundle, &admitted.contents, &core.contents, &folder, wanted)
        });
        Ok(laid_out.await?)
    }

    /// What programs are and read, and the scripts of images, so that a run can be repeated from what it left.
    fn for_programs(&self) -> Vec<String> {
        let tests = &self.scenario.test;
        let steps = tests.iter().flat_map(|test| [&test.setup, &test.step, &test.teardown]).flatten();
        let mut named: Vec<String> = steps.flat_map(named_by_step).collect();
        named.extend(self.scenario.role.values().filter_map(|role| match &role.image {
            Some(Image::Build(build)) => Some(build.build.clone()),
            Some(Image::Name(_)) | None => None,
        }));
        named
    }
}

fn named_by_step(step: &Step) -> Vec<String> {
    let own = step.program.iter().chain(&step.inputs).cloned();
    own.chain(step.parallel.iter().flatten().flat_map(named_by_step)).collect()
}

/// What the hosts have now, and what other clusters hold on them. `previous`: the plan of the cluster that is planned anew,
/// all of whose hosts must be there, for its nodes stay where they are.
pub async fn plan_inputs(core: &Core, previous: Option<&Plan>) -> Result<Vec<HostInput>, RolloutError> {
    await_a_host(core).await;
    let held = |host: &HostId| previous.is_some_and(|plan| holds_nodes(plan, host));
    let connected = core.fleet.connected();
    let away = previous.iter().flat_map(|plan| &plan.hosts).map(|planned| &planned.host);
    let away: Vec<&str> = away.filter(|host| held(host) && !connected.contains(host)).map(HostId::as_str).collect();
    if !away.is_empty() {
        return Err(RolloutError::HostAway { hosts: away.join(", ") });
    }
    let mut failed = None;
    let others = plans_of_others(core, previous.map(|plan| &plan.cluster));
    let mut inputs = Vec::new();
    for (host, facts) in fan_out(connected, |host| async move { fresh_facts(core, &host).await }).await {
        let facts = match facts {
            Ok(facts) => facts,
            Err(error) if held(&host) => return Err(error),
            // One that holds nothing of it, and does not answer, has no part in the plan either.
            Err(error) => {
                tracing::warn!(%host, error = error.text(), "it is planned without a host that does not say what it has");
                failed = Some(error);
                continue;
            }
        };
        core.hosts.hear(&host, |view| view.facts = Some(facts.clone()));
        let mut input =
            HostInput { host: host.clone(), facts, other_ports: PortSet::default(), other_memory: ByteSize::ZERO };
        for plans in &others {
            let held = || plans.iter().flat_map(|plan| &plan.hosts).filter(|planned| planned.host == host);
            held().for_each(|planned| input.other_ports = input.other_ports.union(&planned.reserved));
            // It follows one plan or the next, never both.
            let promised = held().map(|planned| planned.memory.promised()).max();
            input.other_memory = input.other_memory + promised.unwrap_or(ByteSize::ZERO);
        }
        inputs.push(input);
    }
    if inputs.is_empty() { Err(failed.unwrap_or(RolloutError::NoHost)) } else { Ok(inputs) }
}

fn holds_nodes(plan: &Plan, host: &HostId) -> bool {
    plan.hosts.iter().any(|planned| planned.host == *host && !planned.nodes.is_empty())
}

/// Waits until all hosts with nodes of a plan are connected: without one its nodes would be planned to run elsewhere, while
/// they run there. Whoever plans says which did not come.
pub(super) async fn await_hosts_of(core: &Core, plan: &Plan) {
    let holding = plan.hosts.iter().filter(|planned| !planned.nodes.is_empty());
    join_all(holding.map(|planned| core.fleet.wait_connected(&planned.host, HOST_WAIT))).await;
}

/// Waits until a host is connected, where there are hosts: a coordinator that has just begun has none yet.
async fn await_a_host(core: &Core) {
    if !core.fleet.connected().is_empty() {
        return;
    }
    // Without a journal nobody is waited for: then there is more in the way than a host.
    let known = core.store.list_hosts().await.unwrap_or_default();
    let waits: Vec<_> = known.iter().map(|host| Box::pin(core.fleet.wait_connected(&host.host, HOST_WAIT))).collect();
    if !waits.is_empty() {
        // None came: whoever plans says so.
        let _ = select_ok(waits).await;
    }
}

/// The plans of other clusters, each with the one that is about to follow it.
fn plans_of_others(core: &Core, except: Option<&ClusterId>) -> Vec<Vec<Plan>> {
    let mut plans: BTreeMap<ClusterId, Vec<Plan>> = BTreeMap::new();
    // First those that are about to be journalled: one that is meanwhile is seen twice, not missed.
    for plan in core.reservations.plans() {
        plans.entry(plan.cluster.clone()).or_default().push(plan);
    }
    for record in core.clusters().iter().map(|cluster| cluster.record()) {
        let own = plans.entry(record.id.clone()).or_default();
        own.push(record.plan.clone());
        own.extend(record.pending.as_ref().map(|pending| pending.plan.clone()));
    }
    plans.into_iter().filter(|(id, _)| except != Some(id)).map(|(_, plans)| plans).collect()
}

async fn fresh_facts(core: &Core, host: &HostId) -> Result<HostFacts, RolloutError> {
    let rpc = |mut agent: wire::agent_client::AgentClient<_>, request| async move { agent.facts(request).await };
    let ask = || core.fleet.call(host, FACTS_DEADLINE, wire::FactsRequest {}, rpc);
    let facts = core.fleet.patiently(host, ask).await.map_err(CoreError::from)?;
    let decoded = HostFacts::try_from(facts);
    decoded.map_err(|source| CoreError::from(FleetError::Decode { host: host.clone(), source }).into())
}

/// Plans, builds and sends images, and takes the cluster into the journal. Nothing runs yet.
pub(super) async fn prepare(
    core: &Arc<Core>,
    id: &ClusterId,
    admitted: &Admitted,
    operation: &OperationHandle,
) -> Result<Arc<LiveCluster>, RolloutError> {
    let Admitted { scenario, bundle, .. } = admitted;
    let phase = operation.phase("plan", 0);
    let named = named_images(scenario);
    let planned = make_plan(core, id, scenario, bundle, &named, None).await;
    let summary = planned.as_ref().map(|(planned, _)| summary(planned)).unwrap_or_default();
    phase.end(planned.is_ok(), summary);
    // Until the cluster is in the journal.
    let (mut planned, reservation) = planned?;
    for note in &planned.notes {
        operation.note(NoteLevel::Info, note.clone(), "");
    }
    let images = images::provide(core, admitted, &planned, operation).await?;
    hit(Point::ImagesSent);
    for (role, image) in &images {
        if let Some(role) = planned.roles.get_mut(role) {
            role.image = Some(image.clone());
        }
    }
    let bundle_dir = core.state.clusters_dir().join(id.as_str());
    admitted.lay_out(core, &bundle_dir).await?;
    hit(Point::BundleWritten);
    let wanted = scenario.role.keys().map(|role| (role.clone(), RoleWanted::Stopped)).collect();
    let record = ClusterRecord {
        id: id.clone(),
        scenario: scenario.clone(),
        plan: planned,
        bundle_dir,
        files: named_files(scenario, bundle),
        wanted,
        incarnations: BTreeMap::new(),
        prepared: BTreeSet::new(),
        sysctls: BTreeMap::new(),
        former_hosts: BTreeSet::new(),
        state: ClusterState::Starting,
        created: clock::now(),
        pending: None,
    };
    let added = core.add(record).await?;
    drop(reservation);
    images::prune(core).await;
    Ok(added)
}

/// Plans a scenario on the fleet as it stands. Its room is kept as long as the reservation.
pub(super) async fn make_plan(
    core: &Core,
    id: &ClusterId,
    scenario: &Scenario,
    bundle: &Bundle,
    images: &BTreeMap<RoleName, String>,
    previous: Option<&Plan>,
) -> Result<(Plan, Reservation), RolloutError> {
    if scenario.fleet.provider == Provider::PlanOnly {
        return Err(PlanRefusal { problems: vec![Problem::PlanOnly] }.into());
    }
    if let Some(previous) = previous {
        await_hosts_of(core, previous).await;
    }
    let _turn = core.reservations.turn().await;
    let hosts = plan_inputs(core, previous).await?;
    let input = PlanInput {
        scenario,
        cluster: id,
        caller: &format!("{}:{}", bundle.caller.uid, bundle.caller.gid),
        scenario_dir: &bundle.dir.display().to_string(),
        images,
        hosts: &hosts,
        previous,
        preview: false,
    };
    let planned = plan(&input)?;
    let reservation = core.reservations.reserve(&planned);
    Ok((planned, reservation))
}

pub(super) fn named_images(scenario: &Scenario) -> BTreeMap<RoleName, String> {
    let name = |(role, image)| match image {
        Image::Name(name) => Some((role, name)),
        Image::Build(_) => None,
    };
    let roles = scenario.role.iter().filter_map(|(name, role)| Some((name.clone(), role.image.clone()?)));
    roles.filter_map(name).collect()
}

pub(super) fn named_files(scenario: &Scenario, bundle: &Bundle) -> BTreeMap<String, Vec<u8>> {
    let sources = scenario.role.values().flat_map(|role| role.files.values()).filter_map(|file| file.source.clone());
    sources.filter_map(|path| Some((path.clone(), bundle.files.get(&path)?.clone()))).collect()
}

/// A plan in one line.
pub(super) fn summary(plan: &Plan) -> String {
    let roles: Vec<String> = plan.roles.iter().map(|(name, role)| format!("{} {name}", role.count)).collect();
    let hosts = plan.hosts.len();
    format!("{} on {hosts} host{}", roles.join(", "), if hosts == 1 { "" } else { "s" })
}
