//! `throng follow`: watch an operation that goes on without this terminal.

use clap::Args;
use throng_common::verdict::Outcome;
use throng_proto::operator::{CancelOperationRequest, ListOperationsRequest, Operation, OperationSummary};

use super::context::Context;
use super::error::CliError;
use super::operation::interrupt::{Interrupts, OnAsk};
use super::operation::summary;
use super::operation::watch::Watch;
use super::run::stored_report;

/// Arguments.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng follow                    the one operation that goes on
  throng follow run-k3f9ab
  throng follow run-k3f9ab --cancel

Ctrl-C only ends the watching.")]
pub struct FollowArgs {
    /// The operation, as `throng status` lists it; may be left out while only one goes on
    #[arg(value_name = "OPERATION")]
    pub operation: Option<String>,
    /// Ask it to stop: what it brought up is torn down
    #[arg(long)]
    pub cancel: bool,
}

/// Runs it.
pub async fn run(context: &Context, args: FollowArgs) -> Result<Outcome, CliError> {
    let mut client = context.client().await?;
    let listed = client.list_operations(ListOperationsRequest {}).await?.into_inner().operations;
    let found = choose(listed, args.operation.as_deref())?;
    let operation = Operation { operation: found.operation, cluster: found.cluster, run: found.run };
    let mut interrupts = Interrupts::listen()?;
    if args.cancel {
        client.cancel_operation(CancelOperationRequest { operation: operation.operation.clone() }).await?;
    }
    let watched = Watch::new(context, &operation, OnAsk::Detach).run(&mut client, &mut interrupts).await?;
    let report = stored_report(context, &mut client, &operation, &watched).await;
    summary::print(context, &operation, &watched, report.as_deref())
}

fn choose(listed: Vec<OperationSummary>, named: Option<&str>) -> Result<OperationSummary, CliError> {
    let ids = |list: &[&OperationSummary]| list.iter().map(|op| op.operation.clone()).collect::<Vec<_>>().join(", ");
    if let Some(named) = named {
        let known = ids(&listed.iter().collect::<Vec<_>>());
        let found = listed.into_iter().find(|op| op.operation == named);
        return found.ok_or_else(|| {
            CliError::refused(format!("there is no operation `{named}`"), format!("there are: {}", or_none(&known)))
        });
    }
    let going: Vec<&OperationSummary> = listed.iter().filter(|op| !op.ended).collect();
    match going[..] {
        [only] => Ok(only.clone()),
        [] => Err(CliError::refused("no operation goes on", "`throng runs` lists what was run")),
        _ => Err(CliError::refused("several operations go on", format!("name one: {}", ids(&going)))),
    }
}

fn or_none(list: &str) -> &str {
    if list.is_empty() { "none" } else { list }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(id: &str, ended: bool) -> OperationSummary {
        OperationSummary { operation: id.to_owned(), ended, ..OperationSummary::default() }
    }

    #[test]
    fn without_a_name_the_one_that_goes_on_is_meant() {
        let chosen = choose(vec![operation("up-a", true), operation("run-b", false)], None).unwrap();
        assert_eq!(chosen.operation, "run-b");
    }

    #[test]
    fn several_that_go_on_must_be_told_apart() {
        let error = choose(vec![operation("up-a", false), operation("run-b", false)], None).unwrap_err();
        assert_eq!(error.hint().unwrap(), "name one: up-a, run-b");
    }
}
