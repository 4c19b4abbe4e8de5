//! Which sandbox this machine has: the one that is asked for, or the best that works.

use std::env;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::bubblewrap::{self, Bubblewrap};
use super::engine::{Engine, Kind};
use super::plain::Plain;
use super::{Host, Mode, Sandbox};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Wish {
    /// The sandbox; nothing means the best one that works here.
    pub mode: Option<Mode>,
    /// The runner's image, for the engines.
    pub image: String,
    /// Network of an engine's containers.
    pub network: Option<String>,
}

/// The sandbox that was asked for does not work here.
#[derive(Debug, thiserror::Error)]
#[error("--sandbox {mode}: {why}")]
pub struct Unusable {
    mode: &'static str,
    why: String,
}

/// The sandbox, and what was found not to work before it.
///
/// # Errors
/// [`Unusable`] when one was asked for that does not work.
pub fn choose(wish: &Wish, host: &Host) -> Result<(Sandbox, Vec<String>), Unusable> {
    if let Some(mode) = wish.mode {
        return Ok((open(mode, wish, host)?, Vec::new()));
    }
    let mut missing = Vec::new();
    for mode in [Mode::Bubblewrap, Mode::Podman, Mode::Docker] {
        match open(mode, wish, host) {
            Ok(sandbox) => return Ok((sandbox, missing)),
            Err(error) => missing.push(error.to_string()),
        }
    }
    Ok((Sandbox::Plain(Plain { host: host.clone() }), missing))
}

fn open(mode: Mode, wish: &Wish, host: &Host) -> Result<Sandbox, Unusable> {
    match mode {
        Mode::None => Ok(Sandbox::Plain(Plain { host: host.clone() })),
        Mode::Bubblewrap => wrap(host).map(Sandbox::Bubblewrap),
        Mode::Podman => engine(Kind::Podman, wish, host).map(Sandbox::Engine),
        Mode::Docker => engine(Kind::Docker, wish, host).map(Sandbox::Engine),
    }
}

fn wrap(host: &Host) -> Result<Bubblewrap, Unusable> {
    let fail = |why: String| Unusable { mode: "bubblewrap", why };
    if !is_native(&host.claude) {
        let claude = host.claude.display();
        return Err(fail(format!("{claude} is a script; it takes the native Claude Code")));
    }
    let program = find("bwrap", &host.path)
        .ok_or_else(|| fail("there is no `bwrap`; it is in the package bubblewrap".to_owned()))?;
    let found = Bubblewrap { host: host.clone(), program, system: bubblewrap::system() };
    let trial = found.trial();
    answers(Command::new(trial.program).args(trial.args)).map_err(fail)?;
    Ok(found)
}

fn engine(kind: Kind, wish: &Wish, host: &Host) -> Result<Engine, Unusable> {
    let fail = |why: String| Unusable { mode: kind.program(), why };
    let program = find(kind.program(), &host.path)
        .ok_or_else(|| fail(format!("there is no `{}`", kind.program())))?;
    let image = &wish.image;
    answers(Command::new(&program).args(["image", "inspect", image]))
        .map_err(|said| fail(format!("the image {image} is not there: {said}")))?;
    Ok(Engine {
        host: host.clone(),
        kind,
        program,
        image: image.clone(),
        network: wish.network.clone(),
    })
}

/// Whether a command succeeds; the last line of what it complains of otherwise.
fn answers(command: &mut Command) -> Result<(), String> {
    let output = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).output();
    let output = output.map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(said.lines().last().unwrap_or("it failed").to_owned())
}

/// Whether a program is complete in its file (ELF), so that it can be shown by itself.
fn is_native(program: &Path) -> bool {
    let mut head = [0; 4];
    let read = std::fs::File::open(program).and_then(|mut file| file.read_exact(&mut head));
    read.is_ok() && head == *b"\x7fELF"
}

/// The first program of this name in a `PATH`.
pub fn find(name: &str, path: &str) -> Option<PathBuf> {
    let files = env::split_paths(path).map(|folder| folder.join(name));
    files.into_iter().find(|file| is_program(file))
}

/// Whether the file is there and somebody may execute it.
pub fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_script_is_told_from_a_program_that_is_complete() {
        let dir = tempfile::tempdir().unwrap();
        let script = dir.path().join("claude");
        fs::write(&script, "#!/usr/bin/env node\n").unwrap();
        assert!(!is_native(&script));
        assert!(is_native(&env::current_exe().unwrap()));
        let host = Host { claude: script, path: String::new(), ..Host::default() };
        assert!(wrap(&host).unwrap_err().to_string().contains("is a script"));
    }

    #[test]
    fn a_program_is_found_by_the_first_directory_that_has_one() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for (dir, mode) in [(&one, 0o644), (&two, 0o755)] {
            let file = dir.path().join("bwrap");
            fs::write(&file, "x").unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        }
        let path = format!("{}:{}", one.path().display(), two.path().display());
        assert_eq!(find("bwrap", &path), Some(two.path().join("bwrap")));
        assert_eq!(find("podman", &path), None);
    }

    #[test]
    fn one_that_was_asked_for_and_is_not_there_is_an_error_that_names_it() {
        let mode = Some(Mode::Podman);
        let wish = Wish { mode, image: "i".to_owned(), network: None };
        let error = choose(&wish, &Host::default()).unwrap_err().to_string();
        assert_eq!(error, "--sandbox podman: there is no `podman`");
        let (sandbox, missing) = choose(&Wish { mode: None, ..wish }, &Host::default()).unwrap();
        assert!(matches!(sandbox, Sandbox::Plain(_)) && missing.len() == 3, "{missing:?}");
    }
}
