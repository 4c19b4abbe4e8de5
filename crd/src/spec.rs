//! `ClaudeTask` and its spec. The doc comments are the user's manual: they become the CRD's text.
//!
//! Not here: where Claude Code works ([`crate::environment`]), the status ([`crate::status`]) and
//! rules shared by fields ([`crate::rules`]).

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use crate::environment::{Environment, Quantities, Resources};
use crate::rules::{immutable, object_name, one_line_each, ref_name};
use crate::span::Span;
use crate::status::ClaudeTaskStatus;
use crate::usd::Usd;

/// One piece of work for Claude Code on one repository: clone, run, rebase, resolve, push. It runs
/// once; to run it again, create a new object.
#[derive(CustomResource, KubeSchema, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[kube(
    group = "claudetask.dev",
    version = "v1alpha1",
    kind = "ClaudeTask",
    plural = "claudetasks",
    namespaced,
    category = "claude",
    status = "ClaudeTaskStatus",
    derive = "PartialEq",
    doc = "One piece of work for Claude Code on one repository: clone, run, rebase, resolve, push. It runs once; to run it again, create a new object.",
    validation = Rule::new("self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$') && size(self.metadata.name) <= 63")
        .message("metadata.name must be a DNS label: at most 63 lower case letters, digits and `-`"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Branch", type_ = "string", json_path = ".status.result.branch"),
    printcolumn(name = "Cost", type_ = "string", json_path = ".status.usage.costUSD"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Reason", type_ = "string", priority = 1, json_path = ".status.conditions[?(@.type==\"Succeeded\")].reason"),
    printcolumn(name = "Turns", type_ = "integer", priority = 1, json_path = ".status.usage.turns"),
    printcolumn(name = "Repository", type_ = "string", priority = 1, json_path = ".spec.repository.url")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = immutable("repository"),
    validation = immutable("prompt"),
    validation = immutable("rebase"),
    validation = immutable("push"),
    validation = immutable("verify"),
    validation = immutable("claude"),
    validation = immutable("environment"),
    validation = immutable("timeout"),
    validation = immutable("retries"),
    validation = Rule::new("self.cancel || !oldSelf.cancel")
        .message("a cancelled task stays cancelled; create a new one instead")
        .field_path(".cancel")
)]
pub struct ClaudeTaskSpec {
    /// The repository to work on. Immutable.
    pub repository: Repository,

    /// What Claude Code is to do, in plain words; at most 100,000 bytes. Immutable.
    #[schemars(length(min = 1, max = 100_000))]
    #[x_kube(
        validation = Rule::new(r"self.matches('[^\\s]')").message("must say something: it is blank"),
        validation = Rule::new("size(bytes(self)) <= 100000").message("is longer than 100,000 bytes: put long material into the repository")
    )]
    pub prompt: String,

    /// What the change is rebased onto, and what happens when it conflicts. Immutable.
    #[serde(default)]
    pub rebase: Rebase,

    /// Where the change is pushed, and as whom. Immutable.
    #[serde(default)]
    pub push: Push,

    /// Shell commands, run in the work tree after Claude is done, and again after the rebase if
    /// the onto branch had moved. Each must exit with 0. A failure goes back to Claude, at most
    /// twice. At most 16 commands of 4,096 bytes. Default: none. Immutable.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(min = 1, max = 4096)))]
    #[x_kube(validation = one_line_each("command"))]
    pub verify: Vec<String>,

    /// How Claude Code is started. Immutable.
    #[serde(default)]
    pub claude: Claude,

    /// Where Claude Code works. Immutable.
    #[serde(default)]
    pub environment: Environment,

    /// Time from the first attempt's beginning to the verdict, over all attempts, such as `90m` or
    /// `2h`; time in Waiting is not counted. At least `1m`. Default: the operator's setting.
    /// Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("duration(self) >= duration('1m')").message("must be at least 1m"))]
    pub timeout: Option<Span>,

    /// New attempts after Claude itself failed (`AgentFailed`, `AgentHung`, `VerificationFailed`,
    /// `ResolutionRejected`, or `ConflictsUnresolved` after Claude has tried), each from the work
    /// saved so far, 0 to 10. Default 0. Immutable.
    #[serde(default)]
    #[schemars(range(max = 10))]
    pub retries: u32,

    /// Set to true to stop the task: Claude ends its turn, the work is saved to the checkpoint,
    /// and the verdict is Cancelled, unless the change has been pushed by then. It cannot be taken
    /// back. Default false.
    #[serde(default)]
    pub cancel: bool,

    /// Time after the verdict until the operator deletes the task, such as `24h`; tasks that Argo
    /// CD, Flux, Helm or an owner keeps are never deleted. Can be changed at any time. Default: the
    /// operator's setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_after_finished: Option<Span>,
}

/// The repository to work on.
#[derive(KubeSchema, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.url.startsWith('http') || !self.url.contains('@') || has(self.credentialsSecret)")
        .message("an ssh address needs credentialsSecret: a Secret with ssh-privatekey and known_hosts")
)]
pub struct Repository {
    /// Address of the repository, such as `https://git.example.com/acme/shop.git`,
    /// `ssh://git@git.example.com/acme/shop.git` or `git@git.example.com:acme/shop.git`; plain
    /// `http` only if the operator allows it. Without password, and over http without user: they
    /// belong into the Secret.
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(
        validation = Rule::new(r"self.matches('^(https?://|ssh://[A-Za-z0-9_][-A-Za-z0-9._]*@)[A-Za-z0-9]([-A-Za-z0-9._]*[A-Za-z0-9])?(:[0-9]{1,5})?/[^?#\\s\\x00-\\x1f\\x7f\\\\]+$|^[A-Za-z0-9_][-A-Za-z0-9._]*@[A-Za-z0-9]([-A-Za-z0-9._]*[A-Za-z0-9])?:[^?#\\s\\x00-\\x1f\\x7f\\\\]+$')")
            .message("must be https://HOST/PATH, ssh://USER@HOST/PATH or USER@HOST:PATH, without password, query or blanks; put credentials into the Secret named by credentialsSecret"),
        validation = Rule::new("!self.matches('[/:][.][.]?(/|$)') && !self.contains('%')").message("must not contain `.` or `..` as a path segment, or `%`")
    )]
    pub url: String,

    /// Branch, tag, full ref or commit to start from; or the checkpoint of another task, as its
    /// `status.result.checkpoint` names it, whose work is then taken up and counts as this task's
    /// own (rebase.onto must be named). Default: the branch that the remote's HEAD points to.
    #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 244))]
    #[x_kube(validation = ref_name())]
    pub reference: Option<String>,

    /// Secret in the task's namespace with the git credentials: `url` (the prefix of repository
    /// addresses that it is for) and `username` with `password`, or `token`; for ssh instead
    /// `ssh-privatekey` (without a passphrase) and `known_hosts`. `ca.crt` holds certificates of
    /// authorities to trust for the server besides the usual ones. Default: none, git works
    /// without credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_secret: Option<SecretName>,
}

/// A Secret in the task's namespace.
#[derive(KubeSchema, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretName {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = object_name())]
    pub name: String,
}

/// What the change is rebased onto, and what happens when it conflicts.
#[derive(KubeSchema, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rebase {
    /// Branch onto whose newest state the change is landed. Default: repository.ref when that is a
    /// branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 244))]
    #[x_kube(validation = ref_name())]
    pub onto: Option<String>,

    /// `Preserve`: commits stay commits; if one conflicts, or there are merges among them, the
    /// task's own become one commit. `Squash`: the change becomes one commit, in a whole-branch
    /// rebase together with the branch's own commits. Default `Preserve`.
    #[serde(default)]
    pub commits: Commits,

    /// `Resolve`: Claude resolves what git cannot. `Fail`: a conflict ends the task with
    /// ConflictsUnresolved. Default `Resolve`.
    #[serde(default)]
    pub conflicts: Conflicts,

    /// Agent turns for one resolution, 1 to 10. Default 3.
    #[serde(default = "default_max_rounds")]
    #[schemars(range(min = 1, max = 10))]
    pub max_rounds: u32,

    /// Files that a resolution may change. `TaskFiles`: the conflicted ones and those that the
    /// task changed, in a whole-branch rebase also those that the branch changed. `Anywhere`: any.
    /// Default `TaskFiles`.
    #[serde(default)]
    pub scope: Scope,
}

impl Default for Rebase {
    fn default() -> Self {
        Self {
            onto: None,
            commits: Commits::default(),
            conflicts: Conflicts::default(),
            max_rounds: default_max_rounds(),
            scope: Scope::default(),
        }
    }
}

/// What becomes of the commits of a change.
#[derive(JsonSchema, Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Commits {
    /// They stay as they are, one by one.
    #[default]
    Preserve,
    /// They become one commit.
    Squash,
}

/// What happens when git cannot merge the change.
#[derive(JsonSchema, Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Conflicts {
    /// Claude resolves them.
    #[default]
    Resolve,
    /// The task fails.
    Fail,
}

/// Files that a resolution may change.
#[derive(JsonSchema, Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Scope {
    /// Conflicted files and files that the task changed.
    #[default]
    TaskFiles,
    /// Any file.
    Anywhere,
}

/// Where the change is pushed, and as whom.
#[derive(KubeSchema, Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Push {
    /// Branch to push, without `refs/heads/`: a new one; the onto branch itself (direct landing);
    /// or the branch that repository.ref names, when rebase.onto names another (whole-branch
    /// rebase). A whole-branch rebase replays the branch's own commits one by one onto the onto
    /// branch first, with their authors and messages but without signatures, and is pushed even if
    /// Claude changed nothing; merges or conflicts among them end the task with ConflictsUnresolved
    /// before Claude starts, unless rebase.commits is `Squash`. The branch is only moved from the
    /// commit that the task started from. Default: `claude/` and the task's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 244))]
    #[x_kube(
        validation = ref_name(),
        validation = Rule::new("!self.startsWith('refs/') && self != 'HEAD'").message("is a branch name: leave `refs/heads/` away")
    )]
    pub branch: Option<String>,

    /// Author of commits that Claude did not make itself, and committer of all.
    #[serde(default)]
    pub author: Author,

    /// Options for the server (`git push --push-option`), such as GitLab's
    /// `merge_request.create`. At most 16 of 512 bytes. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(min = 1, max = 512)))]
    #[x_kube(validation = one_line_each("option"))]
    pub options: Vec<String>,
}

/// A git identity.
#[derive(KubeSchema, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Author {
    /// Name. Default `Claude`.
    #[serde(default = "default_author_name")]
    #[schemars(length(min = 1, max = 100))]
    #[x_kube(validation = Rule::new(r"self.matches('^[^<>\\x00-\\x1f\\x7f]*[^<>.,:;\\s\\x00-\\x1f\\x7f][^<>\\x00-\\x1f\\x7f]*$')")
        .message("must be a name of one line without `<` and `>`"))]
    pub name: String,
    /// Mail address. Default `noreply@anthropic.com`.
    #[serde(default = "default_author_email")]
    #[schemars(length(min = 1, max = 254))]
    #[x_kube(validation = Rule::new(r"self.matches('^[^<>@\\s\\x00-\\x1f\\x7f]+@[^<>@\\s\\x00-\\x1f\\x7f]+$')")
        .message("must be a mail address such as bot@example.com"))]
    pub email: String,
}

impl Default for Author {
    fn default() -> Self {
        Self { name: default_author_name(), email: default_author_email() }
    }
}

/// How Claude Code is started.
#[derive(KubeSchema, Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Claude {
    /// Secret in the task's namespace with `ANTHROPIC_API_KEY` or `ANTHROPIC_AUTH_TOKEN`, and
    /// `ANTHROPIC_BASE_URL` for a gateway of your own. Default: none, for a gateway that asks for
    /// no credential and is set by the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_secret: Option<SecretName>,

    /// Model id. Default: Claude Code's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    #[x_kube(validation = Rule::new(r"self.matches('^[A-Za-z0-9][-A-Za-z0-9._:/@]*(\\[[0-9a-z]+\\])?$')").message("must be a model id such as claude-sonnet-5-5"))]
    pub model: Option<String>,

    /// Model id that Claude Code switches to when the first is overloaded. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    #[x_kube(validation = Rule::new(r"self.matches('^[A-Za-z0-9][-A-Za-z0-9._:/@]*(\\[[0-9a-z]+\\])?$')").message("must be a model id such as claude-sonnet-5-5"))]
    pub fallback_model: Option<String>,

    /// Most model requests of Claude's main loop in one start, 1 to 1,000. Default: no limit but
    /// time and money.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub max_turns: Option<u32>,

    /// Most money for the whole task in US dollars, a decimal string such as `"2.50"`, above 0.
    /// Checked after each answer of the model, so the last one can go beyond it. Default: no limit.
    #[serde(rename = "maxBudgetUSD", default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("self.matches('[1-9]')").message("must be more than 0, such as \"2.50\""))]
    pub max_budget_usd: Option<Usd>,
}

fn default_max_rounds() -> u32 {
    3
}

fn default_author_name() -> String {
    "Claude".to_owned()
}

fn default_author_email() -> String {
    "noreply@anthropic.com".to_owned()
}

impl ClaudeTask {
    /// Branch to push, without `refs/heads/`: `spec.push.branch`, else `claude/<name>`.
    pub fn push_branch(&self) -> String {
        self.spec.push.branch.clone().unwrap_or_else(|| {
            format!("claude/{}", self.metadata.name.as_deref().unwrap_or_default())
        })
    }
}
