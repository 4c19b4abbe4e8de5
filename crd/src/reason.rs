//! The one list of reasons, used by conditions, events and phase states alike.
//!
//! Not here: who decides that a reason applies (runner for its own phase, operator for Pod facts).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! reasons {
    ($($(#[doc = $meaning:literal])+ $name:ident $class:ident $remedy:literal,)+) => {
        /// Why a task, or a phase of it, ended as it did. Serialised as its PascalCase name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum Reason { $($(#[doc = $meaning])+ $name,)+ }

        impl Reason {
            /// Every reason, successes first, then in the order of the phases.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The name as it stands in conditions and events.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)+ }
            }

            /// What the reason means: one sentence or two.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => concat!($($meaning),+).trim_start(),)+ }
            }

            /// What to do next: one sentence.
            pub const fn remedy(self) -> &'static str {
                match self { $(Self::$name => $remedy,)+ }
            }

            /// True when a task that ends with this reason has succeeded.
            pub const fn is_success(self) -> bool {
                match self { $(Self::$name => class!($class),)+ }
            }

            /// True when the attempt was ended from outside, by no fault of the task or its
            /// settings: another attempt may do better. An eviction for what the task itself
            /// wrote is [`Self::DiskFull`] and so not among them.
            pub const fn is_disruption(self) -> bool {
                matches!(self, Self::Evicted | Self::NodeLost | Self::Lost)
            }
        }
    };
}

macro_rules! class {
    (ok) => {
        true
    };
    (bad) => {
        false
    };
}

reasons! {
    /// The change is on the branch.
    Pushed ok "Review the branch.",
    /// There was nothing to push: Claude changed nothing, or all of it is already on the onto branch.
    NothingToPush ok "If a change was expected, read the log of the run container and make the prompt more specific.",
    /// The branch already holds this task's commits; nothing was run again.
    AlreadyPushed ok "Nothing; to run the prompt again create a new ClaudeTask.",

    /// The repository could not be fetched.
    CloneFailed bad "Read the message: it holds git's own words. Check spec.repository.url, that the cluster reaches the server, and for a certificate of your own the Secret's key `ca.crt`.",
    /// The git server refused the credentials.
    AuthenticationFailed bad "Check username and password, or token, or ssh-privatekey, in the Secret named by spec.repository.credentialsSecret.",
    /// The git credentials Secret is not for this URL, lacks a key, or does not know the server's host key; it was not sent anywhere.
    SecretMismatch bad "Set the Secret's key `url` to a prefix of spec.repository.url and give `username` and `password`, or `token`; for ssh, `ssh-privatekey` without a passphrase and `known_hosts`.",
    /// A branch, tag or commit that the task names does not exist in the repository.
    RefNotFound bad "Correct spec.repository.ref or spec.rebase.onto.",
    /// The branch to push exists and is neither the branch started from nor the onto branch, or its name collides with another ref.
    BranchExists bad "Choose another spec.push.branch or delete the old branch.",
    /// The credentials may read the repository but not push to it.
    PushForbidden bad "Give the account write access, or name another Secret.",

    /// A command of spec.environment.setup failed; Claude was not started.
    SetupFailed bad "Read the command's output in the log of the run container and correct spec.environment.setup.",
    /// Claude Code ended without success.
    AgentFailed bad "Read the message and the log of the run container; the work so far is on the checkpoint ref in status.result.checkpoint.",
    /// Claude Code gave no sign of life for the idle limit, or did not exit after its result.
    AgentHung bad "Run the task again from the checkpoint; if it happens again, look at the last tool call in the log.",
    /// A command of spec.verify still failed after the last repair.
    VerificationFailed bad "Read the command's output in the log; continue from the checkpoint, or correct spec.verify.",
    /// The money limit was reached before Claude was done.
    BudgetExceeded bad "Raise spec.claude.maxBudgetUSD, or split the task; the work so far is on the checkpoint.",
    /// The turn limit was reached before Claude was done.
    TurnLimit bad "Raise spec.claude.maxTurns, or split the task; the work so far is on the checkpoint.",
    /// The model API limits the rate of this account.
    RateLimited bad "Run the task again later, or raise the account's limits.",
    /// The model API is overloaded or cannot be reached.
    Overloaded bad "Run the task again later; check ANTHROPIC_BASE_URL if it is your own gateway.",
    /// The model API refused the credentials, the account's billing or the model's name.
    CredentialsRejected bad "Check ANTHROPIC_API_KEY or ANTHROPIC_AUTH_TOKEN in the Secret named by spec.claude.credentialsSecret, the account's credit and spec.claude.model.",

    /// The change conflicts with the onto branch and was not resolved.
    ConflictsUnresolved bad "Resolve by hand from the checkpoint, or raise spec.rebase.maxRounds; binary files, symlinks, submodules and file/directory conflicts are never given to Claude.",
    /// What Claude handed back as resolution was refused: markers left, or files out of scope.
    ResolutionRejected bad "Resolve by hand from the checkpoint, or set spec.rebase.scope to Anywhere if other files had to change.",

    /// The git server refused the push, or the branch moved too often.
    PushRejected bad "Read the message: it holds the server's words. The finished commit is on the checkpoint ref.",

    /// The time limit was reached.
    Timeout bad "Raise spec.timeout, or split the task; the work so far is on the checkpoint.",
    /// Somebody set spec.cancel.
    Cancelled bad "To go on from the saved work, create a task whose spec.repository.ref is status.result.checkpoint.",

    /// An image could not be pulled.
    ImagePullFailed bad "Check the image names in the operator's settings and that the node may pull them.",
    /// A Secret that the task names, or the ConfigMap of the operator's trust bundle, does not exist or lacks a key.
    SecretMissing bad "Create what the message names in the task's namespace, then create the task again.",
    /// A container used more memory than its limit.
    OutOfMemory bad "Raise spec.environment.resources.limits.memory.",
    /// A volume of the task, such as its workspace, is full, or the task wrote more than its ephemeral-storage limit.
    DiskFull bad "Let the task write less, or raise the operator's sizes and spec.environment.resources.limits.ephemeral-storage.",
    /// The cluster took the Pod from its node: a shortage on the node, a drain, a shutdown or a more important Pod.
    Evicted bad "Run the task again from the checkpoint; if it happens again, read in the message what the node ran short of.",
    /// No node can take the Pod.
    Unschedulable bad "Lower spec.environment.resources.requests or add a node.",
    /// The cluster refuses the task's Pod, or its Job: a quota, a limit range or an admission policy.
    PodRejected bad "Read the message: it holds the cluster's words. Free or raise the quota, or correct what the policy names.",
    /// The node of the Pod does not answer any more.
    NodeLost bad "Look at the node; run the task again from the checkpoint.",
    /// The Pod is gone, or never became useful, and nothing says why.
    Lost bad "Look at the events of the Pod's node; run the task again from the checkpoint.",
    /// The object in the cluster cannot be read or cannot be turned into a Job.
    InvalidSpec bad "Read the message: it names the field. Delete the object and create it again.",
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Reason {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL.iter().copied().find(|reason| reason.as_str() == name).ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::Reason;

    #[test]
    fn every_reason_explains_itself_in_sentences() {
        for reason in Reason::ALL {
            for text in [reason.meaning(), reason.remedy()] {
                assert!(text.ends_with('.'), "{reason}: {text}");
                assert_eq!(text.trim(), text, "{reason}");
            }
            assert_eq!(reason.as_str().parse(), Ok(*reason));
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
        }
    }
}
