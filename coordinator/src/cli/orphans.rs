//! `throng down --orphans`: what no coordinator knows any more, shown, and removed once that is confirmed.

use std::collections::BTreeMap;

use throng_common::verdict::Outcome;
use throng_proto::operator::{AuditRequest, DownRequest};

use super::confirm::{can_ask, confirm};
use super::context::Context;
use super::down::down;
use super::error::CliError;
use super::operation::session::Session;
use super::operation::summary::residues_table;
use crate::client::connect::Client;
use crate::output::progress::record::ResidueRecord;

/// Shows the plan, asks, removes. The daemons are started where none runs: what is left may be left of them too.
pub(super) async fn run(context: &Context, yes: bool) -> Result<Outcome, CliError> {
    let mut session = Session::ensure(context).await?;
    let done = remove(context, &mut session.client, yes).await;
    let ended = session.end(context).await;
    done.and_then(|outcome| ended.map(|()| outcome))
}

async fn remove(context: &Context, client: &mut Client, yes: bool) -> Result<Outcome, CliError> {
    let found = client.audit(AuditRequest { cluster: String::new() }).await?.into_inner().residues;
    let found: Vec<ResidueRecord> = found.into_iter().map(ResidueRecord::from).collect();
    let goes = yes || can_ask(context);
    if found.is_empty() {
        context.printer.note("nothing of throng is left behind");
        if context.is_json() {
            context.printer.json(&found)?;
        }
        return Ok(Outcome::Pass);
    }
    let (orphans, rest): (Vec<_>, Vec<_>) = found.iter().partition(|left| !left.cluster.is_empty());
    let (settings, others): (Vec<_>, Vec<_>) = rest.into_iter().partition(|left| is_setting(left));
    for line in plan(&orphans) {
        context.printer.note(&line);
    }
    for left in &settings {
        context.printer.note(&format!("put back: {} on {}", left.subject, left.host));
    }
    if !others.is_empty() {
        context.printer.note("not removed here, since it cannot be told of which cluster it was:");
        let others: Vec<ResidueRecord> = others.iter().copied().cloned().collect();
        context.printer.note(residues_table(&others).render(context.printer.width_columns).trim_end());
    }
    let is_nothing = orphans.is_empty() && settings.is_empty();
    if !goes || is_nothing {
        list(context, &found)?;
        if !is_nothing {
            context.printer.hint(&format!("remove it: {}", context.invocation.command("down --orphans --yes")));
        }
        return Ok(Outcome::Residue);
    }
    confirm(context, yes, "All of it goes, and this cannot be undone.")?;
    let mut orphaned_clusters: Vec<String> = orphans.iter().map(|left| left.cluster.clone()).collect();
    orphaned_clusters.sort();
    orphaned_clusters.dedup();
    let request = DownRequest { orphans: true, orphaned_clusters, ..DownRequest::default() };
    let outcome = down(context, client, request).await?;
    Ok(if others.is_empty() { outcome } else { outcome.and(Outcome::Residue) })
}

/// Settings of the kernel bear no cluster's mark. An agent that remembers them puts them back with the last cluster.
fn is_setting(left: &ResidueRecord) -> bool {
    matches!(left.kind.as_str(), "sysctl" | "reserved-ports")
}

/// All of it, for those who only look.
fn list(context: &Context, found: &[ResidueRecord]) -> Result<(), CliError> {
    if context.is_json() {
        context.printer.json(&found)?;
    } else {
        context.printer.data(&residues_table(found).render(context.printer.width_columns))?;
    }
    Ok(())
}

/// What goes, a line for each cluster on each host.
fn plan(orphans: &[&ResidueRecord]) -> Vec<String> {
    let mut by_place: BTreeMap<(&str, &str), BTreeMap<&str, usize>> = BTreeMap::new();
    for left in orphans {
        let kinds = by_place.entry((&left.cluster, &left.host)).or_default();
        *kinds.entry(&left.kind).or_default() += 1;
    }
    let line = |((cluster, host), kinds): ((&str, &str), BTreeMap<&str, usize>)| {
        let counted = kinds.into_iter().map(|(kind, count)| format!("{count} {}", words(kind, count)));
        format!("down: {cluster} on {host}, which no coordinator knows: {}", counted.collect::<Vec<_>>().join(", "))
    };
    by_place.into_iter().map(line).collect()
}

/// A kind of leftover in words.
fn words(kind: &str, count: usize) -> String {
    let (one, many) = match kind {
        "process" => ("process", "processes"),
        "cgroup" => ("control group", "control groups"),
        "directory" => ("folder", "folders"),
        "hosts-file" => ("block in the hosts file", "blocks in the hosts file"),
        other => return format!("{}{}", other.replace('-', " "), if count == 1 { "" } else { "s" }),
    };
    (if count == 1 { one } else { many }).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_has_a_line_for_each_cluster_on_each_host() {
        let left = |cluster: &str, host: &str, kind: &str| ResidueRecord {
            host: host.to_owned(),
            kind: kind.to_owned(),
            subject: "x".to_owned(),
            remedy: String::new(),
            cluster: cluster.to_owned(),
        };
        let found = [
            left("redis-ab12", "local", "container"),
            left("redis-ab12", "local", "container"),
            left("redis-ab12", "local", "process"),
            left("redis-ab12", "other", "mount"),
            left("nats-x7k2", "local", "hosts-file"),
            left("nats-x7k2", "local", "directory"),
        ];
        insta::assert_snapshot!(plan(&found.iter().collect::<Vec<_>>()).join("\n"));
    }
}
