//! The Claude Code CLI: the native program out of its npm package, fetched once for each version.
//!
//! Not here: starting it.

use std::env::consts::ARCH;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use super::layout::Layout;
use super::progress::Progress;
use super::{npm, version};

/// The path of the pinned version, fetched when missing.
pub fn fetch(layout: &Layout, progress: &Progress) -> Result<PathBuf> {
    let version = version::claude_code().context("the runner's Dockerfile pins no Claude Code")?;
    let program = layout.claude(version);
    if !program.exists() {
        let what = format!("Fetch Claude Code {version} from npm");
        let package = format!("@anthropic-ai/claude-code-{}@{version}", platform(ARCH)?);
        // The platform's package holds nothing but the program.
        progress.step(&what, "about 400 MB on disk", || {
            npm::take(&package, "claude", &program, layout, progress)
        })?;
    }
    Ok(program)
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
