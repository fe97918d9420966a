//! Whose process it becomes.

use std::ffi::CString;

use nix::unistd::{Gid, Group, Uid, User, geteuid, initgroups, setgroups, setresgid, setresuid};

use super::error::LaunchError;

/// A user as the host knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Its id.
    pub(crate) uid: Uid,
    /// Its group's.
    pub(crate) gid: Gid,
    /// Its name, where it has one: then its further groups are taken too.
    pub(crate) name: Option<String>,
    /// Its home, where it has one.
    pub(crate) home: Option<String>,
}

/// Looks up `uid`, `uid:gid`, `name` or `name:group`. A number that no user has gets the group of the same number.
pub(crate) fn find(text: &str) -> Result<Identity, LaunchError> {
    let (user, group) = text.split_once(':').map_or((text, None), |(user, group)| (user, Some(group)));
    let lookup = |source: nix::Error| LaunchError::Step { step: "look the user up", source: source.into() };
    let number: Option<u32> = user.parse().ok();
    let known = match number {
        Some(uid) => User::from_uid(Uid::from_raw(uid)).map_err(lookup)?,
        None => User::from_name(user).map_err(lookup)?,
    };
    let uid = known.as_ref().map(|known| known.uid).or(number.map(Uid::from_raw));
    let uid = uid.ok_or_else(|| LaunchError::UnknownUser { user: user.to_owned() })?;
    let gid = match group {
        Some(group) => find_group(group)?,
        None => known.as_ref().map_or_else(|| Gid::from_raw(uid.as_raw()), |known| known.gid),
    };
    let home = known.as_ref().map(|known| known.dir.to_string_lossy().into_owned());
    Ok(Identity { uid, gid, name: known.map(|known| known.name), home })
}

fn find_group(group: &str) -> Result<Gid, LaunchError> {
    if let Ok(number) = group.parse() {
        return Ok(Gid::from_raw(number));
    }
    let lookup = |source: nix::Error| LaunchError::Step { step: "look the group up", source: source.into() };
    let known = Group::from_name(group).map_err(lookup)?;
    known.map(|known| known.gid).ok_or_else(|| LaunchError::UnknownGroup { group: group.to_owned() })
}

/// Becomes that user, for good: groups first, since only root may change them.
pub(super) fn become_user(identity: &Identity) -> Result<(), LaunchError> {
    let (uid, gid) = (identity.uid, identity.gid);
    if !geteuid().is_root() && geteuid() == uid {
        return Ok(());
    }
    let step = |step: &'static str| move |source: nix::Error| LaunchError::Step { step, source: source.into() };
    match identity.name.as_ref().and_then(|name| CString::new(name.as_str()).ok()) {
        Some(name) => initgroups(&name, gid).map_err(step("take its groups"))?,
        None => setgroups(&[gid]).map_err(step("take its group"))?,
    }
    setresgid(gid, gid, gid).map_err(step("change the group"))?;
    setresuid(uid, uid, uid).map_err(step("change the user"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_name_by_number_and_unknown_numbers_are_taken_as_they_are() {
        let root = find("root").unwrap();
        assert_eq!((root.uid.as_raw(), root.gid.as_raw(), root.name.as_deref()), (0, 0, Some("root")));
        assert_eq!(find("0").unwrap(), root);
        let nobody = find("54321:12").unwrap();
        assert_eq!((nobody.uid.as_raw(), nobody.gid.as_raw(), nobody.name), (54321, 12, None));
        assert_eq!(find("54321").unwrap().gid.as_raw(), 54321);
        assert!(matches!(find("no-such-user"), Err(LaunchError::UnknownUser { .. })));
        assert!(matches!(find("root:no-such-group"), Err(LaunchError::UnknownGroup { .. })));
    }
}
