//! Takes the steps of a plan. Every step is tried; each has its outcome.

use std::borrow::Cow;

use throng_common::status::SysctlChange;
use throng_common::sysctl_keys::RESERVED_PORTS;
use throng_failpoints::{Fault, Point, hit, planted};

use super::error::SysctlError;
use super::key::SysctlKey;
use super::plan::{SysctlPlan, SysctlStep};
use super::record::SysctlRecord;
use super::store::Sysctls;
use super::value::Target;
use crate::resources::outcome::Outcome;

/// What came of a plan. The caller brings its ledger up to it.
#[derive(Debug, Default)]
pub struct Applied {
    /// Every step with its result.
    pub outcomes: Vec<Outcome<SysctlStep, SysctlError>>,
    /// Records with the values that were read back: to be kept, also where the value is not what was wanted.
    pub records: Vec<SysctlChange>,
    /// Settings whose records are over.
    pub forgotten: Vec<String>,
}

/// Takes the steps. [`SysctlPlan::records`] must be in the ledger before.
pub fn apply(sysctls: &dyn Sysctls, plan: SysctlPlan) -> Applied {
    let mut applied = Applied::default();
    for step in plan.steps {
        let (records, forgotten) = (&mut applied.records, &mut applied.forgotten);
        let outcome = Outcome::of(step, |step| match step {
            SysctlStep::Raise { record, target } => raise(sysctls, record, target, records),
            SysctlStep::Restore { key, value } => {
                restore(sysctls, key, value).inspect(|()| forgotten.push(key.clone()))
            }
            SysctlStep::Forget { key } => {
                forgotten.push(key.clone());
                Ok(())
            }
        });
        applied.outcomes.push(outcome);
    }
    applied
}

fn raise(
    sysctls: &dyn Sysctls,
    record: &SysctlRecord,
    target: &Target,
    records: &mut Vec<SysctlChange>,
) -> Result<(), SysctlError> {
    let SysctlRecord { change, writing } = record;
    let (key, value) = (SysctlKey::new(&change.key)?, writing.clone().unwrap_or_default());
    let releases = || sysctls.read(&key).is_ok_and(|now| now.is_some_and(|now| now.len() > value.len()));
    if !(planted(Fault::SkipPortsRelease) && change.key == RESERVED_PORTS && releases()) {
        sysctls.write(&key, &without_foreign_port(&change.key, &value))?;
    }
    hit(Point::SysctlRaised);
    let found = sysctls.read(&key)?.unwrap_or_default();
    records.push(SysctlChange { written: found.clone(), ..change.clone() });
    if target.is_met(&found) == Some(true) {
        Ok(())
    } else {
        Err(SysctlError::NotKept { key: change.key.clone(), value, found })
    }
}

fn restore(sysctls: &dyn Sysctls, key: &str, value: &str) -> Result<(), SysctlError> {
    let checked = SysctlKey::new(key)?;
    if planted(Fault::SkipSettingRestore) {
        return Ok(());
    }
    sysctls.write(&checked, value)?;
    hit(Point::SysctlRestored);
    let found = sysctls.read(&checked)?.unwrap_or_default();
    if found == value {
        Ok(())
    } else {
        Err(SysctlError::NotKept { key: key.to_owned(), value: value.to_owned(), found })
    }
}

/// The value itself, but for a planted fault: that one takes the port which tests reserve as somebody else.
fn without_foreign_port<'a>(key: &str, value: &'a str) -> Cow<'a, str> {
    if key != RESERVED_PORTS || !planted(Fault::TakeForeignPort) {
        return Cow::Borrowed(value);
    }
    let kept: Vec<&str> = value.split(',').filter(|range| *range != "29990").collect();
    Cow::Owned(kept.join(","))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use throng_common::host_spec::{SysctlSpec, SysctlWant};
    use throng_common::ids::ClusterId;

    use super::*;
    use crate::resources::sysctl::plan::{ClusterWant, Unwanted, keys, plan};
    use crate::resources::sysctl::store::{ProcSys, observe};

    #[test]
    fn one_setting_that_cannot_be_written_stops_no_other() {
        let root = tempfile::tempdir().unwrap();
        for key in ["kernel/pid_max", "vm/max_map_count"] {
            fs::create_dir_all(root.path().join(key).parent().unwrap()).unwrap();
        }
        fs::write(root.path().join("kernel/pid_max"), "32768\n").unwrap();
        // A folder in the place of a file: reads and writes of it fail, also for root.
        fs::create_dir(root.path().join("vm/max_map_count")).unwrap();
        let store = ProcSys::at(root.path().to_path_buf());
        let want = |key: &str| {
            let want = SysctlWant::AtLeast(100_000);
            let spec = SysctlSpec { key: key.to_owned(), want, required: false, reason: String::new() };
            ClusterWant { cluster: ClusterId::new("a-1").unwrap(), spec }
        };
        let wants = [want("vm.max_map_count"), want("kernel.pid_max")];
        let (values, errors) = observe(&store, keys(&wants, &[]));
        assert_eq!(errors.len(), 1, "{errors:?}");
        let made = plan(&wants, &values, &[], Unwanted::PutBack);
        assert_eq!((made.steps.len(), made.problems.len()), (1, 1));
        let applied = apply(&store, made);
        assert!(applied.outcomes[0].result.is_ok());
        assert_eq!(applied.records[0].written, "100000");
        let (values, _) = observe(&store, keys(&[], &applied.records));
        let undone = apply(&store, plan(&[], &values, &applied.records, Unwanted::PutBack));
        assert_eq!(undone.forgotten, ["kernel.pid_max"]);
        assert_eq!(fs::read_to_string(root.path().join("kernel/pid_max")).unwrap(), "32768\n");
    }
}
