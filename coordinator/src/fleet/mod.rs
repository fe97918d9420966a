//! The agents' links: registry, fan-out, events in.
