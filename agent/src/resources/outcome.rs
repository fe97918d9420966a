//! What became of one step of a plan.

/// A step and its result. An `apply` returns one for every step of its plan: a failed one does not stop the others.
#[derive(Debug)]
pub struct Outcome<S, E> {
    /// The step.
    pub step: S,
    /// What came of it.
    pub result: Result<(), E>,
}

impl<S, E> Outcome<S, E> {
    /// Runs the step's effect and keeps the step beside its result.
    pub fn of(step: S, effect: impl FnOnce(&S) -> Result<(), E>) -> Self {
        let result = effect(&step);
        Self { step, result }
    }
}

/// The errors among outcomes, with the steps that they belong to.
pub fn failures<S, E>(outcomes: &[Outcome<S, E>]) -> impl Iterator<Item = (&S, &E)> {
    outcomes.iter().filter_map(|outcome| outcome.result.as_ref().err().map(|error| (&outcome.step, error)))
}
