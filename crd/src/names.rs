//! Every name that two programs must agree on: labels, containers, volumes, paths, variables.
//!
//! Not here: reasons ([`crate::reason`]) and phases ([`crate::phase`]).

/// API group of the custom resource.
pub const GROUP: &str = "claudetask.dev";
/// Served and stored version.
pub const VERSION: &str = "v1alpha1";
/// Kind of the custom resource.
pub const KIND: &str = "ClaudeTask";
/// Its name in addresses.
pub const PLURAL: &str = "claudetasks";

/// Label that says who made a Job or Pod.
pub const LABEL_MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Value of [`LABEL_MANAGED_BY`], field manager and event reporter of the operator.
pub const MANAGER: &str = "claudetask-operator";
/// Label with the task's name, on Job and Pod.
pub const LABEL_TASK: &str = "claudetask.dev/task";
/// Label with the task's UID, on Job and Pod; children are found by it and checked by owner UID.
pub const LABEL_TASK_UID: &str = "claudetask.dev/task-uid";
/// Label with the attempt's number (from 1), on Job and Pod.
pub const LABEL_ATTEMPT: &str = "claudetask.dev/attempt";
/// Annotation on the Job with the document's `notAfter`, for a Pod whose node does not answer.
pub const ANNOTATION_NOT_AFTER: &str = "claudetask.dev/not-after";
/// Annotation on a Pod that asks its containers to stop and save: a reason of the documented list
/// (`Cancelled`), a blank, and since when.
pub const ANNOTATION_STOP: &str = "claudetask.dev/stop";
/// Annotation on a finished task with its verdict as JSON, for a restore that drops the status.
pub const ANNOTATION_VERDICT: &str = "claudetask.dev/verdict";
/// Annotation on a task with the name of whom the web made it for, for display alone: anybody who
/// may create a task can write it.
pub const ANNOTATION_REQUESTED_BY: &str = "claudetask.dev/requested-by";
/// Annotation on a task that was made to run another of its namespace again: the name of that one.
pub const ANNOTATION_RETRY_OF: &str = "claudetask.dev/retry-of";
/// kubectl's annotation that names the container of `kubectl logs POD` without `-c`.
pub const ANNOTATION_DEFAULT_CONTAINER: &str = "kubectl.kubernetes.io/default-container";

/// Name of the native sidecar that pushes partial work while Claude runs; it is no phase.
pub const SAVE_CONTAINER: &str = "save";

/// Variable with the [`crate::TaskDocument`] as JSON; every container has it.
pub const ENV_DOCUMENT: &str = "CLAUDETASK";
/// Variable with the prompt; agent containers only.
pub const ENV_PROMPT: &str = "CLAUDETASK_PROMPT";

/// Keys of the model Secret that reach Claude Code; any other key is ignored.
pub const MODEL_KEYS: [&str; 3] =
    ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL"];

/// A mounted directory: the volume's name and the path at which containers see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mount {
    /// Name of the volume in the Pod.
    pub volume: &'static str,
    /// Absolute path in the container.
    pub path: &'static str,
}

/// Trusted bare repository (`r.git` below it) and the git side's own notes. Agent side: read-only.
pub const REPO: Mount = Mount { volume: "repo", path: "/claudetask/repo" };
/// The agent's clone (`repo` below it). Git containers other than `clone` never mount it.
pub const WORKSPACE: Mount = Mount { volume: "workspace", path: "/workspace" };
/// What the git side tells the agent side. Agent side: read-only.
pub const PLAN: Mount = Mount { volume: "plan", path: "/claudetask/plan" };
/// What the agent side hands back. Git side: read-only.
pub const HANDOFF: Mount = Mount { volume: "handoff", path: "/claudetask/handoff" };
/// Claude's transcript and nothing else.
pub const SESSION: Mount = Mount { volume: "session", path: "/claudetask/session" };
/// The private repository of `save`.
pub const SAVER: Mount = Mount { volume: "saver", path: "/claudetask/saver" };
/// The git credentials Secret, one file a key; git containers only.
pub const GIT_CREDENTIALS: Mount =
    Mount { volume: "git-credentials", path: "/claudetask/git-credentials" };
/// Certificates that the installation trusts besides the image's own, where it names any; all
/// containers.
pub const TRUST_BUNDLE: Mount = Mount { volume: "trust-bundle", path: "/claudetask/trust" };
/// Name of the one file in [`TRUST_BUNDLE`].
pub const TRUST_BUNDLE_FILE: &str = "ca.crt";

/// The Pod's annotations as the kubelet shows them: [`ANNOTATION_STOP`] in the file [`STOP_FILE`].
pub const STOP: Mount = Mount { volume: "stop", path: "/claudetask/stop" };
/// File in [`STOP`]; empty while nobody asks.
pub const STOP_FILE: &str = "stop";

/// HOME of a container, backed by a volume of its own (`home-<container>`).
pub const HOME_PATH: &str = "/home/claude";
/// Temporary files of a container, backed by a volume of its own (`tmp-<container>`).
pub const TMP_PATH: &str = "/tmp";

/// User and group of every container, and the volumes' group.
pub const RUN_AS: u32 = 10001;

/// Where a container leaves its [`crate::Report`] (Kubernetes' default path).
pub const TERMINATION_LOG: &str = "/dev/termination-log";

/// First line of a commit trailer that marks what this operator pushed: `ClaudeTask: <uid>`.
pub const TRAILER: &str = "ClaudeTask";

/// Default prefix of checkpoint refs; the task's UID follows.
pub const CHECKPOINT_PREFIX: &str = "refs/claudetask/";

/// Whether the text is written as a DNS label (RFC 1123): lower case letters, digits and `-`, which
/// is at neither end. Its length, at most 63, is for the caller to look at.
pub fn is_label(text: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.bytes().all(inside) && !text.starts_with('-') && !text.ends_with('-')
}

/// Characters of `metadata.generateName` that an apiserver keeps at most; it puts five behind them
/// (Kubernetes, `k8s.io/apiserver/pkg/storage/names`).
pub const GENERATED: usize = 58;

/// The part of `metadata.generateName` that an apiserver keeps.
pub fn kept_of_generated(prefix: &str) -> String {
    prefix.chars().take(GENERATED).collect()
}

/// Full name of the ref that holds the saved work of the task with this UID.
pub fn checkpoint_ref(prefix: &str, uid: &str) -> String {
    format!("{prefix}{uid}")
}
