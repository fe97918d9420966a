//! From a scenario and the hosts' facts to a plan: pure.
