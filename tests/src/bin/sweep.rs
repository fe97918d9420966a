//! Removes what tests, loops and benchmarks left that were killed: see [`throng_tests::sweep`]. With `afterwards` it first
//! waits for the end of whoever started it, which is the end of its input.

use std::io::Read as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => {}
        ["afterwards"] => {
            // Whatever comes of it: whoever wrote is gone.
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
        }
        _ => return ExitCode::from(2),
    }
    throng_tests::sweep::run();
    ExitCode::SUCCESS
}
