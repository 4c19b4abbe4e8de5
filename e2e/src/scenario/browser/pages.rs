//! Every page at both widths and in both themes: pictures for people, and what a program can say of
//! them.
//!
//! Not here: what one does on them.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use super::super::case::Case;
use super::super::site::Site;
use super::super::web::people::EVERYBODY;
use super::SCRIPT_BRANCH;
use super::visit::Visit;
use crate::browser::{Tab, axe};
use crate::cluster::layout::checkout;
use crate::model_server::Step;

/// Widths of a telephone and of a screen in CSS pixels.
const WIDTHS: [i64; 2] = [360, 1280];
/// Where pictures go, below the checkout.
const PICTURES: &str = "target/web-pictures";

pub async fn every_page_is_sound_wide_and_narrow_light_and_dark(case: Case<'_>) -> Result<()> {
    let here = case.site.apart("browser-pages", &[]).await?;
    let case = case.on(&here);
    let visit = Visit::begin(&here, &EVERYBODY[2]).await?;
    case.repository(&[("a.txt", "one\n")]).await?;
    let [succeeded, failed] = finished(&here, &case).await?;
    start_one_more(&case).await?;
    for (name, path) in [("task-running", &*visit.page_of(&case.name)), ("list", "/")] {
        visit.tab.open(path).await?;
        look_at(&visit.tab, name).await?;
    }
    case.open_gate().await?;
    for refusal in ["status of 403", "status of 404"] {
        visit.tab.forgive(refusal, 1);
    }
    for (name, path) in [
        ("task-succeeded", &*visit.page_of(&succeeded)),
        ("task-failed", &visit.page_of(&failed)),
        ("list-empty", "/?text=no-such-task"),
        ("history", "/history"),
        ("form", "/new"),
        ("api", "/api/docs"),
        ("forbidden", "/ns/no-such/tasks/task"),
        ("not-found", &visit.page_of("no-such")),
    ] {
        visit.tab.open(path).await?;
        if name == "task-failed" {
            let text = visit.tab.text().await?;
            ensure!(text.contains(SCRIPT_BRANCH), "the reason is not on the page: {text}");
        }
        look_at(&visit.tab, name).await?;
    }
    form_with_errors(&visit, &here).await?;
    visit.tab.open("/").await?;
    visit.tab.click("form[action='/logout'] button").await?;
    visit.tab.until("the page of signing in", "location.pathname === '/login'").await?;
    look_at(&visit.tab, "login").await?;
    visit.end().await
}

async fn form_with_errors(visit: &Visit, here: &Site) -> Result<()> {
    visit.tab.open("/new").await?;
    visit.tab.write("namespace", &here.namespace).await?;
    visit.tab.write("name", "No Such Name").await?;
    visit.tab.write("repository.url", "ftp://git.example.com/shop").await?;
    visit.tab.forgive("status of 422", 1);
    visit.tab.click("button[value=check]").await?;
    visit.tab.until("errors", "document.querySelector('[aria-invalid=true]') !== null").await?;
    look_at(&visit.tab, "form-errors").await
}

/// Names of a task that has succeeded, and of one that has failed.
async fn finished(here: &Site, case: &Case<'_>) -> Result<[String; 2]> {
    case.script([case.shell("echo b > b.txt").saying("I look at it first."), Step::text("Done.")])
        .await?;
    let names = ["login-validation", "fix-flaky-test"];
    for (name, start) in names.into_iter().zip(["main", SCRIPT_BRANCH]) {
        let mut task = case.task(|spec| spec.repository.reference = Some(start.to_owned()))?;
        task.metadata.name = Some(name.to_owned());
        here.create(&task).await?;
        Case::new(here, name).verdict().await?;
    }
    Ok(names.map(str::to_owned))
}

/// Starts a task that waits at its gate.
async fn start_one_more(case: &Case<'_>) -> Result<()> {
    case.script([
        case.shell("for i in $(seq 30); do echo line $i; done").saying("I look at it first."),
        case.gated(case.shell("echo c > c.txt")),
        Step::text("Done."),
    ])
    .await?;
    case.start(|_| ()).await?;
    case.at_gate().await
}

/// Takes pictures of the open page, and errs when it is wider than the window or axe-core finds a
/// fault.
async fn look_at(tab: &Tab, name: &str) -> Result<()> {
    let folder: PathBuf = checkout().join(PICTURES);
    std::fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    for width in WIDTHS {
        for dark in [false, true] {
            tab.look(width, dark).await?;
            let theme = if dark { "dark" } else { "light" };
            let wide: i64 = tab.see("document.documentElement.scrollWidth").await?;
            ensure!(wide <= width, "{name} is {wide} px wide in a window of {width}");
            axe::check(tab, &format!("{name} at {width} px, {theme}")).await?;
            // A picture of all of a page leaves the window as it was before the look.
            tab.picture(&folder.join(format!("{name}-{width}-{theme}.png"))).await?;
        }
    }
    Ok(())
}
