//! The web in front of a person: a real browser, a real web, a real cluster.
//!
//! Each scenario ends with a look at what the browser complained of. Not here: how a browser is
//! driven ([`crate::browser`]), and what is allowed to whom ([`super::web`]).

mod lines;
mod pages;
mod visit;

use anyhow::ensure;
use crd::Reason;
use kube::ResourceExt;

use super::case::Case;
use super::web::people::EVERYBODY;
use crate::browser::Tab;
use crate::model_server::Step;
use lines::{all_lines, see_all};
use pages::every_page_is_sound_wide_and_narrow_light_and_dark;
use visit::Visit;

super::scenarios!["browser":
    every_page_is_sound_wide_and_narrow_light_and_dark,
    somebody_makes_a_task_with_the_form_and_follows_it_to_its_end,
    a_web_that_starts_again_costs_its_reader_no_line,
    another_task_is_cancelled_after_a_question,
    who_may_only_read_is_offered_no_deed,
];

/// A script that would tell, were it not just a text: in names of files, branches and in prose.
const SCRIPT: &str = "<img src=x onerror=alert(1)>";
/// The same as a part of a branch's name, which has no blanks.
const SCRIPT_BRANCH: &str = "<img/src=x/onerror=alert(1)>";

async fn somebody_makes_a_task_with_the_form_and_follows_it_to_its_end(
    case: Case<'_>,
) -> anyhow::Result<()> {
    let here = case.site.apart("browser-form", &[]).await?;
    let case = case.on(&here);
    let visit = Visit::begin(&here, &EVERYBODY[2]).await?;
    let file = format!("{SCRIPT}.txt");
    let work = case.repository(&[(&file, "one\n")]).await?;
    case.script([
        case.shell(&format!("echo agent > '{file}' && git commit -qam Agent")).saying(SCRIPT),
        case.gated(Step::text(&format!("Done. {SCRIPT}"))),
        case.shell(&format!("echo '{SCRIPT}'; echo both > '{file}'")),
        Step::text("Resolved."),
    ])
    .await?;
    fill_in(&visit, &case).await?;
    let tab = &visit.tab;
    case.at_gate().await?;
    tab.until(
        "the turn before the gate",
        "document.querySelector('#log').textContent.includes('git commit')",
    )
    .await?;
    let is_running = "document.querySelector('.timeline .running') !== null";
    tab.until("a running phase", is_running).await?;
    work.commit_files("Meanwhile", &[(&file, "main\n")]).await?;
    work.push(&case.remote(), &["main"]).await?;
    case.open_gate().await?;
    let verdict = case.verdict().await?;
    verdict.expect(Reason::Pushed)?;
    tab.until("the verdict", "document.title.startsWith('●')").await?;
    see_all(tab, &all_lines(&here, &verdict).await?).await?;
    let commit = verdict.result().commit.clone().unwrap_or_default();
    see_end(tab, &[&file, SCRIPT_BRANCH, "resolved by Claude", &commit[..10]]).await?;
    visit.end().await
}

/// Looks for these parts on the page of the finished task, and for its events and its log as text.
async fn see_end(tab: &Tab, parts: &[&str]) -> anyhow::Result<()> {
    let text = tab.text().await?;
    for part in parts {
        ensure!(text.contains(part), "{part:?} is not on the page: {text}");
    }
    let events: String = tab.see("document.querySelector('[data-live=events]').innerText").await?;
    ensure!(events.contains("Pushed") && events.contains(SCRIPT_BRANCH), "events: {events}");
    let fetch = "fetch(document.querySelector('#log a[href$=\"format=text\"]').href)";
    let log: String = tab.see(&format!("{fetch}.then(answer => answer.text())")).await?;
    ensure!(log.contains("run turn 1 Bash") && log.contains(SCRIPT), "the log as text: {log}");
    Ok(())
}

/// Fills in the form: first with a name that no object may have, then rightly.
async fn fill_in(visit: &Visit, case: &Case<'_>) -> anyhow::Result<()> {
    let (tab, namespace) = (&visit.tab, &case.site.namespace);
    tab.open("/").await?;
    tab.click("a[href='/new']").await?;
    let task = case.task(|_| ())?;
    let prompt = format!("{}\n{SCRIPT}", task.spec.prompt);
    let branch = format!("claude/{SCRIPT_BRANCH}");
    for (field, value) in [
        ("namespace", namespace.as_str()),
        ("name", "No Such Name"),
        ("repository.url", &task.spec.repository.url),
        ("repository.credentialsSecret", super::site::GIT_SECRET),
        ("prompt", &prompt),
        ("push.branch", &branch),
        ("claude.credentialsSecret", super::site::MODEL_SECRET),
    ] {
        tab.write(field, value).await?;
    }
    tab.until(
        "the object beside it",
        "document.querySelector('#yaml').innerText.includes('onerror')",
    )
    .await?;
    // A browser tells in its console of every answer that is a refusal: no more than the name is.
    tab.forgive("status of 422", 1);
    tab.click("button[value=create]").await?;
    tab.until(
        "an error at its field",
        "document.querySelector('[name=name][aria-invalid=true]') !== null",
    )
    .await?;
    tab.write("name", &case.name).await?;
    tab.click("button[value=check]").await?;
    tab.until("the check", "document.body.innerText.includes('would take this task')").await?;
    ensure!(case.current().await.is_err(), "a check creates nothing");
    tab.click("button[value=create]").await?;
    let there = format!("location.pathname === '/ns/{namespace}/tasks/{}'", case.name);
    tab.until("the page of the task", &there).await
}

async fn a_web_that_starts_again_costs_its_reader_no_line(case: Case<'_>) -> anyhow::Result<()> {
    let here = case.site.apart("browser-restart", &[]).await?;
    let case = case.on(&here);
    let mut visit = Visit::begin(&here, &EVERYBODY[0]).await?;
    case.repository(&[("a.txt", "one\n")]).await?;
    let many = "for i in $(seq 50); do echo line $i; done";
    case.script([
        case.shell(many),
        case.gated(case.shell(&format!("{many}; echo b > b.txt"))),
        Step::text("Done."),
    ])
    .await?;
    case.start(|_| ()).await?;
    visit.tab.open(&visit.page_of(&case.name)).await?;
    case.at_gate().await?;
    let is_live = "document.querySelector('#log .connection').textContent === 'live' \
        && document.querySelector('#log').textContent.includes('seq 50')";
    visit.tab.until("the log", is_live).await?;
    visit.tab.forgive("net::ERR_", usize::MAX);
    visit.web.restart().await?;
    case.open_gate().await?;
    let verdict = case.verdict().await?;
    verdict.expect(Reason::Pushed)?;
    see_all(&visit.tab, &all_lines(&here, &verdict).await?).await?;
    visit.tab.until("the verdict", "document.title.startsWith('●')").await?;
    ensure!(visit.tab.has_fault("net::ERR_"), "the browser did not see the web go");
    visit.end().await
}

async fn another_task_is_cancelled_after_a_question(case: Case<'_>) -> anyhow::Result<()> {
    let here = case.site.apart("browser-cancel", &[]).await?;
    let case = case.on(&here);
    let visit = Visit::begin(&here, &EVERYBODY[2]).await?;
    case.repository(&[("a.txt", "one\n")]).await?;
    case.script([case.shell("echo b > b.txt"), case.gated(Step::text("Done."))]).await?;
    case.start(|_| ()).await?;
    case.at_gate().await?;
    let tab = &visit.tab;
    tab.open("/").await?;
    let row = format!("a.row[href='{}']", visit.page_of(&case.name));
    let does = format!("document.querySelector(\"{row}\").innerText.includes('turn 1 · Bash')");
    tab.until("what the task does, in the list", &does).await?;
    tab.click(&row).await?;
    let ask = "details.ask:has(form[action$='/cancel']) summary";
    tab.click(ask).await?;
    let names_it = format!("document.querySelector('dialog').innerText.includes('{}')", case.name);
    tab.until("a question that names the task", &names_it).await?;
    tab.click("dialog [data-close]").await?;
    tab.until("no question", "document.querySelector('dialog') === null").await?;
    ensure!(!case.current().await?.spec.cancel, "it was cancelled by saying no");
    tab.click(ask).await?;
    tab.click("dialog button.danger").await?;
    case.verdict().await?.expect(Reason::Cancelled)?;
    tab.until("the verdict", "document.title.startsWith('⊘')").await?;
    visit.end().await
}

async fn who_may_only_read_is_offered_no_deed(case: Case<'_>) -> anyhow::Result<()> {
    let here = case.site.apart("browser-reader", &[]).await?;
    let task = case.task(|spec| spec.cancel = true)?;
    here.create(&task).await?;
    // What changes something is a form that is posted, or leads to one.
    let deeds = "[...document.querySelectorAll('form[method=post], a[href^=\"/new\"]')]\
        .map(one => one.getAttribute('action') ?? one.getAttribute('href'))";
    for (person, expected) in [(&EVERYBODY[0], &[][..]), (&EVERYBODY[2], &["/new"][..])] {
        let visit = Visit::begin(&here, person).await?;
        let page = visit.page_of(&task.name_any());
        let more = ["/retry", "/delete"].map(|deed| format!("{page}{deed}"));
        for (path, of_page) in [("/", &[][..]), ("/history", &[]), (&page, &more)] {
            visit.tab.open(path).await?;
            let shown = format!("document.body.innerText.includes('{}')", task.name_any());
            if path != "/history" {
                visit.tab.until("the task", &shown).await?;
            }
            let found: Vec<String> = visit.tab.see(deeds).await?;
            let of_page = if expected.is_empty() { &[] } else { of_page };
            let mut wanted: Vec<&str> = expected.to_vec();
            wanted.push("/logout");
            wanted.extend(of_page.iter().map(String::as_str));
            ensure!(found == wanted, "{} at {path}: {found:?}", person.name);
        }
        visit.end().await?;
    }
    Ok(())
}
