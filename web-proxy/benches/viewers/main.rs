//! How many viewers one log can have: a loopback apiserver writes a log, the hub reads it, and real
//! TCP clients follow it as SSE and check that each line comes once.
//!
//! `cargo bench -p web-proxy --bench viewers -- --viewers 2000 --rate 1000 --seconds 20`
//!
//! All three are in this process, each on threads of its own, so the CPU time of each is told apart
//! but memory is not. Not here: checks with a verdict; whoever runs it reads the figures.

mod apiserver;
mod measure;
mod proxy;
mod report;
mod viewer;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use tokio::time::sleep;

use self::apiserver::Apiserver;
use self::report::Report;
use self::viewer::Seen;

/// Connections that are opened at once; a listener queues no more than about a thousand.
const OPENING: usize = 200;

/// Viewers of one log.
#[derive(Debug, Clone, Parser)]
struct Options {
    /// Viewers.
    #[arg(long, default_value_t = 2000)]
    viewers: usize,
    /// Lines a second.
    #[arg(long, default_value_t = 1000)]
    rate: u64,
    /// Seconds for which lines are written.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Milliseconds for which lines are gathered before viewers are woken.
    #[arg(long, default_value_t = 50)]
    batch: u64,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
    /// Given by cargo when it only wants to see that it starts.
    #[arg(long, hide = true)]
    test: bool,
}

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> Outcome<()> {
    let mut options = Options::parse();
    // `cargo test --benches` gives no argument at all, `cargo bench` gives `--bench`.
    if options.test || !options.bench {
        options = Options { viewers: options.viewers.min(20), rate: 100, seconds: 1, ..options };
    }
    let needed = options.viewers * 2 + 100;
    if measure::open_files() < needed {
        return Err(format!("{needed} open files are needed: `ulimit -n {needed}`").into());
    }
    let apiserver = threads("apiserver", 1)?;
    let proxy = threads("proxy", 2)?;
    let viewers = threads("viewers", 2)?;
    let log = Arc::new(Apiserver::new(options.rate * options.seconds));
    let upstream = apiserver.block_on(apiserver::serve(Arc::clone(&log)))?;
    let (address, task) = proxy.block_on(proxy::serve(upstream, options.batch))?;

    let before = measure::resident();
    let open = Arc::new(AtomicUsize::new(0));
    let watching = viewers.spawn(watch(address, options.viewers, Arc::clone(&open)));
    viewers.block_on(until(|| open.load(Ordering::Relaxed) >= options.viewers));
    let connected = measure::resident();

    let begun = Instant::now();
    let cpu = measure::cpu();
    apiserver.block_on(log.write(options.rate));
    let written = begun.elapsed();
    task.finish();
    let seen = viewers.block_on(watching)??;
    let report = Report { options, log, seen, before, connected, written, took: begun.elapsed() };
    report.print(&cpu);
    Ok(())
}

fn threads(name: &str, count: usize) -> Outcome<Runtime> {
    let mut builder = Builder::new_multi_thread();
    Ok(builder.worker_threads(count).thread_name(name).enable_all().build()?)
}

async fn watch(
    address: std::net::SocketAddr,
    count: usize,
    open: Arc<AtomicUsize>,
) -> Outcome<Seen> {
    let mut viewers = JoinSet::new();
    for number in 0..count {
        until(|| number < open.load(Ordering::Relaxed) + OPENING).await;
        viewers.spawn(viewer::follow(address, number, Arc::clone(&open)));
    }
    let mut all = Seen::default();
    while let Some(seen) = viewers.join_next().await {
        all.add(seen??);
    }
    Ok(all)
}

async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        sleep(Duration::from_millis(5)).await;
    }
}
