//! `environment.setup`: commands that run before Claude does.

use anyhow::ensure;
use crd::Reason;
use crd::status::PhaseState::{Failed, Skipped, Succeeded};

use super::case::Case;
use super::meanwhile::while_main_moves;
use crate::model_server::Step;

super::scenarios!["setup", twice:
    what_it_leaves_is_there_for_claude_and_no_part_of_the_change,
    one_that_fails_asks_no_model,
    it_runs_again_before_claude_resolves_a_conflict,
];

/// Dependencies that nobody ignores, and a changed file of the repository.
const INSTALL: &str = "mkdir -p deps && echo dep > deps/lib && echo locked >> lock.txt";

fn setup(command: &str) -> impl FnOnce(&mut crd::ClaudeTaskSpec) {
    let setup = vec![command.to_owned()];
    move |spec| spec.environment.setup = setup
}

async fn what_it_leaves_is_there_for_claude_and_no_part_of_the_change(
    case: Case<'_>,
) -> anyhow::Result<()> {
    case.repository(&[("lock.txt", "one\n")]).await?;
    case.script([case.shell("cp deps/lib used.txt && git add -A"), Step::text("Done.")]).await?;
    let verdict = case.run(setup(INSTALL)).await?;
    verdict.expect(Reason::Pushed)?;
    let (pushed, tip) = (case.pushed().await?, format!("refs/remotes/origin/{}", case.branch()));
    let files = pushed.files(&tip).await?;
    ensure!(files == ["lock.txt", "used.txt"], "{files:?}");
    ensure!(pushed.content(&tip, "lock.txt").await? == "one\n", "lock.txt was changed");
    ensure!(pushed.content(&tip, "used.txt").await? == "dep\n", "deps/lib was not there");
    ensure!(verdict.result().checkpoint.is_none(), "{:?}", verdict.result());
    case.expect_model_requests(2).await
}

async fn one_that_fails_asks_no_model(case: Case<'_>) -> anyhow::Result<()> {
    case.repository(&[("a.txt", "one\n")]).await?;
    let verdict = case.run(setup("echo x > left.txt; echo no such package; exit 3")).await?;
    verdict.expect(Reason::SetupFailed)?;
    verdict.expect_phases([Succeeded, Failed, Skipped, Skipped, Skipped])?;
    for words in ["exited with code 3", "no such package"] {
        ensure!(verdict.message().contains(words), "{}", verdict.message());
    }
    ensure!(case.remote().branch(&case.branch()).await?.is_none(), "something was pushed");
    ensure!(verdict.result().checkpoint.is_none(), "what it left was saved as work");
    case.expect_model_requests(0).await
}

async fn it_runs_again_before_claude_resolves_a_conflict(case: Case<'_>) -> anyhow::Result<()> {
    let work = case.repository(&[("a.txt", "one\n")]).await?;
    case.script([
        case.shell("echo agent > a.txt"),
        case.gated(Step::text("Done.")),
        case.shell("cat made.txt > a.txt"),
        Step::text("Resolved."),
    ])
    .await?;
    let change = |spec: &mut crd::ClaudeTaskSpec| {
        setup("echo both > made.txt")(spec);
        spec.verify = vec!["test -f made.txt".to_owned()];
    };
    let verdict = while_main_moves(&case, &work, &[("a.txt", "main\n")], change).await?;
    verdict.expect(Reason::Pushed)?;
    verdict.expect_phases([Succeeded; 5])?;
    let (pushed, tip) = (case.pushed().await?, format!("refs/remotes/origin/{}", case.branch()));
    let files = pushed.files(&tip).await?;
    ensure!(files == ["a.txt"], "{files:?}");
    ensure!(pushed.content(&tip, "a.txt").await? == "both\n", "the setup did not run again");
    case.expect_model_requests(4).await
}
