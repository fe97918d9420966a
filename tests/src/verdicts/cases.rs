//! The cases, and the verdict that is right for each.

/// What others do to the host meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Load {
    /// Nothing.
    None,
    /// So many programs that want a CPU each, at the least.
    Cpu(u32),
    /// Programs that write to the disk and wait for it.
    Disk,
    /// The agent is stopped for some seconds.
    AgentStopped,
}

/// A case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Case {
    /// Its name.
    pub(super) name: String,
    /// The scenario's test.
    pub(super) test: &'static str,
    /// What others do.
    pub(super) load: Load,
    /// The right verdict, as reports have it.
    pub(super) verdict: &'static str,
    /// Whether the system under test has the fault that the test looks for.
    pub(super) bug: bool,
}

impl Case {
    /// Whether it means nothing where others are at work.
    pub(super) fn needs_calm(&self) -> bool {
        matches!(self.load, Load::None)
    }
}

/// All cases, in the order of the verdicts.
pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |count: usize, test: &'static str, load: Load, verdict: &'static str, bug: bool| {
        for number in 1..=count {
            let name = format!("{verdict}: {test}, {} ({number})", words(load));
            cases.push(Case { name, test, load, verdict, bug });
        }
    };
    let cpu = Load::Cpu(20);
    add(2, "right at once", Load::None, "pass", false);
    add(1, "some work", Load::None, "pass", false);
    add(3, "right at once", cpu, "pass", false);
    add(2, "right at once", Load::Disk, "pass", false);
    add(3, "loaded: right at once", Load::None, "pass", false);

    add(1, "wrong", Load::None, "fail", true);
    add(3, "wrong", cpu, "fail", true);
    add(2, "wrong", Load::Disk, "fail", true);
    add(3, "loaded: wrong", Load::None, "fail", true);
    add(1, "ends 0", Load::None, "fail", true);
    add(1, "ends 1", cpu, "fail", true);
    add(1, "ends 2", cpu, "fail", true);
    add(2, "hangs", Load::None, "fail", true);

    add(6, "some work", cpu, "invalid", false);
    add(2, "never", cpu, "invalid", true);
    add(2, "never", Load::Disk, "invalid", true);
    add(2, "never", Load::AgentStopped, "invalid", true);

    add(7, "loaded: some work", Load::None, "suspect", false);
    add(2, "loaded: never", Load::None, "suspect", true);
    add(2, "some work within a limit", Load::None, "suspect", false);
    cases
}

fn words(load: Load) -> &'static str {
    match load {
        Load::None => "nobody else at work",
        Load::Cpu(_) => "others take the CPU",
        Load::Disk => "others keep the disk busy",
        Load::AgentStopped => "the agent is stopped",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_enough_of_each_and_enough_faults_under_pressure() {
        let cases = cases();
        for verdict in ["pass", "fail", "invalid", "suspect"] {
            assert!(cases.iter().filter(|case| case.verdict == verdict).count() >= 10, "{verdict}");
        }
        let pressed = |case: &&Case| !case.needs_calm() || case.test.starts_with("loaded");
        assert!(cases.iter().filter(pressed).filter(|case| case.bug).count() >= 10);
        assert!(cases.len() >= 40, "{}", cases.len());
    }
}
