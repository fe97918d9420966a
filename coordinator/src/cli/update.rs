//! `throng up --into`: a cluster that is up follows another scenario, node by node.

use std::fmt::Write as _;

use serde::Serialize;
use throng_common::verdict::Outcome;
use throng_proto::operator::{DiffReply, DiffRequest, RoleDiff, SettingDiff, UpRequest};

use super::context::Context;
use super::error::CliError;
use super::operation::begin::begin;
use super::operation::interrupt::{Interrupts, OnAsk};
use super::operation::summary;
use super::operation::watch::Watch;
use super::rolling::RollingArgs;
use super::scenario_file::ScenarioFile;
use crate::client::connect::Client;

/// Shows what changes, and unless that is all, brings the cluster there.
pub(super) async fn run(
    context: &Context,
    file: ScenarioFile,
    into: String,
    rolling: &RollingArgs,
    dry_run: bool,
) -> Result<Outcome, CliError> {
    let mut client = context.client().await?;
    let hashed = file.hash().await?;
    if !dry_run {
        hashed.send(context, &mut client).await?;
    }
    let bundle = hashed.into_wire();
    let diff = client.diff(DiffRequest { bundle: Some(bundle.clone()), into }).await?.into_inner();
    if let Some(problem) = diff.problems.first() {
        return Err(CliError::refused(problem.message.clone(), problem.hint.clone()));
    }
    show(context, &diff, dry_run)?;
    if dry_run {
        return Ok(Outcome::Pass);
    }
    let count = diff.roles.iter().map(|role| role.restarted_count).sum();
    let bound = Some(rolling.bound(count)?);
    let request = UpRequest { bundle: Some(bundle), into: diff.cluster, bound, ..UpRequest::default() };
    follow(context, &mut client, request).await
}

async fn follow(context: &Context, client: &mut Client, request: UpRequest) -> Result<Outcome, CliError> {
    let mut interrupts = Interrupts::listen()?;
    let operation = begin(context, client, &mut interrupts, "update", async |mut client, operation| {
        client.up(UpRequest { operation, ..request.clone() }).await
    })
    .await?;
    let watched = Watch::new(context, &operation, OnAsk::Stop).run(client, &mut interrupts).await?;
    summary::print(context, &operation, &watched, None)
}

/// A dry run's diff is data; before a change it is a note.
fn show(context: &Context, diff: &DiffReply, dry_run: bool) -> Result<(), CliError> {
    match (dry_run, context.is_json()) {
        (true, true) => context.printer.json(&view(diff))?,
        (true, false) => context.printer.data(&render(diff))?,
        (false, _) => context.printer.note(render(diff).trim_end()),
    }
    Ok(())
}

/// What changes, role by role.
fn render(diff: &DiffReply) -> String {
    let mut text = String::new();
    let width = diff.roles.iter().map(|role| role.role.len()).max().unwrap_or(0);
    for role in &diff.roles {
        let _ = writeln!(text, "{:width$}  {}", role.role, fate(role));
        let longest = role.settings.iter().map(|setting| setting.setting.len()).max().unwrap_or(0);
        for setting in &role.settings {
            let _ = writeln!(text, "{:width$}    {:longest$}  {}", "", setting.setting, change(setting));
        }
    }
    text
}

fn fate(role: &RoleDiff) -> String {
    let nodes = |count: u32| format!("{count} node{}", if count == 1 { "" } else { "s" });
    let parts = [
        (role.restarted_count, format!("{} restarted ({})", nodes(role.restarted_count), role.restarted)),
        (role.told_count, format!("{} told without a restart", nodes(role.told_count))),
        (role.untouched_count, format!("{} untouched", nodes(role.untouched_count))),
    ];
    parts.into_iter().filter(|(count, _)| *count > 0).map(|(_, text)| text).collect::<Vec<_>>().join(", ")
}

fn change(setting: &SettingDiff) -> String {
    let shown = |text: &str| if text.is_empty() { "(none)".to_owned() } else { text.to_owned() };
    let instance = if setting.instance.is_empty() { String::new() } else { format!("  (of {})", setting.instance) };
    format!("{} → {}{instance}", shown(&setting.before), shown(&setting.after))
}

#[derive(Serialize)]
struct DiffView<'a> {
    cluster: &'a str,
    roles: Vec<RoleView<'a>>,
}

#[derive(Serialize)]
struct RoleView<'a> {
    role: &'a str,
    restarted: u32,
    restarted_nodes: &'a str,
    told: u32,
    untouched: u32,
    settings: Vec<SettingView<'a>>,
}

#[derive(Serialize)]
struct SettingView<'a> {
    setting: &'a str,
    before: &'a str,
    after: &'a str,
    instance: &'a str,
}

fn view(diff: &DiffReply) -> DiffView<'_> {
    let mut roles = Vec::new();
    for role in &diff.roles {
        roles.push(RoleView {
            role: &role.role,
            restarted: role.restarted_count,
            restarted_nodes: &role.restarted,
            told: role.told_count,
            untouched: role.untouched_count,
            settings: role.settings.iter().map(setting_view).collect(),
        });
    }
    DiffView { cluster: &diff.cluster, roles }
}

fn setting_view(diff: &SettingDiff) -> SettingView<'_> {
    let SettingDiff { setting, before, after, instance } = diff;
    SettingView { setting, before, after, instance }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diff_says_of_every_role_what_changes_and_for_how_many_nodes() {
        let setting = |setting: &str, before: &str, after: &str, instance: &str| SettingDiff {
            setting: setting.to_owned(),
            before: before.to_owned(),
            after: after.to_owned(),
            instance: instance.to_owned(),
        };
        let worker = RoleDiff {
            role: "worker".to_owned(),
            settings: vec![
                setting("image", "redis:7", "redis:8", ""),
                setting("env.COLOUR", "", "blue", ""),
                setting("command", "serve --name worker-0000", "serve --id worker-0000", "worker-0000"),
            ],
            restarted: "worker-[0000-0099]".to_owned(),
            restarted_count: 100,
            ..RoleDiff::default()
        };
        let told = RoleDiff { role: "client".to_owned(), told_count: 1, untouched_count: 2, ..RoleDiff::default() };
        let same = RoleDiff { role: "primary".to_owned(), untouched_count: 1, ..RoleDiff::default() };
        let diff = DiffReply { cluster: "redis-ab12".to_owned(), roles: vec![told, same, worker], problems: vec![] };
        insta::assert_snapshot!(render(&diff));
    }
}
