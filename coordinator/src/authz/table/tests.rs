use super::*;
use prost::Message as _;
use std::collections::BTreeSet;
use throng_common::ids::HostId;
use throng_proto::types::FileDescriptorSet;
use tonic::Code;

/// Services that the coordinator calls rather than serves.
const NOT_SERVED: &[&str] = &["throng.agent.v1.Agent"];

/// Every method of these descriptors, as a path.
fn methods(descriptors: &[u8]) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    for file in FileDescriptorSet::decode(descriptors).unwrap().file {
        for service in &file.service {
            let name = format!("{}.{}", file.package(), service.name());
            if !NOT_SERVED.contains(&name.as_str()) {
                paths.extend(service.method.iter().map(|method| format!("/{name}/{}", method.name())));
            }
        }
    }
    paths
}

fn caller(role: CallerRole) -> Caller {
    Caller { role, name: "x".into(), origin: "x".into(), uid: None, serial: None }
}

#[test]
fn every_rpc_has_just_one_row_and_every_row_an_rpc() {
    let mut served = methods(throng_proto::DESCRIPTORS);
    served.extend(methods(tonic_health::pb::FILE_DESCRIPTOR_SET));
    served.extend(methods(tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET));
    served.extend(methods(tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET));
    let rows: BTreeSet<String> = TABLE.iter().map(|(path, _)| (*path).to_owned()).collect();
    assert_eq!(rows.len(), TABLE.len(), "a path is there twice");
    let missing: Vec<_> = served.difference(&rows).collect();
    let stale: Vec<_> = rows.difference(&served).collect();
    assert!(missing.is_empty(), "RPCs without a row in authz::TABLE: {missing:?}");
    assert!(stale.is_empty(), "rows of authz::TABLE without an RPC: {stale:?}");
}

#[test]
fn what_is_not_in_the_table_is_refused_even_to_operators() {
    let error = decide("/throng.v1.Throng/Invented", &caller(CallerRole::Operator)).unwrap_err();
    assert_eq!(error.code(), Code::PermissionDenied);
    let error = decide("/throng.agent.v1.Agent/Apply", &caller(CallerRole::Operator)).unwrap_err();
    assert_eq!(error.code(), Code::PermissionDenied);
}

#[test]
fn agents_and_strangers_may_join_and_nothing_else() {
    let agent = CallerRole::Agent(HostId::new("a").unwrap());
    for (role, code) in [(agent, Code::PermissionDenied), (CallerRole::Anonymous, Code::Unauthenticated)] {
        for (path, _) in TABLE {
            match decide(path, &caller(role.clone())) {
                Ok(()) => assert_eq!(*path, "/throng.v1.Enrolment/Join"),
                Err(error) => assert_eq!(error.code(), code, "{path}"),
            }
        }
    }
}

#[test]
fn a_refusal_names_the_role_and_what_is_needed() {
    let error = decide("/throng.v1.Throng/Down", &caller(CallerRole::Viewer)).unwrap_err();
    assert_eq!(error.message(), "/throng.v1.Throng/Down needs an operator's certificate, this is a viewer");
}
