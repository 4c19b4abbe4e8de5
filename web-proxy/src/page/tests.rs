//! What holds for every page: text stays text, and what is not allowed is not there.

use std::sync::Arc;

use crd::ClaudeTask;
use crd::status::{ConditionStatus, DisplayPhase};
use maud::Markup;
use serde_json::{Value, json};

use super::form::{Fields, Said};
use super::history::Range;
use super::list::{Filter, List};
use super::task::{EventRow, TaskView};
use super::{Rights, Shell, form, history, login, login_oidc, message, samples, task};
use crate::field::Field;

/// What somebody writes who wants to be executed.
const EVIL: &str = "<script>alert(1)</script>";
const ALL: Rights = Rights { cancel: true, retry: true, delete: true, logs: true };

/// Each text that others can write holds a script.
fn evil() -> ClaudeTask {
    let mut object = serde_json::to_value(samples::pushed("evil")).unwrap();
    object["metadata"]["name"] = EVIL.into();
    object["metadata"]["namespace"] = EVIL.into();
    object["metadata"]["annotations"] =
        json!({"claudetask.dev/requested-by": EVIL, "claudetask.dev/retry-of": EVIL});
    object["spec"] = json!({
        "repository": {"url": format!("https://git.example.com/{EVIL}"), "ref": EVIL},
        "prompt": EVIL, "rebase": {"onto": format!("{EVIL}2")}, "push": {"branch": EVIL},
    });
    let status = &mut object["status"];
    status["conditions"][0]["message"] = EVIL.into();
    status["phases"][0]["message"] = EVIL.into();
    status["attempts"] = json!([{"number": 1, "reason": "Lost", "message": EVIL}]);
    status["result"] = json!({"branch": EVIL, "commit": EVIL, "startCommit": EVIL, "ontoCommit": EVIL,
        "checkpoint": EVIL, "summary": EVIL,
        "conflicts": {"count": 3, "files": [EVIL], "resolvedBy": EVIL, "rounds": 1}});
    serde_json::from_value(object).unwrap()
}

fn evil_event() -> EventRow {
    let at = samples::now();
    EventRow { at, kind: "Warning".to_owned(), reason: EVIL.to_owned(), note: EVIL.to_owned() }
}

fn page_of(task_: &ClaudeTask, rights: Rights, events: Option<&[EventRow]>) -> String {
    let view = TaskView { task: task_, rights, events, yaml: "kind: ClaudeTask\n" };
    task::task(&samples::shell(), &view).into_string()
}

/// Every page there is, made of texts with a script in them.
fn pages() -> Vec<(&'static str, String)> {
    let shell = Shell { user: Some(EVIL.to_owned()), ..samples::shell() };
    let tasks = evil_tasks();
    let filter = Filter {
        text: EVIL.to_owned(),
        repository: EVIL.to_owned(),
        namespace: EVIL.to_owned(),
        ..Filter::default()
    };
    let doing = |_: &ClaudeTask| Some(EVIL.to_owned());
    let event = [evil_event()];
    let mut pages = vec![
        ("login", login(&shell, Some(EVIL))),
        ("login by OIDC", login_oidc(&shell, Some(EVIL))),
        ("message", message(&shell, EVIL, EVIL)),
        ("list", List::of(&tasks, &Filter::default()).page(&shell, doing)),
        ("filtered list", List::of(&tasks, &filter).page(&shell, doing)),
        ("form", evil_form(&shell)),
        ("history", history::history(&shell, &tasks, &Range::default())),
    ];
    pages.extend(tasks.iter().map(|of| {
        let view = TaskView { task: of, rights: ALL, events: Some(&event), yaml: EVIL };
        ("task", task::task(&shell, &view))
    }));
    pages.into_iter().map(|(name, page)| (name, page.into_string())).collect()
}

/// One that succeeded, one that failed, one at work.
fn evil_tasks() -> Vec<Arc<ClaudeTask>> {
    let [mut failed, mut running] = [evil(), evil()];
    let status = failed.status.as_mut().unwrap();
    status.conditions[0].status = ConditionStatus::False;
    status.conditions[0].reason = EVIL.to_owned();
    let status = running.status.as_mut().unwrap();
    status.conditions[0].status = ConditionStatus::Unknown;
    status.phase = Some(DisplayPhase::Running);
    [evil(), failed, running].into_iter().map(Arc::new).collect()
}

fn evil_form(shell: &Shell) -> Markup {
    let empty = Fields::default();
    let keys = empty.entries().into_iter().map(|(key, _)| key.to_owned());
    let values = Value::Object(keys.map(|key| (key, EVIL.into())).collect());
    let error = |field: &str| Field { field: field.to_owned(), message: EVIL.to_owned() };
    let said = Said::Errors(vec![error("spec.prompt"), error(EVIL)]);
    form::form(shell, &serde_json::from_value(values).unwrap(), &[EVIL.to_owned()], &said)
}

#[test]
fn a_script_in_any_text_is_shown_and_never_runs() {
    for (name, page) in pages() {
        assert!(!page.contains(EVIL), "{name}");
        assert!(page.contains("&lt;script&gt;alert(1)"), "{name}");
    }
}

#[test]
fn no_page_needs_more_than_the_content_security_policy_allows() {
    for (name, page) in pages() {
        assert!(!page.contains(" style="), "{name}: a style attribute");
        assert!(!page.contains("<style"), "{name}: a style element");
        assert!(!page.contains("javascript:"), "{name}: a script address");
        for part in page.split("<script").skip(1) {
            let (attributes, rest) = part.split_once('>').unwrap();
            assert!(attributes.contains("src=\"/assets/"), "{name}: a script from elsewhere");
            assert!(rest.starts_with("</script>"), "{name}: an inline script");
        }
        let handlers = [" onclick=", " onload=", " onsubmit=", " onerror=", " onchange="];
        assert!(!handlers.iter().any(|handler| page.contains(handler)), "{name}: a handler");
    }
}

#[test]
fn every_page_has_one_heading_a_title_and_landmarks() {
    for (name, page) in pages() {
        let count = |piece: &str| page.matches(piece).count();
        assert_eq!((count("<h1"), count("<main"), count("<header")), (1, 1, 1), "{name}");
        assert!(page.contains("<title>") && page.contains("lang=\"en\""), "{name}");
    }
}

#[test]
fn an_id_is_on_a_page_once_and_what_a_label_names_is_there() {
    for (name, page) in pages() {
        let ids: Vec<_> = attribute(&page, "id");
        let distinct: std::collections::HashSet<_> = ids.iter().collect();
        assert_eq!(ids.len(), distinct.len(), "{name}: {ids:?}");
        for by in ["for", "aria-labelledby", "aria-describedby", "list"] {
            for id in attribute(&page, by).iter().flat_map(|value| value.split(' ')) {
                assert!(ids.contains(&id), "{name}: {by}={id}");
            }
        }
    }
}

fn attribute<'a>(page: &'a str, name: &str) -> Vec<&'a str> {
    let start = format!(" {name}=\"");
    page.split(&start).skip(1).filter_map(|rest| Some(rest.split_once('"')?.0)).collect()
}

#[test]
fn what_the_caller_may_not_do_is_not_on_the_page() {
    let marks = [("/cancel\"", 0), ("/retry\"", 1), ("/delete\"", 2), ("data-logs", 3)];
    let some = |which: usize| Rights {
        cancel: which == 0,
        retry: which == 1,
        delete: which == 2,
        logs: which == 3,
    };
    let running = samples::running("a");
    for which in 0..=4 {
        let page = page_of(&running, some(which), None);
        for (mark, of) in marks {
            assert_eq!(page.contains(mark), of == which, "{mark} with only right {which}");
        }
        let logs = ["log.js", "data-jump", "/logs"].map(|mark| page.contains(mark));
        assert_eq!(logs, [which == 3; 3]);
    }
    assert!(!page_of(&running, ALL, None).contains("Events"));
    assert!(page_of(&running, ALL, Some(&[])).contains("Events"));
}

#[test]
fn a_task_that_is_over_or_stopping_cannot_be_cancelled() {
    let mut stopping = samples::running("a");
    stopping.spec.cancel = true;
    for over in [samples::pushed("a"), samples::failed("a"), samples::cancelled("a"), stopping] {
        assert!(!page_of(&over, ALL, None).contains("/cancel\""));
    }
}

#[test]
fn nobody_is_offered_a_task_who_may_not_create_one() {
    for may_create in [true, false] {
        let shell = Shell { may_create, ..samples::shell() };
        let page = List::of(&[], &Filter::default()).page(&shell, |_| None).into_string();
        assert_eq!(page.contains("href=\"/new\""), may_create);
    }
}

#[test]
fn who_has_not_signed_in_sees_the_way_in_alone() {
    let shell = Shell { user: None, may_create: false, can_sign_out: false, ..samples::shell() };
    let page = login(&shell, None).into_string();
    assert!(page.contains("name=\"token\"") && page.contains("kubectl create token"));
    assert!(!page.contains("/history") && !page.contains("/logout"));
    assert!(login_oidc(&shell, None).into_string().contains("href=\"/login/start\""));
}

#[test]
fn a_failed_task_opens_with_why_what_it_means_and_what_to_do() {
    let page = page_of(&samples::failed("a"), ALL, None);
    let reason = crd::Reason::VerificationFailed;
    for text in [
        "Verification failed",
        reason.meaning(),
        reason.remedy(),
        "exits with 101",
        "refs/claudetask/uid-1",
    ] {
        assert!(page.contains(text), "{text}");
    }
    let place = |text: &str| page.find(text).unwrap();
    assert!(place(reason.meaning()) < place("id=\"prompt\""));
}

#[test]
fn a_pushed_task_says_what_was_pushed_and_what_it_cost() {
    let page = page_of(&samples::pushed("a"), ALL, None);
    for text in [
        ">4f2a91c0de<",
        "data-copy=\"4f2a91c0de4f2a91c0de4f2a91c0de4f2a91c0de\"",
        "3 files +41 −6",
        "2 files, resolved by Claude in 1 round",
        "src/login.rs",
        "$0.61",
        "1,204,000",
        "9m40s",
    ] {
        assert!(page.contains(text), "{text}");
    }
    assert!(!page.contains("class=\"verdict"));
}

#[test]
fn a_destructive_action_names_its_object() {
    let page = page_of(&samples::running("login-validation"), ALL, None);
    assert!(page.contains(">Cancel login-validation</button>"));
    assert!(page.contains(">Delete login-validation</button>"));
}
