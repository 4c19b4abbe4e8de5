//! The Run phase: Claude works on the prompt, its work is checked, and everything it did is handed
//! over, however it ended.
//!
//! Not here: how Claude is run ([`crate::claude`]), what a commit of its work is ([`crate::work`]).

mod fault;
mod outcome;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crd::{Phase, Reason, Report, Usd};
use tokio::task::{AbortHandle, spawn_blocking};

use crate::claude::agent::Agent;
use crate::claude::command::Session;
use crate::claude::stop::Stop;
use crate::claude::sweep;
use crate::claude::verdict::{Failure, Verdict};
use crate::commands::{self, Commands};
use crate::config::Config;
use crate::dirs::Dirs;
use crate::ended::Ended;
use crate::guard::full;
use crate::handoff::{self, RESULT, RunResult};
use crate::plan::Start;
use crate::progress::{Progress, cut};
use crate::prompt;
use crate::scrub::Scrub;
use crate::setup::setup;
use crate::work::room::Room;
use crate::work::{Basis, Origin, Rest, Snapshot, Work, WorkError};

use fault::Fault;
use outcome::{Saved, Settled, reason_of, report, result, settle};

/// Turns that Claude gets to repair what a check found.
pub const REPAIRS: u32 = 2;
/// Longest summary in bytes; the termination message is shared by all containers.
const SUMMARY_LIMIT: usize = 300;

/// Runs the phase.
pub async fn run(config: &Config, dirs: &Dirs, progress: &Progress) -> Ended {
    // First of all: the first process of a container ignores a SIGTERM that it does not expect.
    let prepared = Stop::for_task(&config.document, dirs)
        .and_then(|stop| Ok(sweep::adopt_orphans().map(|()| stop)?));
    let (stop, start) = match (prepared, Start::read(dirs)) {
        (_, Ok(Start { skip: Some(skip), .. })) => return Ended::skipped(Phase::Run, &skip),
        (_, Ok(start)) if start.is_finished(&config.document) => return Ended::idle(Phase::Run),
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
    let result = result(Err(&failure), Saved::default());
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
    /// What Claude is told of work that it begins with.
    earlier: Option<String>,
    /// The work tree was prepared; before that nothing in it is work.
    is_begun: bool,
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
        let origin = Origin {
            start: start.start_commit.clone(),
            first: start.first_commit().to_owned(),
            onto: start.onto_commit.clone(),
        };
        let mut work = Work::new(dirs, origin, &document.push.author, message, progress);
        work.shadow.room = Room::within(document.settings.scratch_size);
        let agent = Agent::new(config, dirs, progress, stop.clone(), Session::fresh(), Usd::ZERO);
        Self {
            config,
            dirs,
            progress,
            scrub: Scrub::new(config.model.values().cloned()),
            stop,
            agent,
            work: Arc::new(Mutex::new(work)),
            earlier: start.taken.as_ref().map(|taken| prompt::earlier(taken, document)),
            is_begun: false,
            checked: None,
        }
    }

    /// Claude's turn, then the checks, and as many repairs as there are.
    async fn work(&mut self) -> Verdict {
        if let Err(verdict) = self.prepare().await {
            return verdict;
        }
        let task = self.config.prompt.as_deref().unwrap_or_default();
        let prompt = prompt::task(task, self.earlier.as_deref());
        self.progress.phase(format!("Claude starts, session {}", self.agent.session_id()));
        let mut verdict = self.turn(&prompt).await;
        for repair in 0..=REPAIRS {
            let Verdict::Done(_) = verdict else { break };
            let fault = match self.check().await {
                Ok(None) => break,
                Ok(Some(fault)) => fault,
                Err(other) => return other,
            };
            if repair == REPAIRS {
                return fault.verdict(REPAIRS);
            }
            self.progress.phase(format!("Repair {} of {REPAIRS}", repair + 1));
            verdict = self.turn(&fault.prompt(&self.scrub)).await;
        }
        verdict
    }

    /// Lets the task's own commands prepare the work tree. What they leave there is no work.
    async fn prepare(&mut self) -> Result<(), Verdict> {
        let commands = &self.config.document.setup;
        if !commands.is_empty() {
            let failed = |error: WorkError| {
                let message = format!("What the setup left cannot be read: {error}.");
                Verdict::failed(reason_of(&error), message)
            };
            let before = self.with_work(|work| work.snapshot()).await.map_err(failed)?;
            setup(&self.commands(), commands).await?;
            let note =
                move |work: &mut Work| work.shadow.note_leftovers(Basis::Agent, &before.lying);
            self.with_work(note).await.map_err(failed)?;
        }
        self.is_begun = true;
        Ok(())
    }

    fn commands(&self) -> Commands<'a> {
        let busy = Arc::clone(&self.agent.busy);
        Commands::new(self.config, self.dirs, self.progress, self.stop.clone(), busy)
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

    /// What is wrong with the work, if anything is; the work tree is then as Claude left it.
    async fn check(&mut self) -> Result<Option<Fault>, Verdict> {
        let failed = |error: &dyn std::error::Error| {
            let message = format!("The checks could not be run: {error}");
            Verdict::failed(Reason::AgentFailed, message)
        };
        // What cannot be read is told at the end.
        let Ok(mut snapshot) = self.with_work(|work| work.snapshot()).await else {
            return Ok(None);
        };
        if !snapshot.unfinished.is_empty() {
            return Ok(Some(Fault::Unfinished(snapshot.unfinished)));
        }
        let verify = &self.config.document.verify;
        if !verify.is_empty() {
            let lay_out = |work: &mut Work| work.lay_out(&mut snapshot).map(|()| snapshot);
            snapshot = self.with_work(lay_out).await.map_err(|e| failed(&e))?;
        }
        self.checked = Some(snapshot.clone());
        match self.commands().run("Checks", verify).await.map_err(|e| failed(&e))? {
            commands::Ending::Passed => Ok(None),
            commands::Ending::Stopped(why, command) => Err(commands::stopped(why, &command)),
            commands::Ending::Failed(check) => {
                let restore = move |work: &mut Work| work.shadow.restore(&snapshot.lying);
                self.with_work(restore).await.map_err(|e| failed(&e))?;
                Ok(Some(Fault::Check(check)))
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

    /// Hands the work over. Only work that is not to be landed takes everything else along.
    async fn hand_over(&self, rest: Rest) -> Result<Saved, WorkError> {
        if !self.is_begun {
            return Ok(Saved::default());
        }
        let checked = self.checked.clone();
        self.with_work(move |work| {
            let snapshot = checked.map_or_else(|| work.snapshot(), Ok)?;
            let commit = work.save_final(&snapshot, rest)?;
            Ok(Saved { commit, remarks: work.remarks(&snapshot, rest), left_out: work.left_out() })
        })
        .await
    }

    /// Hands everything over and says how it ended.
    async fn conclude(self, verdict: Verdict) -> Ended {
        let done = matches!(verdict, Verdict::Done(_));
        let is_full =
            matches!(&verdict, Verdict::Failed(failure) if failure.reason == Reason::DiskFull);
        if is_full {
            self.work.lock().unwrap_or_else(PoisonError::into_inner).shadow.room.file =
                self.config.document.settings.workspace_size / 10;
        }
        let saved = self.hand_over(if done { Rest::Left } else { Rest::Kept }).await;
        if let Err(error) = &saved {
            self.progress.warning(format!("The work was not handed over: {error}"));
        }
        if is_full {
            full::make_room(self.dirs);
        }
        let Settled { outcome, saved } = settle(verdict, saved);
        for remark in &saved.remarks {
            self.progress.warning(remark);
        }
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
            ..result(outcome.as_ref().map(String::as_str), saved)
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
