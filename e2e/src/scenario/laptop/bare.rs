//! The README's first example, as it stands there, on a machine that has git and Claude Code only: a
//! container of the runner's image, with the rights of the service in `runner/compose.yaml`.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::Value;
use tokio::process::Command;

use super::podman::podman;
use crate::cluster::layout::checkout;
use crate::model_server::Step;
use crate::parts;
use crate::scenario::case::Case;

/// "Works in under a minute."
const LIMIT: Duration = Duration::from_mins(1);

/// What the README calls its server.
const SERVER: &str = "https://git.example.com";
/// Its repository.
const REPOSITORY: &str = "acme/shop";
/// Its prompt.
const PROMPT: &str = "Add input validation to the login form.";

/// The README's task and Secrets in one file, at this scenario's servers and with its accounts.
fn example(case: &Case<'_>, git: &str, model: &str) -> anyhow::Result<String> {
    let readme = fs::read_to_string(checkout().join("README.md")).context("read the README")?;
    let blocks = readme.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let text = blocks.take(2).collect::<Vec<_>>().join("---\n");
    let (user, password) = parts::WRITER;
    let key = format!("ANTHROPIC_API_KEY: {}\n  ANTHROPIC_BASE_URL: {model}", parts::MODEL_KEY);
    let swaps = [
        (format!("{SERVER}/{REPOSITORY}.git"), format!("{git}/{}.git", case.repo)),
        (SERVER.to_owned(), git.to_owned()),
        // A colon would end a text without quotes.
        (PROMPT.to_owned(), format!("\"{PROMPT} [scenario: {}]\"", case.part)),
        ("username: shop-bot".to_owned(), format!("username: {user}")),
        ("password: not-a-real-password".to_owned(), format!("password: {password}")),
        ("ANTHROPIC_API_KEY: not-a-real-key".to_owned(), key),
    ];
    swaps.iter().try_fold(text, |text, (from, to)| {
        ensure!(text.contains(from), "the README's example has no {from:?}");
        Ok(text.replace(from, to))
    })
}

/// What the service of `runner/compose.yaml` asks for, as arguments of `podman run` up to the image.
fn service() -> anyhow::Result<(Vec<String>, Vec<String>)> {
    let text = fs::read_to_string(checkout().join("runner/compose.yaml")).context("read it")?;
    let service = serde_saphyr::from_str::<Value>(&text)?["services"]["task"].take();
    let words = |value: &Value| -> Vec<String> {
        let all = value.as_array().into_iter().flatten().filter_map(Value::as_str);
        all.map(str::to_owned).collect()
    };
    let mut args = vec!["--user".to_owned(), service["user"].as_str().unwrap_or("").to_owned()];
    for (field, option) in [
        ("cap_drop", "--cap-drop"),
        ("cap_add", "--cap-add"),
        ("security_opt", "--security-opt"),
        ("entrypoint", "--entrypoint"),
    ] {
        let all = words(&service[field]);
        ensure!(!all.is_empty(), "compose.yaml has no {field}");
        // Podman has no value behind this one.
        let all =
            all.into_iter().map(|word| word.replace("no-new-privileges:true", "no-new-privileges"));
        args.extend(all.flat_map(|word| [option.to_owned(), word]));
    }
    let state = service["environment"]["CLAUDETASK_STATE_DIR"].as_str().context("no state")?;
    args.extend(["--env".to_owned(), format!("CLAUDETASK_STATE_DIR={state}")]);
    Ok((args, words(&service["command"])))
}

pub async fn the_readmes_first_example_works_on_a_machine_with_git_and_claude_code(
    case: Case<'_>,
) -> anyhow::Result<()> {
    let podman = podman(case.site).await?;
    let here = case.site.here().await?;
    let case = case.on(&here);
    let passes = "grep -q validate src/login.sh\n";
    case.repository(&[("src/login.sh", "echo hello\n"), ("tests/run.sh", passes)]).await?;
    // The tree is elsewhere here: tools begin in it.
    let add = Step::bash("echo '# validate' >> src/login.sh");
    case.script([add, Step::text("Done.")]).await?;
    let folder = tempfile::tempdir().context("make a directory")?;
    let file = folder.path().join("task.yaml");
    fs::write(&file, example(&case, &here.git_url(), &here.model_url())?).context("write it")?;
    let (rights, command) = service()?;
    let mut machine = Command::from(podman.command());
    machine
        .args(["run", "--rm", "--network", "host", "--volume"])
        .arg(format!("{}:/task.yaml:ro", file.display()))
        .args(rights)
        .arg(&podman.image)
        .args(command)
        // The README's server speaks https.
        .arg("--allow-plain-http")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let ended = tokio::time::timeout(LIMIT, machine.output()).await.context("over a minute")?;
    let output = ended.context("start podman")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}: {said}", output.status);
    ensure!(said.contains("Pushed: "), "{said}");
    let branch = case.remote().branch("claude/login-validation").await?;
    ensure!(branch.is_some(), "nothing was pushed: {said}");
    ensure!(!said.contains(parts::WRITER.1) && !said.contains(parts::MODEL_KEY), "{said}");
    Ok(())
}
