//! The Run phase: Claude works on the prompt, its work is checked, and everything it did is handed
//! over, however it ended.
//!
//! Not here: how Claude is run ([`crate::claude`]), what a commit of its work is ([`crate::work`]).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crd::{Outcome, Phase, Reason, Report, Usd};
use tokio::task::{AbortHandle, spawn_blocking};

use crate::claude::agent::Agent;
use crate::claude::command::Session;
use crate::claude::stop::Stop;
use crate::claude::sweep;
use crate::claude::verdict::{Failure, Verdict};
use crate::config::Config;
use crate::dirs::Dirs;
use crate::ended::Ended;
use crate::handoff::{self, RESULT, RunResult};
use crate::plan::Start;
use crate::progress::{Progress, cut};
use crate::prompt;
use crate::scrub::Scrub;
use crate::verify::{Checked, Verify};
use crate::work::{Snapshot, Work, WorkError};

/// Turns that Claude gets to repair what a check found.
pub const REPAIRS: u32 = 2;
/// Longest summary in bytes; the termination message is shared by all containers.
const SUMMARY_LIMIT: usize = 300;

/// Runs the phase.
pub async fn run(config: &Config, dirs: &Dirs, progress: &Progress) -> Ended {
    // First of all: the first process of a container ignores a SIGTERM that it does not expect.
    let prepared = Stop::for_task(&config.document)
        .and_then(|stop| Ok(sweep::adopt_orphans().map(|()| stop)?));
    let (stop, start) = match (prepared, Start::read(dirs)) {
        (_, Ok(Start { skip: Some(skip), .. })) => return Ended::skipped(Phase::Run, &skip),
        (Ok(stop), Ok(start)) => (stop, start),
        (Err(error), _) => return unable(dirs, progress, &error),
        (_, Err(error)) => return unable(dirs, progress, &error),
    };
    let mut run = Run::new(config, dirs, progress, stop, &start);
    let verdict = run.work().await;
    run.conclude(verdict).await
}

/// The container is not as it must be, so Claude was not started.
fn unable(dirs: &Dirs, progress: &Progress, error: &dyn std::error::Error) -> Ended {
    let failure = Failure::new(Reason::AgentFailed, format!("Claude was not started: {error}"));
    let result = result(Err(&failure), None);
    if let Err(error) = handoff::publish(&dirs.handoff, RESULT, &result) {
        progress.warning(error.to_string());
    }
    Ended::well(Report::failed(Phase::Run, failure.reason, failure.message))
}

struct Run<'a> {
    config: &'a Config,
    dirs: &'a Dirs,
    progress: &'a Progress,
    scrub: Scrub,
    stop: Stop,
    agent: Agent<'a>,
    work: Arc<Mutex<Work>>,
    /// What the last check saw; handed over as it was then.
    checked: Option<Snapshot>,
}

impl<'a> Run<'a> {
    fn new(
        config: &'a Config,
        dirs: &'a Dirs,
        progress: &'a Progress,
        stop: Stop,
        start: &Start,
    ) -> Self {
        let document = &config.document;
        let prompt = config.prompt.as_deref().unwrap_or_default();
        let message = prompt::commit_message(&document.name, prompt);
        let work = Work::new(dirs, &start.start_commit, &document.push.author, message, progress);
        let agent = Agent::new(config, dirs, progress, stop.clone(), Session::fresh(), Usd::ZERO);
        Self {
            config,
            dirs,
            progress,
            scrub: Scrub::new(config.model.values().cloned()),
            stop,
            agent,
            work: Arc::new(Mutex::new(work)),
            checked: None,
        }
    }

    /// Claude's turn, then the checks, and as many repairs as there are.
    async fn work(&mut self) -> Verdict {
        let prompt = prompt::task(self.config.prompt.as_deref().unwrap_or_default());
        self.progress.phase(format!("Claude starts, session {}", self.agent.session_id()));
        let mut verdict = self.turn(&prompt).await;
        for repair in 0..=REPAIRS {
            let Verdict::Done(_) = verdict else { break };
            let failed = match self.check().await {
                Ok(None) => break,
                Ok(Some(failed)) => failed,
                Err(other) => return other,
            };
            if repair == REPAIRS {
                let message =
                    format!("`{}` {} after {REPAIRS} repairs.", failed.command, failed.how);
                return Verdict::failed(Reason::VerificationFailed, message);
            }
            self.progress.phase(format!("Repair {} of {REPAIRS}", repair + 1));
            let output = self.scrub.text(&failed.output);
            let prompt = prompt::repair(&failed.command, &failed.how, &output);
            verdict = self.turn(&prompt).await;
        }
        verdict
    }

    /// One process of Claude, with partial saves beside it.
    async fn turn(&mut self, prompt: &str) -> Verdict {
        self.checked = None;
        let saves = self.save_now_and_then();
        let verdict = self.agent.turn(prompt).await;
        saves.abort();
        verdict
    }

    fn save_now_and_then(&self) -> AbortHandle {
        let interval =
            Duration::from_secs(self.config.document.settings.save_interval.max(1).into());
        let (work, busy) = (Arc::clone(&self.work), Arc::clone(&self.agent.busy));
        let progress = self.progress.clone();
        let saves = async move {
            loop {
                tokio::time::sleep(interval).await;
                let (work, guard) = (Arc::clone(&work), Arc::clone(&busy).lock_owned().await);
                let save = move || {
                    let saved = work.lock().unwrap_or_else(PoisonError::into_inner).save_partial();
                    drop(guard);
                    saved
                };
                match spawn_blocking(save).await {
                    Ok(Ok(Some(commit))) => progress.phase(format!("Saved as {commit}")),
                    Ok(Ok(None)) => {}
                    Ok(Err(error)) => progress.warning(format!("Nothing saved this time: {error}")),
                    Err(error) => progress.warning(format!("Nothing saved this time: {error}")),
                }
            }
        };
        tokio::spawn(saves).abort_handle()
    }

    /// The check that failed, if one did; the work tree is then as it was before the checks.
    async fn check(&mut self) -> Result<Option<crate::verify::FailedCheck>, Verdict> {
        if self.config.document.verify.is_empty() {
            return Ok(None);
        }
        let failed = |error: &dyn std::error::Error| {
            let message = format!("The checks could not be run: {error}");
            Verdict::failed(Reason::AgentFailed, message)
        };
        let snapshot = self.with_work(|work| work.snapshot()).await.map_err(|e| failed(&e))?;
        self.checked = Some(snapshot.clone());
        let busy = Arc::clone(&self.agent.busy);
        let verify =
            Verify::new(&self.config.document, self.dirs, self.progress, self.stop.clone(), busy);
        match verify.run().await.map_err(|e| failed(&e))? {
            Checked::Passed => Ok(None),
            Checked::Stopped(stopped) => Err(stopped.into()),
            Checked::Failed(check) => {
                let restore = move |work: &mut Work| work.shadow.restore(&snapshot.tree);
                self.with_work(restore).await.map_err(|e| failed(&e))?;
                Ok(Some(check))
            }
        }
    }

    async fn with_work<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut Work) -> Result<T, WorkError> + Send + 'static,
    ) -> Result<T, WorkError> {
        let work = Arc::clone(&self.work);
        let guard = Arc::clone(&self.agent.busy).lock_owned().await;
        let done = spawn_blocking(move || {
            let done = act(&mut work.lock().unwrap_or_else(PoisonError::into_inner));
            drop(guard);
            done
        });
        done.await.unwrap_or_else(|error| Err(WorkError::Io("a task", error.into())))
    }

    /// Hands everything over and says how it ended.
    async fn conclude(self, verdict: Verdict) -> Ended {
        let checked = self.checked.clone();
        let saved = self
            .with_work(move |work| {
                let snapshot = checked.map_or_else(|| work.snapshot(), Ok)?;
                Ok((work.save_final(&snapshot)?, snapshot.head.is_some()))
            })
            .await;
        if let Err(error) = &saved {
            self.progress.warning(format!("The work was not handed over: {error}"));
        }
        let (outcome, commit) = settle(verdict, saved);
        let usage = self.agent.spent();
        let outcome = match outcome {
            Some(Ok(words)) => Ok(cut(&self.scrub.text(&words), SUMMARY_LIMIT)),
            Some(Err(failure)) => {
                Err(Failure::new(failure.reason, self.scrub.text(&failure.message)))
            }
            None => Err(Failure::new(Reason::Lost, "Claude was interrupted.")),
        };
        let result = RunResult {
            session_id: Some(self.agent.session_id().to_owned()),
            usage: Some(usage),
            ..result(outcome.as_ref().map(String::as_str), commit)
        };
        if let Err(error) = handoff::publish(&self.dirs.handoff, RESULT, &result) {
            self.progress.warning(error.to_string());
        }
        if self.stop.is_interrupted() {
            return Ended::interrupted_after(Phase::Run, usage, self.agent.session_id());
        }
        Ended::well(report(&result))
    }
}

/// The verdict after what became of the work; nothing when the runner was asked to end.
fn settle(
    verdict: Verdict,
    saved: Result<(Option<String>, bool), WorkError>,
) -> (Option<Result<String, Failure>>, Option<String>) {
    let verdict = match verdict {
        Verdict::Interrupted => None,
        Verdict::Failed(failure) => Some(Err(failure)),
        Verdict::Done(words) => Some(Ok(words)),
    };
    let done = matches!(verdict, Some(Ok(_)));
    let damaged = |why: String| Some(Err(Failure::new(Reason::AgentFailed, why)));
    match saved {
        Ok((commit, false)) if done => {
            let why = "Claude damaged or removed the repository's .git directory; the files that are left were saved as one commit.";
            (damaged(why.to_owned()), commit)
        }
        Ok((commit, _)) => (verdict, commit),
        Err(error) if done => (damaged(format!("Claude's work could not be read: {error}")), None),
        Err(_) => (verdict, None),
    }
}

fn result(outcome: Result<&str, &Failure>, commit: Option<String>) -> RunResult {
    let failure = outcome.err();
    RunResult {
        outcome: if failure.is_none() { Outcome::Succeeded } else { Outcome::Failed },
        reason: failure.map(|failure| failure.reason),
        message: failure.map(|failure| failure.message.clone()).unwrap_or_default(),
        session_id: None,
        usage: None,
        summary: outcome.ok().filter(|words| !words.is_empty()).map(str::to_owned),
        commit,
    }
}

fn report(result: &RunResult) -> Report {
    Report {
        reason: result.reason,
        message: result.message.clone(),
        session_id: result.session_id.clone(),
        usage: result.usage,
        summary: result.summary.clone(),
        ..Report::new(Phase::Run, result.outcome)
    }
}
