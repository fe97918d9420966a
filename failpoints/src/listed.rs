//! A list of names as an enum, so that what the daemons mention, what tests arm and what is listed cannot differ.

/// Declares an enum with a name for each variant, and the list of all variants.
macro_rules! listed {
    ($(#[$doc:meta])* $list:ident { $($(#[$entry:meta])* $variant:ident = $name:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $list {
            $($(#[$entry])* $variant,)*
        }

        impl $list {
            /// All of them, in the order of the list.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name: that of the daemon, a dot, and the place.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

pub(crate) use listed;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::{Fault, Point};

    #[test]
    fn every_name_is_a_daemons_and_given_once() {
        let points = Point::ALL.iter().map(|point| point.name());
        let faults = Fault::ALL.iter().map(|fault| fault.name());
        let all: Vec<_> = points.chain(faults).collect();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
        for name in all {
            let (daemon, place) = name.split_once('.').unwrap();
            assert!(matches!(daemon, "agent" | "coordinator"), "{name}");
            let plain = |c: char| c.is_ascii_lowercase() || c == '-';
            assert!(!place.is_empty() && place.chars().all(plain), "{name}");
        }
    }
}
