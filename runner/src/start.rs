//! The edge: starts a phase in its container and leaves its last words.
//!
//! Not here: any decision of a phase.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

use crd::{Outcome, Phase, names};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use crate::attempt::Attempt;
use crate::config::Config;
use crate::dirs::Dirs;
use crate::ended::Ended;
use crate::git::Stop;
use crate::place::Place;
use crate::progress::Progress;
use crate::scrub::Scrub;
use crate::{credential, marker, perform, request, resolve, run, save};

/// Exit code when the container itself is wrong: no task, no signals, no directories.
const UNUSABLE: u8 = 2;

/// Runs one phase to its end.
pub fn phase(phase: Phase, place: &Place) -> ExitCode {
    let (config, runtime) = match prepare(place) {
        Ok(prepared) => prepared,
        Err(error) => return unusable(&*error),
    };
    let scrub = Scrub::new(config.model.values().cloned());
    let progress = Progress::stdout(phase.container(), scrub);
    let ended = match marker::set(&place.dirs, phase) {
        Ok(true) => runtime.block_on(perform(phase, config, place.dirs.clone(), progress.clone())),
        Ok(false) => Ended::twice(phase),
        Err(error) => return unusable(&error),
    };
    // A git command or a child that outlives its phase must not hold the container.
    runtime.shutdown_background();
    say(&ended, &place.dirs.message, &progress);
    progress.finish();
    ExitCode::from(ended.exit)
}

async fn perform(phase: Phase, config: Config, dirs: Dirs, progress: Progress) -> Ended {
    let work: fn(&Attempt) -> Ended = match phase {
        Phase::Run => return run::run(&config, &dirs, &progress).await,
        Phase::ConflictResolution => return resolve::resolve(&config, &dirs, &progress).await,
        Phase::Clone => perform::clone,
        Phase::Rebase => perform::rebase,
        Phase::Push => perform::push,
    };
    let stop = Stop::default();
    tokio::spawn(obey(stop.clone()));
    tokio::spawn(heed(stop.clone(), dirs.clone()));
    let attempt = Attempt::new(config, dirs, progress, stop);
    let ended = tokio::task::spawn_blocking(move || work(&attempt)).await;
    // A panic has said why on standard error; without a report the Pod's own facts count.
    ended.unwrap_or(Ended { report: None, exit: UNUSABLE })
}

/// Pushes partial work until SIGTERM.
pub fn save(place: &Place) -> ExitCode {
    let (config, runtime) = match prepare(place) {
        Ok(prepared) => prepared,
        Err(error) => return unusable(&*error),
    };
    let progress = Progress::stdout(names::SAVE_CONTAINER, Scrub::default());
    let terminate = Stop::default();
    runtime.spawn(obey(terminate.clone()));
    let attempt = Attempt::new(config, place.dirs.clone(), progress.clone(), Stop::default());
    save::save(&attempt, &terminate);
    progress.finish();
    ExitCode::SUCCESS
}

/// Lets SIGTERM come when standard input ends: whoever started the phase holds the other end, and may
/// be killed.
pub fn end_with_stdin() {
    std::thread::spawn(|| {
        // An error is an end as well.
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        let _ = nix::sys::signal::raise(nix::sys::signal::Signal::SIGTERM);
    });
}

/// Answers git's question on standard input; silence makes git go on without a login.
pub fn credential(directory: &Path, operation: &str) -> ExitCode {
    let mut question = String::new();
    if operation != "get" || std::io::stdin().read_to_string(&mut question).is_err() {
        return ExitCode::SUCCESS;
    }
    match credential::answer(directory, &question) {
        Ok(answer) => print!("{answer}"),
        Err(error) => return unusable(&error),
    }
    ExitCode::SUCCESS
}

fn prepare(place: &Place) -> Result<(Config, Runtime), Box<dyn std::error::Error>> {
    Ok((Config::from_env(place)?, Runtime::new()?))
}

fn unusable(error: &dyn std::error::Error) -> ExitCode {
    eprintln!("{error}");
    ExitCode::from(UNUSABLE)
}

/// Sets `stop` when SIGTERM comes.
async fn obey(stop: Stop) {
    if let Ok(mut terminate) = signal(SignalKind::terminate()) {
        terminate.recv().await;
        stop.terminate();
    }
}

/// Sets `stop` when somebody asks for it.
async fn heed(stop: Stop, dirs: Dirs) {
    stop.ask(request::wait(&dirs).await);
}

fn say(ended: &Ended, message: &Path, progress: &Progress) {
    let Some(report) = &ended.report else { return progress.warning("interrupted") };
    let reason = report.reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
    let said = Some(&report.message).filter(|said| !said.is_empty());
    let words = said.map(|said| format!(": {said}")).unwrap_or_default();
    let text = format!("{:?}{reason}{words}", report.outcome);
    if report.outcome == Outcome::Failed {
        progress.error(text);
    } else {
        progress.phase(text);
    }
    if let Err(error) = fs::write(message, report.encode()) {
        progress.warning(format!("{}: {error}", message.display()));
    }
}
