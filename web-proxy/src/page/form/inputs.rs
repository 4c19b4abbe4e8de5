//! The inputs of the form: which there are, in which order, and what they say.
//!
//! The words are short forms of the CRD's own. Not here: how an input is drawn ([`super::draw`]).

/// What is typed into an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One line of text.
    Line,
    /// Text of many lines.
    Prose,
    /// A list, one a line.
    Lines,
    /// A whole number.
    Number,
    /// Name of a Secret.
    Secret,
    /// One of these; the first is the default.
    Choice(&'static [&'static str]),
}

/// One input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Input {
    /// Its name, as in [`super::Fields`].
    pub key: &'static str,
    /// What is typed.
    pub kind: Kind,
    /// Its label.
    pub label: &'static str,
    /// What happens when it is left empty, or an example.
    pub placeholder: &'static str,
    /// What one has to know; empty where the label says it all.
    pub hint: &'static str,
}

/// Inputs under one heading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    /// Its heading.
    pub title: &'static str,
    /// Its defaults in a few words, where it is folded away; none for those always open.
    pub folded: Option<&'static str>,
    /// Its inputs.
    pub inputs: &'static [Input],
}

impl Input {
    /// Path of its field in the object.
    pub fn path(&self) -> String {
        match self.key {
            "name" | "namespace" => format!("metadata.{}", self.key),
            key => format!("spec.{key}"),
        }
    }

    /// Its id on the page.
    pub fn id(&self) -> String {
        format!("f-{}", self.key.replace('.', "-"))
    }

    const fn new(key: &'static str, kind: Kind, label: &'static str) -> Self {
        Self { key, kind, label, placeholder: "", hint: "" }
    }

    const fn or(self, placeholder: &'static str) -> Self {
        Self { placeholder, ..self }
    }

    const fn hint(self, hint: &'static str) -> Self {
        Self { hint, ..self }
    }
}

use Kind::{Choice, Line, Lines, Number, Prose, Secret};

/// All groups, in the order of the object.
pub const GROUPS: &[Group] = &[
    Group {
        title: "Task",
        folded: None,
        inputs: &[
            Input::new("namespace", Line, "Namespace").or("team-a"),
            Input::new("name", Line, "Name").or("chosen by the cluster"),
        ],
    },
    Group {
        title: "Repository",
        folded: None,
        inputs: &[
            Input::new("repository.url", Line, "Address")
                .or("https://git.example.com/acme/shop.git")
                .hint("https or ssh; without user and password, which belong into the Secret."),
            Input::new("repository.ref", Line, "Start from").or("the remote's HEAD branch").hint(
                "Branch, tag or commit; or the checkpoint of another task, whose work is taken up.",
            ),
            Input::new("repository.credentialsSecret", Secret, "Git Secret")
                .or("none: git works without credentials")
                .hint("A Secret of the namespace with url, and username and password, token, or ssh-privatekey and known_hosts."),
        ],
    },
    Group {
        title: "Prompt",
        folded: None,
        inputs: &[Input::new("prompt", Prose, "What Claude Code is to do")
            .or("Add input validation to the login form.")],
    },
    Group {
        title: "Branches",
        folded: None,
        inputs: &[
            Input::new("rebase.onto", Line, "Rebase onto")
                .or("the branch started from")
                .hint("The change is landed on the newest state of this branch."),
            Input::new("push.branch", Line, "Push to")
                .or("claude/NAME")
                .hint("A new branch, or the one rebased onto for landing there directly."),
        ],
    },
    Group {
        title: "Rebase",
        folded: Some("commits preserved, Claude resolves conflicts in 3 rounds"),
        inputs: &[
            Input::new("rebase.commits", Choice(&["Preserve", "Squash"]), "Commits"),
            Input::new("rebase.conflicts", Choice(&["Resolve", "Fail"]), "Conflicts"),
            Input::new("rebase.maxRounds", Number, "Rounds of a resolution").or("3"),
            Input::new("rebase.scope", Choice(&["TaskFiles", "Anywhere"]), "Files it may change"),
        ],
    },
    Group {
        title: "Push",
        folded: Some("author Claude, no options"),
        inputs: &[
            Input::new("push.author.name", Line, "Author").or("Claude"),
            Input::new("push.author.email", Line, "Author's mail address")
                .or("noreply@anthropic.com"),
            Input::new("push.options", Lines, "Push options")
                .or("merge_request.create")
                .hint("One a line, for the git server."),
        ],
    },
    Group {
        title: "Verify",
        folded: Some("no commands"),
        inputs: &[Input::new("verify", Lines, "Commands that must succeed")
            .or("cargo test")
            .hint("One a line; a failure goes back to Claude, at most twice.")],
    },
    Group {
        title: "Claude",
        folded: Some("Claude Code's own model, no limit but time"),
        inputs: &[
            Input::new("claude.credentialsSecret", Secret, "Model Secret")
                .or("none: the operator's gateway")
                .hint("A Secret of the namespace with ANTHROPIC_API_KEY or ANTHROPIC_AUTH_TOKEN."),
            Input::new("claude.model", Line, "Model").or("Claude Code's own"),
            Input::new("claude.fallbackModel", Line, "Fallback model").or("none"),
            Input::new("claude.maxTurns", Number, "Most turns").or("no limit"),
            Input::new("claude.maxBudgetUSD", Line, "Most money in US dollars").or("no limit"),
        ],
    },
    Group {
        title: "Environment",
        folded: Some("no setup, the operator's resources"),
        inputs: &[
            Input::new("environment.setup", Lines, "Commands before Claude starts")
                .or("npm ci")
                .hint("One a line."),
            Input::new("environment.resources.requests.cpu", Line, "CPU requested").or("500m"),
            Input::new("environment.resources.requests.memory", Line, "Memory requested").or("1Gi"),
            Input::new(
                "environment.resources.requests.ephemeral-storage",
                Line,
                "Disk requested",
            )
            .or("5Gi"),
            Input::new("environment.resources.limits.cpu", Line, "CPU limit").or("2"),
            Input::new("environment.resources.limits.memory", Line, "Memory limit").or("4Gi"),
            Input::new("environment.resources.limits.ephemeral-storage", Line, "Disk limit")
                .or("10Gi"),
        ],
    },
    Group {
        title: "Limits",
        folded: Some("the operator's timeout and time to keep, no retries"),
        inputs: &[
            Input::new("timeout", Line, "Timeout")
                .or("the operator's, such as 1h")
                .hint("From the first start to the verdict, such as 90m."),
            Input::new("retries", Number, "Retries").or("0").hint("New attempts after Claude failed."),
            Input::new("ttlAfterFinished", Line, "Kept after the verdict")
                .or("the operator's, such as 720h"),
        ],
    },
];

/// All inputs, in the order of the object.
pub fn all() -> impl Iterator<Item = &'static Input> {
    GROUPS.iter().flat_map(|group| group.inputs)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::all;
    use crate::page::form::Fields;

    #[test]
    fn every_field_has_one_input_and_every_input_a_field() {
        let fields: BTreeSet<_> =
            Fields::default().entries().into_iter().map(|(key, _)| key).collect();
        let inputs: BTreeSet<_> = all().map(|input| input.key).collect();
        assert_eq!(inputs, fields);
        assert_eq!(all().count(), fields.len());
    }

    #[test]
    fn every_input_has_a_path_that_the_schema_knows() {
        let crd = serde_json::to_value(crd::manifest::crd().unwrap()).unwrap();
        let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        for path in all().map(super::Input::path).filter(|path| path.starts_with("spec.")) {
            let known = path.split('.').fold(schema, |schema, part| &schema["properties"][part]);
            assert!(known.is_object(), "{path}");
        }
    }
}
