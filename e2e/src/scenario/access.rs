//! How the git credential is used: as a token too, with push options, and at its own place only.

use anyhow::ensure;
use crd::{ClaudeTaskSpec, Reason};

use super::case::Case;
use super::site::git_secret;
use crate::git_server::Redirect;
use crate::model_server::Step;
use crate::parts;

super::scenarios!["access", twice:
    a_token_is_enough,
    push_options_reach_the_server,
    a_redirect_does_not_get_the_credential,
];

async fn a_token_is_enough(case: Case<'_>) -> anyhow::Result<()> {
    case.repository(&[("a.txt", "one\n")]).await?;
    case.script([case.shell("echo b > b.txt"), Step::text("Done.")]).await?;
    case.site.secret(&case.name, &[("url", &case.site.git_url()), ("token", parts::BOT.1)]).await?;
    case.run(|spec| case.use_own_secret(spec)).await?.expect(Reason::Pushed)?;
    let pushes = case.site.git.pushes(&case.repo).await?;
    let target = format!("refs/heads/{}", case.branch());
    let push = pushes.iter().find(|push| push.updates.iter().any(|update| update.name == target));
    ensure!(push.is_some_and(|push| push.user == parts::BOT.0), "{pushes:?}");
    Ok(())
}

async fn push_options_reach_the_server(case: Case<'_>) -> anyhow::Result<()> {
    case.repository(&[("a.txt", "one\n")]).await?;
    case.script([case.shell("echo b > b.txt"), Step::text("Done.")]).await?;
    let options = ["merge_request.create", "merge_request.title=Add b, \"quoted\""];
    let options = options.map(str::to_owned).to_vec();
    case.run(|spec| spec.push.options.clone_from(&options)).await?.expect(Reason::Pushed)?;
    let pushes = case.site.git.pushes(&case.repo).await?;
    let target = format!("refs/heads/{}", case.branch());
    let push = pushes.iter().find(|push| push.updates.iter().any(|update| update.name == target));
    ensure!(push.is_some_and(|push| push.options == options), "{pushes:?}");
    Ok(())
}

async fn a_redirect_does_not_get_the_credential(case: Case<'_>) -> anyhow::Result<()> {
    case.repository(&[("a.txt", "one\n")]).await?;
    case.script([Step::text("This costs money.")]).await?;
    let elsewhere = case.site.address(parts::GIT_ELSEWHERE);
    let host = elsewhere.trim_start_matches("http://").to_owned();
    let redirect = Redirect { to: elsewhere, after_login: false };
    case.site.git.set_redirect(&case.part, &redirect).await?;
    let git = case.site.git_url();
    let url = format!("{git}/redirect/{}/{}.git", case.part, case.repo);
    case.site.secret(&case.name, &git_secret(&git, parts::WRITER)).await?;
    let change = |spec: &mut ClaudeTaskSpec| {
        case.use_own_secret(spec);
        url.clone_into(&mut spec.repository.url);
    };
    case.run(change).await?.expect(Reason::CloneFailed)?;
    let requests = case.site.git.requests().await?;
    let mut elsewhere = requests
        .iter()
        .filter(|entry| entry.repo.as_ref() == Some(&case.repo) && entry.host == host);
    ensure!(!elsewhere.any(|entry| entry.authorization), "the credential followed: {requests:?}");
    case.expect_model_requests(0).await
}
