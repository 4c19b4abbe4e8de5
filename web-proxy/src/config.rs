//! Settings, from arguments or environment; the only place that reads either.
//!
//! Not here: what a request says.

mod identity;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use clap::parser::ValueSource;
use clap::{CommandFactory, FromArgMatches, Parser, ValueEnum};
use jiff::SignedDuration;
use url::Url;

use crate::server::Bounds;
pub use identity::{Identities, Identity, Unclear};

/// Pages and an API for ClaudeTasks: create, watch and cancel with the rights that one has in the
/// cluster.
#[derive(Debug, Clone, Parser)]
#[command(version, about)]
pub struct Settings {
    /// Address to listen at, without TLS: an Ingress or Gateway brings that.
    #[arg(long, env = "WEB_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// How people prove who they are.
    #[command(flatten)]
    pub identities: Identities,
    /// Address at which browsers find the pages. With `http://` the cookie also goes unencrypted:
    /// for this machine only.
    #[arg(long, env = "WEB_PUBLIC_URL", default_value = "https://localhost")]
    pub public_url: Url,
    /// Time after which one signs in again.
    #[arg(long, env = "WEB_SESSION_LIFETIME", default_value = "12h")]
    pub session_lifetime: SignedDuration,
    /// Secret in which sessions outlive a restart; it must be there. Without, they are in memory only.
    #[arg(long, env = "WEB_SESSIONS_SECRET", requires = "namespace")]
    pub sessions_secret: Option<String>,
    /// Namespace of that Secret.
    #[arg(long, env = "WEB_NAMESPACE", requires = "sessions_secret")]
    pub namespace: Option<String>,
    /// Bytes of a request's body at most.
    #[arg(long, env = "WEB_BODY_LIMIT", default_value_t = 1 << 20)]
    pub body_limit: usize,
    /// Streams that one user may have open.
    #[arg(long, env = "WEB_STREAMS_PER_USER", default_value_t = 20)]
    pub streams_per_user: usize,
    /// Requests that one user may make each second, over time.
    #[arg(long, env = "WEB_REQUESTS_PER_SECOND", default_value = "20")]
    pub requests_per_second: NonZeroU32,
    /// Requests that one user may make at once.
    #[arg(long, env = "WEB_REQUEST_BURST", default_value = "100")]
    pub request_burst: NonZeroU32,
    /// Time until an answer begins.
    #[arg(long, env = "WEB_REQUEST_TIMEOUT", default_value = "30s")]
    pub request_timeout: SignedDuration,
    /// Form of the log.
    #[arg(long, env = "WEB_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
    /// What is logged, as `tracing` directives.
    #[arg(long, env = "WEB_LOG", default_value = "info")]
    pub log: String,
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
    /// The settings of these arguments, the first of which names the program, and of the environment.
    ///
    /// # Errors
    /// When they cannot be read; also when they ask for help, or for the version.
    pub fn from(
        args: impl IntoIterator<Item: Into<OsString> + Clone>,
    ) -> Result<Self, clap::Error> {
        let matches = Self::command().try_get_matches_from(args)?;
        let mut settings = Self::from_arg_matches(&matches)?;
        let is_said = |id: &&clap::Id| {
            matches
                .value_source(id.as_str())
                .is_some_and(|source| source != ValueSource::DefaultValue)
        };
        let flag = |id: &clap::Id| id.as_str().replace('_', "-");
        settings.identities.said = matches.ids().filter(is_said).map(flag).collect();
        Ok(settings)
    }

    /// Whether browsers come over https.
    pub fn secure(&self) -> bool {
        self.public_url.scheme() == "https"
    }

    /// Bounds of every request.
    pub fn bounds(&self) -> Bounds {
        let time = Duration::try_from(self.request_timeout).unwrap_or_default();
        Bounds { body: self.body_limit, time }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Settings;

    #[test]
    fn it_does_not_start_without_an_identity_and_keeps_cookies_to_https_unless_told() {
        Settings::command().debug_assert();
        assert!(Settings::from(["web-proxy"]).is_err());
        assert!(Settings::from(["web-proxy", "--identity=none"]).is_err());
        let token = Settings::from(["web-proxy", "--identity=token"]).unwrap();
        assert!(token.secure());
        let args = ["web-proxy", "--identity=token", "--public-url=http://127.0.0.1:8080"];
        assert!(!Settings::from(args).unwrap().secure());
    }
}
