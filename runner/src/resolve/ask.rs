//! What Claude is asked in this phase, filled with the facts of the case.
//!
//! Not here: the words ([`crate::prompt`]).

use crd::spec::Scope;

use crate::commands::FailedCommand;
use crate::config::Config;
use crate::plan::Landed;
use crate::prompt::{self, Merge};
use crate::work::Shadow;

/// The case.
pub struct Ask<'a> {
    /// What git could do by itself.
    pub landed: &'a Landed,
    /// Short name of the onto branch.
    pub onto: String,
    /// The task.
    pub config: &'a Config,
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
