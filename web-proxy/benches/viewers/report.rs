//! The figures, as they are printed.
//!
//! Not here: what they should be.

use std::sync::Arc;
use std::time::Duration;

use super::Options;
use super::apiserver::Apiserver;
use super::measure::{self, Cpu};
use super::viewer::Seen;

/// What was measured.
pub struct Report {
    /// What was asked for.
    pub options: Options,
    /// The log.
    pub log: Arc<Apiserver>,
    /// What viewers saw.
    pub seen: Seen,
    /// Resident memory before anybody connected.
    pub before: usize,
    /// Resident memory when all were connected.
    pub connected: usize,
    /// Time until the last line was written.
    pub written: Duration,
    /// Time until the last viewer had it.
    pub took: Duration,
}

impl Report {
    /// Prints everything; `cpu` is what was used before the first line.
    pub fn print(mut self, cpu: &Cpu) {
        let Options { viewers, rate, seconds, .. } = self.options;
        let Self { log, seen, written, took, .. } = &mut self;
        let lines = rate * seconds;
        let expected = viewers as u64 * lines;
        let each_second = u128::from(seen.lines) * 1000 / took.as_millis().max(1);
        println!("viewers          {viewers}, each following {lines} lines at {rate}/s");
        println!("upstream reads   {}, and {} of its last line", log.reads(), log.looks());
        println!("lines delivered  {} of {expected}, {each_second}/s", seen.lines);
        println!("bytes delivered  {} MiB", mib(seen.bytes));
        println!("gaps, repeats    {}, {}", seen.gaps, seen.repeats);
        println!("saw the end      {}; connections lost: {}", seen.ended, seen.returned);
        println!("time             written in {written:.1?}, all had it in {took:.1?}");
        print_delays(&mut seen.delays);
        println!("resident memory  {} MiB before the first viewer", mib(self.before));
        println!("                 {} MiB with all connected", mib(self.connected));
        println!("                 {} MiB at most; clients included", mib(measure::peak()));
        for (name, time) in measure::since(cpu) {
            println!("CPU time         {time:.1?} {name}");
        }
    }
}

fn print_delays(delays: &mut [Duration]) {
    delays.sort_unstable();
    let count = delays.len();
    let at = |thousandth: usize| {
        let index = (count * thousandth / 1000).min(count.saturating_sub(1));
        delays.get(index).copied().unwrap_or_default()
    };
    let [median, high, most] = [500, 990, 1000].map(at);
    println!("line to viewer   p50 {median:.0?}, p99 {high:.0?}, most {most:.0?}; {count} samples");
}

fn mib(bytes: usize) -> usize {
    bytes >> 20
}
