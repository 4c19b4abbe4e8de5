//! A run by somebody who is not root, as on most laptops: Claude has the same user number, and the
//! sandbox alone stands between it and the git credential.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, ensure};
use serde_json::json;
use tokio::process::Command;

use super::{Case, seen};
use crate::cluster::layout::{Layout, built_programs};
use crate::cluster::{Progress, claude};
use crate::model_server::Step;
use crate::parts;
use crate::scenario::site::{GIT_SECRET, MODEL_SECRET};

/// Somebody's number, that nobody on the machine has.
const USER: u32 = 43_210;

/// Puts the programs and the task's file where the user can reach them: a home of the user's own.
fn home(case: &Case<'_>) -> anyhow::Result<tempfile::TempDir> {
    let home = tempfile::tempdir().context("make a home")?;
    let claude = claude::fetch(&Layout::from_env()?, &Progress::to_stderr())?;
    fs::copy(built_programs()?.join("claudetask"), home.path().join("claudetask"))?;
    fs::copy(claude, home.path().join("claude"))?;
    let secret = |name: &str, values: &[(&str, &str)]| {
        let values: std::collections::BTreeMap<_, _> = values.iter().copied().collect();
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": values})
    };
    let documents = [
        serde_json::to_value(case.task(|_| ())?)?,
        secret(GIT_SECRET, &parts::git_secret(&case.site.git_url(), parts::WRITER)),
        secret(MODEL_SECRET, &parts::model_secret(&case.site.model_url())),
    ];
    let text = documents.map(|document| document.to_string()).join("\n---\n");
    fs::write(home.path().join("task.yaml"), text)?;
    fs::write(home.path().join("canary"), "canary-of-a-home")?;
    for entry in fs::read_dir(home.path())?.flatten() {
        chown(entry.path(), Some(USER), Some(USER))?;
    }
    chown(home.path(), Some(USER), Some(USER))?;
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o700))?;
    Ok(home)
}

/// Runs the task as the user; what it said.
async fn run(home: &Path, sandbox: &str) -> anyhow::Result<String> {
    let mut program = Command::new(home.join("claudetask"));
    program
        .args(["run", "task.yaml", "--allow-plain-http", "--sandbox", sandbox])
        .uid(USER)
        .gid(USER)
        .current_dir(home)
        .env_clear()
        .envs([("HOME", home), ("TMPDIR", home)])
        .env("PATH", format!("{}:/usr/bin:/bin", home.display()))
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = program.output().await.context("start claudetask")?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{}: {said}", output.status);
    Ok(said)
}

pub async fn somebody_without_root_keeps_the_credential_in_bubblewrap_and_is_warned_without(
    case: Case<'_>,
) -> anyhow::Result<()> {
    for (sandbox, hides) in [("bubblewrap", true), ("none", false)] {
        let here = case.site.here().await?;
        let case = Case::new(&here, &format!("{}-{sandbox}", &case.name[..30]));
        case.repository(&[("a.txt", "one\n")]).await?;
        let home = home(&case)?;
        let look = format!(
            "id -u; cat {0}/canary; cat {0}/claudetask-*/1/git-credentials/password \
             /claudetask/git-credentials/password; echo b > b.txt; true",
            home.path().display()
        );
        case.script([Step::bash(&look), Step::text("Done.")]).await?;
        let said = run(home.path(), sandbox).await?;
        ensure!(said.contains("Pushed: "), "{said}");
        ensure!(said.contains("take the git credential") != hides, "{said}");
        let seen = seen(&case).await?;
        ensure!(seen.contains(&USER.to_string()), "{seen}");
        for secret in [parts::WRITER.1, "canary-of-a-home"] {
            ensure!(seen.contains(secret) != hides, "{sandbox}: {secret:?}: {seen}");
        }
    }
    Ok(())
}
