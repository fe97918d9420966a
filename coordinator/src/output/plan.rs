//! A plan as people read it: who lies where, the sums, what will be tuned, and which limit breaks first.

use std::time::Duration;

use throng_common::ports::PortSet;
use throng_common::scenario::model::RunKind;
use throng_common::size::ByteSize;

use super::palette::Palette;
use super::table::Table;
use crate::planner::estimate::{Estimate, estimate};
use crate::planner::limit::Limit;
use crate::planner::plan::{HostPlan, MemorySum, Plan, RolePlan, SysctlPlan};

/// Ranges of ports that are shown one by one: a torn pool would fill the screen.
const PORT_RANGES_SHOWN: usize = 4;
/// Hosts that are named one by one.
const HOSTS_NAMED: usize = 4;
/// Share in percent below which a limit that does not break is only named.
const FAR_PERCENT: f64 = 1.0;

/// A plan in sections; `width_columns` as [`Table::render`] takes it.
pub fn plan_text(plan: &Plan, palette: Palette, width_columns: Option<u16>) -> String {
    let hosts = plan.hosts.len();
    let title = format!("{}: {} on {}", plan.cluster, counted(plan.node_count(), "node"), counted(hosts, "host"));
    let mut sections = vec![
        format!("{}\n", palette.strong(&title)),
        roles(plan).render(width_columns),
        placement(plan).render(width_columns),
    ];
    for (names, host) in alike(plan) {
        sections.push(format!("{}\n{}", palette.strong(&format!("Memory of {names}")), memory(&host.memory)));
        sections.push(kernel_settings(&names, host, palette, width_columns));
    }
    sections.push(limits(plan, palette, width_columns));
    if !plan.notes.is_empty() {
        let notes: Vec<String> = plan.notes.iter().map(|note| format!("{} {note}\n", palette.warn("note:"))).collect();
        sections.push(notes.concat());
    }
    sections.join("\n")
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

fn roles(plan: &Plan) -> Table {
    let mut table = Table::new(&["ROLE", ">NODES", "AS", ">MEMORY", "STARTS", "UP WHEN", "IMAGE"]);
    for (name, role) in plan.waves.iter().flatten().filter_map(|name| Some((name, plan.roles.get(name)?))) {
        table.row([
            name.to_string(),
            role.count.to_string(),
            run_kind(role.run).to_owned(),
            if role.memory == ByteSize::ZERO { "-".to_owned() } else { role.memory.to_string() },
            starts(role),
            format!(
                "{} ready within {}",
                if role.quorum == role.count { "all".to_owned() } else { role.quorum.to_string() },
                role.timeout
            ),
            role.image.clone().unwrap_or_else(|| match role.run {
                RunKind::Process => String::new(),
                RunKind::Container => "built by its script".to_owned(),
            }),
        ]);
    }
    table
}

fn run_kind(run: RunKind) -> &'static str {
    match run {
        RunKind::Process => "process",
        RunKind::Container => "container",
    }
}

fn starts(role: &RolePlan) -> String {
    let turn = if role.wave == 0 { "first".to_owned() } else { format!("in wave {}", role.wave + 1) };
    match role.starts_per_second {
        Some(rate) => format!("{turn}, at most {rate}/s"),
        None => turn,
    }
}

fn placement(plan: &Plan) -> Table {
    let mut table = Table::new(&["HOST", "ADDRESS", ">NODES", ">MEMORY", "", "PORTS (RESERVED)"]);
    for host in &plan.hosts {
        table.row([
            host.host.to_string(),
            host.address.to_string(),
            host.nodes.len().to_string(),
            host.memory.used.to_string(),
            format!("of {}", host.memory.bound()),
            ports(&host.reserved),
        ]);
    }
    table
}

fn ports(set: &PortSet) -> String {
    let ranges = set.ranges();
    let shown: Vec<String> = ranges.iter().take(PORT_RANGES_SHOWN).map(ToString::to_string).collect();
    let more = if ranges.len() > PORT_RANGES_SHOWN { ",…" } else { "" };
    if set.is_empty() { "none".to_owned() } else { format!("{}{more} ({})", shown.join(","), set.count()) }
}

/// The first of all hosts that bear the same, with the names of all.
fn alike(plan: &Plan) -> Vec<(String, &HostPlan)> {
    let mut groups: Vec<(Vec<String>, &HostPlan)> = Vec::new();
    for host in &plan.hosts {
        let same =
            |known: &&mut (Vec<String>, &HostPlan)| known.1.memory == host.memory && changes(known.1).eq(changes(host));
        match groups.iter_mut().find(same) {
            Some((names, _)) => names.push(host.host.to_string()),
            None => groups.push((vec![host.host.to_string()], host)),
        }
    }
    groups.into_iter().map(|(names, host)| (list(&names), host)).collect()
}

/// Hosts by name; of many that are numbered without a gap, the first and the last.
fn list(names: &[String]) -> String {
    let number = |name: &String| name.rsplit_once('-').and_then(|(_, number)| number.parse::<u64>().ok());
    let numbers: Option<Vec<u64>> = names.iter().map(number).collect();
    let without_gap = numbers.is_some_and(|numbers| numbers.windows(2).all(|pair| pair[1] == pair[0] + 1));
    match names {
        [first, .., last] if names.len() > HOSTS_NAMED && without_gap => {
            format!("{first} … {last} ({} hosts)", names.len())
        }
        names => names.join(", "),
    }
}

fn memory(sum: &MemorySum) -> String {
    let mut table = Table::new(&[">", "", ">", ">"]);
    for role in &sum.roles {
        let amount = role.each * u64::from(role.count);
        table.row([role.count.to_string(), role.role.to_string(), format!("× {}", role.each), amount.to_string()]);
    }
    if sum.containers > 0 {
        let engine = sum.engine_each * u64::from(sum.containers);
        let each = format!("× {}", sum.engine_each);
        table.row([sum.containers.to_string(), "containers, for the engine".to_owned(), each, engine.to_string()]);
    }
    if sum.others.as_bytes() > 0 {
        table.row(["", "other clusters", "", &sum.others.to_string()]);
    }
    table.row(["", "reserve, left alone", "", &sum.reserve.to_string()]);
    let total = if sum.bound() == sum.total {
        format!("together, of {}", sum.total)
    } else {
        format!("together, of {} ({} × overcommit {})", sum.bound(), sum.total, sum.overcommit)
    };
    table.row(["", &total, "", &sum.used.to_string()]);
    // The table's headings are empty: its first line is.
    table.render(None).split_once('\n').map(|(_, rows)| rows.to_owned()).unwrap_or_default()
}

/// What will be written, the ports' reservation apart: the ports stand above, and their list is long.
fn changes(host: &HostPlan) -> impl Iterator<Item = &SysctlPlan> {
    host.sysctls.iter().filter(|sysctl| sysctl.changes && sysctl.spec.key != throng_common::sysctl_keys::RESERVED_PORTS)
}

fn kernel_settings(names: &str, host: &HostPlan, palette: Palette, width_columns: Option<u16>) -> String {
    let high_enough = host.sysctls.iter().filter(|sysctl| !sysctl.changes).count();
    let title = palette.strong(&format!("Kernel settings of {names}"));
    let enough = format!("{} already high enough.\n", counted(high_enough, "setting"));
    let mut table = Table::new(&["SETTING", ">NOW", ">WILL BE", "IT IS", "WHY"]);
    for sysctl in changes(host) {
        let now = sysctl.now.clone().unwrap_or_else(|| "unknown".to_owned());
        let need = if sysctl.spec.required { "needed" } else { "a precaution" };
        table.row([&sysctl.spec.key, &now, &sysctl.then, need, &sysctl.spec.reason]);
    }
    if table.is_empty() {
        return format!("{title}\nNothing to change: {enough}");
    }
    format!("{title}, each put back by `down`\n{}{}", table.render(width_columns), palette.faint(&enough))
}

fn limits(plan: &Plan, palette: Palette, width_columns: Option<u16>) -> String {
    let breaks = format!(">BREAKS AT {}", plan.largest.as_str().to_uppercase());
    let one_host = plan.hosts.len() == 1;
    let headings = ["LIMIT", "HOST", ">USED", ">OF", ">SHARE", &breaks, "WHAT IT IS"];
    let mut table = Table::new(&without_host(headings, one_host));
    let mut far = Vec::new();
    for limit in &plan.limits {
        if limit.breaks_at.is_none() && limit.share_percent < FAR_PERCENT {
            far.push(limit.name.to_string());
            continue;
        }
        table.row(without_host(limit_row(limit), one_host));
    }
    let mut text =
        format!("{}\n{}", palette.strong("Limits, the first to break at the top"), table.render(width_columns));
    if !far.is_empty() {
        text.push_str(&palette.faint(&format!("Below {FAR_PERCENT}% and far from breaking: {}.", far.join(", "))));
        text.push('\n');
    }
    text.push_str(&verdict(plan, palette));
    text.push_str(&time(plan));
    text
}

/// How long it takes, as an order of size.
fn time(plan: &Plan) -> String {
    let Estimate { starts_cpu, up, down } = estimate(plan);
    if up.is_zero() {
        return String::new();
    }
    let about = |time: Duration| match time.as_secs_f64().ceil() {
        seconds if seconds < 120.0 => format!("{seconds} s"),
        seconds => format!("{} min", (seconds / 60.0).ceil()),
    };
    let work = match starts_cpu {
        Duration::ZERO => String::new(),
        cpu => format!("; the starts take {} of CPU time", about(cpu)),
    };
    format!("About {} up and {} down, as measured with Docker 20.10{work}.\n", about(up), about(down))
}

/// A row of the limits; where there is one host, its column says nothing.
fn without_host<T>(row: [T; 7], one_host: bool) -> Vec<T> {
    row.into_iter().enumerate().filter(|(column, _)| !one_host || *column != 1).map(|(_, cell)| cell).collect()
}

fn limit_row(limit: &Limit) -> [String; 7] {
    [
        limit.name.to_string(),
        limit.host.to_string(),
        limit.unit.show(limit.used),
        limit.unit.show(limit.bound),
        format!("{:.1}%", limit.share_percent),
        limit.breaks_at.map(|count| count.to_string()).unwrap_or_default(),
        limit.why.clone(),
    ]
}

/// The one sentence to take away.
fn verdict(plan: &Plan, palette: Palette) -> String {
    let first = plan.limits.first().and_then(|limit| Some((limit, limit.breaks_at?)));
    let sentence = match first {
        Some((limit, breaks_at)) => {
            let fits = breaks_at.saturating_sub(1);
            format!(
                "It fits. {} breaks first: {fits} {} fit, {breaks_at} do not.",
                capital(&limit.name.to_string()),
                plan.largest
            )
        }
        None => format!("It fits, and nothing breaks at 16 times as many {}.", plan.largest),
    };
    format!("{}\n", palette.good(&sentence))
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planner::tests::fixture::{REDIS, host, imagined, redis, scenario, try_plan, with_count};

    #[test]
    fn the_redis_scenario_with_100_workers_reads_well() {
        let plan = try_plan(&redis(100), &[host("local")], None).unwrap();
        insta::assert_snapshot!(plan_text(&plan, Palette::PLAIN, None));
    }

    #[test]
    fn the_redis_scenario_with_1000_workers_reads_well() {
        let plan = try_plan(&redis(1000), &[host("local")], None).unwrap();
        insta::assert_snapshot!(plan_text(&plan, Palette::PLAIN, None));
    }

    #[test]
    fn several_hosts_are_grouped_where_they_bear_the_same() {
        let mut uneven = redis(100);
        uneven.fleet.memory_overcommit = 1.5;
        let plan = try_plan(&uneven, &[host("a"), host("b"), host("c")], None).unwrap();
        insta::assert_snapshot!(plan_text(&plan, Palette::PLAIN, None));
    }

    #[test]
    fn a_thousand_workers_on_hosts_that_nobody_has_yet_read_well() {
        let text = REDIS
            .replace(
                "[role.primary]",
                "[fleet]\nprovider = \"plan-only\"\nhost = { cpus = 64, memory = \"488GiB\" }\n[role.primary]",
            )
            .replace("memory = \"16MiB\"", "memory = \"1.2GiB\"")
            .replace("rate = \"40/s\"", "cpu = \"1800ms\"")
            .replace("8MiB", "64MiB");
        let plan = imagined(&with_count(scenario(&text), "worker", 1000)).unwrap();
        insta::assert_snapshot!(plan_text(&plan, Palette::PLAIN, None));
    }
}
