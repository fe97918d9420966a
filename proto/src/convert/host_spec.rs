//! The desired state of a host, without its nodes: see [`super::node_spec`].

use std::time::Duration;

use throng_common::host_spec::{ClusterSpec, HostEntry, HostSpec, StartPace, SysctlSpec, SysctlWant};
use throng_common::ids::{Epoch, Generation};

use super::{DecodeError, list, millis, required, text};
use crate::agent as wire;

impl From<&HostSpec> for wire::HostSpec {
    fn from(spec: &HostSpec) -> Self {
        Self {
            fleet: spec.fleet.to_string(),
            host: spec.host.to_string(),
            epoch: spec.epoch.0,
            generation: spec.generation.0,
            lease_millis: spec.lease.map(millis),
            clusters: spec.clusters.iter().map(Into::into).collect(),
            leaving: spec.leaving.iter().map(ToString::to_string).collect(),
        }
    }
}

impl TryFrom<wire::HostSpec> for HostSpec {
    type Error = DecodeError;
    fn try_from(spec: wire::HostSpec) -> Result<Self, DecodeError> {
        Ok(Self {
            fleet: text("fleet", &spec.fleet)?,
            host: text("host", &spec.host)?,
            epoch: Epoch(spec.epoch),
            generation: Generation(spec.generation),
            lease: spec.lease_millis.map(Duration::from_millis),
            clusters: list("clusters", spec.clusters)?,
            leaving: spec.leaving.iter().map(|cluster| text("leaving", cluster)).collect::<Result<_, _>>()?,
        })
    }
}

impl From<&ClusterSpec> for wire::ClusterSpec {
    fn from(spec: &ClusterSpec) -> Self {
        Self {
            cluster: spec.cluster.to_string(),
            address: spec.address.to_string(),
            manage_address: spec.manage_address,
            names: spec.names.iter().map(Into::into).collect(),
            ports: spec.ports.to_string(),
            sysctls: spec.sysctls.iter().map(Into::into).collect(),
            pace: Some(wire::StartPace { parallel: spec.pace.parallel, per_second: spec.pace.per_second }),
            nodes: spec.nodes.iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<wire::ClusterSpec> for ClusterSpec {
    type Error = DecodeError;
    fn try_from(spec: wire::ClusterSpec) -> Result<Self, DecodeError> {
        let pace = required("pace", spec.pace)?;
        Ok(Self {
            cluster: text("cluster", &spec.cluster)?,
            address: text("address", &spec.address)?,
            manage_address: spec.manage_address,
            names: list("names", spec.names)?,
            ports: text("ports", &spec.ports)?,
            sysctls: list("sysctls", spec.sysctls)?,
            pace: StartPace { parallel: pace.parallel, per_second: pace.per_second },
            nodes: list("nodes", spec.nodes)?,
        })
    }
}

impl From<&HostEntry> for wire::HostEntry {
    fn from(entry: &HostEntry) -> Self {
        Self { address: entry.address.to_string(), names: entry.names.clone() }
    }
}

impl TryFrom<wire::HostEntry> for HostEntry {
    type Error = DecodeError;
    fn try_from(entry: wire::HostEntry) -> Result<Self, DecodeError> {
        Ok(Self { address: text("address", &entry.address)?, names: entry.names })
    }
}

impl From<&SysctlSpec> for wire::SysctlSpec {
    fn from(spec: &SysctlSpec) -> Self {
        use wire::sysctl_spec::Want;
        let want = match &spec.want {
            SysctlWant::AtLeast(value) => Want::AtLeast(*value),
            SysctlWant::EachAtLeast(values) => Want::EachAtLeast(wire::Numbers { values: values.clone() }),
            SysctlWant::Ports(ports) => Want::Ports(ports.to_string()),
            SysctlWant::Exactly(value) => Want::Exactly(value.clone()),
        };
        Self { key: spec.key.clone(), want: Some(want), required: spec.required, reason: spec.reason.clone() }
    }
}

impl TryFrom<wire::SysctlSpec> for SysctlSpec {
    type Error = DecodeError;
    fn try_from(spec: wire::SysctlSpec) -> Result<Self, DecodeError> {
        use wire::sysctl_spec::Want;
        let want = match required("want", spec.want)? {
            Want::AtLeast(value) => SysctlWant::AtLeast(value),
            Want::EachAtLeast(numbers) => SysctlWant::EachAtLeast(numbers.values),
            Want::Ports(ports) => SysctlWant::Ports(text("want.ports", &ports)?),
            Want::Exactly(value) => SysctlWant::Exactly(value),
        };
        Ok(Self { key: spec.key, want, required: spec.required, reason: spec.reason })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message as _;
    use throng_common::host_spec::{
        ContainerSpec, DesiredState, DiskSpec, FileSpec, Limits, NamedPorts, NodeSpec, PrepareSpec, Probe, ProbeCheck,
        ProcessSpec, RamdiskSpec, RestartSpec, SharedSpec, StopSpec, Workload,
    };
    use throng_common::ids::Incarnation;
    use throng_common::ports::PortRange;
    use throng_common::scenario::model::{PullPolicy, RestartWhen};
    use throng_common::size::ByteSize;

    use super::*;

    fn node(name: &str, workload: Workload, check: ProbeCheck) -> NodeSpec {
        let second = Duration::from_secs(1);
        NodeSpec {
            name: name.parse().unwrap(),
            desired: DesiredState::Running,
            incarnation: Incarnation(3),
            workload,
            env: vec![("A".into(), "b=c".into())],
            files: vec![FileSpec { path: "/etc/x".into(), contents: vec![0, 255], mode: 0o640 }],
            ports: vec![NamedPorts { name: "redis".into(), range: PortRange::new(20_000, 20_003).unwrap() }],
            ramdisks: vec![RamdiskSpec {
                name: "data".into(),
                path: Some("/data".into()),
                size: ByteSize::mib(8),
                inodes: 2048,
                uid: 1,
                gid: 2,
                mode: 0o1777,
                keep_on_restart: true,
            }],
            disk: Some(DiskSpec { path: None, keep_on_restart: false }),
            shared: vec![SharedSpec { name: "ufs".into(), path: Some("/ufs".into()), uid: 1, gid: 2, mode: 0o777 }],
            limits: Limits { memory: Some(ByteSize::mib(16)), cpu_millis: Some(250), pids: Some(64), nofile: None },
            prepare: Some(PrepareSpec { command: vec!["true".into()], timeout: second }),
            ready: Some(Probe { check, timeout: second, interval: second }),
            stop: StopSpec { signal: 15, grace: second },
            restart: RestartSpec { when: RestartWhen::Always, max: 5, backoff: second },
            at_once: 3,
            structure: Some("abc".into()),
        }
    }

    fn spec() -> HostSpec {
        let process = Workload::Process(ProcessSpec { command: vec!["x".into()], user: "0:0".into(), workdir: None });
        let container = Workload::Container(ContainerSpec {
            hostname: Some("worker-0007".parse().unwrap()),
            image: "redis:7".into(),
            pull: PullPolicy::Never,
            command: vec![],
            entrypoint: Some(vec![]),
            user: None,
            workdir: Some("/".into()),
            capabilities: vec!["NET_RAW".into()],
            read_only: true,
            scratch: vec![("/tmp".into(), ByteSize::mib(1))],
        });
        let address = "127.84.0.1".parse().unwrap();
        let tcp = ProbeCheck::Tcp { address, port: 1, send: "PING\r\n".into(), expect: "PONG".into() };
        let http = ProbeCheck::Http { url: "http://a".into(), expect: String::new() };
        let sysctl = |want| SysctlSpec { key: "kernel.pid_max".into(), want, required: true, reason: "why".into() };
        HostSpec {
            fleet: "f".parse().unwrap(),
            host: "local".parse().unwrap(),
            epoch: Epoch(7),
            generation: Generation(8),
            lease: None,
            clusters: vec![ClusterSpec {
                cluster: "c-x7k2".parse().unwrap(),
                address,
                manage_address: false,
                names: vec![HostEntry { address, names: vec!["worker-0000".into()] }],
                ports: "20000-20003".parse().unwrap(),
                sysctls: vec![
                    sysctl(SysctlWant::AtLeast(5)),
                    sysctl(SysctlWant::EachAtLeast(vec![1, 2])),
                    sysctl(SysctlWant::Ports("1-2".parse().unwrap())),
                    sysctl(SysctlWant::Exactly("a b".into())),
                ],
                pace: StartPace { parallel: 4, per_second: Some(2.5) },
                nodes: vec![node("a-0000", process, tcp), node("b-0001", container, http)],
            }],
            leaving: vec!["d-x7k2".parse().unwrap()],
        }
    }

    #[test]
    fn a_host_spec_survives_the_wire() {
        let spec = spec();
        assert_eq!(HostSpec::try_from(wire::HostSpec::from(&spec)).unwrap(), spec);
    }

    #[test]
    fn decoding_names_the_wrong_field_with_its_path() {
        let mut sent = wire::HostSpec::from(&spec());
        sent.clusters[0].nodes[1].ramdisks[0].name = "Bad Name".into();
        sent.clusters[0].nodes[1].name = "worker".into();
        let error = HostSpec::try_from(sent).unwrap_err();
        assert_eq!(error.field, "clusters[0].nodes[1].name");
    }

    /// One thing that goes wrong with bytes on their way.
    #[derive(Debug, Clone)]
    enum Damage {
        Flip(prop::sample::Index, u8),
        Cut(prop::sample::Index),
        Insert(prop::sample::Index, Vec<u8>),
        Repeat(prop::sample::Index, prop::sample::Index),
    }

    impl Damage {
        fn strategy() -> impl Strategy<Value = Self> {
            let index = any::<prop::sample::Index>;
            prop_oneof![
                4 => (index(), any::<u8>()).prop_map(|(at, with)| Self::Flip(at, with)),
                1 => index().prop_map(Self::Cut),
                2 => (index(), proptest::collection::vec(any::<u8>(), 1..9)).prop_map(|(at, bytes)| Self::Insert(at, bytes)),
                1 => (index(), index()).prop_map(|(from, to)| Self::Repeat(from, to)),
            ]
        }

        fn apply(self, bytes: &mut Vec<u8>) {
            if bytes.is_empty() {
                return;
            }
            let len = bytes.len();
            match self {
                Self::Flip(at, with) => bytes[at.index(len)] ^= with,
                Self::Cut(at) => bytes.truncate(at.index(len)),
                Self::Insert(at, new) => {
                    let at = at.index(len);
                    bytes.splice(at..at, new);
                }
                Self::Repeat(from, to) => {
                    let (from, to) = (from.index(len), to.index(len));
                    let again = bytes[from.min(to)..from.max(to)].to_vec();
                    bytes.splice(from..from, again);
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn no_bytes_make_decoding_panic_and_what_is_taken_can_be_sent_on(
            damages in proptest::collection::vec(Damage::strategy(), 1..6),
        ) {
            let mut bytes = wire::HostSpec::from(&spec()).encode_to_vec();
            for damage in damages {
                damage.apply(&mut bytes);
            }
            let Ok(sent) = wire::HostSpec::decode(bytes.as_slice()) else { return Ok(()) };
            match HostSpec::try_from(sent) {
                Ok(taken) => {
                    let again = HostSpec::try_from(wire::HostSpec::from(&taken)).unwrap();
                    // As text: a rate that is no number does not equal itself.
                    prop_assert_eq!(format!("{again:?}"), format!("{taken:?}"));
                }
                Err(error) => prop_assert!(!error.field.is_empty(), "{}", error),
            }
        }
    }
}
