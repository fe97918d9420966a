//! Changes of clusters that are up: restarts, resets, another scenario.

use throng_common::ids::OperationId;
use throng_proto::operator as wire;
use tonic::Status;

use super::cluster::select;
use super::operation::asked_id;
use super::service::ApiService;
use super::status::{invalid, of_core, of_rollout};
use super::wire::{bundle_from_wire, operation};
use crate::authz::Caller;
use crate::rollout::{self, Bound, RoleDiff, RolloutError, SettingDiff};

impl ApiService {
    pub(super) async fn begin_restart(&self, request: &wire::RestartRequest) -> Result<wire::Operation, Status> {
        let id = asked_id(&request.operation, "restart")?;
        if let Some(begun) = self.begun(&id, "restart", &request.cluster)? {
            return Ok(begun);
        }
        let cluster = self.core.find(&request.cluster).map_err(of_core)?;
        let nodes = select(&cluster, &request.selector)?.into_iter().collect();
        let bound = request.bound.map(bound).transpose()?;
        let handle = rollout::start_restart(&self.core, id, cluster, nodes, bound).await.map_err(of_rollout)?;
        Ok(operation(&handle))
    }

    pub(super) async fn begin_reset(&self, request: &wire::ResetRequest) -> Result<wire::Operation, Status> {
        let id = asked_id(&request.operation, "reset")?;
        if let Some(begun) = self.begun(&id, "reset", &request.cluster)? {
            return Ok(begun);
        }
        let cluster = self.core.find(&request.cluster).map_err(of_core)?;
        Ok(operation(&rollout::start_reset(&self.core, id, cluster).await.map_err(of_rollout)?))
    }

    pub(super) async fn begin_update(
        &self,
        request: wire::UpRequest,
        id: OperationId,
        caller: Option<&Caller>,
    ) -> Result<wire::Operation, Status> {
        let cluster = self.core.find(&request.into).map_err(of_core)?;
        let bound = bound(request.bound.unwrap_or_default())?;
        let admitted = self.admit(request.bundle, caller)?;
        let handle = rollout::start_update(&self.core, id, cluster, admitted, bound).await.map_err(of_rollout)?;
        Ok(operation(&handle))
    }

    pub(super) async fn compare(
        &self,
        request: wire::DiffRequest,
        caller: Option<&Caller>,
    ) -> Result<wire::DiffReply, Status> {
        let cluster = self.core.find(&request.into).map_err(of_core)?;
        let (bundle, contents) = bundle_from_wire(request.bundle, caller)?;
        let admitted = rollout::admit(bundle, contents).map_err(of_rollout)?;
        let id = cluster.record().id.to_string();
        match rollout::diff_with(&self.core, &cluster, &admitted).await {
            Ok(roles) => {
                Ok(wire::DiffReply { cluster: id, roles: roles.iter().map(role_diff).collect(), problems: vec![] })
            }
            Err(RolloutError::Refused(refusal)) => {
                let problem = |problem: &crate::planner::refusal::Problem| wire::Problem {
                    message: problem.to_string(),
                    hint: problem.remedy(),
                };
                let problems = refusal.problems.iter().map(problem).collect();
                Ok(wire::DiffReply { cluster: id, roles: vec![], problems })
            }
            Err(error) => Err(of_rollout(error)),
        }
    }
}

fn bound(bound: wire::RollingBound) -> Result<Bound, Status> {
    let down = bound.down.max(1);
    if bound.failed >= down {
        let text = format!("{} may fail, of {down} that may be down at once: it must be less", bound.failed);
        return Err(invalid("bound.failed", text));
    }
    Ok(Bound { down, failed: bound.failed })
}

fn role_diff(diff: &RoleDiff) -> wire::RoleDiff {
    let count = |set: &throng_common::nodeset::NodeSet| u32::try_from(set.len()).unwrap_or(u32::MAX);
    let setting = |setting: &SettingDiff| wire::SettingDiff {
        setting: setting.setting.clone(),
        before: setting.before.clone(),
        after: setting.after.clone(),
        instance: setting.instance.as_ref().map(ToString::to_string).unwrap_or_default(),
    };
    wire::RoleDiff {
        role: diff.role.to_string(),
        settings: diff.settings.iter().map(setting).collect(),
        restarted: diff.restarted.to_string(),
        restarted_count: count(&diff.restarted),
        told_count: count(&diff.told),
        untouched_count: count(&diff.untouched),
    }
}
