//! `make campaign`: see [`throng_tests::campaign`].

use std::io::Write as _;
use std::process::ExitCode;

use throng_tests::campaign::{Options, run};

fn main() -> ExitCode {
    match Options::from_environment().map(|options| run(&options).is_good()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            let _ = writeln!(std::io::stderr(), "campaign: {problem}");
            ExitCode::from(2)
        }
    }
}
