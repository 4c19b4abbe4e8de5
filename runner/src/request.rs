//! The request to stop: an annotation of the Pod, which the kubelet shows as a file.
//!
//! Its first word is a reason of the list. Not here: what a phase does then ([`crate::git::stop`],
//! [`crate::claude::stop`]).

use std::time::Duration;

use crd::{Reason, names};

use crate::dirs::Dirs;

/// Time between looks. The kubelet swaps a linked directory, so there is nothing to be woken by.
const POLL: Duration = Duration::from_millis(200);

/// Why to stop, if somebody asks for it now.
pub fn read(dirs: &Dirs) -> Option<Reason> {
    // No file is no request: a run without a cluster has none.
    parse(&std::fs::read_to_string(dirs.stop.join(names::STOP_FILE)).ok()?)
}

/// Waits until somebody asks to stop.
pub async fn wait(dirs: &Dirs) -> Reason {
    loop {
        if let Some(reason) = read(dirs) {
            return reason;
        }
        tokio::time::sleep(POLL).await;
    }
}

/// A sentence about it for the task's author.
pub fn sentence(reason: Reason) -> String {
    match reason {
        Reason::Cancelled => "The task was cancelled.".to_owned(),
        Reason::Timeout => "The task's time is over.".to_owned(),
        other => format!("The task was stopped: {other}."),
    }
}

/// Any word asks; one that is no failure of the list means Cancelled.
fn parse(text: &str) -> Option<Reason> {
    let word = text.split_whitespace().next()?;
    let reason = word.parse().ok().filter(|reason: &Reason| !reason.is_success());
    Some(reason.unwrap_or(Reason::Cancelled))
}

#[cfg(test)]
mod tests {
    use crd::{Reason, names};

    use super::{parse, read};
    use crate::dirs::Dirs;

    #[test]
    fn the_first_word_is_the_reason_and_any_word_asks() {
        for (text, reason) in [
            ("Cancelled 2026-01-01T00:00:00Z", Some(Reason::Cancelled)),
            ("Timeout\n", Some(Reason::Timeout)),
            ("now", Some(Reason::Cancelled)),
            ("Pushed", Some(Reason::Cancelled)),
            (" \n", None),
            ("", None),
        ] {
            assert_eq!(parse(text), reason, "{text}");
        }
    }

    #[test]
    fn an_empty_file_and_no_file_ask_for_nothing() {
        let root = tempfile::tempdir().unwrap();
        let dirs = Dirs::below(root.path()).unwrap();
        assert_eq!(read(&dirs), None);
        std::fs::write(dirs.stop.join(names::STOP_FILE), "").unwrap();
        assert_eq!(read(&dirs), None);
        std::fs::write(dirs.stop.join(names::STOP_FILE), "Cancelled now").unwrap();
        assert_eq!(read(&dirs), Some(Reason::Cancelled));
    }
}
