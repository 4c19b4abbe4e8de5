//! The landing functions alone: what an agent can leave × what can happen to the onto branch × what
//! is pushed, each row against what plain git commands make of the same commits.
//!
//! Not here: the phases around them (`git_side`) and a cluster (e2e).

// Clippy knows tests by their attribute only; the table beside them is test code too.
#![allow(clippy::unwrap_used)]

mod bench;
mod histories;
mod ontos;
mod oracle;
mod row;
mod world;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use bench::Bench;
use oracle::Expected;
use row::Row;
use world::World;

/// Rows are worked on side by side: most of their time is spent waiting for git.
const WORKERS: usize = 4;

/// What came of all rows.
#[derive(Default)]
struct Tally {
    rows: usize,
    clean: usize,
    nothing: usize,
    conflicts: usize,
    refusals: usize,
    wrong: Vec<String>,
}

impl Tally {
    fn count(&mut self, name: &str, expected: &Expected, complaint: Option<String>) {
        self.rows += 1;
        match expected {
            Expected::Clean(_) => self.clean += 1,
            Expected::Nothing => self.nothing += 1,
            Expected::Conflict(_) => self.conflicts += 1,
            Expected::Hopeless | Expected::Refused(_) => self.refusals += 1,
        }
        self.wrong.extend(complaint.map(|complaint| format!("{name}: {complaint}")));
    }
}

/// Works on these rows and checks that nothing is wrong with any.
fn check(world: &World, rows: &[Row]) -> Tally {
    let (next, tally) = (AtomicUsize::new(0), Mutex::new(Tally::default()));
    // Made one after the other: git reads all work trees to add one, and fails on a half-made one.
    let benches: Vec<_> =
        (0..WORKERS).map(|worker| Bench::new(world, &format!("worker-{worker}"))).collect();
    std::thread::scope(|scope| {
        for (worker, bench) in benches.iter().enumerate() {
            let (next, tally) = (&next, &tally);
            scope.spawn(move || {
                let git = row::trusted(world, &format!("trusted-{worker}"));
                while let Some(row) = rows.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let expected = oracle::expect(bench, row);
                    let complaint = row.complaint(&git, &expected);
                    tally.lock().unwrap().count(&row.name(), &expected, complaint);
                }
            });
        }
    });
    let tally = tally.into_inner().unwrap();
    println!(
        "{} rows: {} clean, {} with nothing left, {} for Claude, {} refused",
        tally.rows, tally.clean, tally.nothing, tally.conflicts, tally.refusals
    );
    assert!(tally.wrong.is_empty(), "{} wrong:\n{}", tally.wrong.len(), tally.wrong.join("\n"));
    tally
}

#[test]
fn landings_are_what_plain_git_makes_of_them() {
    let world = World::new();
    // Each history still meets each onto branch, with one of the five targets.
    let mut rows = Row::all(&world);
    rows.retain(|row| row.turn % 5 == 0);
    let tally = check(&world, &rows);
    assert!(tally.rows >= 150, "{} rows", tally.rows);
    // The table is worth something only as long as every kind of ending is in it.
    for kind in [tally.clean, tally.nothing, tally.conflicts, tally.refusals] {
        assert!(kind >= 15, "{kind} of a kind");
    }
}

#[test]
#[ignore = "the whole table takes minutes: cargo test -p runner --test landing_table -- --ignored"]
fn all_landings_are_what_plain_git_makes_of_them() {
    let world = World::new();
    check(&world, &Row::all(&world));
}
