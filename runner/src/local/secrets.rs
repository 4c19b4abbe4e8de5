//! The two credentials of a task: from the Secrets that it names, else from git's credential
//! helpers and from the environment.
//!
//! Not here: how a git credential is used ([`crate::credential`]) and where the model's goes
//! ([`crate::claude::command`]).

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crd::spec::SecretName;
use crd::{ClaudeTask, names};

use super::files::Secrets;
use crate::address::{self, Transport};

/// The keys of a git credentials Secret; never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct GitSecret {
    keys: BTreeMap<String, Vec<u8>>,
}

impl GitSecret {
    /// A login for this address and those below it.
    pub fn login(url: &str, username: &str, password: &str) -> Self {
        let keys = [("url", url), ("username", username), ("password", password)];
        let keys = keys.map(|(key, value)| (key.to_owned(), value.as_bytes().to_owned()));
        Self { keys: keys.into() }
    }

    /// Each key with its value.
    pub fn keys(&self) -> impl Iterator<Item = (&str, &[u8])> {
        // A name with a directory in it is none that a Secret can have.
        let flat = |key: &str| !key.contains('/') && !key.starts_with('.');
        self.keys
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_slice()))
            .filter(move |(key, _)| flat(key))
    }
}

/// What a task needs to reach its repository and its model.
#[derive(Clone)]
pub struct Credentials {
    /// For git; nothing when it works without.
    pub git: Option<GitSecret>,
    /// Variables for Claude Code.
    pub model: Vec<(String, String)>,
    /// Where each of them comes from, for people.
    pub sources: Vec<String>,
}

/// A credential cannot be found.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Missing {
    /// A Secret that the task names is in none of the files.
    #[error("{field}: the Secret {name} is in none of the files; add it to one of them")]
    Secret {
        /// The field that names it.
        field: &'static str,
        /// Its name.
        name: String,
    },
    /// A key of the model Secret is no text.
    #[error("the key {0} of the Secret in spec.claude.credentialsSecret is no text")]
    Binary(String),
    /// Nothing is there for the model.
    #[error(
        "there is no credential for the model: set ANTHROPIC_API_KEY or ANTHROPIC_AUTH_TOKEN, or \
         name a Secret in spec.claude.credentialsSecret"
    )]
    Model,
}

/// Finds both. `environment` gives a variable of the caller's.
///
/// # Errors
/// [`Missing`].
pub fn find(
    task: &ClaudeTask,
    secrets: &Secrets,
    environment: impl Fn(&str) -> Option<String>,
) -> Result<Credentials, Missing> {
    let mut sources = Vec::new();
    let git = match &task.spec.repository.credentials_secret {
        Some(name) => {
            sources.push(format!("git: Secret {}", name.name));
            let keys = named(secrets, name, "spec.repository.credentialsSecret.name")?;
            Some(GitSecret { keys: keys.clone() })
        }
        None => fill(&task.spec.repository.url),
    };
    if git.is_some() && sources.is_empty() {
        sources.push("git: git credential fill".to_owned());
    }
    let model = if let Some(name) = &task.spec.claude.credentials_secret {
        sources.push(format!("model: Secret {}", name.name));
        texts(named(secrets, name, "spec.claude.credentialsSecret.name")?)?
    } else {
        let set = names::MODEL_KEYS.iter();
        let set: Vec<_> =
            set.filter_map(|key| Some(((*key).to_owned(), environment(key)?))).collect();
        let keys: Vec<_> = set.iter().map(|(key, _)| key.as_str()).collect();
        sources.push(format!("model: {} of the environment", keys.join(", ")));
        set
    };
    if model.is_empty() {
        return Err(Missing::Model);
    }
    Ok(Credentials { git, model, sources })
}

fn named<'a>(
    secrets: &'a Secrets,
    secret: &SecretName,
    field: &'static str,
) -> Result<&'a BTreeMap<String, Vec<u8>>, Missing> {
    let name = &secret.name;
    secrets.get(name).ok_or_else(|| Missing::Secret { field, name: name.clone() })
}

/// The variables that Claude Code may get; other keys stay where they are.
fn texts(keys: &BTreeMap<String, Vec<u8>>) -> Result<Vec<(String, String)>, Missing> {
    let known = keys.iter().filter(|(key, _)| names::MODEL_KEYS.contains(&key.as_str()));
    known
        .map(|(key, value)| {
            let text = String::from_utf8(value.clone());
            text.map(|text| (key.clone(), text)).map_err(|_| Missing::Binary(key.clone()))
        })
        .collect()
}

/// Asks the caller's own git, once, for the login at this address (git-credential(1)). Nothing when
/// it knows none: a public repository needs none to be read.
fn fill(url: &str) -> Option<GitSecret> {
    if address::transport(url) == Some(Transport::Ssh) {
        return None;
    }
    let mut git = Command::new("git");
    git.args(["credential", "fill"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    if !std::io::stdin().is_terminal() {
        // Nobody is there to answer.
        git.envs([("GIT_TERMINAL_PROMPT", "0"), ("GIT_ASKPASS", "true"), ("SSH_ASKPASS", "true")]);
        git.stderr(Stdio::null());
    }
    let mut child = git.spawn().ok()?;
    child.stdin.take()?.write_all(format!("url={url}\n\n").as_bytes()).ok()?;
    let output = child.wait_with_output().ok().filter(|output| output.status.success())?;
    answer(url, &String::from_utf8(output.stdout).ok()?)
}

/// The Secret in an answer of `git credential fill`, bound to the address that was asked for.
fn answer(url: &str, text: &str) -> Option<GitSecret> {
    let value = |key: &str| {
        let mut lines = text.lines();
        lines.find_map(|line| line.strip_prefix(key)?.strip_prefix('=')).filter(|v| !v.is_empty())
    };
    Some(GitSecret::login(url, value("username")?, value("password")?))
}

/// A variable of the caller's that is set and not empty.
pub fn variable(name: &str) -> Option<String> {
    std::env::var_os(name).map(OsString::into_string)?.ok().filter(|value| !value.is_empty())
}

/// Where runs are kept (XDG Base Directory Specification).
pub fn state() -> Option<PathBuf> {
    let base = variable("XDG_STATE_HOME").map(PathBuf::from);
    let base = base.or_else(|| Some(PathBuf::from(variable("HOME")?).join(".local/state")));
    base.map(|base| base.join("claudetask"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const URL: &str = "https://git.example.com/acme/shop.git";

    fn task(repository: Option<&str>, claude: Option<&str>) -> ClaudeTask {
        let secret = |name: Option<&str>| match name {
            Some(name) => json!({"credentialsSecret": {"name": name}}),
            None => json!({}),
        };
        let mut git = secret(repository);
        // An ssh address keeps the caller's git out of the test.
        git["url"] = json!(if repository.is_some() { URL } else { "git@git.example.com:a/b" });
        let spec = json!({"repository": git, "prompt": "x", "claude": secret(claude)});
        ClaudeTask::new("login", serde_json::from_value(spec).unwrap())
    }

    fn secrets() -> Secrets {
        let keys = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(k, v)| ((*k).to_owned(), v.as_bytes().to_owned())).collect()
        };
        let git = keys(&[("url", URL), ("token", "t")]);
        let model = keys(&[("ANTHROPIC_API_KEY", "k"), ("OTHER", "x")]);
        [("git".to_owned(), git), ("model".to_owned(), model)].into()
    }

    #[test]
    fn named_secrets_are_taken_and_the_environment_is_not_asked() {
        let found = find(&task(Some("git"), Some("model")), &secrets(), |_| panic!("asked"));
        let found = found.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(found.model, [("ANTHROPIC_API_KEY".to_owned(), "k".to_owned())]);
        let git = found.git.unwrap();
        assert_eq!(git.keys().map(|(key, _)| key).collect::<Vec<_>>(), ["token", "url"]);
        assert_eq!(found.sources, ["git: Secret git", "model: Secret model"]);
    }

    #[test]
    fn a_missing_secret_is_named_with_its_field() {
        let error = find(&task(Some("gone"), None), &secrets(), |_| None).err().unwrap();
        assert!(
            error.to_string().starts_with("spec.repository.credentialsSecret.name: the Secret")
        );
        let error = find(&task(None, Some("gone")), &secrets(), |_| None).err().unwrap();
        assert!(error.to_string().starts_with("spec.claude.credentialsSecret.name: the Secret"));
    }

    #[test]
    fn without_a_secret_the_usual_variables_count() {
        let gateway =
            |name: &str| (name == "ANTHROPIC_BASE_URL").then(|| "http://127.0.0.1:1".to_owned());
        let found = find(&task(None, None), &secrets(), gateway).ok().unwrap();
        assert_eq!(found.model.len(), 1);
        assert!(found.git.is_none());
        assert_eq!(find(&task(None, None), &secrets(), |_| None).err(), Some(Missing::Model));
    }

    #[test]
    fn gits_answer_is_bound_to_the_address_that_was_asked_for() {
        let text = "protocol=https\nhost=git.example.com\nusername=ana\npassword=secret=1\n";
        assert!(answer(URL, text) == Some(GitSecret::login(URL, "ana", "secret=1")));
        assert!(answer(URL, "protocol=https\nusername=ana\n").is_none());
    }
}
