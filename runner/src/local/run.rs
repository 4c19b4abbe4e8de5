//! `claudetask run`: from the files to the verdict.
//!
//! Not here: what happens to the task ([`super::course`]).

use std::fmt::Display;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crd::{ClaudeTask, Reason, names};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::course::{Course, Halted};
use super::files::{self, Secrets};
use super::options::Options;
use super::orders::Orders;
use super::record::{self, Record, RecordError};
use super::sandbox::probe::{self, Unusable, Wish};
use super::sandbox::{Host, Mode, Sandbox};
use super::secrets::{self, Missing};
use super::view::View;
use super::{verdict, volumes};
use crate::claude::sweep::adopt_orphans;
use crate::validate;

/// Why a task could not be run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What was given is wrong; the text names it, one line for each fault.
    #[error("{0}")]
    Input(String),
    /// A credential is missing.
    #[error(transparent)]
    Credential(#[from] Missing),
    /// The sandbox does not work.
    #[error(transparent)]
    Sandbox(#[from] Unusable),
    /// A file or directory.
    #[error("{0}: {1}")]
    File(String, #[source] io::Error),
    /// The record.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The run came to a halt.
    #[error(transparent)]
    Halted(#[from] Halted),
}

impl Error {
    /// True when the caller can mend it: exit code 2.
    pub const fn is_input(&self) -> bool {
        matches!(self, Self::Input(_) | Self::Credential(_) | Self::Sandbox(_))
    }
}

/// Runs the task; gives the exit code of its verdict.
///
/// # Errors
/// [`Error`] when there is no verdict.
pub async fn run(options: &Options, state: &Path) -> Result<u8, Error> {
    let (task, secrets) = read_all(&options.files).map_err(Error::Input)?;
    let task = identified(task);
    refuse_plain_http(&task, options)?;
    let credentials = secrets::find(&task, &secrets, secrets::variable)?;
    let host = host(options)?;
    let wish = Wish {
        mode: options.sandbox,
        image: options.image.clone(),
        network: options.network.clone(),
    };
    let (mut sandbox, missing) = probe::choose(&wish, &host)?;
    let trust = options.trust_bundle.as_deref().map(read).transpose()?;
    let orders = Orders::listen().map_err(|error| Error::File("signals".to_owned(), error))?;
    adopt_orphans().map_err(|error| Error::File("processes".to_owned(), error.into()))?;
    record::prune(state, Timestamp::now());
    let record = Record::begin(state, &task)?;
    let work = work(options)?;
    let mut view = View::stderr();
    introduce(&view, &task, &sandbox, &missing, &credentials.sources);
    record.note_work(&work)?;
    let lent = sandbox.lend_programs(&work);
    lent.map_err(|error| Error::File("for the agent's user".to_owned(), error))?;
    let course = Course {
        task,
        host: &host,
        sandbox: &sandbox,
        credentials: &credentials,
        trust: trust.as_deref(),
        settings: &options.settings,
        work: &work,
        record: &record,
        view: &mut view,
        orders: &orders,
    };
    let ended = course.run().await;
    leave(options, &work, &record, &view);
    conclude(options, &ended?, &view)
}

/// Says where the rest is, and prints the object if that is wanted.
fn conclude(options: &Options, task: &ClaudeTask, view: &View) -> Result<u8, Error> {
    view.say(&format!("  logs: claudetask logs {}", record::name(task)));
    if let Some(format) = options.output {
        println!("{}", format.of(task).map_err(Error::Input)?.trim_end());
    }
    Ok(reason(task).map_or(1, verdict::exit_code))
}

/// The one task in the files, as an apiserver would take it, and all Secrets in them.
fn read_all(files: &[PathBuf]) -> Result<(ClaudeTask, Secrets), String> {
    let (mut tasks, mut secrets) = (Vec::new(), Secrets::new());
    for file in files {
        let named = |what: &dyn Display| format!("{}: {what}", file.display());
        let found = files::read(file).map_err(|error| named(&error))?;
        secrets.extend(found.secrets);
        for task in &found.tasks {
            tasks.push(validate::check(task).map_err(|faults| {
                faults.iter().map(|fault| named(fault)).collect::<Vec<_>>().join("\n")
            })?);
        }
    }
    match <[ClaudeTask; 1]>::try_from(tasks) {
        Ok([task]) => Ok((task, secrets)),
        Err(tasks) => {
            Err(format!("one ClaudeTask is run at a time; there are {} in the files", tasks.len()))
        }
    }
}

fn refuse_plain_http(task: &ClaudeTask, options: &Options) -> Result<(), Error> {
    let is_plain = task.spec.repository.url.starts_with("http:");
    if !is_plain || options.settings.allow_plain_http {
        return Ok(());
    }
    let words = "spec.repository.url: plain http is not allowed; use an https address, or \
         --allow-plain-http";
    Err(Error::Input(words.to_owned()))
}

/// The task as an apiserver would have made it: with a UID, a generation and a time.
fn identified(mut task: ClaudeTask) -> ClaudeTask {
    let uid = uuid::Uuid::new_v4();
    let meta = &mut task.metadata;
    if let (None, Some(prefix)) = (&meta.name, meta.generate_name.take()) {
        meta.name = Some(names::kept_of_generated(&prefix) + &uid.simple().to_string()[..5]);
    }
    meta.uid = Some(uid.to_string());
    meta.namespace.get_or_insert_with(|| "default".to_owned());
    meta.generation = Some(1);
    meta.creation_timestamp = Some(Time(Timestamp::now()));
    task.status = None;
    task
}

fn host(options: &Options) -> Result<Host, Error> {
    let file = |name: &str, error| Error::File(name.to_owned(), error);
    let path = secrets::variable("PATH").unwrap_or_else(|| crate::place::PATH.to_owned());
    let program = std::env::current_exe().map_err(|error| file("this program", error))?;
    let (mut tools, mut tool_paths) = (Vec::new(), Vec::new());
    for tool in &options.tools {
        let tool = tool.canonicalize().map_err(|error| file("--tools", error))?;
        let bin = tool.join("bin");
        tool_paths.push(if bin.is_dir() { bin } else { tool.clone() });
        tools.push(tool);
    }
    Ok(Host {
        uid: nix::unistd::geteuid().as_raw(),
        gid: nix::unistd::getegid().as_raw(),
        program,
        claude: claude(options, &path)?,
        tools,
        tool_paths,
        path,
    })
}

/// The CLI's own file, whatever links lead there. The engines have their image's own.
fn claude(options: &Options, path: &str) -> Result<PathBuf, Error> {
    let found = options.claude.clone().or_else(|| probe::find("claude", path));
    if matches!(options.sandbox, Some(Mode::Docker | Mode::Podman)) {
        return Ok(found.unwrap_or_default());
    }
    let found = found.ok_or_else(|| {
        let words = "there is no `claude` in the PATH: install Claude Code, name it by --claude, or \
             use --sandbox podman or docker, whose image has its own";
        Error::Input(words.to_owned())
    })?;
    let real = found.canonicalize();
    real.map_err(|error| Error::File(format!("--claude {}", found.display()), error))
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|error| Error::File(path.display().to_string(), error))
}

/// The private directory. The agent reaches its own part of it, as another user if need be.
fn work(options: &Options) -> Result<PathBuf, Error> {
    let parent = options.work_dir.clone().unwrap_or_else(std::env::temp_dir);
    let make = || {
        let made = tempfile::Builder::new().prefix("claudetask-").tempdir_in(&parent)?.keep();
        fs::set_permissions(&made, fs::Permissions::from_mode(0o711))?;
        made.canonicalize()
    };
    make().map_err(|error| Error::File(parent.display().to_string(), error))
}

fn introduce(
    view: &View,
    task: &ClaudeTask,
    sandbox: &Sandbox,
    missing: &[String],
    sources: &[String],
) {
    view.say(&format!("{}: {}", record::name(task), task.spec.repository.url));
    for words in missing {
        view.say(&format!("  not used: {words}"));
    }
    view.say(&format!("  sandbox: {}", sandbox.meaning()));
    for source in sources {
        view.say(&format!("  {source}"));
    }
}

fn leave(options: &Options, work: &Path, record: &Record, view: &View) {
    if options.keep {
        record.forget_work();
        return view.say(&format!("kept, with the credentials: {}", work.display()));
    }
    match volumes::remove(work) {
        Ok(()) => record.forget_work(),
        Err(error) => view.say(&format!("{} cannot be removed: {error}", work.display())),
    }
}

/// Why a finished task ended as it did.
pub fn reason(task: &ClaudeTask) -> Option<Reason> {
    let status = task.status.as_ref().filter(|status| status.is_finished())?;
    status.condition(crd::status::SUCCEEDED)?.reason.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_task_gets_an_identity_of_its_own_each_time() {
        let task: ClaudeTask = serde_json::from_value(json!({
            "apiVersion": "claudetask.dev/v1alpha1", "kind": "ClaudeTask",
            "metadata": {"generateName": "login-", "uid": "old"},
            "spec": {"repository": {"url": "https://git.example.com/a"}, "prompt": "x"},
            "status": {"attempt": 7},
        }))
        .unwrap();
        let (one, two) = (identified(task.clone()), identified(task));
        assert_ne!(one.metadata.uid, two.metadata.uid);
        let name = one.metadata.name.as_deref().unwrap();
        assert!(name.starts_with("login-") && name.len() == 11, "{name}");
        assert_eq!((one.metadata.namespace.as_deref(), one.status), (Some("default"), None));
    }
}
