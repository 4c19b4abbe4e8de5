//! Puts the work on the checkpoint, or says why it is not there.
//!
//! A remote that refuses the checkpoint does not end the task: the branch may still be taken. The
//! work is then in the log as a patch, as far as that is reasonable. Not here: what a checkpoint is
//! ([`crate::checkpoint`]).

use crate::attempt::Attempt;
use crate::bundle::Imported;
use crate::checkpoint::{self, State, Stored, Work};
use crate::git::{Git, GitError};
use crate::plan::Start;
use crate::progress::{Kind, Note, TEXT_LIMIT};

/// Most bytes of a patch in the log.
const PATCH_LIMIT: usize = 256 << 10;

/// Where the work is safe.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Saved {
    /// The ref on the remote that holds it.
    pub checkpoint: Option<String>,
    /// A sentence about it; empty when there was nothing to save.
    pub words: String,
}

/// Stores `work` and tells `save`.
pub fn save(attempt: &Attempt, git: &Git, start: &Start, work: &Imported, state: State) -> Saved {
    let document = &attempt.document;
    let stored = Work { commit: &work.commit, start: &start.start_commit, state };
    attempt.progress.phase(format!(
        "stores the {} work on {}",
        state.as_str(),
        document.checkpoint_ref
    ));
    match checkpoint::store(git, &attempt.remote, document, &attempt.stamp(), &stored) {
        Ok(stored) => {
            if let Err(error) = checkpoint::mark_saved(&attempt.dirs, &work.digest) {
                attempt.progress.warning(error.to_string());
            }
            let name = document.checkpoint_ref.clone();
            let words = match stored {
                Stored::Held => format!("The work is on {name}."),
                Stored::Superseded => {
                    format!("{name} holds newer work of this task; this work was not stored there.")
                }
            };
            Saved { words, checkpoint: Some(name) }
        }
        Err(error) => {
            attempt.progress.warning(format!("the checkpoint was refused: {error}"));
            if let Err(error) = show(attempt, git, start, work) {
                attempt.progress.warning(error.to_string());
            }
            let words = format!(
                "The work could not be saved, its patch is in the log of this container: {error}"
            );
            Saved { checkpoint: None, words }
        }
    }
}

/// Tells `save` that nothing is left to save, and deletes what is on the remote; both as far as
/// possible.
pub fn forget(attempt: &Attempt) {
    let attempt = attempt.steadfast();
    if let Err(error) = checkpoint::mark_landed(&attempt.dirs) {
        attempt.progress.warning(error.to_string());
    }
    if let Err(error) = checkpoint::delete(&attempt.git(), &attempt.remote, &attempt.document) {
        attempt.progress.warning(format!("the checkpoint is left over: {error}"));
    }
}

/// Writes the patch into the log.
fn show(attempt: &Attempt, git: &Git, start: &Start, work: &Imported) -> Result<(), GitError> {
    // `--no-textconv --no-ext-diff`: nothing that the repository names is started.
    let diff = git.command("diff-tree").args(["-p", "--binary", "--no-textconv", "--no-ext-diff"]);
    let patch = diff.args([&start.start_commit, &work.commit]).arg("--").run()?;
    for part in patch[..patch.len().min(PATCH_LIMIT)].chunks(TEXT_LIMIT / 2) {
        attempt.progress.note(Note::new(Kind::Output, String::from_utf8_lossy(part)));
    }
    if patch.len() > PATCH_LIMIT {
        attempt.progress.warning(format!("the patch is cut: it has {} bytes", patch.len()));
    }
    Ok(())
}
