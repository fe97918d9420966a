//! The table: for every RPC the least that a caller must be.

use tonic::Status;

use super::{Caller, CallerRole};

/// The least that a caller must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody, also without a certificate; the RPC itself judges what it is shown.
    Anyone,
    /// A viewer or an operator.
    Viewer,
    /// An operator.
    Operator,
}

/// Every RPC that the coordinator serves, by its path. Viewers may look; what changes something, runs something in a
/// node or reads a node's files is for operators; agents and strangers may join.
pub const TABLE: &[(&str, Access)] = &[
    ("/throng.v1.Enrolment/Join", Access::Anyone),
    ("/throng.v1.Throng/GetCoordinator", Access::Viewer),
    ("/throng.v1.Throng/Stop", Access::Operator),
    ("/throng.v1.Throng/CreateJoinToken", Access::Operator),
    ("/throng.v1.Throng/CreateOperator", Access::Operator),
    ("/throng.v1.Throng/ListOperators", Access::Viewer),
    ("/throng.v1.Throng/RemoveOperator", Access::Operator),
    ("/throng.v1.Throng/ListHosts", Access::Viewer),
    ("/throng.v1.Throng/Plan", Access::Viewer),
    ("/throng.v1.Throng/Diff", Access::Viewer),
    ("/throng.v1.Throng/MissingContents", Access::Operator),
    ("/throng.v1.Throng/PutContents", Access::Operator),
    ("/throng.v1.Throng/Up", Access::Operator),
    ("/throng.v1.Throng/Run", Access::Operator),
    ("/throng.v1.Throng/Test", Access::Operator),
    ("/throng.v1.Throng/Scale", Access::Operator),
    ("/throng.v1.Throng/Restart", Access::Operator),
    ("/throng.v1.Throng/Reset", Access::Operator),
    ("/throng.v1.Throng/Down", Access::Operator),
    ("/throng.v1.Throng/FollowOperation", Access::Viewer),
    ("/throng.v1.Throng/CancelOperation", Access::Operator),
    ("/throng.v1.Throng/ListOperations", Access::Viewer),
    ("/throng.v1.Throng/ListClusters", Access::Viewer),
    ("/throng.v1.Throng/GetCluster", Access::Viewer),
    ("/throng.v1.Throng/ListNodes", Access::Viewer),
    ("/throng.v1.Throng/Exec", Access::Operator),
    ("/throng.v1.Throng/Terminal", Access::Operator),
    ("/throng.v1.Throng/Logs", Access::Viewer),
    ("/throng.v1.Throng/ReadFile", Access::Operator),
    ("/throng.v1.Throng/Events", Access::Viewer),
    ("/throng.v1.Throng/ListRuns", Access::Viewer),
    ("/throng.v1.Throng/GetReport", Access::Viewer),
    ("/throng.v1.Throng/Audit", Access::Viewer),
    ("/grpc.health.v1.Health/Check", Access::Viewer),
    ("/grpc.health.v1.Health/Watch", Access::Viewer),
    ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", Access::Viewer),
    ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", Access::Viewer),
];

/// Whether this caller may call this path. UNAUTHENTICATED asks for a certificate, PERMISSION_DENIED for another.
pub fn decide(path: &str, caller: &Caller) -> Result<(), Status> {
    let row = TABLE.iter().find(|(known, _)| *known == path);
    let access = row.map(|(_, access)| *access);
    match (access, &caller.role) {
        (Some(Access::Anyone), _)
        | (Some(Access::Viewer | Access::Operator), CallerRole::Operator)
        | (Some(Access::Viewer), CallerRole::Viewer) => Ok(()),
        (_, CallerRole::Anonymous) => Err(Status::unauthenticated(format!(
            "{path} needs a certificate of this fleet: `throng operator add` issues one"
        ))),
        (None, role) => Err(Status::permission_denied(format!("{path} may be called by nobody, not by {role}"))),
        (Some(needed), role) => {
            Err(Status::permission_denied(format!("{path} needs {}, this is {role}", describe(needed))))
        }
    }
}

fn describe(access: Access) -> &'static str {
    match access {
        Access::Anyone => "nothing",
        Access::Viewer => "a viewer's or an operator's certificate",
        Access::Operator => "an operator's certificate",
    }
}

#[cfg(test)]
mod tests;
