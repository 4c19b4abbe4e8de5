//! One row of the table: made, landed, and held against what is expected.
//!
//! Not here: where the expectation comes from ([`crate::oracle`]).

use std::collections::BTreeMap;

use crd::TaskDocument;
use crd::spec::Commits;
use runner::dirs::Dirs;
use runner::git::{Git, Stop};
use runner::land::{self, Change, Landed, Manner, Stamp};
use runner::plan::Conflict;

use crate::bench::Bench;
use crate::histories::{self, History};
use crate::ontos;
use crate::oracle::{Entry, Expected, Unmerged};
use crate::world::{OTHER_MARK, World};

const UID: &str = "7c0de000-1111-4222-8333-444455556666";

/// What is pushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A new branch: landed once, on the newest onto.
    New,
    /// The onto branch: landed on onto as it was, and then, the race lost, again on the newest.
    Onto,
    /// The branch that the work started from, with people's commits on it.
    Whole,
}

/// What is landed where, and how.
pub struct Row {
    /// Rows of the same turn are a fair part of the table.
    pub turn: usize,
    history: &'static str,
    situation: &'static str,
    pub target: Target,
    pub commits: Commits,
    /// Commit that the agent started from.
    pub start: String,
    /// Commit that the agent left.
    pub tip: String,
    /// Commit of the onto branch when the agent started.
    early: String,
    /// Commit of the onto branch in the end.
    pub onto: String,
}

/// The five things that are asked for.
const WANTED: [(Target, Commits); 5] = [
    (Target::New, Commits::Preserve),
    (Target::Whole, Commits::Preserve),
    (Target::Onto, Commits::Preserve),
    (Target::New, Commits::Squash),
    (Target::Whole, Commits::Squash),
];

/// A branch on which the agent has worked.
struct Worked {
    history: &'static str,
    start: String,
    tip: String,
    /// The onto branch with the same change.
    same: String,
}

impl Row {
    /// The cross product.
    pub fn all(world: &World) -> Vec<Self> {
        let bench = Bench::new(world, "agent");
        let ontos: Vec<(&str, String)> = ontos::ALL
            .iter()
            .map(|(situation, happen)| {
                bench.go(&world.main);
                happen(&bench, world);
                (*situation, bench.head())
            })
            .collect();
        let mut rows = Vec::new();
        for (h, history) in histories::ALL.iter().enumerate() {
            let [main, feature] = [&world.main, &world.feature]
                .map(|start| Worked::new(&bench, world, history, start));
            for (t, (target, commits)) in WANTED.into_iter().enumerate() {
                let worked = if target == Target::Whole { &feature } else { &main };
                let same = ("has the same change", worked.same.clone());
                for (o, (situation, onto)) in ontos.iter().chain([&same]).enumerate() {
                    rows.push(Self {
                        turn: h + t + o,
                        history: worked.history,
                        situation,
                        target,
                        commits,
                        start: worked.start.clone(),
                        tip: worked.tip.clone(),
                        early: world.main.clone(),
                        onto: onto.clone(),
                    });
                }
            }
        }
        rows
    }

    /// What the row is about.
    pub fn name(&self) -> String {
        format!("{} × {} × {:?} {:?}", self.history, self.situation, self.target, self.commits)
    }

    /// Lands it with the runner's functions; what is wrong with the outcome, if anything.
    pub fn complaint(&self, git: &Git, expected: &Expected) -> Option<String> {
        let landed = self.land(git);
        match (&landed, expected) {
            (Landed::Nothing, Expected::Nothing) => None,
            (Landed::Clean(tip), Expected::Clean(entries)) => self.differs(git, tip, entries),
            (Landed::Conflict(conflict), Expected::Conflict(unmerged)) => {
                conflict_differs(conflict, unmerged)
            }
            (Landed::Hopeless { message, .. }, Expected::Hopeless) => {
                (!message.contains("cannot be given to Claude")).then(|| message.clone())
            }
            (Landed::Hopeless { message, .. }, Expected::Refused(words)) => {
                (!message.contains(words)).then(|| message.clone())
            }
            _ => Some(format!("{landed:?} instead of {expected:?}")),
        }
    }

    fn land(&self, git: &Git) -> Landed {
        let stamp = Stamp::new(&document(), jiff::Timestamp::UNIX_EPOCH);
        let manner = Manner { commits: self.commits, whole: self.target == Target::Whole };
        let change = Change { start: &self.start, tip: &self.tip };
        if self.target != Target::Onto {
            return land::land(git, change, &self.onto, manner, &stamp).unwrap();
        }
        match land::land(git, change, &self.early, manner, &stamp).unwrap() {
            Landed::Clean(tip) => {
                let change = Change { start: &self.early, tip: &tip };
                land::land(git, change, &self.onto, Manner::PLAIN, &stamp).unwrap()
            }
            other => other,
        }
    }

    /// What differs between the landed commits and the expected ones.
    fn differs(&self, git: &Git, tip: &str, expected: &[Entry]) -> Option<String> {
        let log = git.command("log").args(["--reverse", "--topo-order", "-z"]);
        let log = log.arg("--format=%T%x01%an <%ae>%x01%s%x01%cn%x01%B");
        let log = log.arg(format!("{}..{tip}", self.onto)).line().unwrap();
        let commits: Vec<Vec<&str>> =
            log.split_terminator('\0').map(|commit| commit.split('\u{1}').collect()).collect();
        let entry = |commit: &Vec<&str>| Entry {
            tree: commit[0].to_owned(),
            author: commit[1].to_owned(),
            subject: commit[2].to_owned(),
        };
        let found: Vec<Entry> = commits.iter().map(entry).collect();
        if found != expected {
            return Some(format!("{found:#?} instead of {expected:#?}"));
        }
        let mark = format!("ClaudeTask: {UID}");
        let built = commits.iter().filter(|commit| commit[3] == "Claude");
        let unmarked = built.clone().find(|commit| {
            let marks = commit[4].lines().filter(|line| *line == mark).count();
            marks != 1
                || commit[4].contains("forged")
                || commit[4].trim_end().lines().last() != Some(&mark)
        });
        let lost = self.target == Target::Whole
            && found.iter().any(|entry| entry.subject == "People's last")
            && !log.contains(OTHER_MARK);
        match unmarked {
            Some(commit) => Some(format!("not marked as it should be: {commit:?}")),
            None if !commits.last()?[4].contains(&mark) => Some("the tip has no mark".to_owned()),
            None => lost.then(|| "the mark of another task is lost".to_owned()),
        }
    }
}

impl Worked {
    fn new(bench: &Bench, world: &World, (history, act): &History, start: &str) -> Self {
        bench.go(start);
        act(bench);
        let tip = bench.head();
        bench.go(&world.main);
        ontos::same(bench, &tip);
        Self { history, start: start.to_owned(), tip, same: bench.head() }
    }
}

/// A repository as the git side has it, with the world's commits.
pub fn trusted(world: &World, name: &str) -> Git {
    let dirs = Dirs::below(&world.root().join(name)).unwrap();
    let git = Git::bare(&dirs, &dirs.bare(), &Stop::default());
    git.make_bare().unwrap();
    git.borrow_from(&world.repository().join(".git")).unwrap();
    git
}

/// What differs between the conflict that Claude is given and git's own index.
fn conflict_differs(conflict: &Conflict, unmerged: &Unmerged) -> Option<String> {
    let files = conflict.files.iter();
    let sides = files.map(|file| {
        let sides = [file.base.clone(), file.ours.clone(), file.theirs.clone()];
        (file.path.clone().into_bytes(), sides)
    });
    // Git also names paths that it has only words about.
    let found: BTreeMap<_, _> =
        sides.filter(|(_, sides)| sides.iter().any(Option::is_some)).collect();
    (found != *unmerged).then(|| format!("{found:?} instead of {unmerged:?}"))
}

fn document() -> TaskDocument {
    serde_json::from_value(serde_json::json!({
        "namespace": "demo", "name": "table", "uid": UID, "attempt": 1,
        "repository": {"url": "https://git.example.com/acme/shop.git"},
        "rebase": {}, "push": {}, "branch": "claude/table", "claude": {},
        "checkpointRef": "refs/claudetask/table", "notAfter": "2099-01-01T00:00:00Z",
        "settings": {}
    }))
    .unwrap()
}
