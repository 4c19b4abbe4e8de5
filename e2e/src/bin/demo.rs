//! `cargo demo`: two tasks on a real Kubernetes, to watch and to look at.
//!
//! Not here: all of it ([`e2e::demo`]).

use std::process::ExitCode;

use clap::Parser;
use e2e::demo::{Options, demo};

#[tokio::main]
async fn main() -> ExitCode {
    demo(Options::parse()).await
}
