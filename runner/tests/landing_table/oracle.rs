//! What plain git commands in a working copy make of a row.
//!
//! `git cherry-pick` does the work, so neither `git merge-tree` nor any code of the runner is asked.
//! A change that is landed at once is one commit with its last tree on top of its base.

use std::collections::BTreeMap;

use crd::spec::Commits;

use crate::bench::Bench;
use crate::row::{Row, Target};

/// What must come out.
#[derive(Debug, PartialEq, Eq)]
pub enum Expected {
    /// Commits on top of onto, oldest first.
    Clean(Vec<Entry>),
    /// Nothing is left.
    Nothing,
    /// The unmerged paths, for Claude.
    Conflict(Unmerged),
    /// A conflict that no text resolves.
    Hopeless,
    /// People's commits cannot be replayed: the words that must be said.
    Refused(&'static str),
}

/// A commit as far as it is compared.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    pub tree: String,
    pub author: String,
    pub subject: String,
}

/// Blobs of base, ours and theirs.
pub type Unmerged = BTreeMap<Vec<u8>, [Option<String>; 3]>;

/// The author of what stands for several commits.
pub const CLAUDE: &str = "Claude <noreply@anthropic.com>";

/// A cherry-pick: the commit that it ended with, or the unmerged index.
enum Picked {
    To(String),
    Unmerged(Unmerged, bool),
}

/// Does by hand what the row's landing must do.
pub fn expect(bench: &Bench, row: &Row) -> Expected {
    let onto = row.onto.as_str();
    match (row.target, row.commits) {
        (Target::Whole, Commits::Preserve) => whole(bench, row),
        (Target::Whole, Commits::Squash) => {
            let base = bench.git(&["merge-base", &row.start, onto]);
            let (people, own) =
                (subjects(bench, onto, &row.start), subjects(bench, &row.start, &row.tip));
            if base == onto && people.len() <= 1 && own.is_empty() {
                return Expected::Nothing;
            }
            at_once(bench, &base, row, onto, &[people, own].concat())
        }
        (_, commits) => own(bench, row, onto, commits),
    }
}

fn whole(bench: &Bench, row: &Row) -> Expected {
    let onto = row.onto.as_str();
    let mut people = Vec::new();
    let ours = if is_ancestor(bench, onto, &row.start) {
        row.start.clone()
    } else {
        match pick(bench, onto, &[&format!("{onto}..{}", row.start)]) {
            Picked::To(tip) => {
                people = entries(bench, onto, &tip, true);
                tip
            }
            Picked::Unmerged(..) => return Expected::Refused("cannot be rebased as it is"),
        }
    };
    match own(bench, row, &ours, Commits::Preserve) {
        Expected::Clean(own) if ours == row.start => {
            let mut before = entries(bench, onto, &ours, true);
            before.extend(own);
            Expected::Clean(before)
        }
        Expected::Clean(own) => Expected::Clean(people.into_iter().chain(own).collect()),
        Expected::Nothing if !people.is_empty() => Expected::Clean(people),
        other => other,
    }
}

fn own(bench: &Bench, row: &Row, ours: &str, commits: Commits) -> Expected {
    let range = format!("{}..{}", row.start, row.tip);
    let merges = bench.git(&["rev-list", "--merges", &range]);
    let straight = merges.is_empty() && is_ancestor(bench, &row.start, &row.tip);
    if commits == Commits::Preserve
        && straight
        && let Picked::To(tip) = pick(bench, ours, &[&range])
    {
        let entries = entries(bench, ours, &tip, false);
        return if entries.is_empty() { Expected::Nothing } else { Expected::Clean(entries) };
    }
    let subjects = subjects(bench, &row.start, &row.tip);
    at_once(bench, &row.start, row, ours, &subjects)
}

/// The change from `base` to the row's tip as one commit.
fn at_once(
    bench: &Bench,
    base: &str,
    row: &Row,
    ours: &str,
    originals: &[[String; 2]],
) -> Expected {
    let tree = format!("{}^{{tree}}", row.tip);
    let (author, subject) = match originals {
        [[author, subject]] => (author.clone(), subject.clone()),
        many => {
            let count = many.len();
            (CLAUDE.to_owned(), format!("Change of ClaudeTask demo/table ({count} commits as one)"))
        }
    };
    let change = bench.git(&["commit-tree", "-p", base, "-m", "At once", &tree]);
    match pick(bench, ours, &[&change]) {
        Picked::To(tip) => {
            let tree = tree_of(bench, &tip);
            if tree == tree_of(bench, ours) {
                return Expected::Nothing;
            }
            Expected::Clean(vec![Entry { tree, author, subject }])
        }
        Picked::Unmerged(_, true) => Expected::Hopeless,
        Picked::Unmerged(unmerged, false) => Expected::Conflict(unmerged),
    }
}

/// Cherry-picks revisions onto `ours`.
fn pick(bench: &Bench, ours: &str, revisions: &[&str]) -> Picked {
    bench.go(ours);
    if bench.git(&[&["rev-list", "--no-walk=unsorted"], revisions].concat()).is_empty() {
        return Picked::To(ours.to_owned());
    }
    let keep =
        ["cherry-pick", "--allow-empty", "--keep-redundant-commits", "--allow-empty-message"];
    if bench.output(&[&keep[..], revisions].concat()).status.success() {
        return Picked::To(bench.head());
    }
    let index = bench.output(&["ls-files", "-u", "-z"]).stdout;
    let (mut unmerged, mut hopeless) = (Unmerged::new(), false);
    for line in index.split(|&byte| byte == 0).filter(|line| !line.is_empty()) {
        let tab = line.iter().position(|&byte| byte == b'\t').unwrap();
        let head = String::from_utf8_lossy(&line[..tab]).into_owned();
        let (path, fields) = (&line[tab + 1..], head.split(' ').collect::<Vec<_>>());
        let stage: usize = fields[2].parse().unwrap();
        unmerged.entry(path.to_vec()).or_default()[stage - 1] = Some(fields[1].to_owned());
        hopeless |= matches!(fields[0], "160000" | "120000")
            || std::str::from_utf8(path).is_err()
            // Git moves a file aside that is in the way of a directory.
            || path.contains(&b'~')
            || bench.output(&["cat-file", "blob", fields[1]]).stdout.contains(&0);
    }
    bench.git(&["cherry-pick", "--quit"]);
    Picked::Unmerged(unmerged, hopeless)
}

/// The commits from `old` to `new`, without those that change nothing; people's are kept if they
/// were meant to.
fn entries(bench: &Bench, old: &str, new: &str, people: bool) -> Vec<Entry> {
    let mut before = tree_of(bench, old);
    let mut kept = Vec::new();
    for [tree, author, subject] in log(bench, old, new, "%T%x00%an <%ae>%x00%s") {
        if tree != before || people && subject.contains("empty") {
            kept.push(Entry { tree: tree.clone(), author, subject });
        }
        before = tree;
    }
    kept
}

fn subjects(bench: &Bench, old: &str, new: &str) -> Vec<[String; 2]> {
    log(bench, old, new, "%an <%ae>%x00%s")
}

fn log<const N: usize>(bench: &Bench, old: &str, new: &str, format: &str) -> Vec<[String; N]> {
    let range = format!("{old}..{new}");
    let log =
        bench.git(&["log", "--reverse", "--topo-order", &format!("--format={format}"), &range]);
    let fields = |line: &str| line.split('\0').map(str::to_owned).collect::<Vec<_>>();
    log.lines().map(|line| fields(line).try_into().unwrap()).collect()
}

fn tree_of(bench: &Bench, commit: &str) -> String {
    bench.git(&["rev-parse", &format!("{commit}^{{tree}}")])
}

fn is_ancestor(bench: &Bench, old: &str, new: &str) -> bool {
    bench.output(&["merge-base", "--is-ancestor", old, new]).status.success()
}
