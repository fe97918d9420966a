//! For whom a text is filled in, and so which placeholders it may hold.

use std::collections::BTreeSet;

use throng_common::ids::RoleName;

/// For whom a text is filled in.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    /// The roles whose nodes get the text; none for what concerns the cluster as a whole.
    pub(super) roles: Vec<RoleName>,
    /// The values that earlier steps saved; none outside tests.
    pub(super) saved: Option<BTreeSet<String>>,
    /// Whether placeholders of nodes cannot be judged because it is unknown whose nodes are meant.
    pub(super) unknown: bool,
}

impl Scope {
    /// A text for every node of this role.
    pub(super) fn of_role(role: &RoleName) -> Self {
        Self { roles: vec![role.clone()], ..Self::default() }
    }

    /// A text for nodes of these roles; where there are none, a mistake has been reported already.
    pub(super) fn of_roles(roles: Vec<RoleName>) -> Self {
        Self { unknown: roles.is_empty(), roles, saved: None }
    }

    /// A text for the cluster as a whole.
    pub(super) fn cluster() -> Self {
        Self::default()
    }

    /// With the values that earlier steps saved.
    pub(super) fn with_saved(mut self, saved: &BTreeSet<String>) -> Self {
        self.saved = Some(saved.clone());
        self
    }
}
