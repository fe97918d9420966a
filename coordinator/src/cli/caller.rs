//! Who called: the user whose rights the system under test runs with unless its role names another.

use nix::unistd::{Gid, Uid, User};

use crate::bundle::Caller;

/// Whoever called. Of root behind sudo, the user who typed it: processes need no more rights than that user has.
pub fn caller() -> Caller {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u32>().ok());
    let effective = (Uid::effective().as_raw(), Gid::effective().as_raw());
    let sudo = number("SUDO_UID").zip(number("SUDO_GID"));
    let (uid, gid) = chosen(effective, sudo);
    let name = User::from_uid(Uid::from_raw(uid)).ok().flatten().map_or_else(|| uid.to_string(), |user| user.name);
    Caller { uid, gid, name }
}

/// sudo's variables only count for root: anybody can set them.
fn chosen(effective: (u32, u32), sudo: Option<(u32, u32)>) -> (u32, u32) {
    match (effective.0, sudo) {
        (0, Some(sudo)) => sudo,
        (_, _) => effective,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behind_sudo_the_user_who_typed_it_is_meant_and_nobody_becomes_another_by_a_variable() {
        assert_eq!(chosen((0, 0), Some((1000, 1000))), (1000, 1000));
        assert_eq!(chosen((0, 0), None), (0, 0));
        assert_eq!(chosen((1000, 1000), Some((0, 0))), (1000, 1000));
    }
}
