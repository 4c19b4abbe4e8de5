//! Root and the owner of the checkout: the cluster needs root, and nothing in the checkout may
//! become root's when somebody else owns it.
//!
//! Not here: what either of them does.

use std::env;
use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use nix::unistd::Uid;

use super::layout::{Layout, checkout, kubeconfig_copy};
use super::pki::write_private;

/// Refuses anybody but root, with the command to use instead.
pub fn check_root() -> Result<()> {
    if Uid::effective().is_root() {
        return Ok(());
    }
    let program = env::current_exe().context("find the running program")?;
    let arguments: Vec<String> = env::args().skip(1).collect();
    bail!("a real cluster needs root; use this command:\n\n  {}\n", as_root(&program, &arguments));
}

/// The program itself, not cargo: a root's cargo would leave files of root in the checkout.
fn as_root(program: &Path, arguments: &[String]) -> String {
    let mut words = vec![program.display().to_string()];
    words.extend(arguments.iter().cloned());
    let quoted: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    format!("sudo -E env \"PATH=$PATH\" \"HOME=$HOME\" {}", quoted.join(" "))
}

fn quoted(word: &str) -> String {
    let plain = |one: char| one.is_ascii_alphanumeric() || "-_./=:,@".contains(one);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// A command that runs in the checkout as the checkout's owner.
pub fn as_owner(program: &str) -> Result<Command> {
    let checkout = checkout();
    let owner = fs::metadata(&checkout).context("look at the checkout")?;
    let mut command = Command::new(program);
    command.current_dir(&checkout);
    if owner.uid() != Uid::effective().as_raw() {
        command.uid(owner.uid()).gid(owner.gid());
    }
    Ok(command)
}

/// Puts a copy of the kubeconfig into the checkout, where people look for it.
pub fn copy_kubeconfig(layout: &Layout) -> Result<()> {
    let text = fs::read_to_string(layout.kubeconfig()).context("read the kubeconfig")?;
    write_kubeconfig(&text)
}

/// Writes the kubeconfig of the checkout.
pub fn write_kubeconfig(text: &str) -> Result<()> {
    let copy = kubeconfig_copy();
    let directory = copy.parent().context("a file without a directory")?;
    fs::create_dir_all(directory).with_context(|| format!("create {}", directory.display()))?;
    write_private(&copy, text)?;
    hand_over(&[directory, &copy])
}

/// Makes files in the checkout those of the checkout's owner, when root wrote them.
pub fn hand_over(paths: &[&Path]) -> Result<()> {
    let owner = fs::metadata(checkout()).context("look at the checkout")?;
    if owner.uid() == Uid::effective().as_raw() {
        return Ok(());
    }
    for path in paths {
        chown(path, Some(owner.uid()), Some(owner.gid()))
            .with_context(|| format!("give {} to the checkout's owner", path.display()))?;
    }
    Ok(())
}

/// Removes the copy, which is of no use without the cluster.
pub fn remove_kubeconfig() -> Result<()> {
    let copy = kubeconfig_copy();
    if copy.exists() {
        fs::remove_file(&copy).with_context(|| format!("remove {}", copy.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_for_root_keeps_arguments_apart() {
        let arguments = ["--once".to_owned(), "it's two words".to_owned()];
        let command = as_root(Path::new("/t/debug/demo"), &arguments);
        assert_eq!(
            command,
            r#"sudo -E env "PATH=$PATH" "HOME=$HOME" /t/debug/demo --once 'it'\''s two words'"#
        );
    }
}
