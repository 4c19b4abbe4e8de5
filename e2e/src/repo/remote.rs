//! A repository on a server, with the account to reach it by.

use std::collections::BTreeMap;

use super::command::{Git, Outcome};

/// Address and account.
#[derive(Clone, Debug)]
pub struct Remote {
    /// Address of the repository: `http://host:port/acme/shop.git`.
    pub url: String,
    /// User name.
    pub user: String,
    /// Password or token.
    pub password: String,
}

impl Remote {
    /// A repository (`acme/shop`) of the server at `base`.
    pub fn new(base: &str, repo: &str, user: &str, password: &str) -> Self {
        let url = format!("{}/{repo}.git", base.trim_end_matches('/'));
        Self { url, user: user.to_owned(), password: password.to_owned() }
    }

    /// Every ref of the remote and the commit it names, `HEAD` included.
    pub async fn refs(&self) -> anyhow::Result<BTreeMap<String, String>> {
        let listed = self.git(&["ls-remote", "--quiet", "--", &self.url]).run().await?;
        let pair = |line: &str| {
            line.split_once('\t').map(|(commit, name)| (name.to_owned(), commit.to_owned()))
        };
        Ok(listed.lines().filter_map(pair).collect())
    }

    /// The commit of a branch, if the remote has it.
    pub async fn branch(&self, name: &str) -> anyhow::Result<Option<String>> {
        Ok(self.refs().await?.remove(&format!("refs/heads/{name}")))
    }

    /// Runs a git command outside any repository with this remote's account and gives its end,
    /// good or bad.
    pub async fn outcome(&self, args: &[&str]) -> anyhow::Result<Outcome> {
        self.git(args).outcome().await
    }

    /// Scheme, host and port: the place that gets the account.
    pub fn origin(&self) -> &str {
        let host = self.url.find("://").map_or(0, |at| at + 3);
        let path = self.url[host..].find('/').map_or(self.url.len(), |at| host + at);
        &self.url[..path]
    }

    /// The command with this remote's account.
    pub(super) fn login(&self, git: Git) -> Git {
        git.account(self.origin(), &self.user, &self.password)
    }

    fn git(&self, args: &[&str]) -> Git {
        self.login(Git::at(&std::env::temp_dir()).args(args))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_is_for_scheme_host_and_port() {
        let remote = Remote::new("http://127.0.0.1:81/", "acme/shop", "writer", "w");
        assert_eq!(remote.url, "http://127.0.0.1:81/acme/shop.git");
        assert_eq!(remote.origin(), "http://127.0.0.1:81");
    }
}
