//! The ConflictResolution phase: Claude resolves what git could not, or repairs what the checks
//! find after a rebase, and the contents of files are handed back.
//!
//! The git side judges what is handed back once more ([`crate::push`]); what is refused here is
//! only refused earlier, while Claude can still correct it. Not here: any commit.

use crd::status::Usage;
use crd::{Outcome, Phase, Reason, Report, Usd};
use tokio::task::block_in_place;

use crate::claude::agent::Agent;
use crate::claude::command::Session;
use crate::claude::stop::Stop;
use crate::claude::sweep;
use crate::claude::verdict::{Failure, Verdict};
use crate::commands::{self, FailedCommand};
use crate::config::Config;
use crate::dirs::Dirs;
use crate::ended::Ended;
use crate::guard::full;
use crate::handoff::{self, RESOLUTION, RESULT, Resolution, RunResult};
use crate::plan::{Landed, Landing, Start};
use crate::progress::Progress;
use crate::run::REPAIRS;
use crate::scrub::Scrub;
use crate::work::Shadow;

pub mod ask;
pub mod desk;
mod prepare;

use ask::Ask;
use desk::{Desk, Unusable};

/// Runs the phase.
pub async fn resolve(config: &Config, dirs: &Dirs, progress: &Progress) -> Ended {
    let start = match Start::read(dirs) {
        Ok(Start { skip: Some(skip), .. }) => {
            return Ended::skipped(Phase::ConflictResolution, &skip);
        }
        Ok(start) => start,
        Err(error) => return unable(dirs, progress, &error),
    };
    // First of all: the first process of a container ignores a SIGTERM that it does not expect.
    let prepared = Stop::for_task(&config.document, dirs)
        .and_then(|stop| Ok(sweep::adopt_orphans().map(|()| stop)?));
    let landed = match Landing::read(dirs) {
        Ok(Landing { skip: Some(skip), .. }) => {
            return Ended::skipped(Phase::ConflictResolution, &skip);
        }
        Ok(landing) => landing.landed,
        Err(error) => return unable(dirs, progress, &error),
    };
    let verify = !config.document.verify.is_empty();
    let Some(landed) = landed.filter(|landed| match landed {
        Landed::Clean { moved, .. } => *moved && verify,
        Landed::Conflicts(_) => true,
    }) else {
        return idle(dirs, progress);
    };
    let stop = match prepared {
        Ok(stop) => stop,
        Err(error) => return unable(dirs, progress, &error),
    };
    let mut resolve = Resolve::new(config, dirs, progress, stop, &landed, &start);
    let ending = resolve.work().await;
    resolve.conclude(ending)
}

/// There is nothing to resolve and nothing to check.
fn idle(dirs: &Dirs, progress: &Progress) -> Ended {
    publish(dirs, progress, &empty(Outcome::Skipped));
    Ended::idle(Phase::ConflictResolution)
}

/// The container is not as it must be, so Claude was not started.
fn unable(dirs: &Dirs, progress: &Progress, error: &dyn std::error::Error) -> Ended {
    let failure = Failure::new(Reason::AgentFailed, format!("Claude was not started: {error}"));
    publish(dirs, progress, &failed(&failure));
    Ended::well(Report::failed(Phase::ConflictResolution, failure.reason, failure.message))
}

struct Resolve<'a> {
    config: &'a Config,
    dirs: &'a Dirs,
    progress: &'a Progress,
    scrub: Scrub,
    stop: Stop,
    agent: Agent<'a>,
    desk: Desk<'a>,
    ask: Ask<'a>,
    /// Turns used for the resolution itself.
    rounds: u32,
    /// The setup failed among conflict markers.
    is_unprepared: bool,
}

/// Why there is no resolution.
enum Ending {
    Failed(Failure),
    Interrupted,
}

impl<'a> Resolve<'a> {
    fn new(
        config: &'a Config,
        dirs: &'a Dirs,
        progress: &'a Progress,
        stop: Stop,
        landed: &'a Landed,
        start: &Start,
    ) -> Self {
        let document = &config.document;
        let shadow = Shadow::new(dirs, &document.push.author, progress);
        let (session, spent) = earlier(dirs);
        let onto = ask::onto(start, document);
        Self {
            config,
            dirs,
            progress,
            scrub: Scrub::new(config.model.values().cloned()),
            agent: Agent::new(config, dirs, progress, stop.clone(), session, spent),
            stop,
            desk: Desk { shadow, landed, scope: document.rebase.scope, handoff: &dirs.handoff },
            ask: Ask { landed, onto, config },
            rounds: 0,
            is_unprepared: false,
        }
    }

    /// The tree to hand back. A complaint about the resolution costs a round, a failed check or a
    /// complaint after one costs a repair.
    async fn work(&mut self) -> Result<String, Ending> {
        block_in_place(|| self.desk.lay_out())?;
        self.prepare().await?;
        let mut rounds = self.config.document.rebase.max_rounds;
        let mut repairs = REPAIRS;
        let mut is_resolved = matches!(self.desk.landed, Landed::Clean { .. });
        if !is_resolved {
            rounds = rounds.saturating_sub(1);
            self.first_round().await?;
        }
        loop {
            let tree = block_in_place(|| self.desk.tree())?;
            let complaints = block_in_place(|| self.desk.complaints(&tree))?;
            let (left, prompt, failure) = if let Some(first) = complaints.first() {
                let left = if is_resolved { &mut repairs } else { &mut rounds };
                let failure = Failure::new(Reason::ResolutionRejected, first.as_str());
                (left, Ask::again(&complaints), failure)
            } else {
                is_resolved = true;
                self.prepare_again().await?;
                let Some((prompt, check)) = self.check(&tree).await? else { return Ok(tree) };
                let message = format!("{check} after {REPAIRS} repairs.");
                let reason = check.reason(Reason::VerificationFailed);
                (&mut repairs, prompt, Failure::new(reason, message))
            };
            if *left == 0 {
                return Err(Ending::Failed(failure));
            }
            *left -= 1;
            self.rounds += u32::from(!is_resolved);
            self.progress.phase(if is_resolved { "A repair" } else { "Another round" });
            self.turn(&prompt).await?;
        }
    }

    /// The first turn on a conflict.
    async fn first_round(&mut self) -> Result<(), Ending> {
        self.rounds = 1;
        let prompt = block_in_place(|| self.ask.conflict(&self.desk.shadow));
        self.progress.phase(format!("Claude resolves, session {}", self.agent.session_id()));
        self.turn(&prompt).await
    }

    /// One turn in the session that made the change; where there is none, or it cannot be
    /// continued, in a new one that is told the task.
    async fn turn(&mut self, prompt: &str) -> Result<(), Ending> {
        let mut verdict = None;
        if !self.agent.is_fresh() {
            verdict = Some(self.agent.turn(prompt).await);
            if self.agent.has_lost_session() {
                self.progress.warning("The session of Run cannot be continued: a new one begins");
                self.agent.begin_anew();
                verdict = None;
            }
        }
        let verdict = match verdict {
            Some(verdict) => verdict,
            None => self.agent.turn(&self.ask.anew(prompt)).await,
        };
        match verdict {
            Verdict::Done(_) => Ok(()),
            other => Err(other.into()),
        }
    }

    /// Runs the checks on `tree`. When one fails: what to ask, and what happened; the work tree is
    /// then as it was before.
    async fn check(&mut self, tree: &str) -> Result<Option<(String, FailedCommand)>, Ending> {
        if self.config.document.verify.is_empty() {
            return Ok(None);
        }
        let verify = &self.config.document.verify;
        match self.commands().run("Checks", verify).await.map_err(Unusable::Check)? {
            commands::Ending::Passed => Ok(None),
            commands::Ending::Stopped(why, command) => Err(commands::stopped(why, &command).into()),
            commands::Ending::Failed(check) => {
                block_in_place(|| self.desk.shadow.restore(tree)).map_err(Unusable::from)?;
                let output = self.scrub.text(&check.output);
                Ok(Some((self.ask.repair(&check, &output), check)))
            }
        }
    }

    fn conclude(self, ending: Result<String, Ending>) -> Ended {
        let handed = ending.and_then(|tree| Ok(block_in_place(|| self.desk.hand_back(&tree))?));
        let usage = Some(self.agent.spent()).filter(|usage| *usage != Usage::default());
        let said = match handed {
            Ok(files) => Resolution { files, ..empty(Outcome::Succeeded) },
            Err(Ending::Interrupted) => {
                let (phase, spent) = (Phase::ConflictResolution, self.agent.spent());
                return Ended::interrupted_after(phase, spent, self.agent.session_id());
            }
            Err(Ending::Failed(failure)) => {
                failed(&Failure::new(failure.reason, self.scrub.text(&failure.message)))
            }
        };
        if said.reason == Some(Reason::DiskFull) {
            full::make_room(self.dirs);
        }
        let resolution = Resolution { rounds: self.rounds, usage, ..said };
        publish(self.dirs, self.progress, &resolution);
        Ended::well(Report {
            reason: resolution.reason,
            message: resolution.message,
            rounds: Some(self.rounds).filter(|rounds| *rounds > 0),
            usage,
            ..Report::new(Phase::ConflictResolution, resolution.outcome)
        })
    }
}

/// Session and cost of Run, as far as its result can be believed.
fn earlier(dirs: &Dirs) -> (Session, Usd) {
    let Ok(run) = handoff::take_json::<RunResult>(&dirs.handoff, RESULT) else {
        return (Session::fresh(), Usd::ZERO);
    };
    let id = run.session_id.filter(|id| uuid::Uuid::try_parse(id).is_ok());
    let session = id.map_or_else(Session::fresh, Session::Resume);
    (session, run.usage.unwrap_or_default().cost_usd)
}

impl From<Verdict> for Ending {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Failed(failure) => Self::Failed(failure),
            Verdict::Done(_) | Verdict::Interrupted => Self::Interrupted,
        }
    }
}

impl From<Unusable> for Ending {
    fn from(error: Unusable) -> Self {
        let reason = if full::is_full(&error) { Reason::DiskFull } else { Reason::AgentFailed };
        let message = format!("The conflict could not be given to Claude: {error}");
        Self::Failed(Failure::new(reason, message))
    }
}

fn empty(outcome: Outcome) -> Resolution {
    Resolution {
        outcome,
        reason: None,
        message: String::new(),
        rounds: 0,
        usage: None,
        files: Vec::new(),
    }
}

fn failed(failure: &Failure) -> Resolution {
    let message = failure.message.clone();
    Resolution { reason: Some(failure.reason), message, ..empty(Outcome::Failed) }
}

fn publish(dirs: &Dirs, progress: &Progress, resolution: &Resolution) {
    if let Err(error) = handoff::publish(&dirs.handoff, RESOLUTION, resolution) {
        progress.warning(error.to_string());
    }
}
