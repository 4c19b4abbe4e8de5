//! Pure modules stay pure: no client, no async, no log, no environment, no clock.

use std::path::Path;

const PURE: [&str; 17] = [
    "decide.rs",
    "decide/begin.rs",
    "decide/over.rs",
    "decide/stop.rs",
    "decide/tell.rs",
    "ended.rs",
    "job.rs",
    "notes.rs",
    "pod.rs",
    "pod_facts.rs",
    "render.rs",
    "resources.rs",
    "retention.rs",
    "stall.rs",
    "status.rs",
    "verdict.rs",
    "view.rs",
];

const IMPURE: [&str; 9] = [
    "kube::api",
    "kube::runtime",
    "Client",
    "async ",
    "tokio",
    "tracing",
    "std::env",
    "Timestamp::now",
    "SystemTime",
];

#[test]
fn pure_modules_read_no_clock_and_talk_to_nobody() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for file in PURE {
        let text = std::fs::read_to_string(source.join(file)).unwrap();
        for word in IMPURE {
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            let found: Vec<_> = code.filter(|line| line.contains(word)).collect();
            assert!(found.is_empty(), "{file} uses {word}: {found:?}");
        }
    }
}
