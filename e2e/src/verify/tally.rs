//! Counts what passed and failed, and prints a line for each part with its time.

use std::time::{Duration, Instant};

use crate::cluster::progress::lasted;

/// What passed and failed so far.
#[derive(Debug, Default)]
pub struct Tally {
    passed: usize,
    failed: usize,
    /// A line for each part that failed, for the end of a long output.
    faults: Vec<String>,
}

/// A part that has begun.
#[derive(Debug)]
pub struct Part {
    name: String,
    begin: Instant,
}

impl Part {
    /// Announces a part.
    pub fn begin(name: &str) -> Self {
        eprintln!("--> {name}");
        Self { name: name.to_owned(), begin: Instant::now() }
    }
}

impl Tally {
    /// Counts a part as one test, and prints its line; a failure with its text.
    pub fn end(&mut self, part: &Part, result: Result<(), String>) {
        self.count(&part.name, part.begin.elapsed(), result);
    }

    /// Counts a part that was many tests of its own; `names` are those that failed.
    pub fn end_many(&mut self, part: &Part, passed: usize, failed: usize, names: &[&str]) {
        self.passed += passed;
        self.failed += failed;
        let names = names.iter().map(|name| format!("{}: {name}", part.name));
        self.faults.extend(names);
        let word = if failed == 0 { "ok  " } else { "FAIL" };
        let time = lasted(part.begin.elapsed());
        println!("{word} {} ({passed} passed, {failed} failed) {time}", part.name);
    }

    /// Counts one test and prints its line.
    pub fn count(&mut self, name: &str, took: Duration, result: Result<(), String>) {
        let time = lasted(took);
        match result {
            Ok(()) => {
                self.passed += 1;
                println!("ok   {name} {time}");
            }
            Err(text) => {
                self.failed += 1;
                println!("FAIL {name} {time}\n{text}");
                self.faults.push(format!("{name}: {}", text.lines().next().unwrap_or_default()));
            }
        }
    }

    /// Prints once more what failed, and the closing line; true when nothing failed and something
    /// passed.
    pub fn close(self) -> bool {
        for fault in &self.faults {
            println!("FAIL {fault}");
        }
        println!("{} passed, {} failed", self.passed, self.failed);
        self.failed == 0 && self.passed > 0
    }
}
