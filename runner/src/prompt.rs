//! Every text that is written for Claude, and the texts made from the prompt: pure.
//!
//! A prompt always begins with a fixed line of ours: one that began with a slash would be run as a
//! command of the CLI and never reach the model. Not here: how it is handed over.

use crd::TaskDocument;

use crate::checkpoint::{State, Taken};
use crate::plan::{Conflict, ConflictFile};
use crate::progress::cut;

/// First line of the task's prompt.
pub const FIRST_LINE: &str = "This is your task:";

/// Longest output of a failed command that is quoted, in bytes.
pub const OUTPUT_LIMIT: usize = 16 << 10;

/// What is appended to the system prompt of every process.
pub fn system(verify: &[String]) -> String {
    let mut text = String::from(
        "You work unattended on a git repository, in a container made for this one task. Nobody \
         can answer a question or grant a permission: decide yourself, and state what you assumed \
         in your closing words.\n\
         Your working directory is the repository. What you leave there becomes the change: \
         everything uncommitted is committed when you are done, except what .gitignore names, so \
         remove temporary files. You may commit yourself, in steps that a reviewer can follow; \
         stay on the branch that is checked out.\n\
         Do not push, fetch, rebase or rewrite commits that were there before: you have no access \
         to the remote, and rebasing and pushing are done for you afterwards. Do not edit git's \
         configuration or hooks.\n\
         Processes that you leave running are ended with you.\n",
    );
    if !verify.is_empty() {
        text.push_str("When you are done these commands are run and must succeed:\n");
        text.push_str(&lines("    ", verify));
    }
    text.push_str("End with one or two sentences that say what you changed.\n");
    text
}

/// The task itself, and what there is to know of `earlier` work.
pub fn task(prompt: &str, earlier: Option<&str>) -> String {
    let note = earlier.map(|text| format!("\n{text}")).unwrap_or_default();
    format!("{FIRST_LINE}\n\n{prompt}\n{note}")
}

/// What Claude is told when its work tree holds earlier work.
pub fn earlier(taken: &Taken, document: &TaskDocument) -> String {
    let whose =
        if taken.is_own(document) { "an earlier attempt at this task" } else { "an earlier task" };
    let state = match taken.state {
        State::Partial => "It was cut off, so it is unfinished and may be broken",
        State::Complete | State::Built => "It was finished, but never reached the branch",
    };
    let Taken { start, work, .. } = taken;
    format!(
        "You do not begin from nothing: the working directory already holds the work of {whose}. \
         {state}. Its commits are those of `git log {start}..{work}`; look at them first, go on from \
         there, and do not do again what is done. They are part of the change that will be pushed, \
         together with what you add, so correct or undo what is wrong in them.\n"
    )
}

/// After a turn that left something in the middle.
pub fn finish(unfinished: &[String]) -> String {
    let list = lines("- there is ", unfinished);
    format!(
        "You ended your turn, but in the repository\n{list}\nFinish it, or abort it if the change does \
         not need it, so that HEAD and the files are the change that you want. Commits that HEAD does \
         not lead to would be lost.\n"
    )
}

/// After `command` failed: its output goes back to the session that made the change.
pub fn repair(command: &str, how: &str, output: &str) -> String {
    format!(
        "Your change was checked, and this command {how}:\n\n    {command}\n\nThe end of its \
         output:\n\n{}\n\nCorrect the change so that the command succeeds. Do not weaken the check \
         itself. Files that the command created and that git does not know have been removed.\n",
        fenced(output)
    )
}

/// After a rebase that git could do by itself, but after which `command` fails.
pub fn repair_landed(onto: &str, command: &str, how: &str, output: &str, anywhere: bool) -> String {
    let limit = if anywhere {
        "Change no file that has nothing to do with it"
    } else {
        "Change only files that your change touched already; an edit of any other file makes the \
         correction invalid"
    };
    format!(
        "Your change was rebased onto the newest commit of {onto}, and the result is what lies in \
         your working directory now. But there this command {how}:\n\n    {command}\n\nThe end of its \
         output:\n\n{}\n\nCorrect the files so that the command succeeds on top of what others \
         have done in the meantime. {limit}. Leave the correction uncommitted.\n",
        fenced(output)
    )
}

/// What a resolution is asked for.
pub struct Merge<'a> {
    /// The conflict.
    pub conflict: &'a Conflict,
    /// Short name of the onto branch.
    pub onto: &'a str,
    /// Commits of others that touched the conflicted files, one line each.
    pub our_commits: &'a str,
    /// Commits of the task that touched them, one line each.
    pub their_commits: &'a str,
    /// Whether files outside the scope may change.
    pub anywhere: bool,
}

/// All conflicted files at once.
pub fn resolve(merge: &Merge<'_>) -> String {
    let Merge { conflict, onto, .. } = merge;
    let mut text = format!(
        "Your change is finished, but it conflicts with what others have pushed to {onto} in the \
         meantime. The merge of both is checked out in your working directory now; git merged all \
         that it could and left conflict markers in the files below. Nothing of the differences to \
         your own version is a mistake: they are the others' work.\n\n\
         In the markers,\n\
         - the part after `<<<<<<<` is ours: the newest state of {onto} (commit {}),\n\
         - the part after `|||||||` is the base: the state that your change started from ({}),\n\
         - the part after `=======` is theirs: your own change ({}).\n\
         `git show COMMIT:PATH` shows a file as it was there.\n\nConflicted files:\n",
        conflict.ours, conflict.base, conflict.theirs
    );
    for file in &conflict.files {
        text.push_str(&conflicted(file));
    }
    text += &commits(&format!("Commits on {onto} that touched them"), merge.our_commits);
    text += &commits("Your commits that touched them", merge.their_commits);
    text.push_str(
        "\nResolve every conflicted file so that both intentions survive: keep what the others \
         did, and apply what the task asked for on top of it. Edit the files, remove all markers, \
         and delete a file only where the result should not have it. Do not commit, merge or \
         rebase; leave the result in the working directory.\n",
    );
    if !merge.anywhere {
        text.push_str(
            "Change only the conflicted files and files that your change touched already; an edit \
             of any other file makes the resolution invalid.\n",
        );
    }
    text
}

/// `question` for a session that does not hold the task.
pub fn with_task(question: &str, task: &str) -> String {
    format!("{question}\nThe task that your change was made for:\n\n{}\n", fenced(task))
}

/// After a round that is not acceptable yet.
pub fn again(complaints: &[String]) -> String {
    let list = lines("- ", complaints);
    format!("The resolution cannot be accepted yet:\n\n{list}\nCorrect exactly this.\n")
}

fn conflicted(file: &ConflictFile) -> String {
    let side = |name: &str, blob: &Option<String>| match blob {
        Some(blob) => format!("{name} {}", &blob[..blob.len().min(12)]),
        None => format!("{name}: not there"),
    };
    let sides = [side("base", &file.base), side("ours", &file.ours), side("theirs", &file.theirs)]
        .join(", ");
    format!("- {} ({sides})\n{}", file.path, lines("    ", &file.notes))
}

fn commits(title: &str, log: &str) -> String {
    let log = cut(log.trim_end(), 8 << 10);
    if log.is_empty() { log } else { format!("\n{title}:\n{log}\n") }
}

/// Each item on a line of its own.
fn lines(before: &str, items: &[String]) -> String {
    items.iter().flat_map(|item| [before, item, "\n"]).collect()
}

/// A foreign text between fences that it does not contain.
fn fenced(text: &str) -> String {
    let mut fence = "```".to_owned();
    while text.contains(&fence) {
        fence.push('`');
    }
    format!("{fence}\n{}\n{fence}", text.trim_end())
}

/// Message of a commit of what Claude left uncommitted.
pub fn commit_message(task: &str, prompt: &str) -> String {
    let line = prompt.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or(task);
    let subject = line.trim_start_matches(['#', ' ', '-']);
    let subject = if subject.is_empty() { task } else { subject };
    let whole = cut(subject, 72);
    if whole == subject { format!("{subject}\n") } else { format!("{whole}\n\n{subject}\n") }
}

#[cfg(test)]
mod tests {
    use super::{
        Merge, again, commit_message, earlier, fenced, finish, repair, resolve, system, task,
        with_task,
    };
    use crate::checkpoint::{State, Taken};
    use crate::plan::{Conflict, ConflictFile};

    #[test]
    fn a_prompt_with_a_slash_is_never_the_first_line() {
        for prompt in ["/compact", "\n/clear", "- x", ""] {
            assert!(task(prompt, None).starts_with("This is your task:\n\n"), "{prompt}");
        }
    }

    #[test]
    fn the_checks_are_announced() {
        assert!(system(&["cargo test".to_owned()]).contains("must succeed:\n    cargo test\n"));
        assert!(!system(&[]).contains("must succeed"));
    }

    #[test]
    fn a_repair_quotes_the_output_whatever_is_in_it() {
        let text = repair("make", "exited with code 2", "a\n```\nb");
        assert!(text.contains("````\na\n```\nb\n````"));
        assert_eq!(fenced("x\n\n"), "```\nx\n```");
    }

    #[test]
    fn earlier_work_is_told_with_its_commits_and_its_state() {
        let document = crate::attempt::sample();
        let (work, start) = ("2".repeat(40), "1".repeat(40));
        for (state, uid, parts) in [
            (State::Partial, document.uid.as_str(), ["an earlier attempt at this task", "cut off"]),
            (State::Complete, "other", ["an earlier task", "never reached the branch"]),
        ] {
            let taken = Taken { work: work.clone(), start: start.clone(), state, uid: uid.into() };
            let text = task("Go on", Some(&earlier(&taken, &document)));
            assert!(text.starts_with("This is your task:\n\nGo on\n\nYou do not begin"), "{text}");
            assert!(text.contains(&format!("git log {start}..{work}")), "{text}");
            assert!(parts.iter().all(|part| text.contains(part)), "{text}");
        }
    }

    #[test]
    fn what_is_unfinished_is_listed() {
        let text = finish(&["a rebase in progress".to_owned()]);
        assert!(text.contains("\n- there is a rebase in progress\n"), "{text}");
    }

    fn conflict() -> Conflict {
        Conflict {
            tree: "t".repeat(40),
            ours: "o".repeat(40),
            theirs: "h".repeat(40),
            base: "b".repeat(40),
            files: vec![ConflictFile {
                path: "src/a.rs".into(),
                base: Some("1".repeat(40)),
                ours: None,
                theirs: Some("2".repeat(40)),
                notes: vec!["CONFLICT (modify/delete): src/a.rs deleted".into()],
            }],
            task_paths: vec!["src/a.rs".into()],
            message: String::new(),
            author: None,
        }
    }

    #[test]
    fn a_conflict_says_what_is_base_ours_and_theirs() {
        let conflict = conflict();
        let merge = Merge {
            conflict: &conflict,
            onto: "main",
            our_commits: "abc Rename\n",
            their_commits: "",
            anywhere: false,
        };
        let text = resolve(&merge);
        for part in [
            &format!("newest state of main (commit {})", conflict.ours),
            &format!("started from ({})", conflict.base),
            &format!("your own change ({})", conflict.theirs),
            "- src/a.rs (base 111111111111, ours: not there, theirs 222222222222)",
            "    CONFLICT (modify/delete)",
            "Commits on main that touched them:\nabc Rename",
            "any other file makes the resolution invalid",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
        assert!(!text.contains("Your commits that touched"));
        assert!(!resolve(&Merge { anywhere: true, ..merge }).contains("invalid"));
        assert!(with_task("What?", "Do it").ends_with("```\nDo it\n```\n"));
        assert!(again(&["markers in a".to_owned()]).contains("- markers in a\n"));
    }

    #[test]
    fn a_commit_is_named_after_the_first_line_of_the_prompt() {
        assert_eq!(commit_message("t", "\n# Add a file\nmore"), "Add a file\n");
        assert_eq!(commit_message("t", "  \n"), "t\n");
        assert_eq!(commit_message("t", "##"), "t\n");
        let long = "word ".repeat(30);
        let message = commit_message("t", &long);
        assert!(message.lines().next().unwrap().len() <= 72);
        assert!(message.contains(long.trim()));
    }
}
