//! `claudetask`: runs a ClaudeTask without a cluster; [`runner::local`] is all of it.

use std::process::ExitCode;

fn main() -> ExitCode {
    runner::local::cli::main()
}
