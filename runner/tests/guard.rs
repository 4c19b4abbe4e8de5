//! The guard over memory with real processes and a control group of version 2 that is made up of
//! files: Claude Code is a shell that says in them how much is used.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex as Shared};
use std::time::{Duration, Instant};

use runner::claude::command::CommandLine;
use runner::claude::stop::Stop;
use runner::claude::supervise::{Ended, Watch, supervise};
use runner::claude::sweep::adopt_orphans;
use runner::claude::verdict::{Exit, Stopped};
use runner::commands::{Commands, Ending};
use runner::guard::cgroup::Cgroup;
use runner::guard::{Guard, Shortage};
use runner::progress::Progress;
use runner::scrub::Scrub;
use tokio::sync::{Mutex, MutexGuard, watch};

/// A sweep ends all children of this process, so these tests run one after the other.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// Far longer than any of these takes, far shorter than what they would wait for otherwise.
const SOON: Duration = Duration::from_secs(30);

const MIB: u64 = 1 << 20;
const LIMIT: u64 = 40 * MIB;

/// A shell function that says how many MiB are in use, and one that holds some for ever.
const TOOLS: &str = r#"use() { echo $(($1 << 20)) > new && mv new "$GROUP/memory.current"; }
    hold() { bash -c 'x=$(head -c '$1'M /dev/zero | tr "\0" x); echo > held; exec 2>/dev/null
        while :; do sleep 0.05; done'; }"#;

#[derive(Clone, Default)]
struct Log(Arc<Shared<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

struct Bench {
    dir: tempfile::TempDir,
    guard: Guard,
    progress: Progress,
    log: Log,
    _turn: MutexGuard<'static, ()>,
}

impl Bench {
    async fn new() -> Self {
        Self::at(90).await
    }

    async fn at(percent: u32) -> Self {
        let turn = ONE_AT_A_TIME.lock().await;
        adopt_orphans().unwrap();
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("group")).unwrap();
        let write = |name: &str, text: String| {
            fs::write(dir.path().join("group").join(name), text).unwrap();
        };
        write("memory.max", LIMIT.to_string());
        write("memory.current", MIB.to_string());
        write("memory.stat", "anon 1\ninactive_file 0\n".into());
        write("memory.events", "oom 0\noom_kill 0\n".into());
        let log = Log::default();
        let progress = Progress::to("run", Scrub::default(), log.clone());
        let memory = Cgroup::find("0::/\n", &dir.path().join("group"));
        assert!(memory.is_some());
        let guard = Guard::over(percent, memory, Vec::new(), &progress);
        Self { dir, guard, progress, log, _turn: turn }
    }

    async fn claude(&self, script: &str) -> Ended {
        let (_tell, state) = watch::channel(None);
        let (stop, guard) = (Stop::of(state), self.guard.clone());
        let grace = Duration::from_secs(5);
        let watch = Watch { idle_limit: 60, exit_limit: 60, grace, stop, guard };
        let streams = format!("{}/tests/claude-streams", env!("CARGO_MANIFEST_DIR"));
        let variables = [
            ("S", streams),
            ("PATH", "/usr/bin:/bin".into()),
            ("GROUP", self.group().display().to_string()),
        ];
        let line = CommandLine {
            // A program that runs in the background of a shell without job control inherits that
            // SIGINT is ignored, and a shell cannot trap it then.
            program: "/usr/bin/env".into(),
            args: ["--default-signal=INT", "bash", "-c", &format!("{TOOLS}\n{script}")]
                .map(str::to_owned)
                .into(),
            env: variables.map(|(name, value)| (name.to_owned(), value)).into(),
            cwd: self.dir.path().to_owned(),
        };
        let began = Instant::now();
        let ended = supervise(&line, "", watch, &Mutex::new(()), drop).await.unwrap();
        assert!(began.elapsed() < SOON, "it took {:?}", began.elapsed());
        ended
    }

    async fn command(&self, script: &str) -> Ending {
        let (_tell, state) = watch::channel(None);
        let commands = Commands {
            cwd: self.dir.path().to_owned(),
            home: self.dir.path().join("home"),
            tmp: self.dir.path().to_owned(),
            path: runner::place::PATH.to_owned(),
            network: Vec::new(),
            limit: 60,
            stop: Stop::of(state),
            guard: self.guard.clone(),
            busy: Arc::default(),
            progress: &self.progress,
        };
        let script = script.replace("$GROUP", &self.group().display().to_string());
        commands.run("Setup", &[script]).await.unwrap()
    }

    fn group(&self) -> PathBuf {
        self.dir.path().join("group")
    }

    fn log(&self) -> String {
        self.progress.finish();
        String::from_utf8(self.log.0.lock().unwrap().clone()).unwrap()
    }
}

fn short(used: u64) -> Stopped {
    Stopped::Short(Shortage::Memory { used: used * MIB, limit: LIMIT })
}

#[tokio::test]
async fn the_command_that_eats_memory_is_ended_and_claude_goes_on() {
    let bench = Bench::new().await;
    let script = "sleep 1000 & hold 8 & until [ -e held ]; do sleep 0.01; done
        use 39; wait %2; echo $? > how; use 9; kill %1; cat $S/success.jsonl";
    let ended = bench.claude(script).await;
    assert_eq!((ended.exit, ended.stopped), (Exit::Code(0), None));
    assert!(ended.stream.result().is_some());
    assert_eq!(fs::read_to_string(bench.dir.path().join("how")).unwrap(), "137\n");
    let log = bench.log();
    assert!(log.contains("Memory runs short (39 MiB of 40 MiB): bash, which held"), "{log}");
    assert_eq!(log.matches("was ended").count(), 1, "{log}");
}

#[tokio::test]
async fn claude_itself_is_asked_to_stop_when_its_commands_hold_nothing() {
    let bench = Bench::new().await;
    let script = "trap 'use 1; exit 0' INT; sleep 1000 & use 39; while :; do sleep 0.05; done";
    let ended = bench.claude(script).await;
    assert_eq!((ended.exit, ended.stopped), (Exit::Code(0), Some(short(39))));
}

#[tokio::test]
async fn claude_that_goes_on_eating_is_ended_before_the_kernel_does_it() {
    let bench = Bench::new().await;
    let script = "trap 'use 40' INT; use 37; while :; do sleep 0.05; done";
    let ended = bench.claude(script).await;
    assert_eq!((ended.exit, ended.stopped), (Exit::Signal(9), Some(short(37))));
}

#[tokio::test]
async fn claude_whose_commands_eat_again_and_again_is_stopped() {
    let bench = Bench::new().await;
    let script = "trap 'exit 0' INT
        while :; do rm -f held; hold 8 & until [ -e held ]; do sleep 0.01; done
            use 39; wait $!; use 1; echo >> relieved; sleep 0.5; done";
    let ended = bench.claude(script).await;
    assert_eq!(ended.stopped, Some(short(39)));
    // Until it has stopped, what goes on eating is ended as before: that is none of these.
    let relieved = fs::read_to_string(bench.dir.path().join("relieved")).unwrap();
    assert_eq!(relieved.lines().count(), 3);
    assert!(bench.log().matches("was ended").count() >= 3);
}

#[tokio::test]
async fn a_kill_by_the_kernel_stops_claude() {
    let bench = Bench::new().await;
    let script = "echo 'oom_kill 1' > $GROUP/memory.events; sleep 1000 & wait";
    let ended = bench.claude(script).await;
    let killed = Shortage::KernelKilled { limit: LIMIT };
    assert_eq!(ended.stopped, Some(Stopped::Short(killed)));
}

#[tokio::test]
async fn a_guard_that_is_switched_off_lets_everything_happen() {
    let bench = Bench::at(0).await;
    let ended = bench.claude("use 40; sleep 1; cat $S/success.jsonl").await;
    assert_eq!((ended.exit, ended.stopped), (Exit::Code(0), None));
}

#[tokio::test]
async fn a_command_of_the_task_that_eats_memory_fails_and_says_so() {
    let bench = Bench::new().await;
    let script = format!("echo {} > $GROUP/memory.current; echo begun; sleep 1000", 39 * MIB);
    let Ending::Failed(failed) = bench.command(&script).await else { panic!() };
    assert!(failed.out_of_memory);
    assert!(failed.how.starts_with("was ended: 39 MiB of the 40 MiB"), "{}", failed.how);
    assert_eq!(failed.output, "begun\n");
}
