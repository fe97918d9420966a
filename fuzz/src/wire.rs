//! A message that is taken means the same when it is sent on. The first byte says which kind of message the others are.

use std::fmt::Debug;

use prost::Message;
use throng_common::host_spec::HostSpec;
use throng_common::status::{AgentEvent, AuditScope, HostFacts, HostSample, NodeSample, Residue};
use throng_proto::agent as wire;

/// One kind of message: decodes it, makes throng's own value of it, and back.
type Kind = fn(&[u8]);

const KINDS: [Kind; 7] = [
    there_and_back::<wire::HostSpec, HostSpec>,
    there_and_back::<wire::AgentEvent, AgentEvent>,
    there_and_back::<wire::HostFacts, HostFacts>,
    there_and_back::<wire::HostSample, HostSample>,
    there_and_back::<wire::NodeSample, NodeSample>,
    there_and_back::<wire::Residue, Residue>,
    there_and_back::<wire::AuditRequest, AuditScope>,
];

pub(super) fn take(bytes: &[u8]) {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    KINDS[usize::from(*kind) % KINDS.len()](bytes);
}

fn there_and_back<W, T>(bytes: &[u8])
where
    W: Message + Default,
    T: TryFrom<W> + Debug,
    for<'a> W: From<&'a T>,
    T::Error: Debug + std::error::Error,
{
    let Ok(sent) = W::decode(bytes) else { return };
    let Ok(taken) = T::try_from(sent) else { return };
    let on = W::decode(W::from(&taken).encode_to_vec().as_slice()).expect("what is encoded can be decoded");
    let again = T::try_from(on).expect("what was taken once is taken again");
    // As text: figures that are no numbers are not equal to themselves.
    assert_eq!(format!("{taken:?}"), format!("{again:?}"));
}
