//! No sandbox: the phases are processes like any other. Only as root is the agent another user.

use std::ffi::OsString;

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
