//! The container engine behind a narrow trait; the only place that knows bollard.
