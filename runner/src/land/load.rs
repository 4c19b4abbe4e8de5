//! What one merge lands at once, and the one commit that stands for it.
//!
//! Not here: when a change is landed at once ([`crate::land`]).

use crd::names;

use crate::git::commit::Commit;
use crate::git::history::Step;
use crate::git::{Git, GitError};
use crate::land::{Change, Stamp, message};

/// A change with the commits that it is made of.
pub struct Load<'a> {
    /// From where to where the trees are compared.
    pub change: Change<'a>,
    /// People's commits in it, oldest first.
    pub people: Vec<Step>,
    /// The task's own commits, oldest first.
    pub own: Vec<Step>,
    /// What is written into the commit.
    pub stamp: &'a Stamp,
}

impl Load<'_> {
    /// Message, with the task's mark, and author of the one commit: those of the original if there
    /// is one only, else a list of them and the configured author. Marks of other tasks on people's
    /// commits go along.
    ///
    /// # Errors
    /// [`GitError`].
    pub fn as_one(&self, git: &Git) -> Result<(String, Option<String>), GitError> {
        let read = |steps: &[Step]| {
            steps.iter().map(|step| git.commit(&step.id)).collect::<Result<Vec<Commit>, _>>()
        };
        let (people, own) = (read(&self.people)?, read(&self.own)?);
        let marks =
            people.iter().flat_map(|commit| message::marks(&commit.message, names::TRAILER));
        let marks = marks.collect::<Vec<_>>().join("\n");
        let commits: Vec<&Commit> = people.iter().chain(&own).collect();
        let sign = |said: &[u8]| {
            let said = self.stamp.unmarked(said);
            let said = if marks.is_empty() { said } else { message::marked(&said, &marks) };
            String::from_utf8_lossy(&self.stamp.added(&said)).into_owned()
        };
        if let [only] = commits[..]
            && only.encoding.is_none()
        {
            let author = String::from_utf8_lossy(&only.author).into_owned();
            return Ok((sign(&only.message), Some(author)));
        }
        let listed = self.people.iter().chain(&self.own).zip(&commits);
        let lines = listed.map(|(step, commit)| {
            format!("* {} {}", step.id.get(..12).unwrap_or(&step.id), commit.subject())
        });
        let list = lines.collect::<Vec<_>>().join("\n");
        Ok((sign(format!("{}\n\n{list}", self.stamp.title(commits.len())).as_bytes()), None))
    }
}
