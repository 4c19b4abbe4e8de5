//! Settings of a run without a cluster: flags with the names and defaults of the operator's.
//!
//! Not here: what a task asks for (its spec).

use std::time::Duration;

use clap::Args;
use crd::attempts::Patience;
use crd::network::Proxy;
use crd::{RunnerSettings, names, quantity};
use jiff::SignedDuration;

use super::orders::Grace;

/// What the operator's administrator sets in a cluster.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Settings")]
pub struct Settings {
    /// Time from the beginning to the verdict, where the task does not say
    #[arg(long, default_value = "1h", value_name = "TIME")]
    pub timeout: SignedDuration,
    /// Time to end Claude's turn and save after Ctrl-C
    #[arg(long, default_value = "60s", value_name = "TIME")]
    pub cancel_grace: SignedDuration,
    /// Time to save after that
    #[arg(long, default_value = "60s", value_name = "TIME")]
    pub grace_period: SignedDuration,
    /// Wait before a new attempt when the model API asks for patience; doubled each time
    #[arg(long, default_value = "1m", value_name = "TIME")]
    pub first_wait: SignedDuration,
    /// Longest such wait
    #[arg(long, default_value = "30m", value_name = "TIME")]
    pub longest_wait: SignedDuration,
    /// Time that a task may spend in such waits
    #[arg(long, default_value = "6h", value_name = "TIME")]
    pub wait_limit: SignedDuration,
    /// Time between two saves of partial work
    #[arg(long, default_value = "5m", value_name = "TIME")]
    pub save_interval: SignedDuration,
    /// Claude Code is stopped when it gave no sign of life for this long
    #[arg(long, default_value = "15m", value_name = "TIME")]
    pub idle_limit: SignedDuration,
    /// Time that Claude Code has to exit after its result
    #[arg(long, default_value = "60s", value_name = "TIME")]
    pub exit_limit: SignedDuration,
    /// Time limit of one command of spec.verify or spec.environment.setup
    #[arg(long, default_value = "30m", value_name = "TIME")]
    pub verify_limit: SignedDuration,
    /// Retries of one model request by Claude Code itself, 0 to 15
    #[arg(long, default_value_t = 10, value_name = "COUNT")]
    pub model_retries: u32,
    /// Allow repositories at plain http addresses
    #[arg(long)]
    pub allow_plain_http: bool,
    /// Prefix of the refs that hold saved work; the task's UID follows
    #[arg(long, default_value = names::CHECKPOINT_PREFIX, value_name = "PREFIX")]
    pub checkpoint_prefix: String,
    /// Percentage of a memory or disk limit at which what fills it is stopped; 0 for never
    #[arg(long, default_value_t = 90, value_name = "PERCENT", value_parser = clap::value_parser!(u32).range(0..=100))]
    pub guard: u32,
    /// Most that the agent's work tree may take on disk
    #[arg(long, default_value = "20Gi", value_name = "SIZE", value_parser = size)]
    pub workspace_size: u64,
    /// Most that each of the other directories may take on disk
    #[arg(long, default_value = "4Gi", value_name = "SIZE", value_parser = size)]
    pub scratch_size: u64,
}

impl Settings {
    /// What the phases are told; the proxies are those of the caller's environment, which
    /// `environment` gives.
    pub fn runner(&self, environment: impl Fn(&str) -> Option<String>) -> RunnerSettings {
        RunnerSettings {
            save_interval: seconds(self.save_interval),
            idle_limit: seconds(self.idle_limit),
            exit_limit: seconds(self.exit_limit),
            verify_limit: seconds(self.verify_limit),
            model_retries: self.model_retries,
            grace_period: seconds(self.grace_period),
            allow_http: self.allow_plain_http,
            proxy: proxy(environment),
            guard: self.guard,
            workspace_size: self.workspace_size,
            scratch_size: self.scratch_size,
        }
    }

    /// How long the task waits for the model API.
    pub const fn patience(&self) -> Patience {
        Patience { first: self.first_wait, longest: self.longest_wait, limit: self.wait_limit }
    }

    /// The patience with an attempt that is to stop.
    pub fn grace(&self) -> Grace {
        let span = |span: SignedDuration| Duration::try_from(span).unwrap_or_default();
        Grace { cancel: span(self.cancel_grace), period: span(self.grace_period) }
    }
}

/// The variables that programs read; curl takes `http_proxy` in small letters only.
fn proxy(environment: impl Fn(&str) -> Option<String>) -> Proxy {
    let either = |upper: &str| {
        environment(&upper.to_lowercase()).or_else(|| environment(upper)).unwrap_or_default()
    };
    let http = environment("http_proxy").unwrap_or_default();
    Proxy { http, https: either("HTTPS_PROXY"), none: either("NO_PROXY") }
}

fn seconds(duration: SignedDuration) -> u32 {
    u32::try_from(duration.as_secs().max(0)).unwrap_or(u32::MAX)
}

fn size(text: &str) -> Result<u64, String> {
    quantity::bytes(text).ok_or_else(|| "this is no quantity such as 10Gi".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        settings: Settings,
    }

    #[test]
    fn without_flags_and_proxies_all_is_as_in_a_cluster() {
        let settings = Line::try_parse_from(["x"]).ok().unwrap().settings;
        assert_eq!(settings.runner(|_| None), RunnerSettings::default());
        assert_eq!(settings.patience(), Patience::default());
    }

    #[test]
    fn the_proxies_are_those_of_the_environment() {
        let set = |name: &str| match name {
            "https_proxy" => Some("http://small:1".to_owned()),
            "HTTPS_PROXY" | "HTTP_PROXY" => Some("http://capitals:1".to_owned()),
            "NO_PROXY" => Some(".svc".to_owned()),
            _ => None,
        };
        let found = proxy(set);
        assert_eq!((found.http.as_str(), found.https.as_str()), ("", "http://small:1"));
        assert_eq!(found.none, ".svc");
    }
}
