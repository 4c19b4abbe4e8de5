//! The Claude Code CLI: the native program out of its npm package, fetched once for each version.
//!
//! Not here: starting it.

use std::env::consts::ARCH;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::command::{capture, logged};
use super::layout::Layout;
use super::progress::Progress;
use super::version;

/// The path of the pinned version, fetched when missing.
pub fn fetch(layout: &Layout, progress: &Progress) -> Result<PathBuf> {
    let version = version::claude_code().context("the runner's Dockerfile pins no Claude Code")?;
    let program = layout.claude(version);
    if !program.exists() {
        let what = format!("Fetch Claude Code {version} from npm");
        progress
            .step(&what, "about 400 MB on disk", || unpack(version, &program, layout, progress))?;
    }
    Ok(program)
}

/// The platform's package holds nothing but the program; it appears when it is complete.
fn unpack(version: &str, program: &Path, layout: &Layout, progress: &Progress) -> Result<()> {
    let platform = platform(ARCH)?;
    let home = program.parent().context("a program without a directory")?;
    fs::create_dir_all(home).with_context(|| format!("create {}", home.display()))?;
    let work = tempfile::tempdir_in(home).context("make a directory for the package")?;
    let package = format!("@anthropic-ai/claude-code-{platform}@{version}");
    let mut npm = Command::new("npm");
    npm.args(["pack", &package]).current_dir(work.path());
    logged(progress, &mut npm, &layout.build_logs().join("claude.log"))?;
    let archive = fs::read_dir(work.path())
        .context("look for the package")?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "tgz"))
        .context("npm left no package")?;
    capture(
        Command::new("tar")
            .arg("-xzf")
            .arg(&archive)
            .arg("package/claude")
            .current_dir(work.path()),
    )?;
    fs::rename(work.path().join("package/claude"), program)
        .with_context(|| format!("name {}", program.display()))
}

/// npm's word for a processor.
fn platform(arch: &str) -> Result<&'static str> {
    match arch {
        "x86_64" => Ok("linux-x64"),
        "aarch64" => Ok("linux-arm64"),
        other => bail!("Claude Code has no program for {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_processor_without_a_program_is_refused_by_name() {
        assert_eq!(platform("x86_64").unwrap(), "linux-x64");
        assert!(platform("riscv64").unwrap_err().to_string().contains("riscv64"));
    }
}
