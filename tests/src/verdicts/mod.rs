//! `make verdicts`: are the verdicts right? Real tests on real nodes, beside real load: of others, of the nodes themselves, or
//! none. Each case has the one verdict that is right, set beforehand; the matrix of what was judged is printed.
//!
//! The load is bounded in count and time. Others may be at work on the machine meanwhile; a look of this harness's own, which
//! shares no code with throng, tells when their work was in the way: such a case is tried again, and counts as disturbed where
//! that does not help. Memory is not made short here: that would have the kernel kill somebody.

mod burner;
mod cases;
mod options;
mod others;
mod run;
mod tally;

pub use burner::Burners;
pub use options::Options;
pub use run::{run, up};
pub use tally::Tally;
