//! The task's own commands in this phase: its setup, which is new in each container.
//!
//! Not here: its checks ([`super`]).

use std::sync::Arc;

use crd::Reason;
use tokio::task::block_in_place;

use crate::claude::verdict::Verdict;
use crate::commands::Commands;
use crate::plan::Landed;
use crate::setup::setup;

use super::desk::Unusable;
use super::{Ending, Resolve};

impl<'a> Resolve<'a> {
    /// Lets the task's own commands prepare the work tree, since HOME and what they left there are
    /// new in this container. Conflict markers may make them fail: then they run once more when
    /// the conflict is resolved.
    pub(super) async fn prepare(&mut self) -> Result<(), Ending> {
        let failed = self.setup().await.err();
        match failed {
            Some(Verdict::Failed(failure))
                if failure.reason == Reason::SetupFailed
                    && matches!(self.desk.landed, Landed::Conflicts(_)) =>
            {
                let text = "The setup is run again when the conflict is resolved";
                self.progress.warning(format!("{} {text}", failure.message));
                self.is_unprepared = true;
                Ok(())
            }
            Some(verdict) => Err(verdict.into()),
            None => Ok(()),
        }
    }

    /// The same without mercy, before the first check, if it failed the first time.
    pub(super) async fn prepare_again(&mut self) -> Result<(), Ending> {
        if !self.is_unprepared || self.config.document.verify.is_empty() {
            return Ok(());
        }
        self.is_unprepared = false;
        Ok(self.setup().await?)
    }

    async fn setup(&mut self) -> Result<(), Verdict> {
        let setup_commands = &self.config.document.setup;
        if setup_commands.is_empty() {
            return Ok(());
        }
        let failed = |error: Unusable| {
            let message = format!("What the setup left cannot be read: {error}.");
            Verdict::failed(Reason::AgentFailed, message)
        };
        let before = block_in_place(|| self.desk.tree()).map_err(failed)?;
        let done = setup(&self.commands(), setup_commands).await;
        block_in_place(|| self.desk.note_leftovers(&before)).map_err(failed)?;
        done
    }

    pub(super) fn commands(&self) -> Commands<'a> {
        let busy = Arc::clone(&self.agent.busy);
        Commands::new(self.config, self.dirs, self.progress, self.stop.clone(), busy)
    }
}
