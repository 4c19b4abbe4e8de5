//! The parts that need no cluster: format, lints, tests, documentation.

use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use super::tally::{Part, Tally};
use crate::cluster::layout::checkout;
use crate::cluster::owner;

/// Lines of a failed command's output that are shown.
const SHOWN: usize = 60;

/// Runs them all; a failed one does not stop the next.
pub fn parts(tally: &mut Tally) -> Result<()> {
    check(tally, "format", &["fmt", "--all", "--check"], &[])?;
    let clippy = ["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"];
    check(tally, "clippy", &clippy, &[])?;
    tests(tally, "unit and integration tests", &["--workspace", "--no-fail-fast"])?;
    let doc = ["doc", "--quiet", "--workspace", "--no-deps", "--document-private-items"];
    check(tally, "documentation", &doc, &[("RUSTDOCFLAGS", "-D warnings")])
}

fn check(tally: &mut Tally, name: &str, args: &[&str], env: &[(&str, &str)]) -> Result<()> {
    let part = Part::begin(name);
    let (success, output) = cargo(args, env)?;
    tally.end(&part, if success { Ok(()) } else { Err(tail(&output)) });
    Ok(())
}

/// Runs `cargo test` with these arguments and counts each of its tests.
pub fn tests(tally: &mut Tally, name: &str, args: &[&str]) -> Result<()> {
    let part = Part::begin(name);
    let (success, output) = cargo(&[&["test"], args].concat(), &[])?;
    let (passed, failed) = counts(&output);
    if !success {
        println!("{}", tail(&failures(&output)));
    }
    // A test program that could not be built has no line of its own.
    let failed = if success { failed } else { failed.max(1) };
    tally.end_many(&part, passed, failed, &names(&output));
    Ok(())
}

fn cargo(args: &[&str], env: &[(&str, &str)]) -> Result<(bool, String)> {
    let program = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut command: Command = owner::as_owner(&program)?;
    // A backtrace through the runtime would push out what failed.
    command.args(args).envs(env.iter().copied()).env("RUST_BACKTRACE", "0");
    command.current_dir(checkout()).stdin(Stdio::null());
    let output = command.output().with_context(|| format!("start {program}"))?;
    let both = [output.stdout, output.stderr].concat();
    Ok((output.status.success(), String::from_utf8_lossy(&both).into_owned()))
}

/// Sums of cargo's `test result:` lines.
fn counts(output: &str) -> (usize, usize) {
    let number_before = |line: &str, word: &str| -> usize {
        let before = line.split(word).next().unwrap_or_default().trim_end();
        before.rsplit(|c: char| !c.is_ascii_digit()).next().unwrap_or_default().parse().unwrap_or(0)
    };
    let results = output.lines().filter(|line| line.starts_with("test result:"));
    results.fold((0, 0), |(passed, failed), line| {
        (passed + number_before(line, " passed"), failed + number_before(line, " failed"))
    })
}

/// Names of the tests that failed.
fn names(output: &str) -> Vec<&str> {
    let of_test = output.lines().filter_map(|line| line.strip_prefix("test "));
    of_test.filter_map(|rest| rest.strip_suffix(" ... FAILED")).collect()
}

/// What failed, without the lines of tests that passed and of cargo's own steps.
fn failures(output: &str) -> String {
    const STEPS: [&str; 6] =
        ["Compiling ", "Running ", "Finished ", "Doc-tests ", "Downloaded ", "running "];
    let is_told = |line: &&str| {
        let passed = line.starts_with("test ") && line.ends_with("... ok")
            || line.starts_with("test result: ok.");
        let step = STEPS.iter().any(|step| line.trim_start().starts_with(step));
        !(passed || step || line.trim().is_empty())
    };
    output.lines().filter(is_told).collect::<Vec<_>>().join("\n")
}

fn tail(output: &str) -> String {
    let lines: Vec<_> = output.lines().collect();
    lines[lines.len().saturating_sub(SHOWN)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::{counts, failures, names};

    #[test]
    fn results_of_all_test_programs_are_added_up() {
        let output = "test a ... ok\n\
            test result: ok. 14 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out\n\
            test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out\n";
        assert_eq!(counts(output), (17, 2));
    }

    #[test]
    fn a_failure_is_not_hidden_by_what_cargo_says_of_its_steps() {
        let output = "running 2 tests\ntest a ... ok\ntest b ... FAILED\n\n---- b stdout ----\n\
            thread 'b' panicked at x.rs:1:2:\n   Compiling crd v0.1.0\n     Running tests/x.rs\n";
        let told = "test b ... FAILED\n---- b stdout ----\nthread 'b' panicked at x.rs:1:2:";
        assert_eq!((failures(output).as_str(), names(output)), (told, vec!["b"]));
    }
}
