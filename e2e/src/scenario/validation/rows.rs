//! ClaudeTasks, bad and good: each rule and each bound of the schema is broken at least once.
//!
//! Not here: what is wrong with them; the apiserver is asked.

use serde_json::{Value, json};

/// A task with nothing but what is required.
fn task() -> Value {
    json!({
        "apiVersion": "claudetask.dev/v1alpha1",
        "kind": "ClaudeTask",
        "metadata": {"name": "login-validation"},
        "spec": {
            "repository": {"url": "https://git.example.com/acme/shop.git"},
            "prompt": "Add input validation.",
        },
    })
}

/// The task with a value at this path.
fn with(path: &str, value: Value) -> Value {
    let mut task = task();
    let mut at = &mut task;
    for part in path.split('.') {
        at = &mut at[part];
    }
    *at = value;
    task
}

/// One task for each value at this path.
fn each(path: &str, values: impl IntoIterator<Item = Value>) -> Vec<Value> {
    values.into_iter().map(|value| with(path, value)).collect()
}

/// The same for texts.
fn texts<'a>(path: &str, texts: impl IntoIterator<Item = &'a str>) -> Vec<Value> {
    each(path, texts.into_iter().map(Value::from))
}

/// A repository that is reached over ssh.
fn ssh(url: &str) -> Value {
    json!({"url": url, "credentialsSecret": {"name": "shop-ssh"}})
}

/// Tasks that the apiserver refuses with a list of faults.
pub fn refused() -> Vec<Value> {
    [repositories(), branches(), texts_of_the_author(), settings(), shapes(), names(), several()]
        .concat()
}

fn repositories() -> Vec<Value> {
    let urls = [
        "",
        "git@github.com:acme/shop.git",
        "ssh://git@example.com/acme/shop.git",
        "https://user:secret@example.com/shop.git",
        "--upload-pack=evil",
        "file:///etc",
        "https://example.com/a/../b",
        "https://example.com/a%20b",
        "https://example.com/a?b=c",
        "https://example.com/a\nb",
        "https://example.com/a\\b",
    ];
    let over_ssh = [
        "ssh://example.com/acme/shop.git",
        "ssh://git:secret@example.com/shop.git",
        "github.com:acme/shop.git",
        "git@-oProxyCommand=x:acme/shop.git",
        "-oProxyCommand=x@h:acme/shop.git",
        "git@github.com:../shop.git",
        "git@github.com:a\\b",
    ];
    let secrets = [json!({"name": "Shop"}), json!({"name": ""}), json!({}), json!({"name": null})];
    [
        texts("spec.repository.url", urls),
        texts("spec.repository.url", [format!("https://a/{}", "x".repeat(2048)).as_str()]),
        each("spec.repository", over_ssh.map(ssh)),
        each("spec.repository.credentialsSecret", secrets),
        each("spec.claude.credentialsSecret", [json!({"name": "a".repeat(254)}), json!("shop")]),
    ]
    .concat()
}

fn branches() -> Vec<Value> {
    let refs = [
        "", "-main", "a..b", "a b", "a~1", "a\\b", "a[b", "a.lock", "a/.b", "a@{1}", "@", "a/",
        "a\u{7f}",
    ];
    let long = "x".repeat(245);
    [
        texts("spec.repository.ref", refs),
        texts("spec.rebase.onto", ["", "main:evil", &long]),
        texts("spec.push.branch", ["", "refs/heads/x", "HEAD", "--force", &long]),
    ]
    .concat()
}

fn texts_of_the_author() -> Vec<Value> {
    let prompts = [String::new(), " \n\t ".to_owned(), "😀".repeat(25_001), "a".repeat(100_001)];
    let mails = ["", "nobody", "a b@c", &format!("a@{}", "b".repeat(253))].map(Value::from);
    let lines = || {
        [
            json!(["a\nb"]),
            json!(["make", "  "]),
            json!([""]),
            json!(vec!["a"; 17]),
            json!([5, null]),
        ]
    };
    [
        each("spec.prompt", prompts.map(Value::from)),
        texts("spec.push.author.name", ["<evil>", "", ".,:;", &"a".repeat(101)]),
        each("spec.push.author.email", mails),
        each("spec.push.options", lines()),
        each("spec.push.options", [json!(["x".repeat(513)])]),
        each("spec.verify", lines()),
        each("spec.verify", [json!(["x".repeat(4097)])]),
        each("spec.environment.setup", lines()),
        each("spec.environment.setup", [json!(["x".repeat(4097)])]),
    ]
    .concat()
}

fn settings() -> Vec<Value> {
    let models = ["", "--dangerous", "a b", &"a".repeat(129)];
    let numbers = || [json!(-1), json!(1001), json!(2.5), json!("3"), json!(true), json!([])];
    let choices = || [json!("none"), json!(""), json!(5), json!(["<a&b>"]), json!({})];
    let quantities = ["lots", "-1", "0", "1GI", "1 Gi", " 1", "1 ", "", &"1".repeat(33)];
    [
        texts(
            "spec.timeout",
            ["59s", "", "5", "0", "abc", "1d", "-5m", "1.5h", "1us", "1µs", "1h "],
        ),
        texts("spec.ttlAfterFinished", ["", "1d", "24h ", &"1".repeat(20)]),
        texts("spec.claude.model", models),
        texts("spec.claude.fallbackModel", models),
        texts("spec.claude.maxBudgetUSD", ["0.00", "01", "1e3", "", "1.0000001", "1234567.654321"]),
        each("spec.claude.maxBudgetUSD", [json!(2.5)]),
        each("spec.claude.maxTurns", numbers()),
        each("spec.rebase.maxRounds", numbers()),
        each("spec.retries", numbers()),
        each("spec.retries", [json!(12.5), json!(9_223_372_036_854_775_808_u64)]),
        each("spec.rebase.commits", choices()),
        each("spec.rebase.conflicts", choices()),
        each("spec.rebase.scope", choices()),
        each("spec.cancel", [json!("yes"), json!(1)]),
        texts("spec.environment.resources.limits.memory", quantities),
        texts("spec.environment.resources.requests.cpu", ["0m"]),
        each("spec.environment.resources.requests.ephemeral-storage", [json!(5)]),
    ]
    .concat()
}

/// Required and unknown fields, nulls, and values of a wrong type where there are fields.
fn shapes() -> Vec<Value> {
    let unknown = json!({"phase": 5, "nothing": 1});
    let mut without_spec = task();
    without_spec.as_object_mut().map(|fields| fields.remove("spec"));
    [
        vec![without_spec, with("foo", json!(5)), with("status", unknown)],
        each("spec", [json!(null), json!(5), json!([]), json!({})]),
        each("spec.prompt", [json!(null), json!(5)]),
        each("spec.repository", [json!(null), json!({}), json!("https://example.com/a")]),
        each("spec.rebase", [json!(5), json!({"onot": "main"})]),
        each("spec.push.author", [json!([]), json!({"mail": "a@b"})]),
        each("spec.verify", [json!("make"), json!([{"run": "make"}])]),
        each("spec.environment", [json!({"image": "alpine"})]),
        each("metadata.foo", [json!(null)]),
    ]
    .concat()
}

fn names() -> Vec<Value> {
    let labels = || {
        [
            json!({"a b": "c"}),
            json!({"a": "c d"}),
            json!({"": ""}),
            json!({"/a": "b"}),
            json!({"A.b/c": "d"}),
            json!({"a/b/c": "d"}),
            json!({"x".repeat(64): "y".repeat(64)}),
        ]
    };
    let mut annotations = labels().to_vec();
    // In annotations, values are free and upper case is allowed everywhere.
    annotations.retain(|texts| *texts != json!({"a": "c d"}) && *texts != json!({"A.b/c": "d"}));
    [
        texts("metadata.name", ["", "dotted.name", "a_b", &"a".repeat(64), &"a".repeat(254)]),
        each("metadata", [json!(null), json!({}), json!({"generateName": "a.b-"})]),
        each("metadata", [json!({"generateName": "Fix-", "name": "ok"})]),
        each("metadata.labels", labels()),
        each("metadata.annotations", annotations),
        each("metadata.annotations", [json!({"a": "x".repeat(256 * 1024)})]),
        each("metadata.finalizers", [json!(["a b"])]),
    ]
    .concat()
}

/// Several faults at once: those that keep the rules from being looked at, and others.
fn several() -> Vec<Value> {
    let mut kept = with("spec.timeout", json!("5s"));
    kept["spec"]["verify"] = json!(vec![""; 17]);
    kept["spec"]["retries"] = json!(99);
    kept["spec"]["rebase"] = json!({"scope": "x", "maxRounds": 0});
    kept["metadata"]["name"] = json!("A");
    let mut looked_at = with("spec.timeout", json!("abc"));
    looked_at["spec"]["retries"] = json!(99);
    looked_at["spec"]["push"] = json!({"branch": "refs/x y", "author": {"email": "x"}});
    looked_at["metadata"]["name"] = json!("a.b");
    let mut unknown = with("spec.foo", json!(1));
    unknown["spec"]["push"] = json!({"x": 1, "author": {"zz": {"yy": 1}}});
    unknown["metadata"]["foo"] = json!(1);
    unknown["spec"]["timeout"] = json!("5s");
    vec![kept, looked_at, unknown]
}

/// Tasks that the apiserver takes.
pub fn taken() -> Vec<Value> {
    let memory = "spec.environment.resources.limits.memory";
    [
        vec![task()],
        texts("metadata.name", ["a", &"a".repeat(63)]),
        each(
            "metadata",
            [json!({"generateName": "fix-"}), json!({"generateName": "a".repeat(80)})],
        ),
        each("metadata.labels", [json!(null), json!({"example.com/a_b": "", "c": "D.e"})]),
        each("metadata.annotations", [json!({"A.b/c": "any \n text"})]),
        each("metadata.creationTimestamp", [json!(null)]),
        each("status", [json!({"phase": 5})]),
        texts("spec.repository.url", ["http://git:8080/a.git", "https://git.example.com/ü"]),
        each("spec.repository", ["ssh://git@a:2222/~b", "git@ssh.dev.azure.com:v3/a/b"].map(ssh)),
        texts("spec.repository.ref", ["refs/tags/v1.2.3", "feature/ümläut_1@home", "a\u{a0}b"]),
        texts("spec.prompt", ["-- 😀\n\tanything", "\u{a0}", "\u{7f}\u{200b}\u{e000}"]),
        texts("spec.push.author.name", ["Ana O'Neil (bot)"]),
        each("spec.verify", [json!(null), json!([]), json!(["cargo test", "sh -c 'exit 0'"])]),
        each("spec.rebase", [json!(null), json!({"maxRounds": null, "onto": null})]),
        each("spec.rebase.maxRounds", [json!(3.0)]),
        texts("spec.claude.model", ["us.anthropic.claude-opus-4-1:0[1m]"]),
        texts("spec.claude.maxBudgetUSD", ["0.000001", "999999.999999"]),
        texts("spec.timeout", ["60s", "1h30m", "99999h99999m999999s"]),
        texts(memory, ["500m", "1Gi", "0.5", ".5", "+1", "1e3", "1E", "1n", "1e100"]),
    ]
    .concat()
}

/// Tasks that the apiserver cannot read, each with the field that is to blame.
pub fn unreadable() -> Vec<(&'static str, Value)> {
    [
        ("metadata", json!(5)),
        ("metadata.name", json!(5)),
        ("metadata.labels", json!([])),
        ("metadata.annotations", json!("a")),
        ("apiVersion", json!("claudetask.dev/v1")),
        ("apiVersion", json!(5)),
        ("kind", json!("")),
    ]
    .into_iter()
    .map(|(field, value)| (field, with(field, value)))
    .collect()
}
