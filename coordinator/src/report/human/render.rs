//! The sections of a report, in the order in which a person asks for them.

use throng_common::size::ByteSize;
use throng_common::verdict::Verdict;

use super::failures::failure_block;
use super::figures::{columns, counted, cut, duration, figure, wrap};
use super::hosts::shortage;
use super::recorded::recorded;
use crate::report::model::{
    Ending, HostReport, MetricReport, PhaseReport, ResidueReport, RoleReport, RunReport, Teardown, TestReport,
    WhyNotRun,
};

/// The narrowest width that is rendered for: below it, lines are simply longer than the terminal.
const WIDTH_MIN: usize = 60;

/// The widest: longer lines are hard to read.
const WIDTH_MAX: usize = 120;

/// The least CPU time of a start that is worth a line, in milliseconds.
const START_CPU_SHOWN_MILLIS: u64 = 100;

/// A role of which a node had its ramdisks as full as this is named, in percent.
const RAMDISK_PERCENT_SHOWN: u64 = 80;

/// Stands for a space at which no line is broken, until the lines are made.
const UNBREAKABLE: &str = "\u{a0}";

/// Most lines of residue shown.
const RESIDUE_MAX: usize = 30;

/// A colour. It never carries meaning alone: the words are the same without it.
#[derive(Debug, Clone, Copy)]
enum Ink {
    Green,
    Red,
    Yellow,
    Bold,
    Dim,
}

/// Where lines go, and how wide they may be.
pub(super) struct Page {
    text: String,
    width: usize,
    color: bool,
}

/// What has become of a cluster that its run left up. A report is read long after it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nobody was asked.
    Unknown,
    /// It is there.
    Up,
    /// It is being taken down.
    Leaving,
    /// It is not there any more.
    Gone,
}

/// The report as text of at most `width` columns (60 to 120); it ends with a line break. Files are named relative to the
/// run's folder, which the caller prints.
pub fn render(report: &RunReport, width: usize, color: bool) -> String {
    render_now(report, width, color, Standing::Unknown)
}

/// The same, by somebody who knows what has become of the cluster.
pub fn render_now(report: &RunReport, width: usize, color: bool, cluster: Standing) -> String {
    let mut page = Page { text: String::new(), width: width.clamp(WIDTH_MIN, WIDTH_MAX), color };
    header(&mut page, report);
    ending(&mut page, &report.ending);
    verdicts(&mut page, report);
    failures(&mut page, report);
    metrics(&mut page, &report.metrics);
    recorded(&mut page, report);
    memory(&mut page, &report.roles);
    nearly_full(&mut page, &report.roles);
    starts(&mut page, &report.roles);
    shortages(&mut page, &report.hosts);
    phases(&mut page, &report.phases);
    teardown(&mut page, report, cluster);
    summary(&mut page, report);
    page.text
}

impl Page {
    pub(super) fn line(&mut self, text: &str) {
        self.text.push_str(text.trim_end());
        self.text.push('\n');
    }

    pub(super) fn gap(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    /// A paragraph, each of its lines indented.
    fn indented(&mut self, indent: usize, text: &str) {
        let width = self.width.saturating_sub(indent);
        for line in wrap(text, width) {
            self.line(&format!("{:indent$}{line}", ""));
        }
    }

    /// A paragraph behind its heading.
    pub(super) fn headed(&mut self, head: &str, text: &str) {
        let indent = head.len() + 2;
        for (index, line) in wrap(text, self.width.saturating_sub(indent)).iter().enumerate() {
            let head = if index == 0 { head } else { "" };
            self.line(&format!("{head:<indent$}{}", line.replace(UNBREAKABLE, " ")));
        }
    }

    fn paint(&self, ink: Ink, text: &str) -> String {
        if !self.color {
            return text.to_owned();
        }
        let code = match ink {
            Ink::Green => "32",
            Ink::Red => "1;31",
            Ink::Yellow => "33",
            Ink::Bold => "1",
            Ink::Dim => "2",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

fn header(page: &mut Page, report: &RunReport) {
    let nodes: u32 = report.hosts.iter().map(|host| host.nodes).sum();
    let extent = format!(
        "{} on {}, seed {}",
        counted(usize::try_from(nodes).unwrap_or(usize::MAX), "node"),
        counted(report.hosts.len(), "host"),
        report.seed
    );
    let title = page.paint(Ink::Bold, &report.scenario);
    let extent = page.paint(Ink::Dim, &extent);
    page.line(&format!("{title}  run {}  {extent}", report.run));
}

fn ending(page: &mut Page, ending: &Ending) {
    let (what, detail) = match ending {
        Ending::Completed => return,
        Ending::Interrupted => ("interrupted", ""),
        Ending::QuorumNotMet { detail } => ("quorum not met", detail.as_str()),
        Ending::Broken { detail } => ("could not run", detail.as_str()),
        Ending::LeftOff { detail } => ("left off", detail.as_str()),
    };
    page.gap();
    let what = page.paint(Ink::Red, what);
    page.line(&what);
    if !detail.is_empty() {
        page.indented(2, detail);
    }
}

const fn ink(verdict: Option<Verdict>) -> Ink {
    match verdict {
        Some(Verdict::Pass) => Ink::Green,
        Some(Verdict::KnownFailure | Verdict::Suspect | Verdict::Invalid) | None => Ink::Yellow,
        Some(Verdict::Fail | Verdict::UnexpectedPass) => Ink::Red,
    }
}

const fn word(verdict: Option<Verdict>) -> &'static str {
    match verdict {
        Some(verdict) => verdict.word(),
        None => "INTERRUPTED",
    }
}

fn verdicts(page: &mut Page, report: &RunReport) {
    let left_out = report.not_run.iter().filter(|test| test.why == WhyNotRun::Filtered).count();
    let unreached: Vec<_> = report.not_run.iter().filter(|test| test.why != WhyNotRun::Filtered).collect();
    page.gap();
    if report.tests.is_empty() && unreached.is_empty() {
        page.line("  the scenario has no tests");
    }
    let words = report.tests.iter().map(|test| word(test.verdict).len());
    let widest = words.chain(unreached.iter().map(|_| "NOT RUN".len())).max().unwrap_or(0);
    let room = page.width.saturating_sub(widest + 2 + 2 + 9);
    for test in &report.tests {
        let painted = page.paint(ink(test.verdict), &format!("{:widest$}", word(test.verdict)));
        let name = cut(&test.name, room);
        page.line(&format!("  {painted}  {name:room$} {:>7}", duration(test.took_millis)));
    }
    for test in &unreached {
        let painted = page.paint(Ink::Yellow, &format!("{:widest$}", "NOT RUN"));
        page.line(&format!("  {painted}  {}", cut(&test.name, room)));
    }
    if left_out > 0 {
        let text = page.paint(Ink::Dim, &format!("  {} left out by --test", counted(left_out, "test")));
        page.line(&text);
    }
}

fn failures(page: &mut Page, report: &RunReport) {
    for test in &report.tests {
        let known = test.known_failure.as_deref().unwrap_or_default();
        let story = match test.verdict {
            Some(Verdict::Pass) => continue,
            Some(Verdict::KnownFailure) => format!("known: {known}\n{}", failure_block(test)),
            Some(Verdict::UnexpectedPass) => {
                format!("it passed, although it is a known failure: {known}\nhint: remove expect = \"fail\" from it")
            }
            Some(Verdict::Fail | Verdict::Invalid | Verdict::Suspect) | None => failure_block(test),
        };
        failure(page, test, &story);
    }
}

fn failure(page: &mut Page, test: &TestReport, story: &str) {
    page.gap();
    let heading = page.paint(ink(test.verdict), word(test.verdict));
    page.line(&format!("{heading}  {}", test.name));
    for line in story.lines() {
        let text = line.trim_start();
        page.indented(2 + line.len() - text.len(), text);
    }
}

fn metrics(page: &mut Page, metrics: &[MetricReport]) {
    if metrics.is_empty() {
        return;
    }
    let head = ["Metric", "min", "median", "max", "last", "samples"].map(str::to_owned).to_vec();
    let row = |metric: &MetricReport| {
        let name =
            if metric.unit.is_empty() { metric.name.to_string() } else { format!("{} ({})", metric.name, metric.unit) };
        let Some(summary) = &metric.summary else {
            return vec![name, "-".to_owned(), "-".to_owned(), "-".to_owned(), "-".to_owned(), "0".to_owned()];
        };
        let figures = [summary.min, summary.median, summary.max, summary.last].map(figure);
        std::iter::once(name).chain(figures).chain([summary.count.to_string()]).collect()
    };
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(metrics.iter().map(row)).collect();
    page.gap();
    for line in columns(&rows) {
        page.line(&line);
    }
    for metric in metrics.iter().filter(|metric| metric.failed > 0) {
        let samples = counted(usize::try_from(metric.failed).unwrap_or(usize::MAX), "sample");
        let first = metric.errors.first().map(String::as_str).unwrap_or_default();
        page.indented(2, &format!("{}: {samples} failed, for instance: {first}", metric.name));
    }
}

/// The most memory that a node of each role used, where it was measured, beside its limit.
fn memory(page: &mut Page, roles: &[RoleReport]) {
    let size = |bytes: Option<u64>| bytes.map_or_else(|| "-".to_owned(), |bytes| ByteSize::bytes(bytes).to_string());
    let row = |role: &RoleReport| {
        let _ = role.peak_memory_bytes?;
        let ramdisks = match role.ramdisk_max_bytes {
            Some(0) => "-".to_owned(),
            Some(max) => format!("{} of {}", size(role.peak_ramdisk_bytes), ByteSize::bytes(max)),
            None => size(role.peak_ramdisk_bytes),
        };
        let [anonymous, kernel] = [role.peak_anonymous_bytes, role.peak_kernel_bytes].map(size);
        let [limit, proposed] = [role.memory_limit_bytes, role.proposed_limit_bytes].map(size);
        Some(vec![role.role.to_string(), anonymous, ramdisks, kernel, limit, proposed])
    };
    let rows: Vec<Vec<String>> = roles.iter().filter_map(row).collect();
    if rows.is_empty() {
        return;
    }
    page.gap();
    let head = ["Most memory of a node", "anonymous", "ramdisks", "kernel", "limit", "would do"].map(str::to_owned);
    for line in columns(&[vec![head.to_vec()], rows].concat()) {
        page.line(&line);
    }
}

/// Roles of which a node had its ramdisks nearly full: a little more, and its writes fail.
fn nearly_full(page: &mut Page, roles: &[RoleReport]) {
    let shown = |role: &RoleReport| {
        let (peak, max) = (role.peak_ramdisk_bytes?, role.ramdisk_max_bytes?);
        let is_nearly_full = max > 0 && peak.saturating_mul(100) >= max.saturating_mul(RAMDISK_PERCENT_SHOWN);
        is_nearly_full.then(|| format!("{} {} of {}", role.role, ByteSize::bytes(peak), ByteSize::bytes(max)))
    };
    let shown: Vec<String> = roles.iter().filter_map(shown).map(|text| text.replace(' ', UNBREAKABLE)).collect();
    if !shown.is_empty() {
        page.headed("Ramdisks nearly full", &shown.join(", "));
    }
}

/// What a start of each role took of the CPU, where that is more than a program of nothing takes.
fn starts(page: &mut Page, roles: &[RoleReport]) {
    let shown = |role: &RoleReport| {
        let millis = role.start_cpu_millis.filter(|millis| *millis >= START_CPU_SHOWN_MILLIS)?;
        Some(format!("{} {}", role.role, duration(millis)).replace(' ', UNBREAKABLE))
    };
    let shown: Vec<String> = roles.iter().filter_map(shown).collect();
    if !shown.is_empty() {
        page.headed("CPU time of a start", &shown.join(", "));
    }
}

/// Hosts that were short of something.
fn shortages(page: &mut Page, hosts: &[HostReport]) {
    for host in hosts {
        if let Some(text) = shortage(host) {
            page.gap();
            page.headed("Under pressure", &format!("{}: {text}", host.host));
        }
    }
}

fn phases(page: &mut Page, phases: &[PhaseReport]) {
    if phases.is_empty() {
        return;
    }
    page.gap();
    let shown = |phase: &PhaseReport| {
        let failed = if phase.ok { "" } else { " (failed)" };
        // A phase and its time stay on one line.
        format!("{} {}{failed}", phase.phase, duration(phase.took_millis)).replace(' ', UNBREAKABLE)
    };
    let text = phases.iter().map(shown).collect::<Vec<_>>().join(", ");
    page.headed("Time", &text);
}

/// Something left behind, in one line.
pub fn residue_line(residue: &ResidueReport) -> String {
    let kind = serde_json::to_value(residue.residue.kind).ok();
    let kind = kind.as_ref().and_then(serde_json::Value::as_str).unwrap_or("something").replace('-', " ");
    format!("{}: {kind} {}", residue.host, residue.residue.subject)
}

fn teardown(page: &mut Page, report: &RunReport, cluster: Standing) {
    page.gap();
    match &report.teardown {
        Teardown::Clean => page.line("Nothing left behind"),
        Teardown::Residue { residues } => {
            let heading = page.paint(Ink::Red, &format!("LEFT BEHIND ({})", residues.len()));
            page.line(&heading);
            for residue in residues.iter().take(RESIDUE_MAX) {
                page.indented(2, &residue_line(residue));
                if !residue.residue.remedy.is_empty() {
                    page.indented(4, &format!("hint: {}", residue.residue.remedy));
                }
            }
            if residues.len() > RESIDUE_MAX {
                page.line(&format!("  and {} more, in report.json", residues.len() - RESIDUE_MAX));
            }
        }
        Teardown::Kept { commands } => {
            let id = &report.cluster;
            let (text, is_there) = match cluster {
                Standing::Unknown => (format!("The run left cluster {id} up. Next, if it still is:"), true),
                Standing::Up => (format!("Cluster {id} is still up. Next:"), true),
                Standing::Leaving => (format!("The run left cluster {id} up, and it is being taken down now"), false),
                Standing::Gone => (format!("The run left cluster {id} up, and it is gone since"), false),
            };
            page.line(&text);
            for command in commands.iter().filter(|_| is_there) {
                page.line(&format!("  {command}"));
            }
        }
        Teardown::Unknown { detail } => {
            let heading = page.paint(Ink::Red, "NOBODY KNOWS WHAT IS LEFT");
            page.line(&heading);
            page.indented(2, &format!("the audit could not be done: {detail}"));
        }
    }
}

fn summary(page: &mut Page, report: &RunReport) {
    let count = |verdict| report.tests.iter().filter(|test| test.verdict == verdict).count();
    let unreached = report.not_run.iter().filter(|test| test.why != WhyNotRun::Filtered).count();
    let counts = [
        (count(Some(Verdict::Pass)), "passed"),
        (count(Some(Verdict::Fail)), "failed"),
        (count(Some(Verdict::UnexpectedPass)), "passed unexpectedly"),
        (count(Some(Verdict::KnownFailure)), "known to fail"),
        (count(Some(Verdict::Invalid)), "invalid"),
        (count(Some(Verdict::Suspect)), "suspect"),
        (count(None), "interrupted"),
        (unreached, "not run"),
    ];
    let shown = |(count, word): &(usize, &str)| {
        let always = matches!(*word, "passed" | "failed");
        (*count > 0 || always).then(|| format!("{count} {word}"))
    };
    let text = counts.iter().filter_map(shown).collect::<Vec<_>>().join(", ");
    page.gap();
    let ink = if report.outcome.exit_code() == 0 { Ink::Green } else { Ink::Red };
    let text = page.paint(ink, &text);
    page.line(&format!("{text} in {}", duration(report.took_millis)));
}
