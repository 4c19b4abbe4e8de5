//! What only a run without a cluster has: its sandboxes, its credentials, its two ways to be
//! stopped, and the README's first example.
//!
//! Not here: what it has in common with the cluster (every scenario that is played twice).

use std::fs;
use std::time::Duration;

use anyhow::{Context, ensure};
use crd::status::PhaseState::{Skipped, Succeeded};
use crd::{Reason, names};

use super::case::Case;
use super::local::Manner;
use super::meanwhile::expect_no_checkpoint;
use super::site::Site;
use crate::model_server::Step;
use crate::parts;
use crate::wait::until;

mod bare;
mod podman;
mod user;

use bare::the_readmes_first_example_works_on_a_machine_with_git_and_claude_code;
use podman::{a_second_ctrl_c_ends_the_container_too, in_podman_each_phase_is_a_container};
use user::somebody_without_root_keeps_the_credential_in_bubblewrap_and_is_warned_without;

super::scenarios!["laptop":
    in_bubblewrap_claude_sees_its_tree_its_home_and_tools_alone,
    without_a_sandbox_root_gives_claude_another_user,
    somebody_without_root_keeps_the_credential_in_bubblewrap_and_is_warned_without,
    a_second_ctrl_c_ends_everything_at_once,
    a_killed_run_leaves_nobody_and_the_next_one_clears_up,
    gits_own_login_and_the_environments_key_stand_in_for_secrets,
    in_podman_each_phase_is_a_container,
    a_second_ctrl_c_ends_the_container_too,
    the_readmes_first_example_works_on_a_machine_with_git_and_claude_code,
];

/// Longest time until something is there, or gone.
const GONE_LIMIT: Duration = Duration::from_mins(1);
/// Longest time until processes have ended.
const END_LIMIT: Duration = Duration::from_secs(20);

/// What the model was told by the tools, joined.
async fn seen(case: &Case<'_>) -> anyhow::Result<String> {
    let asked = case.site.model.requests(&case.part).await?;
    let results = asked.iter().flat_map(|request| &request.results);
    Ok(results.map(|result| result.text.as_str()).collect::<Vec<_>>().join("\n"))
}

async fn in_bubblewrap_claude_sees_its_tree_its_home_and_tools_alone(
    case: Case<'_>,
) -> anyhow::Result<()> {
    let here = case.site.here().await?;
    let case = case.on(&here);
    case.repository(&[("a.txt", "one\n")]).await?;
    let home = tempfile::tempdir().context("make a home")?;
    let canary = home.path().join("canary");
    fs::write(&canary, "canary-of-a-home").context("write a canary")?;
    let look = format!(
        "cat {canary}; ls -d /root /home/* {tmp}/claudetask-* 2>&1; \
         echo \"root: $(ls -x -w 999 / | tr -s ' ')\"; \
         echo \"volumes: $(ls -x -w 999 /claudetask | tr -s ' ')\"; \
         cat /proc/[0-9]*/environ | tr '\\0' '\\n' | grep canary | grep -v ANTHROPIC; \
         echo \"first: $(tr '\\0' ' ' </proc/1/cmdline | cut -d' ' -f2-3)\"; \
         find / \\( -path /proc -o -path /usr -o -path /opt \\) -prune -o -name password -print 2>/dev/null; \
         for place in /usr /etc /claudetask /claudetask/repo /claudetask/plan /claudetask/stop; do \
           touch $place/x 2>/dev/null && echo WROTE $place; done; \
         echo b >b.txt; true",
        canary = canary.display(),
        tmp = std::env::temp_dir().display(),
    );
    case.script([case.shell(&look), Step::text("Done.")]).await?;
    case.run(|_| ()).await?.expect(Reason::Pushed)?;
    let seen = seen(&case).await?;
    for hidden in ["canary-of-a-home", parts::WRITER.1, "WROTE", "/password", "/root\n"] {
        ensure!(!seen.contains(hidden), "{hidden:?} was seen: {seen}");
    }
    for shown in [
        "volumes: handoff plan repo session stop tools",
        "/home/claude",
        "first: phase run",
        "root: bin claudetask dev etc home lib",
    ] {
        ensure!(seen.contains(shown), "{shown:?} was not seen: {seen}");
    }
    Ok(())
}

async fn without_a_sandbox_root_gives_claude_another_user(case: Case<'_>) -> anyhow::Result<()> {
    let here = case.site.here_as(Manner { sandbox: "none", ..Manner::default() }).await?;
    let case = case.on(&here);
    case.repository(&[("a.txt", "one\n")]).await?;
    // The tree is elsewhere here: tools begin in it.
    let look = "echo \"user $(id -u)\"; cd ../..; ls; cat git-credentials/password; \
        ls git-credentials saver; touch repo/x plan/x stop/x; cat message-clone; \
        cat /proc/$PPID/../*/environ 2>/dev/null | tr '\\0' '\\n' | grep -c writer; \
        echo b >workspace/repo/b.txt";
    case.script([Step::bash(look), Step::text("Done.")]).await?;
    case.run(|_| ()).await?.expect(Reason::Pushed)?;
    let seen = seen(&case).await?;
    ensure!(seen.contains(&format!("user {}", names::RUN_AS)), "{seen}");
    ensure!(seen.contains("git-credentials/password: Permission denied"), "{seen}");
    ensure!(!seen.contains(parts::WRITER.1), "the password was seen: {seen}");
    let refusals = seen.matches("Permission denied").count();
    ensure!(refusals >= 7, "{refusals} refusals: {seen}");
    Ok(())
}

/// A task whose Claude works for ever, in a process that hides, once its work is on the checkpoint.
async fn endless(case: &Case<'_>) -> anyhow::Result<String> {
    case.repository(&[("a.txt", "one\n")]).await?;
    // Another number for each place, by which its processes are found.
    let sleeper = format!("echo b > b.txt; (setsid sleep {0} &); sleep {0}", number(case));
    case.script([Step::bash(&sleeper), Step::text("Done.")]).await?;
    case.start(|_| ()).await?;
    let uid = case.current().await?.metadata.uid.context("no UID")?;
    let checkpoint = format!("{}{uid}", names::CHECKPOINT_PREFIX);
    until("the work on the checkpoint", GONE_LIMIT, async || {
        Ok(case.remote().refs().await?.contains_key(&checkpoint).then_some(()))
    })
    .await?;
    ensure!(sleepers(case) == 2, "{} processes sleep", sleepers(case));
    ensure!(containers(case) > 0, "no phase is seen");
    Ok(checkpoint)
}

/// Seconds to sleep that nobody else on the machine sleeps.
fn number(case: &Case<'_>) -> usize {
    case.part.bytes().fold(1_000_000, |sum, byte| (sum * 31 + usize::from(byte)) % 1_000_000_007)
}

/// Processes that sleep for this case.
fn sleepers(case: &Case<'_>) -> usize {
    let sought = format!("sleep\0{}\0", number(case));
    processes("cmdline", |line| line == sought.as_bytes())
}

/// Containers of this case: the task document is in their environment.
fn containers(case: &Case<'_>) -> usize {
    let sought = case.repo.as_bytes();
    processes("environ", |all| all.windows(sought.len()).any(|part| part == sought))
}

/// Processes of which a file in `/proc` is so.
fn processes(file: &str, is_so: impl Fn(&[u8]) -> bool) -> usize {
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    all.filter(|entry| fs::read(entry.path().join(file)).is_ok_and(|found| is_so(&found))).count()
}

/// Well before the idle limit, at which Claude would be stopped anyway.
async fn expect_nobody(case: &Case<'_>) -> anyhow::Result<()> {
    until("the end of all that Claude started", END_LIMIT, async || {
        Ok((sleepers(case) == 0).then_some(()))
    })
    .await?;
    // The saver waits for the last work within the grace period.
    until("the end of all phases", GONE_LIMIT, async || Ok((containers(case) == 0).then_some(())))
        .await
}

async fn a_second_ctrl_c_ends_everything_at_once(case: Case<'_>) -> anyhow::Result<()> {
    for sandbox in ["bubblewrap", "none"] {
        let here = case.site.here_as(Manner { sandbox, ..Manner::default() }).await?;
        let case = Case::new(&here, &format!("{}-{sandbox}", case.name));
        let checkpoint = endless(&case).await?;
        here.cancel(&case.name).await?;
        here.cancel(&case.name).await?;
        let verdict = case.verdict().await?;
        verdict.expect(Reason::Cancelled)?;
        ensure!(verdict.message().contains(&checkpoint), "{}", verdict.message());
        expect_nobody(&case).await?;
        ensure!(
            here.local()?.private_directories(&case.name).await?.is_empty(),
            "its directory is left"
        );
    }
    Ok(())
}

async fn a_killed_run_leaves_nobody_and_the_next_one_clears_up(
    case: Case<'_>,
) -> anyhow::Result<()> {
    for sandbox in ["bubblewrap", "none"] {
        let here = case.site.here_as(Manner { sandbox, ..Manner::default() }).await?;
        let case = Case::new(&here, &format!("{}-{sandbox}", case.name));
        endless(&case).await?;
        here.local()?.kill(&case.name).await?;
        expect_nobody(&case).await?;
        ensure!(
            here.local()?.private_directories(&case.name).await?.len() == 1,
            "no directory to clear up"
        );
        // The same state directory, and so the same name.
        case.script([Step::text("Nothing to do.")]).await?;
        here.local()?.restart(&case.name).await?;
        case.verdict().await?.expect(Reason::NothingToPush)?;
        ensure!(
            here.local()?.private_directories(&case.name).await?.is_empty(),
            "directories are left"
        );
    }
    Ok(())
}

async fn gits_own_login_and_the_environments_key_stand_in_for_secrets(
    case: Case<'_>,
) -> anyhow::Result<()> {
    let tools = tempfile::tempdir().context("make a directory for a helper")?;
    let asked = tools.path().join("asked");
    let (user, password) = parts::WRITER;
    // A credential helper of the caller's own (gitcredentials(7)).
    let helper = format!(
        "!f() {{ if [ \"$1\" = get ]; then cat >>{}; echo username={user}; echo password={password}; fi; }}; f",
        asked.display()
    );
    let env = [
        ("GIT_CONFIG_COUNT", "1"),
        ("GIT_CONFIG_KEY_0", "credential.helper"),
        ("GIT_CONFIG_VALUE_0", &helper),
        ("ANTHROPIC_API_KEY", parts::MODEL_KEY),
        ("ANTHROPIC_BASE_URL", &case.site.here().await?.model_url()),
    ];
    let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let here = case.site.here_as(Manner { env, ..Manner::default() }).await?;
    let case = case.on(&here);
    case.repository(&[("a.txt", "one\n")]).await?;
    case.script([case.shell("echo b > b.txt"), Step::text("Done.")]).await?;
    let verdict = case
        .run(|spec| {
            spec.repository.credentials_secret = None;
            spec.claude.credentials_secret = None;
        })
        .await?;
    verdict.expect(Reason::Pushed)?;
    verdict.expect_phases([Succeeded, Succeeded, Succeeded, Skipped, Succeeded])?;
    let questions = fs::read_to_string(&asked).context("the helper was not asked")?;
    ensure!(questions.matches("host=").count() == 1, "asked more than once: {questions}");
    expect_no_checkpoint(&case).await
}
