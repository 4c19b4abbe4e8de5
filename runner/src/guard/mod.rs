//! Watches memory and volumes while Claude or a command of the task works, and ends what fills
//! them before the kernel or the kubelet ends the Pod with everything in it.
//!
//! [`cgroup`] and [`volume`] measure, [`memory`] decides, this file performs. A process that
//! allocates faster than [`memory`] can follow is still killed by the kernel; the operator knows
//! that end. Not here: what is saved then ([`crate::run`]).

use std::path::Path;
use std::time::Instant;

use crd::RunnerSettings;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getpid};
use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::dirs::Dirs;
use crate::processes::{self, Process};
use crate::progress::Progress;

pub mod cgroup;
pub mod full;
pub mod memory;
pub mod volume;

use cgroup::Cgroup;
use memory::{Act, Holder, Memory};
use volume::{Gauge, Volume};

/// What runs short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Shortage {
    /// Memory, in bytes.
    #[error("{} of the {} of memory that the container may use were in use", mebibytes(*used), mebibytes(*limit))]
    Memory {
        /// What could not be taken back.
        used: u64,
        /// The container's limit.
        limit: u64,
    },
    /// Memory, and the kernel was faster.
    #[error("the kernel killed a process when the container's limit of {} of memory was reached", mebibytes(*limit))]
    KernelKilled {
        /// The container's limit.
        limit: u64,
    },
    /// Room in a volume, in bytes.
    #[error("the volume {volume} held {} of the {} that it may hold", mebibytes(*used), mebibytes(*limit))]
    Disk {
        /// Its name.
        volume: &'static str,
        /// What was found in it, or more.
        used: u64,
        /// Its size limit.
        limit: u64,
    },
}

impl Shortage {
    /// Its reason from the list.
    pub const fn reason(self) -> crd::Reason {
        match self {
            Self::Memory { .. } | Self::KernelKilled { .. } => crd::Reason::OutOfMemory,
            Self::Disk { .. } => crd::Reason::DiskFull,
        }
    }
}

/// What is watched, and from how much on something is done.
#[derive(Clone)]
pub struct Guard {
    percent: u32,
    memory: Option<Cgroup>,
    kernel_kills: u64,
    volumes: Vec<Volume>,
    progress: Progress,
}

impl Guard {
    /// The guard of an agent container.
    pub fn new(settings: &RunnerSettings, dirs: &Dirs, progress: &Progress) -> Self {
        let volume = |name, path: &Path, limit| Volume { name, path: path.to_owned(), limit };
        let scratch = settings.scratch_size;
        let mut volumes = vec![
            volume("workspace", &dirs.workspace, settings.workspace_size),
            volume("home", &dirs.home, scratch),
            volume("tmp", &dirs.tmp, scratch),
            volume("session", &dirs.session, scratch),
            volume("handoff", &dirs.handoff, scratch),
        ];
        volumes.retain(|volume| volume.limit > 0);
        Self::over(settings.guard, Cgroup::of_this_process(), volumes, progress)
    }

    /// A guard over these. It acts at `percent` of a limit, 0 for never, and tells `progress` what
    /// it has ended.
    pub fn over(
        percent: u32,
        memory: Option<Cgroup>,
        volumes: Vec<Volume>,
        progress: &Progress,
    ) -> Self {
        // Before anything starts that the kernel could kill.
        let kernel_kills = memory.as_ref().map_or(0, Cgroup::kills);
        Self { percent, memory, kernel_kills, volumes, progress: progress.clone() }
    }

    /// Begins to watch. `claude` is its process, which is asked to stop where any other below the
    /// runner is killed; without one, a command of the task is meant.
    pub fn patrol(&self, claude: Option<i32>) -> Patrol {
        let (tell, found) = watch::channel(None);
        let mut tasks = Vec::new();
        if let Some(group) = self.memory.clone().filter(|_| self.percent > 0) {
            tasks.push(tokio::spawn(watch_memory(self.clone(), group, claude, tell.clone())));
        }
        if !self.volumes.is_empty() && self.percent > 0 {
            tasks.push(tokio::spawn(watch_volumes(self.clone(), tell.clone())));
        }
        Patrol { found, tasks, _tell: tell }
    }
}

/// A guard at work; it ends when this is dropped.
pub struct Patrol {
    found: watch::Receiver<Option<Shortage>>,
    tasks: Vec<JoinHandle<()>>,
    /// Without it, a guard that watches nothing would look like one that has ended.
    _tell: watch::Sender<Option<Shortage>>,
}

impl Patrol {
    /// Waits until what is watched must stop. Processes below it are ended before that and after.
    pub async fn alarm(&mut self) -> Shortage {
        loop {
            if let Some(shortage) = *self.found.borrow_and_update() {
                return shortage;
            }
            if self.found.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

impl Drop for Patrol {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

async fn watch_memory(
    guard: Guard,
    group: Cgroup,
    claude: Option<i32>,
    tell: watch::Sender<Option<Shortage>>,
) {
    let mut memory = Memory::new(guard.percent, claude.is_some(), guard.kernel_kills);
    while let Ok(level) = group.level() {
        let act = memory.act(level, group.kills(), Instant::now(), || holders(claude));
        match act {
            Act::Wait => {}
            Act::Kill(Holder { pid, name, bytes }) => {
                end(pid);
                guard.progress.warning(format!(
                    "Memory runs short ({} of {}): {name}, which held {}, was ended",
                    mebibytes(level.used),
                    mebibytes(level.limit),
                    mebibytes(bytes)
                ));
            }
            Act::KillClaude => claude.into_iter().for_each(end),
            Act::Stop(shortage) => first(&tell, shortage),
        }
        tokio::time::sleep(memory::pause(level)).await;
    }
    guard.progress.warning("The container's memory cannot be watched any more");
}

/// What may be ended for its memory: everything below the runner but Claude itself and the git
/// commands with which its work is saved.
fn holders(claude: Option<i32>) -> Vec<Holder> {
    let own = getpid().as_raw();
    let all = processes::descendants(own);
    let is_spared = |p: &Process| Some(p.pid) == claude || p.is_zombie;
    let saving: Vec<i32> =
        all.iter().filter(|p| p.parent == own && p.name == "git").map(|p| p.pid).collect();
    let helpers: Vec<Process> =
        saving.iter().flat_map(|pid| processes::below(*pid, all.clone())).collect();
    all.into_iter()
        .filter(|p| !is_spared(p) && !saving.contains(&p.pid) && !helpers.contains(p))
        .map(|p| Holder { pid: p.pid, bytes: processes::memory(p.pid), name: p.name })
        .collect()
}

fn end(pid: i32) {
    // It may have ended by itself in the meantime.
    let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
}

async fn watch_volumes(guard: Guard, tell: watch::Sender<Option<Shortage>>) {
    let now = Instant::now();
    let gauge = |volume: Volume| (Gauge::new(&volume, guard.percent, now), volume);
    let mut all: Vec<_> = guard.volumes.into_iter().map(gauge).collect();
    while tell.borrow().is_none() {
        tokio::time::sleep(volume::LOOK).await;
        for (level, volume) in &mut all {
            let around = volume::around(&volume.path).unwrap_or_default();
            let began = Instant::now();
            if !level.is_due(around, began) {
                continue;
            }
            let (path, enough) = (volume.path.clone(), level.enough());
            let Ok(used) = spawn_blocking(move || volume::measure(&path, enough)).await else {
                return;
            };
            if level.take(used, around, began, Instant::now()) {
                let (volume, limit) = (volume.name, volume.limit);
                first(&tell, Shortage::Disk { volume, used, limit });
            }
        }
    }
}

/// The first shortage counts: it is why everything is stopped.
fn first(tell: &watch::Sender<Option<Shortage>>, shortage: Shortage) {
    tell.send_if_modified(|found| {
        let is_first = found.is_none();
        found.get_or_insert(shortage);
        is_first
    });
}

/// A number of bytes as people read it.
pub fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes.div_ceil(1 << 20))
}
