//! No sandbox: the phases are processes like any other. Only as root is the agent another user.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::{fs, io};

use crd::names;

use super::{Container, Host, Start, add, phase_words};
use crate::dirs::Dirs;
use crate::place::PATH;

/// No sandbox.
#[derive(Debug, Clone)]
pub struct Plain {
    /// This machine.
    pub host: Host,
}

impl Plain {
    /// The command that runs `container`.
    pub fn start(&self, container: &Container) -> Start {
        let path = self.host.path_before(&format!("{}:{PATH}", self.host.path));
        let mut args: Vec<OsString> =
            phase_words(container.name, &self.host.claude, &path, self.host.agent());
        add(&mut args, ["--root"]);
        add(&mut args, [container.root]);
        let dirs = Dirs::of_container(container.root, container.name);
        let mut env = container.env.clone();
        env.extend([
            ("HOME".to_owned(), dirs.home.display().to_string()),
            ("TMPDIR".to_owned(), dirs.tmp.display().to_string()),
            ("PATH".to_owned(), path),
        ]);
        Start { program: self.host.program.clone(), args, env, inherits: false }
    }

    /// Copies the CLI into `work` when the agent's user cannot reach it where it is: installed for
    /// root, it often lies in root's home.
    ///
    /// # Errors
    /// When it cannot be copied, or that user cannot reach `work` either.
    pub fn lend_programs(&mut self, work: &Path) -> io::Result<()> {
        let Some(agent) = self.host.agent() else { return Ok(()) };
        if !is_on_an_open_way(&work.join("claude")) {
            let words =
                format!("user {agent} cannot reach {}: choose another --work-dir", work.display());
            return Err(io::Error::other(words));
        }
        if !is_open(&self.host.claude) {
            let copy = work.join("claude");
            fs::copy(&self.host.claude, &copy)?;
            fs::set_permissions(&copy, fs::Permissions::from_mode(0o755))?;
            self.host.claude = copy;
        }
        Ok(())
    }

    /// What the agent can reach.
    pub fn meaning(&self) -> String {
        if self.host.is_root() {
            return format!(
                "none: Claude, and all that it runs, works as user {} and can read and change \
                 whatever that user can on this machine, but not the git credential",
                names::RUN_AS
            );
        }
        "none: Claude, and all that it runs, works as you. It can read and change every file of \
         yours, and take the git credential: only for repositories and prompts that you trust"
            .to_owned()
    }
}

/// Whether every user may reach and execute a program.
fn is_open(program: &Path) -> bool {
    lets_everybody(program, 0o005) && is_on_an_open_way(program)
}

/// Whether every user may go through the directories that lead to a file.
fn is_on_an_open_way(file: &Path) -> bool {
    file.ancestors().skip(1).all(|folder| lets_everybody(folder, 0o001))
}

fn lets_everybody(path: &Path, bits: u32) -> bool {
    path.metadata().is_ok_and(|meta| meta.permissions().mode() & bits == bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_in_a_private_home_is_open_to_nobody_else() {
        let home = tempfile::tempdir().unwrap();
        let program = home.path().join("claude");
        fs::write(&program, "x").unwrap();
        let set = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        set(&program, 0o755);
        set(home.path(), 0o700);
        assert!(!is_open(&program));
        set(home.path(), 0o711);
        assert!(is_open(&program));
        set(&program, 0o700);
        assert!(!is_open(&program));
    }
}
