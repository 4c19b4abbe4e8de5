//! The course of one task without a cluster, from its first attempt to its verdict.
//!
//! What follows an attempt and what the status says are the vocabulary's, as in the operator. Not
//! here: what happens in an attempt ([`super::containers`]).

use std::io;
use std::path::Path;
use std::time::Duration;

use crd::advance::{self, Known};
use crd::attempts::{self, Cause};
use crd::document::Unwritable;
use crd::fold::{Ending, PhaseFacts};
use crd::span::after;
use crd::{ClaudeTask, ClaudeTaskStatus, Reason, TaskDocument, names, quantity};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::watch;

use super::containers::{Containers, Told};
use super::orders::{Orders, govern};
use super::process::Force;
use super::record::{self, Record, RecordError};
use super::sandbox::{Host, Limits, Sandbox};
use super::secrets::Credentials;
use super::settings::Settings;
use super::view::View;
use super::volumes::Volumes;
use super::{secrets, verdict};
use crate::claude::sweep::sweep;

/// The time since a phase began is shown in steps of this.
const TICK: Duration = Duration::from_secs(1);

/// Everything that a run needs.
pub struct Course<'a> {
    /// The task, with an identity.
    pub task: ClaudeTask,
    /// This machine.
    pub host: &'a Host,
    /// How the phases are kept apart.
    pub sandbox: &'a Sandbox,
    /// The credentials.
    pub credentials: &'a Credentials,
    /// Certificates to trust, in PEM format.
    pub trust: Option<&'a [u8]>,
    /// The settings.
    pub settings: &'a Settings,
    /// The private directory of this run.
    pub work: &'a Path,
    /// Where it is kept.
    pub record: &'a Record,
    /// Where it is shown.
    pub view: &'a mut View,
    /// When it is to stop.
    pub orders: &'a Orders,
}

/// The run itself came to a halt.
#[derive(Debug, thiserror::Error)]
pub enum Halted {
    /// The task cannot be told to the phases.
    #[error(transparent)]
    Document(#[from] Unwritable),
    /// An attempt could not be started.
    #[error("starting the phases: {0}")]
    Start(#[from] io::Error),
    /// The record cannot be written.
    #[error("keeping a record of the run: {0}")]
    Record(#[from] RecordError),
}

impl Course<'_> {
    /// Runs the task to its verdict and gives it with the finished status.
    ///
    /// # Errors
    /// [`Halted`]; the record then shows how far it came.
    pub async fn run(mut self) -> Result<ClaudeTask, Halted> {
        let timeout = self.task.spec.timeout.map_or(self.settings.timeout, crd::Span::duration);
        let mut first = advance::next(&self.task, Known::default(), Timestamp::now());
        first.deadline = Some(after(Timestamp::now(), timeout));
        self.tell(first)?;
        loop {
            let (facts, why) = self.attempt().await?;
            let ending = verdict::ending(&facts, why, &self.checkpoint());
            let cause = attempts::next(
                &self.task,
                &facts,
                &ending,
                self.deadline(),
                &self.settings.patience(),
                Timestamp::now(),
            );
            let Some(cause) = cause else { return self.end(Some(&facts), &ending) };
            if self.orders.is_cancelled() {
                return self.end(Some(&facts), &attempts::cancelled_after(&ending));
            }
            self.again(&facts, &ending, cause)?;
            if !self.wait().await {
                let message = "cancelled before it began".to_owned();
                return self.end(None, &Ending { reason: Reason::Cancelled, message });
            }
        }
    }

    /// One attempt: what its containers did, and why it was stopped if it was.
    async fn attempt(&mut self) -> Result<(PhaseFacts, Option<Reason>), Halted> {
        let number = attempts::current(&self.task);
        let (git, trust) = (self.credentials.git.as_ref(), self.trust);
        let root = self.work.join(number.to_string());
        let volumes = Volumes::make(root, self.sandbox, self.host, git, trust)?;
        let prompt = self.task.spec.prompt.clone();
        let containers = Containers {
            sandbox: self.sandbox,
            volumes: &volumes,
            attempt: format!("{}-{number}", record::name(&self.task)),
            document: self.document(number)?.encode()?,
            prompt: &prompt,
            model: &self.credentials.model,
            has_credentials: git.is_some(),
            has_trust: trust.is_some(),
            limits: limits(&self.task),
            grace: self.settings.grace().period,
        };
        let (use_force, force) = watch::channel(Force::Go);
        let (tell_why, why) = watch::channel(None);
        let (tell, told) = unbounded_channel();
        let (deadline, grace, orders) = (self.deadline(), self.settings.grace(), self.orders);
        let work = async {
            let facts = containers.run(&force, &tell).await;
            drop(tell);
            Ok(facts?)
        };
        let (facts, ()) = tokio::select! {
            ended = async { futures::try_join!(work, self.listen(number, told)) } => ended?,
            never = govern(orders, &volumes, deadline, grace, &use_force, &tell_why) => match never {},
        };
        // What a phase that was killed had started is still there.
        sweep().await;
        // Two requests at once may leave no time to tell the reason.
        let cancelled = self.orders.is_cancelled().then_some(Reason::Cancelled);
        Ok((facts, why.borrow().or(cancelled)))
    }

    /// Keeps and shows what is told, until nobody tells any more.
    async fn listen(
        &mut self,
        attempt: u32,
        mut told: UnboundedReceiver<Told>,
    ) -> Result<(), Halted> {
        let mut tick = tokio::time::interval(TICK);
        loop {
            tokio::select! {
                told = told.recv() => match told {
                    Some(told) => self.take(attempt, told)?,
                    None => return Ok(()),
                },
                _ = tick.tick() => self.view.footer(),
            }
        }
    }

    fn take(&mut self, attempt: u32, told: Told) -> Result<(), Halted> {
        match told {
            Told::Facts(facts) => {
                let known = Known { pod: Some(("", &facts)), ..Known::default() };
                self.tell(advance::next(&self.task, known, Timestamp::now()))
            }
            Told::Line { container, text } => {
                self.record.log(attempt, container, &text)?;
                self.view.line(container, &text);
                Ok(())
            }
        }
    }

    fn document(&self, number: u32) -> Result<TaskDocument, Unwritable> {
        let (prefix, settings) =
            (&self.settings.checkpoint_prefix, self.settings.runner(secrets::variable));
        let mut document =
            TaskDocument::new(&self.task, number, prefix, self.deadline(), settings)?;
        // A login that git's own helpers know stands in for the Secret that the task does not name.
        if self.credentials.git.is_some() && document.repository.credentials_secret.is_none() {
            let name = "git-credential-fill".to_owned();
            document.repository.credentials_secret = Some(crd::spec::SecretName { name });
        }
        Ok(document)
    }

    fn again(&mut self, facts: &PhaseFacts, ending: &Ending, cause: Cause) -> Result<(), Halted> {
        let now = Timestamp::now();
        let known = Known { pod: Some(("", facts)), obstacle: Some(ending), ..Known::default() };
        let over = advance::next(&self.task, known, now);
        self.view.say(&format!("another attempt follows {}: {}", ending.reason, ending.message));
        self.tell(attempts::begin(&self.task, facts, over, ending, cause, now))
    }

    /// Waits until the next attempt begins; false when somebody cancels the task instead.
    async fn wait(&self) -> bool {
        let resume_at = self.task.status.as_ref().and_then(|status| status.resume_at);
        let pause = resume_at.map(|at| at.duration_since(Timestamp::now())).unwrap_or_default();
        let pause = Duration::try_from(pause.max(SignedDuration::ZERO)).unwrap_or_default();
        tokio::select! {
            () = self.orders.asked(1) => false,
            () = tokio::time::sleep(pause) => true,
        }
    }

    fn end(mut self, facts: Option<&PhaseFacts>, ending: &Ending) -> Result<ClaudeTask, Halted> {
        let now = Timestamp::now();
        let pod = facts.map(|facts| ("", facts));
        let known = Known { pod, ending: Some(ending), ..Known::default() };
        let finished = attempts::close(advance::next(&self.task, known, now), ending, now);
        self.tell(finished)?;
        Ok(self.task)
    }

    fn tell(&mut self, status: ClaudeTaskStatus) -> Result<(), Halted> {
        self.task.status = Some(status);
        self.record.save(&self.task)?;
        self.view.status(&self.task);
        Ok(())
    }

    /// The ref that holds what was saved.
    fn checkpoint(&self) -> String {
        let uid = self.task.metadata.uid.as_deref().unwrap_or_default();
        names::checkpoint_ref(&self.settings.checkpoint_prefix, uid)
    }

    fn deadline(&self) -> Timestamp {
        let noted = self.task.status.as_ref().and_then(|status| status.deadline);
        noted.unwrap_or(Timestamp::MAX)
    }
}

/// What an agent container may use, as the task says.
fn limits(task: &ClaudeTask) -> Limits {
    let Some(resources) = &task.spec.environment.resources else { return Limits::default() };
    let cpus = resources.limits.cpu.as_deref().and_then(quantity::value);
    Limits {
        cpus: cpus.map(|cpus| format!("{cpus:.3}")),
        memory: resources.limits.memory.as_deref().and_then(quantity::bytes),
    }
}
