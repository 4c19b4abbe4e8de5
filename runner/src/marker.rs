//! An exclusive marker per phase: a second start in the same Pod is refused.
//!
//! A kubelet that loses a Pod's sandbox starts its init containers again; a phase that ran twice
//! could pay twice or push twice. Git phases mark in `repo`, which the agent side cannot write;
//! agent phases in `handoff`.

use std::fs::OpenOptions;
use std::io::ErrorKind;

use crd::Phase;

use crate::dirs::Dirs;

/// Makes the marker of `phase`; false when it was there already.
///
/// # Errors
/// When the directory cannot be written.
pub fn set(dirs: &Dirs, phase: Phase) -> std::io::Result<bool> {
    let dir = if phase.is_agent() { &dirs.handoff } else { &dirs.repo };
    let path = dir.join(format!("{}.started", phase.container()));
    match OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phase_starts_once_in_a_pod() {
        let root = tempfile::tempdir().unwrap();
        let dirs = Dirs::below(root.path()).unwrap();
        for phase in Phase::ALL {
            assert!(set(&dirs, phase).unwrap());
            assert!(!set(&dirs, phase).unwrap());
        }
    }
}
