//! Commit messages: marks that the agent faked go out, the task's own goes in. Pure.
//!
//! Trailers are as in git-interpret-trailers(1). Not here: what the mark says
//! ([`crate::land::stamp`]).

/// The message without lines that look like anybody's mark (`ClaudeTask: …`, whatever the case),
/// and without the blanks around it.
pub fn unmarked(message: &[u8], key: &str) -> Vec<u8> {
    let faked = |line: &&[u8]| {
        let line = line.trim_ascii_start();
        let (name, rest) = line.split_at(line.len().min(key.len()));
        name.eq_ignore_ascii_case(key.as_bytes()) && rest.trim_ascii_start().starts_with(b":")
    };
    let lines = message.split(|&byte| byte == b'\n').filter(|line| !faked(line));
    lines.collect::<Vec<_>>().join(&b'\n').trim_ascii().to_vec()
}

/// The lines that are a mark as this program writes it.
pub fn marks(message: &[u8], key: &str) -> Vec<String> {
    let text = String::from_utf8_lossy(message);
    let mark = |line: &&str| line.strip_prefix(key).is_some_and(|rest| rest.starts_with(": "));
    text.lines().filter(mark).map(str::to_owned).collect()
}

/// The message with `trailer` as its last line: joined to the trailers that it has, else as a
/// paragraph of its own.
pub fn marked(message: &[u8], trailer: &str) -> Vec<u8> {
    let message = message.trim_ascii();
    let gap: &[u8] = match message {
        b"" => b"",
        _ if ends_in_trailers(message) => b"\n",
        _ => b"\n\n",
    };
    [message, gap, trailer.as_bytes(), b"\n"].concat()
}

/// Whether the last paragraph, which is not the first, has only `Token: value` lines and their
/// continuations.
fn ends_in_trailers(message: &[u8]) -> bool {
    let text = String::from_utf8_lossy(message);
    let Some((_, last)) = text.rsplit_once("\n\n") else { return false };
    let token = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let trailer = |line: &str| {
        line.split_once(": ").is_some_and(|(key, _)| !key.is_empty() && key.chars().all(token))
    };
    let mut lines = last.lines();
    lines.next().is_some_and(trailer)
        && lines.all(|line| trailer(line) || line.starts_with([' ', '\t']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faked_marks_are_taken_out_wherever_they_stand() {
        for (message, expected) in [
            ("Add x\n\nClaudeTask: 1\n", "Add x"),
            (
                "Add x\n\nclaudetask : 1\nSigned-off-by: A <a@b>\n",
                "Add x\n\nSigned-off-by: A <a@b>",
            ),
            ("ClaudeTask: 1\n", ""),
            ("Add x\n\n  ClaudeTask:1\n", "Add x"),
            ("Explain ClaudeTask: a kind\n", "Explain ClaudeTask: a kind"),
            ("ClaudeTasks: many\n", "ClaudeTasks: many"),
        ] {
            let clean = unmarked(message.as_bytes(), "ClaudeTask");
            assert_eq!(String::from_utf8(clean).unwrap(), expected);
        }
    }

    #[test]
    fn marks_of_other_tasks_are_found() {
        let message = b"Add x\n\nClaudeTask: 1\n claudetask: 2\nClaudeTasks: 3\nClaudeTask: 4\n";
        assert_eq!(marks(message, "ClaudeTask"), ["ClaudeTask: 1", "ClaudeTask: 4"]);
    }

    #[test]
    fn the_mark_joins_trailers_and_never_the_subject() {
        for (message, expected) in [
            ("Add x\n", "Add x\n\nT: 1\n"),
            ("fix: y", "fix: y\n\nT: 1\n"),
            ("Add x\n\nBody\n", "Add x\n\nBody\n\nT: 1\n"),
            ("Add x\n\nBody: y z\nmore\n", "Add x\n\nBody: y z\nmore\n\nT: 1\n"),
            ("Add x\n\nCo-authored-by: A <a@b>\n", "Add x\n\nCo-authored-by: A <a@b>\nT: 1\n"),
            ("", "T: 1\n"),
        ] {
            assert_eq!(String::from_utf8(marked(message.as_bytes(), "T: 1")).unwrap(), expected);
        }
    }
}
