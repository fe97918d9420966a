//! What a run leaves: JSON, JUnit XML, artefacts.
