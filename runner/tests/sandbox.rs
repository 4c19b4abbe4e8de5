//! The command lines of the sandboxes, as files that this test owns: `UPDATE=1` writes them.

#![allow(clippy::unwrap_used)]

use std::ffi::OsStr;
use std::fmt::Write;
use std::path::Path;

use crd::{mounts, names};
use runner::local::sandbox::bubblewrap::{Bubblewrap, Entry};
use runner::local::sandbox::engine::{Engine, Kind};
use runner::local::sandbox::plain::Plain;
use runner::local::sandbox::{Container, Host, Limits, Sandbox, Start};

/// Values that must not be among arguments.
const SECRETS: [&str; 3] = ["document-canary", "prompt-canary", "key-canary"];

fn host(uid: u32) -> Host {
    Host {
        uid,
        gid: uid,
        program: "/home/ana/bin/claudetask".into(),
        claude: "/home/ana/.local/share/claude/versions/2.1.330".into(),
        tools: vec!["/home/ana/.cargo".into()],
        tool_paths: vec!["/home/ana/.cargo/bin".into()],
        path: "/usr/bin:/bin".to_owned(),
    }
}

fn container(name: &'static str) -> Container<'static> {
    let mut env = vec![(names::ENV_DOCUMENT.to_owned(), SECRETS[0].to_owned())];
    if mounts::is_agent(name) {
        env.push((names::ENV_PROMPT.to_owned(), SECRETS[1].to_owned()));
        env.push(("ANTHROPIC_API_KEY".to_owned(), SECRETS[2].to_owned()));
    }
    Container {
        name,
        attempt: "login-0f0e-1",
        root: Path::new("/tmp/claudetask-x/1"),
        env,
        has_credentials: true,
        has_trust: true,
        limits: Limits { cpus: Some("1.500".to_owned()), memory: Some(1 << 30) },
    }
}

/// Each container's command, a word a line, an option with its value.
fn commands(sandbox: &Sandbox) -> String {
    let mut text = String::new();
    for name in mounts::containers() {
        let Start { program, args, env, inherits } = sandbox.start(&container(name));
        write!(text, "# {name}\n{}", program.display()).unwrap();
        for word in args.iter().map(|word| word.to_str().unwrap()) {
            text += if word.starts_with("--") { "\n  " } else { " " };
            text += word;
        }
        let names: Vec<_> = env.iter().map(|(name, _)| name.as_str()).collect();
        let all = if inherits { " and the caller's" } else { "" };
        write!(text, "\n  # variables: {}{all}\n", names.join(" ")).unwrap();
        if let Some(kill) = sandbox.kill(&container(name)) {
            let words: Vec<_> = kill.args.iter().map(|word| word.to_str().unwrap()).collect();
            writeln!(text, "  # to end it: {} {}", kill.program.display(), words.join(" "))
                .unwrap();
        }
        text += "\n";
    }
    text
}

fn owns(name: &str, sandbox: &Sandbox) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots").join(name);
    let expected = commands(sandbox);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, &expected).unwrap();
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(found == expected, "{name} is out of date: run `UPDATE=1 cargo test -p runner`");
}

fn plain(uid: u32) -> Sandbox {
    Sandbox::Plain(Plain { host: host(uid) })
}

fn bubblewrap(uid: u32) -> Sandbox {
    let system = vec![
        Entry::Shown("/usr".into(), "/usr".into()),
        Entry::Link("usr/bin".into(), "/bin".into()),
        Entry::Shown("/run/resolve/stub-resolv.conf".into(), "/etc/resolv.conf".into()),
    ];
    Sandbox::Bubblewrap(Bubblewrap { host: host(uid), program: "/usr/bin/bwrap".into(), system })
}

fn engine(kind: Kind, uid: u32) -> Sandbox {
    Sandbox::Engine(Engine {
        host: host(uid),
        kind,
        program: Path::new("/usr/bin").join(kind.program()),
        image: "claudetask/runner:dev".to_owned(),
        network: Some("host".to_owned()),
    })
}

#[test]
fn the_command_lines_are_those_of_the_files() {
    owns("none.txt", &plain(1000));
    owns("none-as-root.txt", &plain(0));
    owns("bubblewrap.txt", &bubblewrap(1000));
    owns("bubblewrap-as-root.txt", &bubblewrap(0));
    owns("docker.txt", &engine(Kind::Docker, 1000));
    owns("docker-as-root.txt", &engine(Kind::Docker, 0));
    owns("podman.txt", &engine(Kind::Podman, 1000));
    owns("podman-as-root.txt", &engine(Kind::Podman, 0));
}

#[test]
fn no_value_of_a_variable_is_among_the_arguments() {
    for sandbox in [plain(0), bubblewrap(0), engine(Kind::Docker, 0), engine(Kind::Podman, 1000)] {
        for name in mounts::containers() {
            let start = sandbox.start(&container(name));
            let shows = |word: &OsStr| SECRETS.iter().any(|it| word.to_str().unwrap().contains(it));
            assert!(!start.args.iter().any(|word| shows(word)), "{name}");
        }
    }
}

#[test]
fn the_model_credential_and_the_git_credential_never_meet() {
    for name in mounts::containers() {
        let container = container(name);
        let mounts_git =
            container.binds().iter().any(|bind| bind.to == names::GIT_CREDENTIALS.path);
        let has_key = container.env.iter().any(|(name, _)| name == "ANTHROPIC_API_KEY");
        assert_eq!(mounts_git, !has_key, "{name}");
    }
}
