//! The containers of one attempt, in the order in which a kubelet runs those of the Pod: each phase
//! after the one before it has succeeded, and the saver beside them from Clone on.
//!
//! Not here: what follows from how they ended ([`super::course`]).

use std::io;
use std::time::Duration;

use crd::fold::{PhaseFact, PhaseFacts};
use crd::{Phase, Report, names};
use jiff::Timestamp;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;

use super::process::{self, Force};
use super::sandbox::{Container, Limits, Sandbox};
use super::volumes::Volumes;

/// What an attempt consists of.
pub struct Containers<'a> {
    /// How they are kept apart.
    pub sandbox: &'a Sandbox,
    /// Their volumes.
    pub volumes: &'a Volumes,
    /// Task and attempt, for names that others on the machine see.
    pub attempt: String,
    /// The encoded task document.
    pub document: String,
    /// The prompt; for agent containers.
    pub prompt: &'a str,
    /// Variables for the model; for agent containers.
    pub model: &'a [(String, String)],
    /// Whether there are git credentials.
    pub has_credentials: bool,
    /// Whether there are certificates to trust.
    pub has_trust: bool,
    /// What an agent container may use.
    pub limits: Limits,
    /// How long the saver may take to end.
    pub grace: Duration,
}

/// What is told while they run.
#[derive(Debug)]
pub enum Told {
    /// A phase began or ended.
    Facts(Box<PhaseFacts>),
    /// A container printed a line.
    Line {
        /// Its name.
        container: &'static str,
        /// The line.
        text: String,
    },
}

impl Containers<'_> {
    /// Runs them until the last has ended, or one of them has failed.
    ///
    /// # Errors
    /// When one cannot be started.
    pub async fn run(
        &self,
        force: &watch::Receiver<Force>,
        tell: &UnboundedSender<Told>,
    ) -> io::Result<PhaseFacts> {
        let mut facts = PhaseFacts::default();
        let clone = self.phase(Phase::Clone, &mut facts, force, tell).await?;
        if clone != 0 {
            return Ok(facts);
        }
        self.volumes.hand_over()?;
        let (end_saver, saver) = watch::channel(Force::Go);
        let phases = async {
            let ended = self.phases(&mut facts, force, tell).await;
            let ended = ended.and_then(|()| self.volumes.note_that_run_is_over());
            end_saver.send_replace(Force::Terminate);
            ended
        };
        let saver = async {
            let patience = async {
                let _ = end_saver.subscribe().wait_for(|force| *force > Force::Go).await;
                tokio::time::sleep(self.grace).await;
                end_saver.send_replace(Force::Kill);
                std::future::pending::<()>().await;
            };
            tokio::select! {
                ended = self.saver(force, saver, tell) => ended,
                () = patience => Ok(()),
            }
        };
        let (phases, saver) = tokio::join!(phases, saver);
        phases.and(saver)?;
        Ok(facts)
    }

    async fn phases(
        &self,
        facts: &mut PhaseFacts,
        force: &watch::Receiver<Force>,
        tell: &UnboundedSender<Told>,
    ) -> io::Result<()> {
        for phase in Phase::ALL.into_iter().filter(|phase| *phase != Phase::Clone) {
            if *force.borrow() > Force::Go || self.phase(phase, facts, force, tell).await? != 0 {
                break;
            }
        }
        Ok(())
    }

    async fn phase(
        &self,
        phase: Phase,
        facts: &mut PhaseFacts,
        force: &watch::Receiver<Force>,
        tell: &UnboundedSender<Told>,
    ) -> io::Result<i32> {
        let name = phase.container();
        let started_at = Some(Timestamp::now());
        facts[phase as usize] = PhaseFact::Running { started_at };
        // Nobody may be there to hear it; the work goes on.
        let _ = tell.send(Told::Facts(Box::new(facts.clone())));
        let exit_code = self.container(name, force.clone(), tell).await?;
        let said = self.volumes.message(name);
        let report = said.and_then(|said| Report::parse(phase, &said).ok()).map(Box::new);
        let finished_at = Some(Timestamp::now());
        facts[phase as usize] = PhaseFact::Ended { started_at, finished_at, exit_code, report };
        let _ = tell.send(Told::Facts(Box::new(facts.clone())));
        Ok(exit_code)
    }

    /// The saver ends when the phases have, or with them.
    async fn saver(
        &self,
        force: &watch::Receiver<Force>,
        mut over: watch::Receiver<Force>,
        tell: &UnboundedSender<Told>,
    ) -> io::Result<()> {
        let (both, either) = watch::channel(Force::Go);
        let mut force = force.clone();
        let follow = async {
            loop {
                let now = (*force.borrow_and_update()).max(*over.borrow_and_update());
                both.send_replace(now);
                let changed = tokio::select! {
                    changed = force.changed() => changed,
                    changed = over.changed() => changed,
                };
                if changed.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        tokio::select! {
            ended = self.container(names::SAVE_CONTAINER, either, tell) => ended.map(drop),
            () = follow => Ok(()),
        }
    }

    async fn container(
        &self,
        name: &'static str,
        force: watch::Receiver<Force>,
        tell: &UnboundedSender<Told>,
    ) -> io::Result<i32> {
        let container = self.describe(name);
        let start = self.sandbox.start(&container);
        let shields = self.sandbox.shields_signals();
        let line = |text| drop(tell.send(Told::Line { container: name, text }));
        let code = process::run(&start, shields, force.clone(), line).await?;
        if let Some(kill) = self.sandbox.kill(&container).filter(|_| *force.borrow() == Force::Kill)
        {
            let (_keep, go) = watch::channel(Force::Go);
            process::run(&kill, false, go, drop).await?;
        }
        Ok(code)
    }

    fn describe(&self, name: &'static str) -> Container<'_> {
        let mut container = Container {
            name,
            attempt: &self.attempt,
            root: &self.volumes.root,
            env: vec![(names::ENV_DOCUMENT.to_owned(), self.document.clone())],
            has_credentials: self.has_credentials,
            has_trust: self.has_trust,
            limits: Limits::default(),
        };
        if container.is_agent() {
            container.env.push((names::ENV_PROMPT.to_owned(), self.prompt.to_owned()));
            container.env.extend(self.model.iter().cloned());
            container.limits = self.limits.clone();
        }
        container
    }
}
