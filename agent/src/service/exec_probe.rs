//! Exec probes: a command run in the node that is probed.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use throng_common::error_chain::chain;

use super::context::{means, running_target};
use crate::board::Board;
use crate::exec::fan_out::run_one;
use crate::exec::target::TargetError;
use crate::host::engine::model::{ExecEnd, ExecRequest};
use crate::probe::{ExecFailure, ExecProbe, ExecProblem};
use crate::reconcile::command::Key;
use crate::reconcile::effects::Host;
use crate::reconcile::task::MakeExec;

/// What is kept of a probe's output: its first line is what people read.
const OUTPUT_MAX_BYTES: usize = 4096;

/// Makes what runs a node's exec probe.
pub fn make_exec(host: Arc<Host>, board: Arc<Board>) -> MakeExec {
    Arc::new(move |key| Arc::new(NodeExec { host: Arc::clone(&host), board: Arc::clone(&board), key: key.clone() }))
}

struct NodeExec {
    host: Arc<Host>,
    board: Arc<Board>,
    key: Key,
}

impl ExecProbe for NodeExec {
    fn run<'a>(&'a self, command: &'a [String], timeout: Duration) -> BoxFuture<'a, Result<(), ExecFailure>> {
        self.ask(command.to_vec(), timeout).boxed()
    }
}

impl NodeExec {
    async fn ask(&self, argv: Vec<String>, timeout: Duration) -> Result<(), ExecFailure> {
        let request = ExecRequest { argv, env: Vec::new(), stdin: None, output_max_bytes: OUTPUT_MAX_BYTES, timeout };
        let target = running_target(&self.host, &self.board, &self.key.cluster, &self.key.node);
        match run_one(&means(&self.host), target.as_ref(), request).await {
            Ok(ExecEnd::Done(output)) if output.code == 0 => Ok(()),
            Ok(ExecEnd::Done(output)) => {
                let said = if output.stderr.is_empty() { &output.stdout } else { &output.stderr };
                let said = String::from_utf8_lossy(said);
                let said = said.lines().next().unwrap_or_default().to_owned();
                Err(ExecFailure::Bad(ExecProblem { what: format!("exit code {}", output.code), said }))
            }
            Ok(ExecEnd::TimedOut(_)) => Err(problem(format!("no end within {timeout:?}"))),
            Err(TargetError::Engine(error)) if !(error.is_not_found() || error.is_conflict()) => {
                Err(ExecFailure::NotAsked(chain(&error)))
            }
            Err(error) => Err(problem(chain(&error))),
        }
    }
}

fn problem(what: String) -> ExecFailure {
    ExecFailure::Bad(ExecProblem { what, said: String::new() })
}
