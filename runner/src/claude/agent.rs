//! One conversation with Claude over several processes: the first turn, and those that follow in
//! the same session with what was found wrong.
//!
//! Each process gets a fresh HOME that only the transcript is copied into, and what is left of
//! the money. Not here: what is asked ([`crate::prompt`]).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crd::status::Usage;
use crd::{Reason, Usd};
use tokio::sync::Mutex;

use super::command::{ModelAccess, Session, Start};
use super::session;
use super::stop::Stop;
use super::stream::Stream;
use super::supervise::{Ended, INTERRUPT_GRACE, Watch, supervise};
use super::verdict::{Verdict, is_unusable_session, judge};
use crate::config::Config;
use crate::dirs::Dirs;
use crate::guard::Guard;
use crate::network::Network;
use crate::progress::{Note, Progress, cut};
use crate::prompt;

/// A conversation and what it needs.
pub struct Agent<'a> {
    config: &'a Config,
    dirs: &'a Dirs,
    progress: &'a Progress,
    stop: Stop,
    guard: Guard,
    program: PathBuf,
    access: ModelAccess,
    session: Session,
    spent: Usage,
    before: Usd,
    starts: u32,
    resumed: bool,
    lost: bool,
    /// Held by whoever has a child process that is not Claude's.
    pub busy: Arc<Mutex<()>>,
}

impl<'a> Agent<'a> {
    /// A conversation in `session`; `before` is what earlier containers of this attempt
    /// spent of the money.
    pub fn new(
        config: &'a Config,
        dirs: &'a Dirs,
        progress: &'a Progress,
        stop: Stop,
        session: Session,
        before: Usd,
    ) -> Self {
        let variables = config.model.iter().map(|(key, value)| (key.clone(), value.clone()));
        Self {
            config,
            dirs,
            progress,
            stop,
            guard: Guard::new(&config.document.settings, dirs, progress),
            program: config.claude.clone(),
            access: ModelAccess { variables: variables.collect() },
            session,
            spent: Usage::default(),
            before,
            starts: 0,
            resumed: false,
            lost: false,
            busy: Arc::default(),
        }
    }

    /// The session's UUID.
    pub fn session_id(&self) -> &str {
        self.session.id()
    }

    /// True when the last turn should have continued a session that cannot be used: the model was
    /// not asked anything.
    pub const fn has_lost_session(&self) -> bool {
        self.lost
    }

    /// What all processes so far used.
    pub const fn spent(&self) -> Usage {
        self.spent
    }

    /// One process: `prompt` is what Claude is told. Later turns continue the session.
    pub async fn turn(&mut self, prompt: &str) -> Verdict {
        let left = self.config.document.claude.max_budget_usd.map(|most| self.left(most));
        if left == Some(Usd::ZERO) {
            let message = "The money limit was reached before Claude was done.";
            return Verdict::failed(Reason::BudgetExceeded, message);
        }
        if let Some(stopped) = self.stop.now() {
            return stopped.into();
        }
        match self.start(prompt, left).await {
            Ok(ended) => self.conclude(&ended),
            Err(error) => {
                let message = format!("Claude Code cannot be started: {error}");
                Verdict::failed(Reason::AgentFailed, message)
            }
        }
    }

    /// True when the next turn begins a session, which knows nothing of the task.
    pub const fn is_fresh(&self) -> bool {
        matches!(self.session, Session::New(_))
    }

    /// Gives up the session: the next turn begins a new one.
    pub fn begin_anew(&mut self) {
        self.session = Session::fresh();
    }

    fn left(&self, most: Usd) -> Usd {
        most.minus(self.config.document.spent).minus(self.before).minus(self.spent.cost_usd)
    }

    async fn start(&mut self, prompt: &str, budget: Option<Usd>) -> io::Result<Ended> {
        self.starts += 1;
        self.resumed = matches!(self.session, Session::Resume(_));
        let document = &self.config.document;
        let home = self.dirs.home.join(format!("claude-{}", self.starts));
        fs::create_dir_all(&home)?;
        let cwd = self.dirs.worktree();
        if let Session::Resume(id) = &self.session {
            let restored = session::restore(&self.dirs.session, &home, &cwd, id);
            self.lost = restored.is_err();
            restored?;
        }
        let text = self.system_prompt()?;
        let line = Start {
            program: &self.program,
            cwd: &cwd,
            home: &home,
            tmp: &self.dirs.tmp,
            path: &self.config.path,
            system_prompt: &text,
            model_access: &self.access,
            network: &Network::new(&document.settings, self.dirs).variables(),
            claude: &document.claude,
            budget,
            author: &document.push.author,
            session: &self.session,
            model_retries: document.settings.model_retries,
            is_root: nix::unistd::geteuid().is_root(),
        }
        .command();
        // Turns are counted through all processes of the container.
        let (before, progress) = (self.spent.turns, self.progress);
        let tell = |note: Note| {
            progress.note(Note { turn: note.turn.map(|turn| turn + before), ..note });
        };
        let accounted = session::account(&self.dirs.session, self.session.id());
        let ended = supervise(&line, prompt, self.watch(), &self.busy, tell).await?;
        self.keep(&home);
        self.spent = self.spent + self.used(&ended.stream, accounted);
        Ok(ended)
    }

    /// What a process used, in a session that had `accounted` for this much before. One that is
    /// interrupted while it waits for an answer prints no result, but accounts in its transcript.
    fn used(&self, stream: &Stream, accounted: Usage) -> Usage {
        let printed = stream.usage();
        if stream.result().is_some() {
            return printed;
        }
        let account = session::account(&self.dirs.session, self.session.id());
        Usage { turns: printed.turns, ..account.since(accounted) }
    }

    fn watch(&self) -> Watch {
        let settings = &self.config.document.settings;
        Watch {
            idle_limit: settings.idle_limit,
            exit_limit: settings.exit_limit,
            grace: INTERRUPT_GRACE,
            stop: self.stop.clone(),
            guard: self.guard.clone(),
        }
    }

    fn system_prompt(&self) -> io::Result<PathBuf> {
        let path = self.dirs.home.join(format!("system-prompt-{}.txt", self.starts));
        fs::write(&path, prompt::system(&self.config.document.verify))?;
        Ok(path)
    }

    /// The transcript goes where the next start finds it, the rest of HOME goes away.
    fn keep(&mut self, home: &Path) {
        let id = self.session.id().to_owned();
        match session::keep(home, &self.dirs.session, &id) {
            Ok(()) => self.session = Session::Resume(id),
            Err(error) => self.progress.warning(format!("The session was not kept: {error}")),
        }
        if let Err(error) = fs::remove_dir_all(home) {
            self.progress.warning(format!("{}: {error}", home.display()));
        }
    }

    fn conclude(&mut self, ended: &Ended) -> Verdict {
        self.lost = self.resumed && ended.stopped.is_none() && is_unusable_session(&ended.stream);
        if !ended.swept.killed.is_empty() {
            let names = ended.swept.killed.join(", ");
            let names = cut(&names, 200);
            self.progress.warning(format!("Processes left behind were ended: {names}"));
        }
        if !ended.swept.is_clean {
            self.progress.warning("Some processes that Claude started could not be ended");
        }
        if let Some(result) = ended.stream.result().filter(|result| result.denials > 0) {
            self.progress.warning(format!("{} tool calls were refused", result.denials));
        }
        judge(&ended.stream, ended.exit, ended.stopped, &ended.stderr)
    }
}
