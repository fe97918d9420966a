//! `throng down`: take a cluster down and prove that nothing is left.

use clap::Args;
use throng_common::verdict::Outcome;
use throng_proto::operator::{AuditRequest, Cluster, DownRequest, GetClusterRequest, RoleCount};

use super::confirm::confirm;
use super::context::Context;
use super::error::CliError;
use super::operation::interrupt::{Interrupts, OnAsk};
use super::operation::summary::{self, residues_table};
use super::operation::watch::Watch;
use crate::client::connect::Client;
use crate::output::progress::record::ResidueRecord;

/// Arguments.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng down                      asks before it takes down the only cluster
  throng down redis-ab12 --yes
  throng down --orphans            lists what no cluster owns any more; touches nothing

It ends in an audit of kernel and engine: exit code 5 and a list, if anything is left.")]
pub struct DownArgs {
    /// The cluster; may be left out while there is only one
    #[arg(value_name = "CLUSTER", env = "THRONG_CLUSTER", hide_env_values = true)]
    pub cluster: Option<String>,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Only list what of throng no live cluster owns, each with its remedy
    #[arg(long, conflicts_with_all = ["cluster", "yes"])]
    pub orphans: bool,
}

/// Runs it.
pub async fn run(context: &Context, args: DownArgs) -> Result<Outcome, CliError> {
    let mut client = context.client().await?;
    if args.orphans {
        return orphans(context, &mut client).await;
    }
    let request = GetClusterRequest { cluster: args.cluster.unwrap_or_default() };
    let cluster = client.get_cluster(request).await?.into_inner();
    context.printer.note(&plan(&cluster));
    confirm(context, args.yes, "This cannot be undone.")?;
    down(context, &mut client, DownRequest { cluster: cluster.cluster, orphans: false }).await
}

/// Lists what no cluster owns, each with its remedy, and touches nothing: whose it is, a person decides.
async fn orphans(context: &Context, client: &mut Client) -> Result<Outcome, CliError> {
    let found = client.audit(AuditRequest { cluster: String::new() }).await?.into_inner().residues;
    let found: Vec<ResidueRecord> = found.into_iter().map(ResidueRecord::from).collect();
    if context.is_json() {
        context.printer.json(&found)?;
    } else if found.is_empty() {
        context.printer.note("nothing of throng is left behind");
    } else {
        context.printer.data(&residues_table(&found).render(context.printer.width_columns))?;
    }
    Ok(if found.is_empty() { Outcome::Pass } else { Outcome::Residue })
}

/// Takes down and watches. Ctrl-C only detaches: half a teardown helps nobody.
pub(super) async fn down(context: &Context, client: &mut Client, request: DownRequest) -> Result<Outcome, CliError> {
    let mut interrupts = Interrupts::listen()?;
    let operation = client.down(request).await?.into_inner();
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
