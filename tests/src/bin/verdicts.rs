//! `make verdicts`: see [`throng_tests::verdicts`].

use std::io::Write as _;
use std::process::ExitCode;

use throng_tests::verdicts::{Options, run};

fn main() -> ExitCode {
    match Options::from_environment().map(|options| run(&options).is_good()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            let _ = writeln!(std::io::stderr(), "verdicts: {problem}");
            ExitCode::from(2)
        }
    }
}
