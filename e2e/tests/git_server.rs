//! The git server with real git: accounts, pushes, holds, lies and redirects.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::pin::pin;
use std::time::Duration;

use e2e::git_server::{
    Access, Account, Accounts, Action, Admin, Call, Redirect, Rule, Settings, start,
};
use e2e::repo::{Remote, Work};
use e2e::wait::until;
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(20);
const SHOP: &str = "acme/shop";

/// A running server with one repository that has one commit on `main`.
struct Shop {
    base: String,
    admin: Admin,
    work: Work,
    first: String,
    _root: TempDir,
}

impl Shop {
    async fn open() -> Self {
        let root = tempfile::tempdir().unwrap();
        let accounts = Accounts::new(vec![
            Account::with_password("writer", "writer-password", Access::Write),
            Account::with_password("reader", "reader-password", Access::Read),
            Account::with_token("bot", "bot-token", Access::Write),
            Account::with_password("admin", "admin-password", Access::Admin),
        ]);
        let settings = Settings { root: root.path().to_owned(), accounts };
        let base = format!("http://{}", start(settings).await.unwrap());
        let admin = Admin::new(&base, "admin-password");
        admin.create_repo(SHOP).await.unwrap();
        let work = Work::create().await.unwrap();
        let first = work.commit_files("Start", &[("README.md", "shop\n")]).await.unwrap();
        let shop = Self { base, admin, work, first, _root: root };
        shop.work.push(&shop.writer(), &["main"]).await.unwrap();
        shop
    }

    fn writer(&self) -> Remote {
        Remote::new(&self.base, SHOP, "writer", "writer-password")
    }

    fn reader(&self) -> Remote {
        Remote::new(&self.base, SHOP, "reader", "reader-password")
    }

    async fn main(&self) -> Option<String> {
        self.writer().branch("main").await.unwrap()
    }
}

#[tokio::test]
async fn a_push_is_cloned_again_and_noted() {
    let shop = Shop::open().await;
    let clone = Work::clone(&shop.reader()).await.unwrap();
    assert_eq!(clone.content("main", "README.md").await.unwrap(), "shop\n");
    assert_eq!(shop.writer().refs().await.unwrap()["HEAD"], shop.first);
    let pushes = shop.admin.pushes(SHOP).await.unwrap();
    assert_eq!(pushes.len(), 1);
    assert_eq!(pushes[0].user, "writer");
    assert_eq!(pushes[0].updates[0].name, "refs/heads/main");
    assert_eq!(pushes[0].updates[0].new, shop.first);
}

#[tokio::test]
async fn push_options_arrive() {
    let shop = Shop::open().await;
    shop.work.commit("More").await.unwrap();
    let options = ["--push-option=merge_request.create", "--push-option=title=a b"];
    let outcome = shop.work.try_push(&shop.writer(), &options, &["main"]).await.unwrap();
    assert!(outcome.success, "{}", outcome.stderr);
    let pushes = shop.admin.pushes(SHOP).await.unwrap();
    assert_eq!(pushes[1].options, ["merge_request.create", "title=a b"]);
}

#[tokio::test]
async fn a_push_larger_than_the_post_buffer_arrives() {
    let shop = Shop::open().await;
    // Incompressible, so that the pack is larger than git's post buffer and is sent in chunks.
    let mut state = 1_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        u8::try_from(state >> 56).unwrap()
    })
    .take(3 << 20)
    .collect();
    shop.work.write("noise", &noise).unwrap();
    let pushed = shop.work.commit("Noise").await.unwrap();
    shop.work.push(&shop.writer(), &["main"]).await.unwrap();
    assert_eq!(shop.main().await, Some(pushed));
}

#[tokio::test]
async fn a_compressed_request_is_understood() {
    let shop = Shop::open().await;
    let commits: Vec<String> = (0..40).map(|n| format!("Commit {n}")).collect();
    let mut refspecs = Vec::new();
    for message in &commits {
        let commit = shop.work.commit(message).await.unwrap();
        refspecs.push(format!("{commit}:refs/heads/{}", message.replace(' ', "-")));
    }
    let refspecs: Vec<&str> = refspecs.iter().map(String::as_str).collect();
    shop.work.push(&shop.writer(), &refspecs).await.unwrap();
    // Wanting 40 commits makes a request long enough for git to compress it.
    let clone = Work::clone(&shop.reader()).await.unwrap();
    assert_eq!(clone.log("origin/Commit-39").await.unwrap().len(), 41);
    let asked = shop.admin.requests().await.unwrap();
    assert!(asked.iter().any(|entry| entry.compressed && entry.status == Some(200)), "{asked:?}");
}

#[tokio::test]
async fn a_read_only_account_fetches_but_may_not_push() {
    let shop = Shop::open().await;
    assert!(shop.reader().branch("main").await.unwrap().is_some());
    for options in [&["--dry-run"][..], &[]] {
        let refspec = ["main:refs/heads/new"];
        let pushed = shop.work.try_push(&shop.reader(), options, &refspec).await.unwrap();
        assert!(!pushed.success);
        assert!(pushed.stderr.contains("403"), "{}", pushed.stderr);
    }
    assert_eq!(shop.writer().branch("new").await.unwrap(), None);
}

#[tokio::test]
async fn a_wrong_password_is_401_and_a_missing_repository_404() {
    let shop = Shop::open().await;
    let wrong = Remote::new(&shop.base, SHOP, "writer", "wrong");
    let listed = wrong.outcome(&["ls-remote", &wrong.url]).await.unwrap();
    assert!(listed.stderr.contains("Authentication failed"), "{}", listed.stderr);
    let missing = Remote::new(&shop.base, "acme/none", "writer", "writer-password");
    let listed = missing.outcome(&["ls-remote", &missing.url]).await.unwrap();
    assert!(listed.stderr.contains("not found"), "{}", listed.stderr);
}

#[tokio::test]
async fn a_token_counts_under_any_user_name() {
    let shop = Shop::open().await;
    let bot = Remote::new(&shop.base, SHOP, "x-access-token", "bot-token");
    shop.work.push(&bot, &["main:refs/heads/by-bot"]).await.unwrap();
    assert_eq!(shop.admin.pushes(SHOP).await.unwrap()[1].user, "bot");
}

#[tokio::test]
async fn a_push_held_at_the_request_loses_the_race() {
    let shop = Shop::open().await;
    let rival = Work::clone(&shop.writer()).await.unwrap();
    let rule = Rule::next(Call::Push, SHOP, Action::HoldRequest).by("writer");
    let held = shop.admin.add_rule(&rule).await.unwrap();
    shop.work.commit("Mine").await.unwrap();
    let writer = shop.writer();
    let (pushed, theirs) = tokio::join!(shop.work.try_push(&writer, &[], &["main"]), async {
        shop.admin.wait_until_holding(held, LIMIT).await.unwrap();
        let theirs = rival.commit("Theirs").await.unwrap();
        let bot = Remote::new(&shop.base, SHOP, "bot", "bot-token");
        rival.push(&bot, &["main"]).await.unwrap();
        shop.admin.release(held).await.unwrap();
        theirs
    });
    assert!(!pushed.unwrap().success);
    assert_eq!(shop.main().await, Some(theirs));
}

#[tokio::test]
async fn a_push_held_at_the_response_has_already_moved_the_branch() {
    let shop = Shop::open().await;
    let rule = Rule::next(Call::Push, SHOP, Action::HoldResponse);
    let held = shop.admin.add_rule(&rule).await.unwrap();
    let mine = shop.work.commit("Mine").await.unwrap();
    let writer = shop.writer();
    let options = [];
    let mut push = pin!(shop.work.try_push(&writer, &options, &["main"]));
    tokio::select! {
        pushed = &mut push => panic!("not held: {pushed:?}"),
        waited = shop.admin.wait_until_holding(held, LIMIT) => waited.unwrap(),
    }
    assert_eq!(shop.main().await, Some(mine));
    assert!(futures::poll!(&mut push).is_pending());
    shop.admin.release(held).await.unwrap();
    assert!(push.await.unwrap().success);
}

#[tokio::test]
async fn a_held_push_happens_although_its_pusher_is_gone() {
    let shop = Shop::open().await;
    let rule = Rule::next(Call::Push, SHOP, Action::HoldRequest);
    let held = shop.admin.add_rule(&rule).await.unwrap();
    let late = shop.work.commit("Late").await.unwrap();
    let writer = shop.writer();
    tokio::select! {
        pushed = shop.work.try_push(&writer, &[], &["main"]) => panic!("not held: {pushed:?}"),
        waited = shop.admin.wait_until_holding(held, LIMIT) => waited.unwrap(),
    }
    shop.admin.release(held).await.unwrap();
    let moved = async || Ok((shop.main().await.as_ref() == Some(&late)).then_some(()));
    until("the late push", LIMIT, moved).await.unwrap();
}

#[tokio::test]
async fn a_server_that_says_failure_has_moved_the_branch_all_the_same() {
    let shop = Shop::open().await;
    let rule = Rule::next(Call::Push, SHOP, Action::AnswerAfter { status: 500 });
    shop.admin.add_rule(&rule).await.unwrap();
    let mine = shop.work.commit("Mine").await.unwrap();
    let pushed = shop.work.try_push(&shop.writer(), &[], &["main"]).await.unwrap();
    assert!(!pushed.success);
    assert!(pushed.stderr.contains("500"), "{}", pushed.stderr);
    assert_eq!(shop.main().await, Some(mine));
}

#[tokio::test]
async fn a_hook_refuses_one_push_with_its_message() {
    let shop = Shop::open().await;
    let message = "branch is protected: ask acme/admins".to_owned();
    let rule = Rule::next(Call::Push, SHOP, Action::Refuse { message });
    shop.admin.add_rule(&rule).await.unwrap();
    let mine = shop.work.commit("Mine").await.unwrap();
    let pushed = shop.work.try_push(&shop.writer(), &[], &["main"]).await.unwrap();
    assert!(!pushed.success);
    assert!(pushed.stderr.contains("remote: branch is protected: ask acme/admins"));
    assert_eq!(shop.main().await.as_ref(), Some(&shop.first));
    shop.work.push(&shop.writer(), &["main"]).await.unwrap();
    assert_eq!(shop.main().await, Some(mine));
}

#[tokio::test]
async fn a_rule_for_one_ref_lets_pushes_of_others_pass() {
    let shop = Shop::open().await;
    let action = Action::AnswerInstead { status: 503 };
    let rule = Rule::next(Call::Push, SHOP, action).of_ref("refs/heads/main");
    shop.admin.add_rule(&rule).await.unwrap();
    shop.work.commit("More").await.unwrap();
    shop.work.push(&shop.writer(), &["main:refs/heads/other"]).await.unwrap();
    let both = ["main:refs/heads/third", "main"];
    let pushed = shop.work.try_push(&shop.writer(), &[], &both).await.unwrap();
    assert!(pushed.stderr.contains("503"), "{}", pushed.stderr);
    assert_eq!(shop.main().await.as_ref(), Some(&shop.first));
}

#[tokio::test]
async fn an_unavailable_server_never_asks_git() {
    let shop = Shop::open().await;
    let rule = Rule::next(Call::ListForFetch, SHOP, Action::AnswerInstead { status: 503 });
    shop.admin.add_rule(&rule).await.unwrap();
    let writer = shop.writer();
    let listed = writer.outcome(&["ls-remote", &writer.url]).await.unwrap();
    assert!(listed.stderr.contains("503"), "{}", listed.stderr);
}

#[tokio::test]
async fn the_account_is_not_sent_along_with_a_redirect() {
    let (here, elsewhere) = (Shop::open().await, Shop::open().await);
    for after_login in [false, true] {
        let redirect = Redirect { to: elsewhere.base.clone(), after_login };
        here.admin.set_redirect("away", &redirect).await.unwrap();
        let away =
            Remote::new(&format!("{}/redirect/away", here.base), SHOP, "writer", "writer-password");
        let listed = away.outcome(&["ls-remote", &away.url]).await.unwrap();
        assert!(!listed.success, "{}", listed.stdout);
    }
    let asked = elsewhere.admin.requests().await.unwrap();
    let redirected: Vec<_> = asked.iter().filter(|entry| entry.status == Some(401)).collect();
    assert!(redirected.len() > 1, "the redirect was not followed: {asked:?}");
    assert_eq!(redirected.iter().filter(|entry| entry.authorization).count(), 0, "{asked:?}");
}

#[tokio::test]
async fn requests_are_listed_and_counted_without_credentials() {
    let shop = Shop::open().await;
    let entries = shop.admin.requests().await.unwrap();
    let push = entries.iter().find(|entry| entry.call == Some(Call::Push)).unwrap();
    assert_eq!((push.user.as_deref(), push.status), (Some("writer"), Some(200)));
    assert!(push.authorization);
    assert_eq!(shop.admin.count(SHOP, Call::Push).await.unwrap(), 1);
    assert!(!format!("{entries:?}").contains("password"));
}

#[tokio::test]
async fn a_repository_made_again_keeps_its_content_and_a_removed_one_is_gone() {
    let shop = Shop::open().await;
    let (one, two) = tokio::join!(shop.admin.create_repo(SHOP), shop.admin.create_repo("acme/new"));
    one.and(two).unwrap();
    assert_eq!(shop.main().await.as_ref(), Some(&shop.first));
    shop.admin.remove_repo(SHOP).await.unwrap();
    assert!(shop.writer().refs().await.is_err());
    let error = shop.admin.create_repo("nobody").await.unwrap_err();
    assert!(error.to_string().contains("400"), "{error}");
}

#[tokio::test]
async fn the_admin_interface_is_for_admins() {
    let shop = Shop::open().await;
    let wrong = Admin::new(&shop.base, "wrong").requests().await.unwrap_err();
    assert!(wrong.to_string().contains("401"), "{wrong}");
    // A token counts under any user name, the admin's included, but is no admin account.
    let bot = Admin::new(&shop.base, "bot-token").requests().await.unwrap_err();
    assert!(bot.to_string().contains("403"), "{bot}");
}
