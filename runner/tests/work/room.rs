//! Work that is too large for the volume in which it is handed over, however it came about.
//!
//! Files that are not committed are measured before they are taken; the unit tests show which.

use std::fs;

use runner::work::Rest;
use runner::work::room::Room;

use crate::pod::{Pod, git};

const COMMIT: &str = "c() { git add -A; git commit -qm \"Add $1\"; }\n";
const BIG: &str = "head -c 3M /dev/urandom > big.bin";

/// A Pod in which 2 MiB can be handed over, after a script.
fn after(script: &str) -> Pod {
    let mut pod = Pod::new();
    pod.work.shadow.room = Room::within(8 << 20);
    pod.shell(&format!("{COMMIT}{script}"));
    pod
}

#[test]
fn a_large_file_that_was_committed_is_left_out_and_named() {
    for script in
        [format!("echo x > x; c x; {BIG}; c big"), format!("echo x > x; {BIG}; git add -A")]
    {
        let mut pod = after(&script);
        assert!(pod.save().is_some());
        assert_eq!(pod.work.left_out(), ["big.bin (3 MiB)"], "{script}");
        let (log, files) = pod.arrives();
        assert_eq!(log, ["Add it (Claude)"]);
        assert_eq!(files, [".gitignore", "a.txt", "b.txt", "x"]);
        let left = fs::read_dir(&pod.dirs.handoff).unwrap().count();
        assert_eq!(left, 2, "one bundle and its note");
    }
}

#[test]
fn a_large_version_of_a_file_is_left_as_it_was_at_the_start() {
    let mut pod = after("echo x > x; head -c 3M /dev/urandom > b.txt; c both");
    assert!(pod.save().is_some());
    assert_eq!(pod.work.left_out(), ["b.txt (3 MiB)"]);
    assert_eq!(pod.arrives().1, [".gitignore", "a.txt", "b.txt", "x"]);
    assert_eq!(pod.shows("b.txt"), "b");
}

#[test]
fn a_large_file_that_only_the_history_has_costs_the_history() {
    let mut pod = after(&format!("{BIG}; c big; git rm -q big.bin; echo x > x; c x"));
    assert!(pod.save().is_some());
    assert_eq!(pod.work.left_out(), ["its separate commits"]);
    let (log, files) = pod.arrives();
    assert_eq!(log, ["Add it (Claude)"]);
    assert_eq!(files, [".gitignore", "a.txt", "b.txt", "x"]);
}

#[test]
fn a_large_file_on_another_branch_costs_that_branch_alone() {
    let mut pod = after(&format!(
        "git checkout -qb o; {BIG}; c big; git checkout -q claude/x; echo x > x; c x"
    ));
    let (snapshot, commit) = pod.end(Rest::Kept);
    assert!(commit.is_some() && pod.work.left_out().is_empty(), "{:?}", pod.work.left_out());
    assert_eq!(pod.arrives().0, ["Add x (A)"]);
    let remarks = pod.work.remarks(&snapshot, Rest::Kept).join(" ");
    assert!(remarks.contains("larger than the 2 MiB that can be handed over"), "{remarks}");
}

#[test]
fn nothing_but_a_large_file_is_nothing_to_hand_over() {
    let mut pod = after(&format!("{BIG}; c big"));
    assert_eq!(pod.save(), None);
    assert_eq!(pod.work.left_out(), ["big.bin (3 MiB)"]);
}

#[test]
fn what_fits_is_handed_over_commit_by_commit() {
    let mut pod = after("head -c 1M /dev/urandom > big.bin; c big; echo x > x; c x");
    assert!(pod.save().is_some());
    assert!(pod.work.left_out().is_empty());
    assert_eq!(pod.arrives().0, ["Add big (A)", "Add x (A)"]);
    assert_eq!(git(&pod.tree(), &["status", "--porcelain"]), "");
}
