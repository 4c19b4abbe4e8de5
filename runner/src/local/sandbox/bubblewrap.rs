//! bubblewrap: each phase in namespaces of its own, with the paths of a Pod's container.
//!
//! The agent sees its work tree, its home and the programs of the machine, read-only; no home of
//! anybody, no other process, no credential of git. The network is the machine's: bubblewrap has
//! nothing between that and none at all.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crd::names;

use super::{Container, Host, PASSWD, Start, add, phase_words};
use crate::place::PATH;

/// Where the programs of this run lie in the sandbox.
const TOOLS: &str = "/claudetask/tools";

/// What programs need of `/etc`: names, certificates, the loader's cache.
const ETC: [&str; 15] = [
    "alternatives",
    "ca-certificates",
    "crypto-policies",
    "gai.conf",
    "host.conf",
    "hosts",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "nsswitch.conf",
    "pki",
    "protocols",
    "services",
    "ssl",
];

/// bubblewrap on this machine.
#[derive(Debug, Clone)]
pub struct Bubblewrap {
    /// This machine.
    pub host: Host,
    /// Its program.
    pub program: PathBuf,
    /// What of the system is shown.
    pub system: Vec<Entry>,
}

/// Something of the system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A directory or file, read-only.
    Shown(PathBuf, PathBuf),
    /// A symbolic link: where it leads, where it is.
    Link(PathBuf, PathBuf),
}

impl Bubblewrap {
    /// The command that runs `container`.
    pub fn start(&self, container: &Container) -> Start {
        let mut args = self.surroundings();
        for bind in container.binds() {
            add(&mut args, [if bind.read_only { "--ro-bind" } else { "--bind" }]);
            add(&mut args, [bind.from.as_os_str(), bind.to.as_ref()]);
        }
        self.programs(&mut args, container.root);
        add(&mut args, ["--remount-ro", "/", "--chdir", names::HOME_PATH]);
        add(&mut args, [format!("{TOOLS}/claudetask")]);
        let path = self.host.path_before(PATH);
        let claude = PathBuf::from(format!("{TOOLS}/claude"));
        args.extend(phase_words(container.name, &claude, &path, self.host.agent()));
        let mut env = container.env.clone();
        let own = [("HOME", names::HOME_PATH), ("TMPDIR", names::TMP_PATH), ("PATH", &path)];
        env.extend(own.map(|(name, value)| (name.to_owned(), value.to_owned())));
        Start { program: self.program.clone(), args, env, inherits: false }
    }

    /// A command that succeeds where a container can be kept apart like this.
    pub fn trial(&self) -> Start {
        let mut args = self.surroundings();
        add(&mut args, ["/usr/bin/true"]);
        Start { program: self.program.clone(), args, env: Vec::new(), inherits: false }
    }

    /// Namespaces, and what every container sees of the machine.
    fn surroundings(&self) -> Vec<OsString> {
        let mut args = Vec::new();
        // It cannot type into the caller's terminal, and sees no other process: its first is the
        // phase, as in a Pod. That ends by itself when this program is killed.
        add(&mut args, ["--new-session", "--unshare-pid", "--as-pid-1"]);
        add(&mut args, ["--unshare-ipc", "--unshare-uts", "--hostname", "claudetask"]);
        // What is made on the way to a mount would be closed to another user.
        for way in ["/etc", "/home", "/var", "/sys", "/claudetask", TOOLS] {
            add(&mut args, ["--dir", way]);
        }
        self.system(&mut args);
        add(&mut args, ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/run"]);
        // By it the guard, and runtimes such as Node's, know how much memory there is.
        add(&mut args, ["--ro-bind-try", "/sys/fs/cgroup", "/sys/fs/cgroup"]);
        args
    }

    fn system(&self, args: &mut Vec<OsString>) {
        for entry in &self.system {
            match entry {
                Entry::Shown(from, to) => {
                    add(args, ["--ro-bind"]);
                    add(args, [from, to]);
                }
                Entry::Link(target, link) => {
                    add(args, ["--symlink"]);
                    add(args, [target, link]);
                }
            }
        }
        for tool in &self.host.tools {
            let above: Vec<_> =
                tool.ancestors().skip(1).filter(|way| *way != Path::new("/")).collect();
            for way in above.into_iter().rev() {
                add(args, ["--dir"]);
                add(args, [way]);
            }
            add(args, ["--ro-bind"]);
            add(args, [tool, tool]);
        }
    }

    fn programs(&self, args: &mut Vec<OsString>, root: &Path) {
        for (from, to) in [
            (self.host.program.clone(), format!("{TOOLS}/claudetask")),
            (self.host.claude.clone(), format!("{TOOLS}/claude")),
            (root.join(PASSWD), "/etc/passwd".to_owned()),
        ] {
            add(args, ["--ro-bind"]);
            add(args, [from.into_os_string(), to.into()]);
        }
    }

    /// What the agent can reach.
    pub fn meaning(&self) -> String {
        let tools = self.host.tools.iter().map(|tool| format!(", {}", tool.display()));
        let tools: String = tools.collect();
        format!(
            "bubblewrap: Claude sees its work tree, a home of its own and the programs below \
             /usr{tools}; it has this machine's network"
        )
    }
}

/// What of this system is shown: programs, libraries and the parts of `/etc` that they need.
pub fn system() -> Vec<Entry> {
    let mut shown = vec![Entry::Shown("/usr".into(), "/usr".into())];
    for path in ["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"] {
        let path = PathBuf::from(path);
        match std::fs::read_link(&path) {
            Ok(target) => shown.push(Entry::Link(target, path)),
            Err(_) if path.is_dir() => shown.push(Entry::Shown(path.clone(), path)),
            Err(_) => {}
        }
    }
    let etc = ETC.map(|name| Path::new("/etc").join(name));
    shown.extend(etc.into_iter().filter_map(real));
    // Often a link into /run, which the sandbox has none of.
    shown.extend(real(PathBuf::from("/etc/resolv.conf")));
    shown
}

/// The file that `path` leads to, shown at `path`.
fn real(path: PathBuf) -> Option<Entry> {
    let is_link_of_usr = std::fs::read_link(&path).is_ok_and(|to| to.starts_with("/usr"));
    let from = if is_link_of_usr { path.clone() } else { path.canonicalize().ok()? };
    path.exists().then_some(Entry::Shown(from, path))
}
