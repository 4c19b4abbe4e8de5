//! Settings of how people prove who they are.
//!
//! What belongs to another way than the chosen one is refused, since somebody meant something by it.
//! Not here: the ways themselves ([`crate::identity`]).

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use http::HeaderName;
use ipnet::IpNet;
use url::Url;

use crate::caller::Secret;
use crate::identity::Way;
use crate::identity::header;
use crate::identity::login::Logins;
use crate::identity::oidc::{self, Delegation};
use crate::identity::refuse::{Prefix, UnfitPrefix};

/// How people prove who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Identity {
    /// With a Kubernetes bearer token.
    Token,
    /// By signing in at an OpenID Connect provider.
    Oidc,
    /// By headers of an authenticating proxy in front.
    Header,
}

/// Settings of the ways.
#[derive(Debug, Clone, Args)]
pub struct Identities {
    /// How people prove who they are.
    #[arg(long, env = "WEB_IDENTITY", value_enum)]
    pub identity: Identity,
    /// oidc: address of the identity provider, exactly as its tokens name it.
    #[arg(long, env = "WEB_OIDC_ISSUER")]
    pub oidc_issuer: Option<String>,
    /// oidc: what the provider calls this client.
    #[arg(long, env = "WEB_OIDC_CLIENT_ID")]
    pub oidc_client_id: Option<String>,
    /// oidc: file with the client's secret. Without, the client is a public one.
    #[arg(long, env = "WEB_OIDC_CLIENT_SECRET_FILE")]
    pub oidc_client_secret_file: Option<PathBuf>,
    /// oidc: scopes to ask for besides `openid`; may be repeated.
    #[arg(
        long,
        env = "WEB_OIDC_SCOPE",
        value_delimiter = ',',
        default_values = ["email", "profile", "groups"]
    )]
    pub oidc_scope: Vec<String>,
    /// oidc: claim with the user name; an `email` must be verified.
    #[arg(long, env = "WEB_OIDC_USERNAME_CLAIM", default_value = "email")]
    pub oidc_username_claim: String,
    /// oidc: claim with the groups.
    #[arg(long, env = "WEB_OIDC_GROUPS_CLAIM", default_value = "groups")]
    pub oidc_groups_claim: String,
    /// oidc: how the apiserver is asked for whom the provider knows.
    #[arg(long, env = "WEB_OIDC_CREDENTIAL", value_enum, default_value_t = Delegation::Impersonate)]
    pub oidc_credential: Delegation,
    /// oidc: PEM file of authorities to trust for the provider besides the system's.
    #[arg(long, env = "WEB_OIDC_CA_FILE")]
    pub oidc_ca_file: Option<PathBuf>,
    /// header: the header with the user name.
    #[arg(long, env = "WEB_HEADER_USER", default_value = "X-Remote-User")]
    pub header_user: HeaderName,
    /// header: the header with the groups, separated by commas. Without, nobody is in a group.
    #[arg(long, env = "WEB_HEADER_GROUPS")]
    pub header_groups: Option<HeaderName>,
    /// header: addresses of the proxy in front, such as 10.1.2.0/24; may be repeated.
    #[arg(long, env = "WEB_HEADER_FROM", value_delimiter = ',')]
    pub header_from: Vec<IpNet>,
    /// oidc and header: what is put before user names and groups.
    #[arg(long, env = "WEB_IMPERSONATION_PREFIX")]
    pub impersonation_prefix: Option<String>,
    /// The settings that somebody has given, whatever their defaults.
    #[arg(skip)]
    pub said: Vec<String>,
}

/// The settings leave it open who people are.
#[derive(Debug, thiserror::Error)]
pub enum Unclear {
    /// A setting is missing.
    #[error("--identity {way} needs --{flag}")]
    Missing {
        /// The chosen way.
        way: &'static str,
        /// What is missing.
        flag: &'static str,
    },
    /// A setting of another way.
    #[error("--{0} is for another --identity: leave it out, or choose that one")]
    Foreign(String),
    /// The prefix.
    #[error("--impersonation-prefix")]
    Prefix(#[from] UnfitPrefix),
    /// The headers.
    #[error("the settings of --identity header")]
    Header(#[from] header::Unfit),
    /// The provider.
    #[error("the settings of --identity oidc")]
    Oidc(#[from] oidc::Error),
    /// The public address is no base of others.
    #[error("--public-url")]
    Public(#[from] url::ParseError),
    /// The client's secret.
    #[error("--oidc-client-secret-file: reading {file}")]
    ClientSecret {
        /// The file.
        file: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

impl Identities {
    /// The chosen way, for pages at this address.
    ///
    /// # Errors
    /// When it is not clear who people are by these settings.
    pub fn way(&self, public: &Url) -> Result<Way, Unclear> {
        self.refuse_foreign()?;
        let prefix = Prefix::new(self.impersonation_prefix.as_deref().unwrap_or_default())?;
        match self.identity {
            Identity::Token => Ok(Way::Token),
            Identity::Oidc => {
                let logins = Logins::new(self.oidc(public, prefix)?, public.scheme() == "https")?;
                Ok(Way::Oidc(logins.into()))
            }
            Identity::Header => {
                if self.header_from.is_empty() {
                    return Err(Unclear::Missing { way: "header", flag: "header-from" });
                }
                let settings = header::Settings {
                    user_header: self.header_user.clone(),
                    groups_header: self.header_groups.clone(),
                    from: self.header_from.clone(),
                    prefix,
                };
                settings.check()?;
                Ok(Way::Header(settings))
            }
        }
    }

    fn oidc(&self, public: &Url, prefix: Prefix) -> Result<oidc::Settings, Unclear> {
        let needs = |flag| Unclear::Missing { way: "oidc", flag };
        let secret = |file: &PathBuf| {
            let read = std::fs::read_to_string(file);
            read.map(|text| Secret::new(text.trim_end()))
                .map_err(|source| Unclear::ClientSecret { file: file.clone(), source })
        };
        Ok(oidc::Settings {
            issuer: self.oidc_issuer.clone().ok_or_else(|| needs("oidc-issuer"))?,
            client_id: self.oidc_client_id.clone().ok_or_else(|| needs("oidc-client-id"))?,
            client_secret: self.oidc_client_secret_file.as_ref().map(secret).transpose()?,
            redirect: public.join("/login/callback")?,
            scopes: self.oidc_scope.clone(),
            username_claim: self.oidc_username_claim.clone(),
            groups_claim: self.oidc_groups_claim.clone(),
            prefix,
            credential: self.oidc_credential,
            ca_file: self.oidc_ca_file.clone(),
        })
    }

    /// Errs for what was said of another way.
    fn refuse_foreign(&self) -> Result<(), Unclear> {
        let is_oidc = self.identity == Identity::Oidc;
        let is_header = self.identity == Identity::Header;
        let impersonates = is_header || is_oidc && self.oidc_credential == Delegation::Impersonate;
        let is_foreign = |flag: &&String| {
            flag.starts_with("oidc-") && !is_oidc
                || flag.starts_with("header-") && !is_header
                || flag.starts_with("impersonation-") && !impersonates
        };
        let found = self.said.iter().find(is_foreign);
        found.map_or(Ok(()), |flag| Err(Unclear::Foreign(flag.clone())))
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Settings;
    use crate::identity::Way;

    fn way(args: &str) -> Result<Way, String> {
        let args = ["web-proxy"].into_iter().chain(args.split(' '));
        let settings = Settings::from(args).map_err(|error| error.to_string())?;
        settings.identities.way(&settings.public_url).map_err(|error| crd::errors::chain(&error))
    }

    #[test]
    fn a_way_that_is_clear_is_taken() {
        let idp = "--oidc-issuer=https://idp.example.com --oidc-client-id=web";
        for (args, is_taken) in [
            ("--identity=token".to_owned(), matches!(way("--identity=token"), Ok(Way::Token))),
            (format!("--identity=oidc {idp}"), true),
            (format!("--identity=oidc {idp} --oidc-credential=passthrough"), true),
            ("--identity=header --header-from=10.1.2.0/24,10.1.3.0/24".to_owned(), true),
        ] {
            assert!(is_taken && way(&args).is_ok(), "{args}");
        }
    }

    #[test]
    fn an_unclear_one_is_refused_with_the_flag_that_is_wrong() {
        let idp = "--identity=oidc --oidc-issuer=https://idp.example.com";
        for (args, said) in [
            ("--identity=oidc", "needs --oidc-issuer"),
            (idp, "needs --oidc-client-id"),
            ("--identity=oidc --oidc-issuer=http://idp --oidc-client-id=a", "https"),
            (&format!("{idp} --oidc-client-id=a --header-from=10.0.0.0/8"), "--header-from"),
            (&format!("{idp} --oidc-client-id=a --impersonation-prefix=system:"), "reserved"),
            (&format!("{idp} --oidc-client-id=a --oidc-client-secret-file=/none"), "/none"),
            ("--identity=token --oidc-issuer=https://idp.example.com", "--oidc-issuer"),
            ("--identity=token --impersonation-prefix=a", "--impersonation-prefix"),
            ("--identity=token --oidc-groups-claim=groups", "--oidc-groups-claim"),
            ("--identity=token --oidc-credential=impersonate", "--oidc-credential"),
            ("--identity=token --header-user=x-remote-user", "--header-user"),
            ("--identity=header", "needs --header-from"),
            ("--identity=header --header-from=0.0.0.0/0", "everywhere"),
            ("--identity=header --header-from=ten", "--header-from"),
            ("--identity=header --header-from=10.0.0.0/8 --header-user=cookie", "cookie"),
        ] {
            let error = way(args).err().unwrap_or_default();
            let said = if said == "reserved" { "begins with system:" } else { said };
            assert!(error.contains(said), "{args}: {error}");
        }
    }
}
