//! Settings of the operator, from arguments or environment; the only place that reads either.
//!
//! Not here: what a single task asks for (its spec).

mod invocation;

use std::net::SocketAddr;

use clap::{Parser, ValueEnum};
use crd::attempts::Patience;
use crd::network::Proxy;
use crd::spec::Resources;
use crd::{ClaudeTask, RunnerSettings, Span, names, quantity};
use jiff::SignedDuration;
use serde::Deserialize;

pub use invocation::Invocation;

/// Turns each ClaudeTask into one Job, and what its Pod does into the task's status.
#[derive(Debug, Clone, Parser)]
#[command(version, about)]
pub struct Settings {
    /// Image of the task's containers, with the runner and Claude Code.
    #[arg(long, env = "OPERATOR_RUNNER_IMAGE")]
    pub runner_image: String,
    /// Pull policy of that image: `Always`, `IfNotPresent` or `Never`.
    #[arg(long, env = "OPERATOR_RUNNER_PULL_POLICY", default_value = "IfNotPresent")]
    pub runner_pull_policy: String,
    /// Time from a task's first Job to its verdict, over all attempts, where the task does not say;
    /// such as 90m or 2h.
    #[arg(long, env = "OPERATOR_TIMEOUT", default_value = "1h")]
    pub timeout: SignedDuration,
    /// Time in which a Pod must get on: be scheduled, pull its image, start its next container.
    #[arg(long, env = "OPERATOR_STARTUP_DEADLINE", default_value = "5m")]
    pub startup_deadline: SignedDuration,
    /// Time that a Pod has to save its work when it is stopped.
    #[arg(long, env = "OPERATOR_GRACE_PERIOD", default_value = "60s")]
    pub grace_period: SignedDuration,
    /// Time that a cancelled task has to end Claude's turn and save before its Job is deleted.
    #[arg(long, env = "OPERATOR_CANCEL_GRACE", default_value = "60s")]
    pub cancel_grace: SignedDuration,
    /// Wait before a new attempt when the model API limited the rate or was overloaded; each
    /// further wait is twice as long.
    #[arg(long, env = "OPERATOR_FIRST_WAIT", default_value = "1m")]
    pub first_wait: SignedDuration,
    /// Longest such wait.
    #[arg(long, env = "OPERATOR_LONGEST_WAIT", default_value = "30m")]
    pub longest_wait: SignedDuration,
    /// Time that a task may spend in such waits; a wait that would go beyond it is not begun.
    #[arg(long, env = "OPERATOR_WAIT_LIMIT", default_value = "6h")]
    pub wait_limit: SignedDuration,
    /// Time after a task's verdict until its Jobs, and with them the logs, are deleted.
    #[arg(long, env = "OPERATOR_JOB_TTL", default_value = "24h")]
    pub job_ttl: SignedDuration,
    /// Time after a task's verdict until the task is deleted, where the task does not say.
    #[arg(long, env = "OPERATOR_TASK_TTL", default_value = "720h")]
    pub task_ttl: SignedDuration,
    /// Time between two saves of partial work.
    #[arg(long, env = "OPERATOR_SAVE_INTERVAL", default_value = "5m")]
    pub save_interval: SignedDuration,
    /// Claude Code is stopped when it gave no sign of life for this long.
    #[arg(long, env = "OPERATOR_IDLE_LIMIT", default_value = "15m")]
    pub idle_limit: SignedDuration,
    /// Time that Claude Code has to exit after its result.
    #[arg(long, env = "OPERATOR_EXIT_LIMIT", default_value = "60s")]
    pub exit_limit: SignedDuration,
    /// Time limit of one command of spec.verify or spec.environment.setup.
    #[arg(long, env = "OPERATOR_VERIFY_LIMIT", default_value = "30m")]
    pub verify_limit: SignedDuration,
    /// Retries of one model request by Claude Code itself, 0 to 15.
    #[arg(long, env = "OPERATOR_MODEL_RETRIES", default_value_t = 10)]
    pub model_retries: u32,
    /// Allow repositories at plain http addresses.
    #[arg(long, env = "OPERATOR_ALLOW_PLAIN_HTTP", default_value_t = false, action = clap::ArgAction::Set)]
    pub allow_plain_http: bool,
    /// Prefix of the refs that hold saved work; the task's UID follows.
    #[arg(long, env = "OPERATOR_CHECKPOINT_PREFIX", default_value = names::CHECKPOINT_PREFIX)]
    pub checkpoint_prefix: String,
    /// Address of the model API for tasks that name no credentials Secret.
    #[arg(long, env = "OPERATOR_MODEL_BASE_URL")]
    pub model_base_url: Option<String>,
    /// Resources of each git container and of the saver, as JSON.
    #[arg(long, env = "OPERATOR_GIT_RESOURCES", value_parser = resources, default_value =
        r#"{"requests":{"cpu":"50m","memory":"128Mi"},"limits":{"cpu":"2","memory":"1Gi"}}"#)]
    pub git_resources: Resources,
    /// Resources of each agent container, where the task does not say, as JSON.
    #[arg(long, env = "OPERATOR_AGENT_RESOURCES", value_parser = resources, default_value =
        r#"{"requests":{"cpu":"250m","memory":"512Mi"},"limits":{"cpu":"4","memory":"4Gi"}}"#)]
    pub agent_resources: Resources,
    /// Percentage of a memory or volume limit at which the runner stops what fills it; 0 for never.
    #[arg(long, env = "OPERATOR_GUARD", default_value_t = 90, value_parser = clap::value_parser!(u32).range(0..=100))]
    pub guard: u32,
    /// Most that the repository's objects may take on the node.
    #[arg(long, env = "OPERATOR_REPOSITORY_SIZE", value_parser = size, default_value = "10Gi")]
    pub repository_size: String,
    /// Most that the agent's work tree may take on the node.
    #[arg(long, env = "OPERATOR_WORKSPACE_SIZE", value_parser = size, default_value = "20Gi")]
    pub workspace_size: String,
    /// Most that each of the other volumes may take on the node.
    #[arg(long, env = "OPERATOR_SCRATCH_SIZE", value_parser = size, default_value = "4Gi")]
    pub scratch_size: String,
    /// Proxies of tasks to the network, as JSON; none of them has a user or password.
    #[arg(long, env = "OPERATOR_PROXY", value_parser = proxy, default_value =
        r#"{"http":"","https":"","none":""}"#)]
    pub proxy: Proxy,
    /// `ConfigMap` in each task's namespace with certificates to trust, and its key, as JSON.
    #[arg(long, env = "OPERATOR_TRUST_BUNDLE", value_parser = trust_bundle, default_value =
        r#"{"configMap":"","key":"ca.crt"}"#)]
    pub trust_bundle: TrustBundle,
    /// Run the containers as UID and GID 10001; false leaves the IDs to the cluster (`OpenShift`).
    #[arg(long, env = "OPERATOR_FIXED_IDS", default_value_t = true, action = clap::ArgAction::Set)]
    pub fixed_ids: bool,
    /// Tasks that are worked on at the same time.
    #[arg(long, env = "OPERATOR_WORKERS", default_value_t = 16)]
    pub workers: u16,
    /// Name of the Lease, in the operator's own namespace, whose holder works while others stand
    /// by. None: this operator works whatever others do, which does no harm.
    #[arg(long, env = "OPERATOR_LEASE")]
    pub lease: Option<String>,
    /// Time after which a holder of the Lease that is not heard of is replaced; at least 3s.
    #[arg(long, env = "OPERATOR_LEASE_DURATION", default_value = "15s")]
    pub lease_duration: SignedDuration,
    /// Name under which this operator holds the Lease: its Pod's name.
    #[arg(long, env = "OPERATOR_IDENTITY", default_value = "operator")]
    pub identity: String,
    /// Address of the live and ready endpoints.
    #[arg(long, env = "OPERATOR_LISTEN", default_value = "127.0.0.1:8081")]
    pub listen: SocketAddr,
    /// Form of the log.
    #[arg(long, env = "OPERATOR_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
    /// What is logged, as `tracing` directives such as `info` or `info,operator=debug`.
    #[arg(long, env = "OPERATOR_LOG", default_value = "info")]
    pub log: String,
}

/// Certificates that every container of a task trusts besides the image's own.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TrustBundle {
    /// Name of the `ConfigMap` in the task's namespace; empty: none.
    pub config_map: String,
    /// Its key with the certificates in PEM format.
    pub key: String,
}

/// Form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Settings {
    /// How long a task waits for the model API.
    pub const fn patience(&self) -> Patience {
        Patience { first: self.first_wait, longest: self.longest_wait, limit: self.wait_limit }
    }

    /// Time that `task` has in all, from its first Job on.
    pub fn timeout_of(&self, task: &ClaudeTask) -> SignedDuration {
        task.spec.timeout.map_or(self.timeout, Span::duration)
    }

    /// What the runner is told.
    pub fn runner(&self) -> RunnerSettings {
        RunnerSettings {
            save_interval: seconds(self.save_interval),
            idle_limit: seconds(self.idle_limit),
            exit_limit: seconds(self.exit_limit),
            verify_limit: seconds(self.verify_limit),
            model_retries: self.model_retries,
            grace_period: seconds(self.grace_period),
            allow_http: self.allow_plain_http,
            proxy: self.proxy.clone(),
            guard: self.guard,
            workspace_size: quantity::bytes(&self.workspace_size).unwrap_or_default(),
            scratch_size: quantity::bytes(&self.scratch_size).unwrap_or_default(),
        }
    }
}

fn seconds(duration: SignedDuration) -> u32 {
    u32::try_from(duration.as_secs().max(0)).unwrap_or(u32::MAX)
}

/// A size as the volumes take it, once it is known to be one.
fn size(text: &str) -> Result<String, String> {
    let known = quantity::bytes(text).map(|_| text.to_owned());
    known.ok_or_else(|| "this is no quantity such as 10Gi".to_owned())
}

fn resources(json: &str) -> Result<Resources, serde_json::Error> {
    serde_json::from_str(json)
}

fn proxy(json: &str) -> Result<Proxy, String> {
    let proxy: Proxy = serde_json::from_str(json).map_err(|error| error.to_string())?;
    proxy.check().map(|()| proxy)
}

fn trust_bundle(json: &str) -> Result<TrustBundle, serde_json::Error> {
    serde_json::from_str(json)
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::Settings;

    #[test]
    fn the_command_line_is_consistent_and_needs_only_the_image() {
        Settings::command().debug_assert();
        let settings = Settings::try_parse_from(["operator", "--runner-image=r"]).unwrap();
        assert_eq!(settings.runner(), crd::RunnerSettings::default());
        assert_eq!(settings.patience(), crd::attempts::Patience::default());
        assert_eq!(settings.timeout.as_secs(), 3600);
        assert!(Settings::try_parse_from(["operator"]).is_err());
    }

    #[test]
    fn a_size_or_a_percentage_that_is_none_is_refused() {
        for wrong in ["--workspace-size=much", "--scratch-size=", "--guard=101"] {
            let args = ["operator", "--runner-image=r", wrong];
            assert!(Settings::try_parse_from(args).is_err(), "{wrong}");
        }
        let args = ["operator", "--runner-image=r", "--workspace-size=200Mi", "--guard=0"];
        let runner = Settings::try_parse_from(args).unwrap().runner();
        assert_eq!((runner.workspace_size, runner.guard), (200 << 20, 0));
    }

    #[test]
    fn durations_are_written_as_in_go() {
        let settings =
            Settings::try_parse_from(["operator", "--runner-image=r", "--timeout=1h30m"]).unwrap();
        assert_eq!(settings.timeout.as_secs(), 5400);
        assert!(
            Settings::try_parse_from(["operator", "--runner-image=r", "--timeout=10"]).is_err()
        );
    }

    #[test]
    fn a_proxy_with_a_password_is_refused_without_showing_it() {
        let parse = |https: &str| {
            let proxy = format!(r#"--proxy={{"https":"{https}"}}"#);
            Settings::try_parse_from(["operator", "--runner-image=r", &proxy])
        };
        assert_eq!(parse("http://proxy:3128").unwrap().runner().proxy.https, "http://proxy:3128");
        let refused = parse("http://user:canary@proxy:3128").unwrap_err().to_string();
        assert!(refused.contains("password"), "{refused}");
    }
}
