//! Which refs of the remote a task means. Pure.
//!
//! Not here: whether an existing target holds this task's own commits, which needs its history.

use crd::TaskDocument;

use crate::git::commit::is_id;
use crate::git::refs::Refs;
use crate::plan::Target;

const HEADS: &str = "refs/heads/";
const TAGS: &str = "refs/tags/";

/// The refs of a task, found on the remote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branches {
    /// Where the work starts.
    pub start: Start,
    /// Full ref of the onto branch.
    pub onto: String,
    /// Full ref of the branch to push.
    pub target: String,
    /// Whether the branch to push is there.
    pub target_exists: bool,
}

/// Where the work starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// At a ref, named in full.
    Ref(String),
    /// At a commit named by its id, which may or may not exist.
    Commit(String),
}

/// The remote does not have what the task names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// A ref is not there.
    #[error("{0}")]
    NotFound(String),
    /// The branch cannot be made, or may not be overwritten.
    #[error("{0}")]
    Taken(String),
}

impl Branches {
    /// Finds the refs that `document` names.
    ///
    /// # Errors
    /// [`Unfit`], with a sentence for the task's author.
    pub fn find(document: &TaskDocument, refs: &Refs) -> Result<Self, Unfit> {
        let start = start(document.repository.reference.as_deref(), refs)?;
        let onto = onto(document.rebase.onto.as_deref(), &start, refs)?;
        let target = format!("{HEADS}{}", document.branch);
        if let Some(other) = refs.in_the_way_of(&target) {
            return Err(Unfit::Taken(format!(
                "The branch {} cannot exist beside {other}: one name is a directory of the other.",
                document.branch
            )));
        }
        let target_exists = refs.get(&target).is_some();
        Ok(Self { start, onto, target, target_exists })
    }

    /// What kind of branch is pushed.
    pub fn kind(&self) -> Target {
        if self.target == self.onto {
            Target::Onto
        } else if self.start == Start::Ref(self.target.clone()) {
            Target::Whole
        } else {
            Target::New
        }
    }
}

/// A ref's name for people.
pub fn short(name: &str) -> &str {
    name.strip_prefix(HEADS).unwrap_or(name)
}

fn start(named: Option<&str>, refs: &Refs) -> Result<Start, Unfit> {
    let found = |name: &str| refs.get(name).map(|_| Start::Ref(name.to_owned()));
    let missing = |what: String| Unfit::NotFound(what);
    let Some(named) = named.filter(|name| *name != "HEAD") else {
        let head = refs.head.as_deref().and_then(found);
        return head.ok_or_else(|| {
            missing(
                "The repository has no HEAD branch (is it empty?): name spec.repository.ref."
                    .into(),
            )
        });
    };
    if named.starts_with("refs/") {
        return found(named).ok_or_else(|| {
            missing(format!("spec.repository.ref: the repository has no ref {named}."))
        });
    }
    let commit = || is_id(named).then(|| Start::Commit(named.to_ascii_lowercase()));
    let by_name = found(&format!("{HEADS}{named}")).or_else(|| found(&format!("{TAGS}{named}")));
    by_name.or_else(commit).ok_or_else(|| {
        missing(format!(
            "spec.repository.ref: the repository has no branch or tag {named}, and it is no full commit id."
        ))
    })
}

fn onto(named: Option<&str>, start: &Start, refs: &Refs) -> Result<String, Unfit> {
    let name = match (named, start) {
        (Some(named), _) if named.starts_with(HEADS) => named.to_owned(),
        (Some(named), _) => format!("{HEADS}{named}"),
        (None, Start::Ref(name)) if name.starts_with(HEADS) => name.clone(),
        (None, _) => {
            return Err(Unfit::NotFound(
                "spec.repository.ref is no branch, so spec.rebase.onto must be named.".to_owned(),
            ));
        }
    };
    match refs.get(&name) {
        Some(_) => Ok(name),
        None => Err(Unfit::NotFound(format!(
            "spec.rebase.onto: the repository has no branch {}.",
            short(&name)
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "ABCDEF1111111111111111111111111111111111";

    fn refs() -> Refs {
        Refs::parse(
            b"ref: refs/heads/main\tHEAD\n1\trefs/heads/main\n2\trefs/heads/dev\n2\trefs/heads/both\n\
              3\trefs/tags/v1\n3\trefs/tags/both\n4\trefs/pull/7/head\n5\trefs/heads/claude/old\n",
        )
    }

    fn document(reference: Option<&str>, onto: Option<&str>, branch: &str) -> TaskDocument {
        let mut document = crate::attempt::sample();
        document.repository.reference = reference.map(str::to_owned);
        document.rebase.onto = onto.map(str::to_owned);
        document.branch = branch.to_owned();
        document
    }

    #[test]
    fn branch_tag_full_ref_commit_and_nothing_are_understood() {
        let start = |name: &str| Start::Ref(name.to_owned());
        for (reference, onto, expected_start, expected_onto) in [
            (None, None, start("refs/heads/main"), "main"),
            (Some("HEAD"), None, start("refs/heads/main"), "main"),
            (Some("dev"), None, start("refs/heads/dev"), "dev"),
            (Some("dev"), Some("main"), start("refs/heads/dev"), "main"),
            (Some("refs/heads/dev"), None, start("refs/heads/dev"), "dev"),
            (Some("both"), None, start("refs/heads/both"), "both"),
            (Some("v1"), Some("refs/heads/main"), start("refs/tags/v1"), "main"),
            (Some("refs/pull/7/head"), Some("main"), start("refs/pull/7/head"), "main"),
            (Some(ID), Some("main"), Start::Commit(ID.to_lowercase()), "main"),
        ] {
            let found = Branches::find(&document(reference, onto, "claude/x"), &refs()).unwrap();
            assert_eq!(found.start, expected_start, "{reference:?}");
            assert_eq!(short(&found.onto), expected_onto, "{reference:?}");
            assert!(!found.target_exists && found.kind() == Target::New);
        }
    }

    #[test]
    fn a_missing_ref_is_named() {
        for (reference, onto, part) in [
            (Some("none"), None, "no branch or tag none"),
            (Some("refs/heads/none"), None, "no ref refs/heads/none"),
            (Some("abc123"), Some("main"), "no full commit id"),
            (None, Some("none"), "no branch none"),
            (None, Some("v1"), "no branch v1"),
            (Some("v1"), None, "spec.rebase.onto must be named"),
            (Some(ID), None, "spec.rebase.onto must be named"),
        ] {
            let found = Branches::find(&document(reference, onto, "claude/x"), &refs());
            let Err(Unfit::NotFound(message)) = found else { panic!("{reference:?}: {found:?}") };
            assert!(message.contains(part), "{message}");
        }
        assert!(Branches::find(&document(None, None, "x"), &Refs::default()).is_err());
    }

    #[test]
    fn a_branch_that_cannot_be_pushed_is_refused() {
        for branch in ["claude", "main/x"] {
            let found = Branches::find(&document(None, None, branch), &refs());
            assert!(matches!(found, Err(Unfit::Taken(_))), "{branch}: {found:?}");
        }
    }

    #[test]
    fn an_existing_target_is_the_onto_branch_or_the_branch_started_from_or_somebody_elses() {
        for (reference, onto, branch, kind) in [
            (None, None, "main", Target::Onto),
            (Some("dev"), None, "dev", Target::Onto),
            (Some("dev"), Some("main"), "main", Target::Onto),
            (Some("dev"), Some("main"), "dev", Target::Whole),
            (Some("refs/heads/dev"), Some("main"), "dev", Target::Whole),
            (None, Some("dev"), "main", Target::Whole),
            (Some(ID), Some("main"), "dev", Target::New),
            (Some("refs/tags/both"), Some("main"), "both", Target::New),
            (Some("dev"), Some("main"), "both", Target::New),
        ] {
            let found = Branches::find(&document(reference, onto, branch), &refs()).unwrap();
            assert!(found.target_exists);
            assert_eq!(found.kind(), kind, "{reference:?} {onto:?} {branch}");
        }
    }
}
