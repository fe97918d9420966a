//! `make kill-loop`: see [`throng_tests::kill_loop`].

use std::io::Write as _;
use std::process::ExitCode;

use throng_tests::kill_loop::{Options, run};

fn main() -> ExitCode {
    match Options::from_environment().map(|options| run(options).is_good()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            let _ = writeln!(std::io::stderr(), "kill-loop: {problem}");
            ExitCode::from(2)
        }
    }
}
