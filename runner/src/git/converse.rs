//! The talk with a running git command: what it reads is written and both outputs are read, all at
//! once so that no pipe fills up.
//!
//! Not here: starting it, and what its exit code means ([`super::command`]).

use std::fs::File;
use std::io::{self, Read, Write};
use std::process::{Child, ChildStdout, ExitStatus};
use std::thread;

/// Error output that is kept, in bytes; the rest is read and dropped.
const ERROR_LIMIT: u64 = 64 << 10;

/// Where standard output goes, and how many bytes of it.
#[derive(Debug)]
pub(super) enum Sink {
    /// It is kept; the command may print more, which is dropped.
    Memory(u64),
    /// It is written down; a command that prints more is cut off.
    File(File, u64),
}

/// What a command left.
pub(super) struct Said {
    pub status: ExitStatus,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// There was more than the sink takes.
    pub too_much: bool,
}

/// Waits until `child` has ended.
pub(super) fn converse(mut child: Child, input: Vec<u8>, sink: Sink) -> io::Result<Said> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let writer = thread::spawn(move || {
        // A command that does not read to the end says so by its exit code.
        stdin.map(|mut stdin| stdin.write_all(&input))
    });
    let errors = thread::spawn(move || read(stderr, ERROR_LIMIT));
    let out = match sink {
        Sink::Memory(limit) => {
            read(stdout, limit.saturating_add(1)).map(|kept| (kept.len() as u64 > limit, kept))
        }
        Sink::File(file, limit) => pour(stdout, file, limit).map(|more| (more, Vec::new())),
    };
    let status = child.wait()?;
    let _ = writer.join();
    let (too_much, stdout) = out?;
    let stderr = errors.join().unwrap_or_else(|_| Ok(Vec::new()))?;
    Ok(Said { status, stdout, stderr, too_much })
}

/// The first `limit` bytes; the rest is read and dropped.
fn read(from: Option<impl Read>, limit: u64) -> io::Result<Vec<u8>> {
    let mut kept = Vec::new();
    if let Some(mut from) = from {
        from.by_ref().take(limit).read_to_end(&mut kept)?;
        io::copy(&mut from, &mut io::sink())?;
    }
    Ok(kept)
}

/// Writes down what comes, and says whether it was more than `limit` bytes. The pipe is closed in
/// any case, which ends a command that still has something to say.
fn pour(from: Option<ChildStdout>, mut to: File, limit: u64) -> io::Result<bool> {
    let Some(from) = from else { return Ok(false) };
    let mut rest = from.take(limit);
    io::copy(&mut rest, &mut to)?;
    Ok(rest.into_inner().read(&mut [0])? > 0)
}
