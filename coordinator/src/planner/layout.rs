//! How the ports of one node of a role lie to each other.

use throng_common::host_spec::NamedPorts;
use throng_common::ports::PortRange;
use throng_common::scenario::ports::PortsDecl;

/// Highest port.
pub(super) const PORT_LAST: u32 = 65_535;

/// Ports of a name, relative to the first port of the node's block.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Relative {
    name: String,
    offset: u32,
    count: u32,
    derived: bool,
}

/// All ports of a node: a block of consecutive ones, and those derived from them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct PortLayout {
    /// Ports of the block; 0 for a role without ports.
    pub(super) block: u32,
    ports: Vec<Relative>,
}

impl PortLayout {
    /// Lays a role's ports out; the error says in words what contradicts what.
    pub(super) fn of(declared: &PortsDecl) -> Result<Self, String> {
        let mut layout = Self::default();
        let mut derived = Vec::new();
        for (name, port) in declared.entries() {
            if port.offset_of.is_some() {
                derived.push((name.to_owned(), port));
            } else {
                let count = port.count.unwrap_or(1).max(1);
                layout.ports.push(Relative { name: name.to_owned(), offset: layout.block, count, derived: false });
                layout.block = layout.block.saturating_add(count);
            }
        }
        while !derived.is_empty() {
            let (ready, rest): (Vec<_>, Vec<_>) = derived.into_iter().partition(|(_, port)| {
                port.offset_of.as_ref().is_some_and(|base| layout.ports.iter().any(|known| known.name == *base))
            });
            if ready.is_empty() {
                let names: Vec<String> = rest.into_iter().map(|(name, _)| name).collect();
                return Err(format!("{} cannot be derived: `offset_of` leads to no port", names.join(", ")));
            }
            for (name, port) in ready {
                let base = layout.ports.iter().find(|known| Some(&known.name) == port.offset_of.as_ref());
                let base = base.expect("partition found the base").clone();
                let offset = base.offset.saturating_add(u32::from(port.plus.unwrap_or(0)));
                layout.ports.push(Relative { name, offset, count: port.count.unwrap_or(base.count), derived: true });
            }
            derived = rest;
        }
        layout.refuse_overlaps()?;
        Ok(layout)
    }

    fn refuse_overlaps(&self) -> Result<(), String> {
        for (position, a) in self.ports.iter().enumerate() {
            for b in &self.ports[..position] {
                if a.offset < b.offset + b.count && b.offset < a.offset + a.count {
                    return Err(format!("{} and {} of one node would share a port", b.name, a.name));
                }
            }
            if a.offset.saturating_add(a.count) > PORT_LAST {
                return Err(format!("{} would lie above port {PORT_LAST}", a.name));
            }
        }
        Ok(())
    }

    /// Offsets of the block's ports from its first, ascending.
    pub(super) fn direct(&self) -> std::ops::Range<u32> {
        0..self.block
    }

    /// Offsets of the derived ports from the block's first.
    pub(super) fn derived(&self) -> impl Iterator<Item = u32> + '_ {
        self.ports.iter().filter(|ports| ports.derived).flat_map(|ports| ports.offset..ports.offset + ports.count)
    }

    /// The ports of a node whose block begins at `first`, by name; none where one would lie above 65535.
    pub(super) fn at(&self, first: u32) -> Option<Vec<NamedPorts>> {
        let named = |ports: &Relative| {
            let from = u16::try_from(first + ports.offset).ok()?;
            let to = u16::try_from(first + ports.offset + ports.count - 1).ok()?;
            Some(NamedPorts { name: ports.name.clone(), range: PortRange::new(from, to).ok()? })
        };
        self.ports.iter().map(named).collect()
    }

    /// The block that begins at `first`; none for a role without ports, or where it would leave 1..65535.
    pub(super) fn block_at(&self, first: u32) -> Option<PortRange> {
        let last = (first + self.block).checked_sub(1)?;
        PortRange::new(u16::try_from(first).ok()?, u16::try_from(last).ok()?).ok().filter(|_| self.block > 0)
    }
}
