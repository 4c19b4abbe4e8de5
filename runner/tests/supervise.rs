//! The supervision of a process that prints what Claude Code once printed: recorded streams,
//! replayed by a shell that then misbehaves in one way.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::Path;
use std::time::{Duration, Instant};

use crd::Usd;
use runner::claude::command::CommandLine;
use runner::claude::stop::Stop;
use runner::claude::supervise::{Ended, Watch, supervise};
use runner::claude::sweep::adopt_orphans;
use runner::claude::verdict::{Exit, Stopped};
use runner::guard::Guard;
use runner::progress::Progress;
use runner::scrub::Scrub;
use tokio::sync::{Mutex, MutexGuard, watch};

/// A sweep ends all children of this process, so these tests run one after the other.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// Far longer than any of these takes, far shorter than what they would wait for otherwise.
const SOON: Duration = Duration::from_secs(30);

struct Bench {
    dir: tempfile::TempDir,
    watch: Watch,
    tell: watch::Sender<Option<Stopped>>,
    _turn: MutexGuard<'static, ()>,
}

impl Bench {
    async fn new() -> Self {
        let turn = ONE_AT_A_TIME.lock().await;
        adopt_orphans().unwrap();
        let (tell, state) = watch::channel(None);
        let grace = Duration::from_millis(300);
        let progress = Progress::to("run", Scrub::default(), std::io::sink());
        let guard = Guard::over(0, None, Vec::new(), &progress);
        let watch = Watch { idle_limit: 60, exit_limit: 60, grace, stop: Stop::of(state), guard };
        Self { dir: tempfile::tempdir().unwrap(), watch, tell, _turn: turn }
    }

    /// Runs `script` with `$S` as the folder of recorded streams.
    async fn run(&self, script: &str) -> Ended {
        let streams = format!("{}/tests/claude-streams", env!("CARGO_MANIFEST_DIR"));
        let line = CommandLine {
            // A program that runs in the background of a shell without job control inherits that
            // SIGINT is ignored, and a shell cannot trap it then.
            program: "/usr/bin/env".into(),
            args: ["--default-signal=INT", "bash", "-c", script].map(str::to_owned).into(),
            env: vec![("S".into(), streams), ("PATH".into(), "/usr/bin:/bin".into())],
            cwd: self.dir.path().to_owned(),
        };
        let began = Instant::now();
        let busy = Mutex::new(());
        let ended = supervise(&line, "the prompt", self.watch.clone(), &busy, drop).await.unwrap();
        assert!(began.elapsed() < SOON, "it took {:?}", began.elapsed());
        ended
    }

    fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir.path().join(name)).unwrap()
    }
}

fn is_alive(pid: &str) -> bool {
    Path::new("/proc").join(pid.trim()).exists()
}

#[tokio::test]
async fn the_prompt_goes_in_and_the_result_comes_out() {
    let bench = Bench::new().await;
    let ended = bench.run("cat > prompt; cat $S/success.jsonl; echo oops >&2").await;
    assert_eq!(bench.file("prompt"), "the prompt");
    assert_eq!((ended.exit, ended.stopped), (Exit::Code(0), None));
    assert_eq!(ended.stream.result().unwrap().text, "Created greeting.txt and NOTES.md.");
    assert_eq!(ended.stderr, "oops\n");
    assert!(ended.swept.killed.is_empty() && ended.swept.is_clean);
}

#[tokio::test]
async fn a_flood_of_output_is_read_to_its_end() {
    let bench = Bench::new().await;
    let script =
        "for i in $(seq 200); do cat $S/success-partial-messages.jsonl; done; cat $S/success.jsonl";
    let ended = bench.run(script).await;
    assert_eq!(ended.stream.result().unwrap().text, "Created greeting.txt and NOTES.md.");
}

#[tokio::test]
async fn silence_is_ended_by_an_interrupt_that_leaves_time_for_the_cost() {
    let mut bench = Bench::new().await;
    bench.watch.idle_limit = 1;
    bench.watch.grace = Duration::from_secs(20);
    let script = "head -n 3 $S/signal-int-bash.jsonl
        trap 'tail -n +4 $S/signal-int-bash.jsonl; exit 0' INT
        sleep 1000 & wait";
    let ended = bench.run(script).await;
    assert_eq!((ended.exit, ended.stopped), (Exit::Code(0), Some(Stopped::Silent(1))));
    assert_eq!(ended.stream.usage().cost_usd, Usd::from_micros(400));
}

#[tokio::test]
async fn output_is_a_sign_of_life() {
    let mut bench = Bench::new().await;
    bench.watch.idle_limit = 2;
    let script = "for i in 1 2 3 4 5 6; do echo '{\"type\":\"system\"}'; sleep 0.5; done
        cat $S/success.jsonl";
    assert_eq!(bench.run(script).await.stopped, None);
}

#[tokio::test]
async fn one_that_ignores_the_interrupt_is_killed() {
    let mut bench = Bench::new().await;
    bench.watch.idle_limit = 1;
    let ended = bench.run("trap '' INT; while true; do sleep 1; done").await;
    assert_eq!((ended.exit, ended.stopped), (Exit::Signal(9), Some(Stopped::Silent(1))));
}

#[tokio::test]
async fn one_that_does_not_exit_after_its_result_is_ended() {
    let mut bench = Bench::new().await;
    bench.watch.exit_limit = 1;
    let ended = bench.run("cat $S/success.jsonl; sleep 1000").await;
    assert_eq!(ended.stopped, Some(Stopped::Lingering(1)));
}

#[tokio::test]
async fn work_after_a_first_result_is_no_lingering() {
    let mut bench = Bench::new().await;
    bench.watch.exit_limit = 1;
    // The eleventh line begins the work that a background job woke up.
    let script = "head -n 11 $S/multiple-results-background.jsonl; sleep 2
        tail -n +12 $S/multiple-results-background.jsonl";
    let ended = bench.run(script).await;
    assert_eq!((ended.exit, ended.stopped), (Exit::Code(0), None));
}

#[tokio::test]
async fn the_runners_own_end_and_its_deadline_interrupt_it() {
    for why in [Stopped::Interrupted, Stopped::Deadline] {
        let bench = Bench::new().await;
        bench.tell.send_replace(Some(why));
        let ended = bench.run("head -n 2 $S/success.jsonl; sleep 1000").await;
        assert_eq!(ended.stopped, Some(why));
    }
}

#[tokio::test]
async fn a_daemon_that_hides_from_its_parents_is_found() {
    let bench = Bench::new().await;
    let script = "cat $S/success.jsonl
        (env -i setsid bash -c 'trap \"\" TERM HUP INT; echo $$ > daemon; while true; do sleep 1; done' </dev/null >/dev/null 2>&1 &)
        until [ -s daemon ]; do sleep 0.01; done";
    let ended = bench.run(script).await;
    assert_eq!((ended.exit, ended.swept.is_clean), (Exit::Code(0), true));
    assert!(ended.swept.killed.iter().any(|name| name == "bash"), "{:?}", ended.swept.killed);
    assert!(!is_alive(&bench.file("daemon")));
}

#[tokio::test]
async fn a_child_that_holds_the_pipe_open_does_not_hold_up_the_end() {
    let bench = Bench::new().await;
    let ended = bench.run("cat $S/success.jsonl; sleep 1000 & echo $! > child").await;
    assert_eq!(ended.exit, Exit::Code(0));
    assert!(ended.stream.is_over());
    assert!(!is_alive(&bench.file("child")));
}

#[tokio::test]
async fn a_killed_process_is_known_by_its_signal() {
    let bench = Bench::new().await;
    let ended = bench.run("head -n 2 $S/success.jsonl; kill -9 $$").await;
    assert_eq!((ended.exit, ended.stopped), (Exit::Signal(9), None));
}
