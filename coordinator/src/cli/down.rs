//! `throng down`: take a cluster down and prove that nothing is left.

use clap::Args;
use throng_common::verdict::Outcome;
use throng_proto::operator::{AuditRequest, Cluster, DownRequest, GetClusterRequest, Residue};

use super::confirm::confirm;
use super::context::Context;
use super::error::CliError;
use super::operation::interrupt::{Interrupts, OnAsk};
use super::operation::summary;
use super::operation::watch::Watch;
use crate::client::connect::Client;

/// Arguments.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng down                      asks before it takes down the only cluster
  throng down redis-ab12 --yes
  throng down --orphans --yes      also what no cluster owns any more

It ends in an audit of kernel and engine: exit code 5 and a list, if anything is left.")]
pub struct DownArgs {
    /// The cluster; may be left out while there is only one
    #[arg(value_name = "CLUSTER", env = "THRONG_CLUSTER", hide_env_values = true)]
    pub cluster: Option<String>,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Also remove what of throng no live cluster owns
    #[arg(long)]
    pub orphans: bool,
}

/// Runs it.
pub async fn run(context: &Context, args: DownArgs) -> Result<Outcome, CliError> {
    let mut client = context.client().await?;
    let cluster = target(&mut client, &args).await?;
    let orphans = if args.orphans {
        client.audit(AuditRequest { cluster: String::new() }).await?.into_inner().residues
    } else {
        Vec::new()
    };
    for line in plan(cluster.as_ref(), args.orphans, &orphans) {
        context.printer.note(&line);
    }
    if cluster.is_none() && orphans.is_empty() {
        return Ok(Outcome::Pass);
    }
    confirm(context, args.yes, "This cannot be undone.")?;
    let cluster = cluster.map(|cluster| cluster.cluster).unwrap_or_default();
    down(context, &mut client, DownRequest { cluster, orphans: args.orphans }).await
}

/// Takes down and watches. Ctrl-C only detaches: half a teardown helps nobody.
pub(super) async fn down(context: &Context, client: &mut Client, request: DownRequest) -> Result<Outcome, CliError> {
    let mut interrupts = Interrupts::listen()?;
    let operation = client.down(request).await?.into_inner();
    let watched = Watch::new(context, &operation, OnAsk::Detach).run(client, &mut interrupts).await?;
    summary::print(context, &operation, &watched, None)
}

/// The cluster that is meant; none if only orphans are.
async fn target(client: &mut Client, args: &DownArgs) -> Result<Option<Cluster>, CliError> {
    if args.cluster.is_none() && args.orphans {
        // Without a name, `--orphans` leaves what is up alone.
        return Ok(None);
    }
    let cluster = args.cluster.clone().unwrap_or_default();
    Ok(Some(client.get_cluster(GetClusterRequest { cluster }).await?.into_inner()))
}

/// What will be taken down, line by line.
fn plan(cluster: Option<&Cluster>, orphans: bool, residues: &[Residue]) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(cluster) = cluster {
        let roles: Vec<String> = cluster
            .roles
            .iter()
            .map(|role| format!("{} {} ({} running)", role.desired, role.role, role.running))
            .collect();
        lines.push(format!("down: cluster {} of scenario {}: {}", cluster.cluster, cluster.scenario, roles.join(", ")));
    }
    if orphans && residues.is_empty() {
        lines.push("down: no orphans".to_owned());
    }
    lines.extend(
        residues.iter().map(|residue| format!("down: orphan {} {} on {}", residue.kind, residue.subject, residue.host)),
    );
    lines
}

#[cfg(test)]
mod tests {
    use throng_proto::operator::RoleCount;

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
        let residue = Residue {
            kind: "mount".to_owned(),
            subject: "/run/throng/x".to_owned(),
            host: "local".to_owned(),
            ..Residue::default()
        };
        assert_eq!(
            plan(Some(&cluster), true, &[residue]),
            [
                "down: cluster redis-ab12 of scenario redis: 1 primary (1 running), 100 worker (100 running)",
                "down: orphan mount /run/throng/x on local",
            ]
        );
    }
}
