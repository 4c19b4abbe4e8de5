//! Docker and Podman: each phase is a container of the runner's image, with the Pod's mounts.

use std::ffi::OsString;
use std::path::PathBuf;

use crd::names;

use super::{Container, Host, PASSWD, Start, add};

/// Where the runner lies in its image.
const RUNNER: &str = "/usr/local/bin/runner";

/// A container engine on this machine.
#[derive(Debug, Clone)]
pub struct Engine {
    /// This machine.
    pub host: Host,
    /// Which one.
    pub kind: Kind,
    /// Its program.
    pub program: PathBuf,
    /// The runner's image.
    pub image: String,
    /// Network of the containers; nothing means the engine's own default.
    pub network: Option<String>,
}

/// The engines, as far as they differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Docker.
    Docker,
    /// Podman.
    Podman,
}

impl Kind {
    /// Name of its program.
    pub const fn program(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
        }
    }
}

impl Engine {
    /// The command that runs `container`.
    pub fn start(&self, container: &Container) -> Start {
        let mut args: Vec<OsString> = Vec::new();
        // Its standard input ends with this program, and the phase with that.
        add(&mut args, ["run", "--rm", "--interactive", "--name", &container.public_name()]);
        // What Pod Security `restricted` asks for.
        add(&mut args, ["--read-only", "--cap-drop", "ALL"]);
        add(&mut args, ["--security-opt", "no-new-privileges"]);
        self.user(&mut args, container);
        if let Some(network) = &self.network {
            add(&mut args, ["--network", network]);
        }
        if let Some(cpus) = &container.limits.cpus {
            add(&mut args, ["--cpus", cpus]);
        }
        if let Some(memory) = container.limits.memory {
            add(&mut args, ["--memory".to_owned(), memory.to_string()]);
        }
        for bind in container.binds() {
            let mode = if bind.read_only { "ro,z" } else { "rw,z" };
            let mut volume = bind.from.into_os_string();
            volume.push(format!(":{}:{mode}", bind.to));
            add(&mut args, ["--volume"]);
            add(&mut args, [volume]);
        }
        let mut env = container.env.clone();
        env.push(("TMPDIR".to_owned(), names::TMP_PATH.to_owned()));
        for (name, _) in &env {
            // The value comes from the client's environment, where nobody sees it in a list of
            // processes.
            add(&mut args, ["--env", name]);
        }
        add(&mut args, ["--env".to_owned(), format!("HOME={}", names::HOME_PATH)]);
        add(&mut args, ["--entrypoint", RUNNER, &self.image, container.name, "--tied"]);
        Start { program: self.program.clone(), args, env, inherits: true }
    }

    /// The containers' user owns the volumes: the Pod's when root may choose, else the caller.
    fn user(&self, args: &mut Vec<OsString>, container: &Container) {
        let (uid, gid) = match self.host.agent() {
            Some(user) => (user, user),
            None => (self.host.uid, self.host.gid),
        };
        if self.kind == Kind::Podman && !self.host.is_root() {
            // Without root Podman numbers users anew, and keeps only what it is told to keep.
            add(args, ["--userns", "keep-id"]);
        }
        add(args, ["--user".to_owned(), format!("{uid}:{gid}")]);
        if uid != names::RUN_AS {
            // ssh refuses to run for a user without an entry.
            let mut volume = container.root.join(PASSWD).into_os_string();
            volume.push(":/etc/passwd:ro,z");
            add(args, ["--volume"]);
            add(args, [volume]);
        }
    }

    /// The command that ends `container` at once, whatever state it is in: one whose client was
    /// killed before it started would stay for ever.
    pub fn kill(&self, container: &Container) -> Start {
        let mut args = Vec::new();
        add(&mut args, ["rm", "--force"]);
        if self.kind == Kind::Podman {
            // Podman gives ten seconds to what it removes.
            add(&mut args, ["--time", "0"]);
        }
        add(&mut args, [&container.public_name()]);
        Start { program: self.program.clone(), args, env: Vec::new(), inherits: true }
    }

    /// What the agent can reach.
    pub fn meaning(&self) -> String {
        let network = self.network.as_deref().unwrap_or("the engine's default");
        format!(
            "{}: each phase is a container of {}, network: {network}",
            self.kind.program(),
            self.image
        )
    }
}
