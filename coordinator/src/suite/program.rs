//! `program` steps: the user's own test, in any language, with the cluster described in a file and in variables.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;
use throng_common::scenario::steps::Step;
use throng_common::span::Span;
use tokio::time::{Instant, sleep};

use super::context::{Context, Place, StepResult, attempt_timeout};
use super::expect::{Answer, AnswerEnd, Expectation, Miss};
use super::process::{self, ProgramEnd, ProgramSpec};
use super::request::text;
use super::{fanout, fold, pace, save};
use crate::planner::texts::Saved;
use crate::report::model::Cause;

/// The file with the cluster's description, in the run's folder.
const CLUSTER_FILE: &str = "cluster.json";

/// Runs a `program` step.
pub(super) async fn run(
    context: &Context<'_>,
    place: &Place<'_>,
    step: &Step,
    path: &str,
    saved: &Saved,
) -> StepResult {
    let texts = context.ops.texts();
    let fill = |text: &str| texts.fill(text, None, saved);
    let expectation = match Expectation::resolve(step.expect.as_ref(), fill) {
        Ok(expectation) => expectation,
        Err(error) => return StepResult::failed(Miss::mistake(error)),
    };
    let spec = match specify(context, place, step, path, saved).await {
        Ok(spec) => spec,
        Err(miss) => return StepResult::failed(miss),
    };
    let (attempts, answer) = converge(step, &spec, &expectation).await;
    let stem = place.file_stem();
    let artefacts = vec![format!("programs/{stem}.out"), format!("programs/{stem}.err")];
    let mut result = match answer {
        Ok(answer) => {
            let mut result = StepResult::default();
            result.save(save::from_text(&step.save, &answer.output));
            result
        }
        Err(miss) => StepResult { failures: vec![fold::whole(miss)], ..StepResult::default() },
    };
    (result.attempts, result.artefacts) = (attempts, artefacts);
    result
}

/// Runs it until the expectation holds or the time is over.
async fn converge(step: &Step, spec: &ProgramSpec, expectation: &Expectation) -> (u32, Result<Answer, Miss>) {
    let first = Instant::now();
    let mut attempts = 0;
    loop {
        let began = Instant::now();
        attempts += 1;
        let miss = match once(spec, expectation).await {
            Ok(answer) => return (attempts, Ok(answer)),
            Err(miss) => miss,
        };
        let now = Instant::now();
        match step.within {
            Some(within) if now < first + within.0 && miss.cause != Cause::Mistake => {
                let pause = pace::pause(attempts, now - began);
                sleep(pause.min((first + within.0) - now)).await;
            }
            Some(within) => return (attempts, Err(fanout::late(miss, within))),
            None => return (attempts, Err(miss)),
        }
    }
}

async fn once(spec: &ProgramSpec, expectation: &Expectation) -> Result<Answer, Miss> {
    let ProgramEnd { code, stdout, stderr, truncated } = process::run(spec.clone()).await.map_err(Miss::mistake)?;
    let ended = code.is_some();
    let answer = Answer {
        end: AnswerEnd::Exit(code.unwrap_or_default()),
        output: text(stdout),
        stderr: text(stderr),
        truncated,
    };
    if ended {
        expectation.judge(&answer)?;
        return Ok(answer);
    }
    let message = format!("killed after {}: it must end within its `timeout`", Span(spec.timeout));
    Err(Miss {
        cause: Cause::TimedOut,
        message,
        detail: super::expect::detail("stdout", &answer.output, &answer.stderr),
    })
}

async fn specify(
    context: &Context<'_>,
    place: &Place<'_>,
    step: &Step,
    path: &str,
    saved: &Saved,
) -> Result<ProgramSpec, Miss> {
    let texts = context.ops.texts();
    let fill = |text: &String| texts.fill(text, None, saved).map_err(Miss::mistake);
    let description = context.ops.describe();
    let mut env = process::inherited();
    env.extend(context.environment.clone());
    env.extend(cluster_variables(&description));
    env.insert("THRONG_CLUSTER_FILE".to_owned(), context.folder.path(CLUSTER_FILE).display().to_string());
    env.insert("THRONG_RUN_DIR".to_owned(), context.folder.root().display().to_string());
    env.insert("THRONG_BIN".to_owned(), context.throng_bin.display().to_string());
    env.insert("THRONG_SEED".to_owned(), context.seed.to_string());
    for (name, value) in &step.env {
        env.insert(name.clone(), fill(value)?);
    }
    // Written anew for every program: the cluster may have been scaled.
    let document = serde_json::to_vec_pretty(&description).map_err(Miss::mistake)?;
    context.folder.store(CLUSTER_FILE.to_owned(), document).await.map_err(Miss::mistake)?;
    let stem = place.file_stem();
    context.folder.ensure_folder("programs").map_err(Miss::mistake)?;
    let dir = context.folder.scenario_dir();
    Ok(ProgramSpec {
        path: find(&dir, path)?,
        args: step.args.iter().map(fill).collect::<Result<_, _>>()?,
        dir,
        env,
        timeout: attempt_timeout(step),
        stdout_file: context.folder.path(&format!("programs/{stem}.out")),
        stderr_file: context.folder.path(&format!("programs/{stem}.err")),
    })
}

/// A program beside the scenario: what was not shipped with it is not run, for it would be another program elsewhere.
fn find(dir: &std::path::Path, path: &str) -> Result<PathBuf, Miss> {
    let found = dir.join(path);
    let inside = std::path::Path::new(path)
        .components()
        .all(|part| matches!(part, std::path::Component::Normal(_) | std::path::Component::CurDir));
    if inside && found.is_file() {
        return Ok(found);
    }
    Err(Miss::mistake(format_args!(
        "`{path}` is no file beside the scenario: write a path relative to the scenario file"
    )))
}

/// `THRONG_CLUSTER`, and for every role `THRONG_WORKER_COUNT`; for a role of one its address and ports too.
fn cluster_variables(description: &Value) -> BTreeMap<String, String> {
    let mut env = BTreeMap::new();
    let mut put = |name: String, value: Option<&Value>| {
        if let Some(value) = value {
            env.insert(name, value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        }
    };
    put("THRONG_CLUSTER".to_owned(), description.get("cluster"));
    put("THRONG_SCENARIO".to_owned(), description.get("scenario"));
    let nodes = description.get("nodes").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for (role, about) in description.get("roles").and_then(Value::as_object).into_iter().flatten() {
        let prefix = format!("THRONG_{}", variable_part(role));
        put(format!("{prefix}_COUNT"), about.get("count"));
        let of_role = |node: &&Value| node.get("role").and_then(Value::as_str) == Some(role.as_str());
        let mut members = nodes.iter().filter(of_role);
        let (Some(only), None) = (members.next(), members.next()) else { continue };
        put(format!("{prefix}_NAME"), only.get("name"));
        put(format!("{prefix}_ADDRESS"), only.get("address"));
        for (port, number) in only.get("ports").and_then(Value::as_object).into_iter().flatten() {
            put(format!("{prefix}_PORT_{}", variable_part(port)), Some(number));
        }
    }
    env
}

/// A name as a part of a variable's: `name-node` becomes `NAME_NODE`.
fn variable_part(name: &str) -> String {
    let letter = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_uppercase() } else { '_' };
    name.chars().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn roles_become_variables() {
        let description = json!({
            "cluster": "redis-x7k2",
            "roles": {"name-node": {"count": 1}, "worker": {"count": 2}},
            "nodes": [
                {"name": "name-node-0000", "role": "name-node", "address": "127.84.0.1", "ports": {"rpc-tls": 20000}},
                {"name": "worker-0000", "role": "worker", "address": "127.84.0.1", "ports": {"redis": 20001}},
                {"name": "worker-0001", "role": "worker", "address": "127.84.0.1", "ports": {"redis": 20002}},
            ],
        });
        let variables: Vec<String> =
            cluster_variables(&description).into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(
            variables,
            [
                "THRONG_CLUSTER=redis-x7k2",
                "THRONG_NAME_NODE_ADDRESS=127.84.0.1",
                "THRONG_NAME_NODE_COUNT=1",
                "THRONG_NAME_NODE_NAME=name-node-0000",
                "THRONG_NAME_NODE_PORT_RPC_TLS=20000",
                "THRONG_WORKER_COUNT=2",
            ]
        );
    }
}
