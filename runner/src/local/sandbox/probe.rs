//! Which sandbox this machine has: the one that is asked for, or the best that works.

use std::env;
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
    let program = find("bwrap", &host.path)
        .ok_or_else(|| fail("there is no `bwrap`; it is in the package bubblewrap".to_owned()))?;
    let mut test = Command::new(&program);
    test.args(["--unshare-pid", "--unshare-ipc", "--ro-bind", "/", "/", "--proc", "/proc"]);
    answers(test.args(["--dev", "/dev", "/bin/true"])).map_err(fail)?;
    Ok(Bubblewrap { host: host.clone(), program, system: bubblewrap::system() })
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
