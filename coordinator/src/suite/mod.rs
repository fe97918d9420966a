//! Running the tests of a scenario.
