//! `throng down`: take a cluster down and prove that nothing is left.

use clap::Args;
use throng_common::verdict::Outcome;
use throng_proto::operator::{Cluster, DownRequest, GetClusterRequest, RoleCount};
use tonic::Code;

use super::args::PlacedCluster;
use super::confirm::confirm;
use super::context::Context;
use super::error::CliError;
use super::operation::begin::begin;
use super::operation::interrupt::{Interrupts, OnAsk};
use super::operation::summary;
use super::operation::watch::Watch;
use super::orphans;
use crate::client::connect::Client;

/// Arguments.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng down                      asks before it takes down the only cluster
  throng down redis-ab12 --yes
  throng down --orphans            shows what no coordinator knows any more, asks, removes it

It ends in an audit of kernel and engine: exit code 5 and a list, if anything is left.")]
pub struct DownArgs {
    /// Which cluster
    #[command(flatten)]
    pub cluster: PlacedCluster,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// What bears throng's mark on the hosts and belongs to no cluster that a coordinator knows
    #[arg(long)]
    pub orphans: bool,
}

/// Runs it.
pub async fn run(context: &Context, args: DownArgs) -> Result<Outcome, CliError> {
    if args.orphans {
        if args.cluster.is_on_command_line() {
            return Err(CliError::refused(
                "--orphans takes down what belongs to no cluster that is known, and no cluster is named with it",
                "leave one of the two out",
            ));
        }
        return orphans::run(context, args.yes).await;
    }
    let mut client = context.client().await?;
    let named = args.cluster.given();
    let is_named = named.is_some();
    let request = GetClusterRequest { cluster: named.unwrap_or_default() };
    let cluster = match client.get_cluster(request).await {
        Ok(found) => found.into_inner(),
        // Whoever cleans up need not know whether anything is there.
        Err(status) if !is_named && status.code() == Code::NotFound => {
            return summary::nothing_to_do(context, "no cluster is up: there is nothing to take down");
        }
        Err(status) => return Err(status.into()),
    };
    context.printer.note(&plan(&cluster));
    confirm(context, args.yes, "This cannot be undone.")?;
    down(context, &mut client, DownRequest { cluster: cluster.cluster, ..DownRequest::default() }).await
}

/// Takes down and watches. Ctrl-C only detaches: half a teardown helps nobody.
pub(super) async fn down(context: &Context, client: &mut Client, request: DownRequest) -> Result<Outcome, CliError> {
    let mut interrupts = Interrupts::listen()?;
    let operation = begin(context, client, &mut interrupts, "down", async |mut client, operation| {
        client.down(DownRequest { operation, ..request.clone() }).await
    })
    .await?;
    let watched = Watch::new(context, &operation, OnAsk::Detach).run(client, &mut interrupts).await?;
    summary::print(context, &operation, &watched, None)
}

/// What will be taken down, in one line.
fn plan(cluster: &Cluster) -> String {
    let role = |role: &RoleCount| format!("{} {} ({} running)", role.desired, role.role, role.running);
    let roles: Vec<String> = cluster.roles.iter().map(role).collect();
    format!("down: cluster {} of scenario {}: {}", cluster.cluster, cluster.scenario, roles.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_of_a_teardown_names_everything_that_goes() {
        let role = |role: &str, desired| RoleCount {
            role: role.to_owned(),
            desired,
            running: desired,
            ..RoleCount::default()
        };
        let cluster = Cluster {
            cluster: "redis-ab12".to_owned(),
            scenario: "redis".to_owned(),
            roles: vec![role("primary", 1), role("worker", 100)],
            ..Cluster::default()
        };
        assert_eq!(
            plan(&cluster),
            "down: cluster redis-ab12 of scenario redis: 1 primary (1 running), 100 worker (100 running)"
        );
    }
}
