//! What Claude is asked in this phase, filled with the facts of the case.
//!
//! Not here: the words ([`crate::prompt`]).

use crd::TaskDocument;
use crd::spec::{Commits, Scope};

use crate::clone::branches::short;
use crate::commands::FailedCommand;
use crate::config::Config;
use crate::plan::{Landed, Start, Target};
use crate::prompt::{self, Merge};
use crate::work::Shadow;

/// The case.
pub struct Ask<'a> {
    /// What git could do by itself.
    pub landed: &'a Landed,
    /// What the change is to lie on, in words.
    pub onto: String,
    /// The task.
    pub config: &'a Config,
}

/// What the change is to lie on, in words: the onto branch, with the branch's own commits where
/// those were replayed first.
pub fn onto(start: &Start, document: &TaskDocument) -> String {
    let onto = short(&start.onto_ref);
    if start.target == Target::Whole && document.rebase.commits == Commits::Preserve {
        return format!("{onto} (with the commits of {} replayed on it)", document.branch);
    }
    onto.to_owned()
}

impl Ask<'_> {
    /// All conflicted files at once.
    pub fn conflict(&self, shadow: &Shadow) -> String {
        let Landed::Conflicts(conflict) = self.landed else { return String::new() };
        let paths: Vec<&str> = conflict.files.iter().map(|file| file.path.as_str()).collect();
        // Without the list of commits the question is still a good one.
        let log = |to: &str| shadow.log(&conflict.base, to, &paths).unwrap_or_default();
        prompt::resolve(&Merge {
            conflict,
            onto: &self.onto,
            our_commits: &log(&conflict.ours),
            their_commits: &log(&conflict.theirs),
            anywhere: self.config.document.rebase.scope == Scope::Anywhere,
        })
    }

    /// `question` for a session that does not know the task.
    pub fn anew(&self, question: &str) -> String {
        prompt::with_task(question, self.config.prompt.as_deref().unwrap_or_default())
    }

    /// What is wrong with a resolution.
    pub fn again(complaints: &[String]) -> String {
        prompt::again(complaints)
    }

    /// What a check found.
    pub fn repair(&self, check: &FailedCommand, output: &str) -> String {
        let anywhere = self.config.document.rebase.scope == Scope::Anywhere;
        prompt::repair_landed(&self.onto, &check.command, &check.how, output, anywhere)
    }
}

#[cfg(test)]
mod tests {
    use super::{Commits, Start, Target, onto};

    #[test]
    fn replayed_commits_are_told_of() {
        let mut document = crate::attempt::sample();
        for (target, commits, expected) in [
            (Target::New, Commits::Preserve, "main"),
            (Target::Whole, Commits::Squash, "main"),
            (
                Target::Whole,
                Commits::Preserve,
                "main (with the commits of claude/login replayed on it)",
            ),
        ] {
            document.rebase.commits = commits;
            let start = Start {
                start_commit: "1".to_owned(),
                onto_commit: "2".to_owned(),
                onto_ref: "refs/heads/main".to_owned(),
                base_ref: None,
                target,
                taken: None,
                skip: None,
            };
            assert_eq!(onto(&start, &document), expected);
        }
    }
}
