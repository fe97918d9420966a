//! `throng plan`: where everything would lie, and how near every limit is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use throng_common::ids::{ClusterId, HostId};
use throng_common::ports::PortSet;
use throng_common::scenario::model::Provider;
use throng_common::size::ByteSize;
use throng_common::status::HostFacts;
use throng_common::verdict::Outcome;
use throng_proto::operator::PlanRequest;

use super::args::ScenarioArgs;
use super::context::Context;
use super::error::CliError;
use super::scenario_file::ScenarioFile;
use crate::client::connect::Client;
use crate::client::error::ClientError;
use crate::daemon::agent::LOCAL_HOST;
use crate::daemon::agent_program::AgentProgram;
use crate::daemon::facts;
use crate::output::plan::plan_text;
use crate::planner::imagined::plan_imagined;
use crate::planner::input::{HostInput, PlanInput};
use crate::planner::plan::Plan;
use crate::planner::planning::plan;

/// The cluster that a plan is for while there is none.
const NO_CLUSTER: &str = "planned";

/// Arguments.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng plan redis.toml
  throng plan redis.toml --set param.workers=1000
  throng-agent facts --format json > big.json && throng plan redis.toml --facts big.json

Changes nothing and needs no coordinator. Exit code 2 with the arithmetic when it does not fit.")]
pub struct PlanArgs {
    /// The scenario
    #[command(flatten)]
    pub scenario: ScenarioArgs,
    /// Plan for a machine with these facts instead of this one
    #[arg(long, value_name = "FILE")]
    pub facts: Option<PathBuf>,
}

/// What came of planning.
enum Planned {
    Fits(Box<Plan>),
    Refused(Vec<ProblemView>),
}

#[derive(Serialize)]
struct ProblemView {
    message: String,
    hint: String,
}

#[derive(Serialize)]
struct RefusalView<'a> {
    fits: bool,
    problems: &'a [ProblemView],
}

/// Runs it.
pub async fn run(context: &Context, args: PlanArgs) -> Result<Outcome, CliError> {
    let file = ScenarioFile::read_and_warn(context, &args.scenario)?;
    let planned = match &args.facts {
        Some(path) => here(&file, &[host_with(read_facts(path)?)]),
        None if file.scenario.fleet.provider == Provider::PlanOnly => here(&file, &[]),
        None => match context.client().await {
            Ok(client) => by_coordinator(client, file).await?,
            Err(CliError::Client(ClientError::NoCoordinator { .. })) => {
                let agent = AgentProgram::find(context.agent.as_deref()).await?;
                here(&file, &[host_with(facts::facts(&agent).await?)])
            }
            Err(error) => return Err(error),
        },
    };
    print(context, &planned)
}

fn print(context: &Context, planned: &Planned) -> Result<Outcome, CliError> {
    let printer = context.printer;
    match planned {
        Planned::Fits(plan) => {
            if context.is_json() {
                printer.json(plan)?;
            } else {
                printer.data(&plan_text(plan, printer.out, printer.width_columns))?;
            }
            Ok(Outcome::Pass)
        }
        Planned::Refused(problems) => {
            if context.is_json() {
                printer.json(&RefusalView { fits: false, problems })?;
            } else {
                printer.error("the plan does not fit");
                for problem in problems {
                    printer.stderr(&format!("  {}", problem.message));
                    printer.hint(&problem.hint);
                }
            }
            Ok(Outcome::Usage)
        }
    }
}

async fn by_coordinator(mut client: Client, file: ScenarioFile) -> Result<Planned, CliError> {
    let reply = client.plan(PlanRequest { bundle: Some(file.into_wire()) }).await?.into_inner();
    if reply.problems.is_empty() {
        let plan = serde_json::from_str(&reply.plan_json);
        return Ok(Planned::Fits(plan.map_err(|error| CliError::answer(format!("plan_json: {error}")))?));
    }
    let view = |problem: throng_proto::operator::Problem| ProblemView { message: problem.message, hint: problem.hint };
    Ok(Planned::Refused(reply.problems.into_iter().map(view).collect()))
}

/// One machine on which nothing runs yet.
fn host_with(facts: HostFacts) -> HostInput {
    let host = HostId::new(LOCAL_HOST).expect("a plain word is a name");
    HostInput { host, facts, other_ports: PortSet::default(), other_memory: ByteSize::ZERO }
}

/// Plans in this process, for these hosts or for those that the scenario imagines.
fn here(file: &ScenarioFile, hosts: &[HostInput]) -> Planned {
    let cluster = ClusterId::new(NO_CLUSTER).expect("a plain word is a name");
    let caller = &file.bundle.caller;
    let input = PlanInput {
        scenario: &file.scenario,
        cluster: &cluster,
        caller: &format!("{}:{}", caller.uid, caller.gid),
        scenario_dir: &file.bundle.dir.display().to_string(),
        images: &BTreeMap::new(),
        hosts,
        previous: None,
        preview: true,
    };
    let imagined = if hosts.is_empty() { plan_imagined(&input) } else { None };
    match imagined.unwrap_or_else(|| plan(&input)) {
        Ok(plan) => Planned::Fits(Box::new(plan)),
        Err(refusal) => Planned::Refused(
            refusal
                .problems
                .iter()
                .map(|problem| ProblemView { message: problem.to_string(), hint: problem.remedy() })
                .collect(),
        ),
    }
}

fn read_facts(path: &Path) -> Result<HostFacts, CliError> {
    let text =
        std::fs::read(path).map_err(|source| CliError::File { action: "read", path: path.to_owned(), source })?;
    serde_json::from_slice(&text).map_err(|error| {
        CliError::refused(
            format!("{} holds no facts of a host: {error}", path.display()),
            "`throng-agent facts --format json` on that host writes them",
        )
    })
}
