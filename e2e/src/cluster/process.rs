//! Starting the components so that they outlive this program, and ending exactly those.
//!
//! Not here: which components there are ([`super::component`]), what they leave behind
//! ([`super::sweep`]).

use std::env;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::command::{last_lines, wait_until};
use super::component::Component;
use super::layout::Layout;
use super::proc::Identity;

/// Starts a component in a session of its own, its output in a log file, its identity recorded.
/// It gets a `PATH` and nothing else of this program's environment, which may hold credentials.
pub fn start(component: &Component, layout: &Layout) -> Result<()> {
    let name = component.name;
    let log = layout.component_logs().join(format!("{name}.log"));
    let output = File::create(&log).with_context(|| format!("create {}", log.display()))?;
    // `setsid` becomes the program itself, so the child's number is the component's.
    let child = Command::new("setsid")
        .arg(&component.program)
        .args(&component.arguments)
        .env_clear()
        .env("PATH", env::var_os("PATH").unwrap_or_default())
        .env("HOME", layout.cluster())
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(output.try_clone().context("share the log file")?)
        .stderr(output)
        .spawn()
        .with_context(|| format!("start {name}"))?;
    let pid = i32::try_from(child.id()).context("a process id beyond 31 bits")?;
    let identity = Identity::of(pid).with_context(|| failed(component, layout))?;
    let record = layout.pids().join(name);
    fs::write(&record, format!("{} {}\n", identity.pid, identity.started))
        .with_context(|| format!("write {}", record.display()))
}

/// The sentence for a component that did not stay, with the end of its log.
pub fn failed(component: &Component, layout: &Layout) -> String {
    let log = layout.component_logs().join(format!("{}.log", component.name));
    format!("{} ended:\n{}\n(log: {})", component.name, last_lines(&log, 10), log.display())
}

/// The recorded identity of a component, whether it still runs or not.
pub fn recorded(layout: &Layout, name: &str) -> Option<Identity> {
    parse(&fs::read_to_string(layout.pids().join(name)).ok()?)
}

/// The recorded identities of all components, whether they still run or not.
pub fn all_recorded(layout: &Layout) -> Vec<Identity> {
    let Ok(entries) = fs::read_dir(layout.pids()) else { return Vec::new() };
    entries.flatten().filter_map(|entry| parse(&fs::read_to_string(entry.path()).ok()?)).collect()
}

fn parse(record: &str) -> Option<Identity> {
    let mut words = record.split_whitespace();
    Some(Identity { pid: words.next()?.parse().ok()?, started: words.next()?.parse().ok()? })
}

/// Ends processes at once, and waits until they are gone: what they keep is removed next, so none
/// needs time to say goodbye.
pub fn end(processes: &[Identity]) -> Result<()> {
    for process in processes.iter().filter(|one| one.is_running()) {
        // It may end between the look and the signal: then there is nothing left to do.
        let _ = kill(Pid::from_raw(process.pid), Signal::SIGKILL);
    }
    wait_until("killed processes to go", Duration::from_secs(20), || {
        Ok(!processes.iter().any(|one| one.is_running()))
    })
}

/// Identities of the processes listed in a cgroup's `cgroup.procs`.
pub fn in_cgroup(directory: &Path) -> Vec<Identity> {
    let text = fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
    text.lines().filter_map(|line| Identity::of(line.trim().parse().ok()?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_started_component_is_recorded_outside_of_our_session_and_can_be_ended() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::at(folder.path().to_path_buf());
        fs::create_dir_all(layout.pids()).unwrap();
        fs::create_dir_all(layout.component_logs()).unwrap();
        let sleeper = Component {
            name: "sleeper",
            program: "sleep".to_owned(),
            arguments: vec!["1000".to_owned()],
        };
        start(&sleeper, &layout).unwrap();
        let identity = recorded(&layout, "sleeper").unwrap();
        assert!(identity.is_running());
        assert_eq!(all_recorded(&layout), [identity]);
        end(&[identity]).unwrap();
        assert!(!identity.is_running());
    }

    #[test]
    fn a_damaged_record_names_no_process() {
        assert_eq!(parse("12 34\n"), Some(Identity { pid: 12, started: 34 }));
        assert_eq!(parse(""), None);
        assert_eq!(parse("12"), None);
    }
}
