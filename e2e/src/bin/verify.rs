//! `cargo verify`: every check and every test, a line for each part with its time.
//!
//! Not here: the scenarios ([`e2e::scenario`]) and the parts themselves ([`e2e::verify`]).

use std::process::ExitCode;

use clap::Parser;
use e2e::verify::{Options, verify};

#[tokio::main]
async fn main() -> ExitCode {
    match verify(Options::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
