//! What git, ssh and a server say when they refuse, and which kind of refusal that is.
//!
//! Pure but for the type. Not here: what a refusal means for the task.

use crd::Reason;

use crate::git::command::GitError;
use crate::git::transport::Unready;

/// Why a server did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// The command could not be given what it needs; nothing was sent.
    #[error(transparent)]
    Unready(#[from] Unready),
    /// The server is not the one that `known_hosts` names; nothing was sent.
    #[error("{0}; nothing was sent")]
    HostKey(String),
    /// Its certificate is signed by nobody who is trusted.
    #[error(
        "the server's certificate is not trusted: put the certificate of its authority into the key `ca.crt` of the git credentials Secret, or let the administrator set tasks.trustBundle ({0})"
    )]
    Untrusted(String),
    /// It does not accept the login, or wants one.
    #[error("{0}")]
    Unauthorized(String),
    /// It accepts the login, not the request.
    #[error("{0}")]
    Forbidden(String),
    /// It says that the repository is elsewhere; that is not followed.
    #[error(
        "the server redirects to another address, which is never followed with a credential: name the final address ({0})"
    )]
    Redirected(String),
    /// Anything else, in git's own words and the server's.
    #[error("{0}")]
    Failed(String),
    /// Git could not ask.
    #[error(transparent)]
    Git(#[from] GitError),
}

impl RemoteError {
    /// Its reason, where the task's credential is to blame for a fetch that failed.
    pub const fn blames_credential(&self) -> Option<Reason> {
        match self {
            Self::Unready(Unready::Secret(_)) | Self::HostKey(_) => Some(Reason::SecretMismatch),
            Self::Unauthorized(_) | Self::Forbidden(_) => Some(Reason::AuthenticationFailed),
            _ => None,
        }
    }
}

/// What a server was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// To list or to fetch.
    ToRead,
    /// To push, in earnest or not.
    ToWrite,
}

/// What ssh itself begins its words with when the connection, not the server, is at fault.
const CONNECTION: [&str; 9] = [
    "No user exists ",
    "ssh:",
    "Connection ",
    "kex_",
    "client_loop:",
    "Timeout, server ",
    "Read from ",
    "Received disconnect ",
    "Unable to negotiate ",
];

/// What git's words about a failed request mean (git 2.39 to 2.47, OpenSSH 9 and 10, `LC_ALL=C`).
pub fn refusal(stdout: &str, stderr: &str, asked: Asked) -> RemoteError {
    let words = words(stdout, stderr);
    let has = |part: &str| stderr.contains(part);
    let any = |parts: &[&str]| parts.iter().any(|part| stderr.contains(part));
    if has("Host key verification failed.") {
        RemoteError::HostKey(host_key(stderr).unwrap_or(words))
    } else if any(&[
        "Authentication failed",
        "could not read Username",
        "could not read Password",
        "returned error: 401",
        "Permission denied (",
        "Too many authentication failures",
    ]) {
        RemoteError::Unauthorized(words)
    } else if has("returned error: 403") || asked == Asked::ToWrite && is_servers_refusal(stderr) {
        RemoteError::Forbidden(words)
    } else if has("returned error: 30") || has("unable to update url base from redirection") {
        RemoteError::Redirected(words)
    } else if any(&[
        "server certificate verification failed",
        "server verification failed",
        "SSL certificate problem",
    ]) {
        RemoteError::Untrusted(words)
    } else if has("No user exists for uid") {
        const WHY: &str = "ssh works only for a user with an entry in /etc/passwd, and this cluster's user IDs have none: use an https address";
        RemoteError::Failed(format!("{WHY} ({words})"))
    } else {
        RemoteError::Failed(words)
    }
}

/// Over ssh a server that lets nobody write ends the connection, after words of its own or none:
/// git says the same as for a connection that broke, which ssh has words for.
fn is_servers_refusal(stderr: &str) -> bool {
    let connection = |line: &str| CONNECTION.iter().any(|start| line.starts_with(start));
    stderr.contains("Could not read from remote repository") && !stderr.lines().any(connection)
}

/// Which host key is unknown, or not the known one.
fn host_key(stderr: &str) -> Option<String> {
    const SECRET: &str = "the key `known_hosts` of the git credentials Secret";
    let between = |start: &str, end: &str| {
        let rest = stderr.lines().find_map(|line| line.trim_end().strip_prefix(start))?;
        Some(rest.split_once(end).map_or(rest, |(part, _)| part).to_owned())
    };
    if let Some(unknown) = between("No ", " and you have requested strict checking") {
        let (kind, host) = unknown.split_once(" host key is known for ")?;
        return Some(format!("{SECRET} names no {kind} host key for {host}"));
    }
    let shown = stderr.lines().find(|line| line.starts_with("SHA256:"))?.trim_end_matches('.');
    let kind = between("The fingerprint for the ", " key sent by")?;
    let host = between("Host key for ", " has changed")?;
    Some(format!("{host} shows the {kind} host key {shown}, which is not the one in {SECRET}"))
}

/// What git, ssh and the server said, without the lines that say nothing.
fn words(stdout: &str, stderr: &str) -> String {
    let refused = stdout.lines().filter_map(|line| line.strip_prefix("!\t"));
    let idle = |line: &&str| {
        line.starts_with("hint:")
            || line.starts_with("Please make sure you have the correct access rights")
            || line.starts_with("and the repository exists.")
    };
    let said = stderr.lines().filter(|line| !idle(line)).map(str::trim_end);
    let blank = |line: &&str| !matches!(line.trim(), "" | "remote:");
    let words = said.chain(refused).filter(blank).map(loaded);
    words.collect::<Vec<_>>().join("; ").replace('\t', " ")
}

/// The Secret's key in place of the file that ssh saw.
fn loaded(line: &str) -> String {
    let file = line.strip_prefix("Load key \"").and_then(|rest| rest.split_once("\": "));
    file.map_or_else(|| line.to_owned(), |(_, why)| format!("ssh-privatekey: {why}"))
}

#[cfg(test)]
mod tests {
    use super::{Asked, RemoteError, refusal};

    fn kind(stderr: &str, asked: Asked) -> &'static str {
        match refusal("", stderr, asked) {
            RemoteError::Unauthorized(_) => "unauthorized",
            RemoteError::Forbidden(_) => "forbidden",
            RemoteError::Redirected(_) => "redirected",
            RemoteError::HostKey(_) => "host key",
            RemoteError::Untrusted(_) => "untrusted",
            RemoteError::Failed(_) => "failed",
            RemoteError::Git(_) | RemoteError::Unready(_) => "git",
        }
    }

    #[test]
    fn a_refusal_is_recognised_by_gits_words() {
        for (stderr, expected) in [
            ("fatal: Authentication failed for 'http://h/a.git/'\n", "unauthorized"),
            (
                "fatal: could not read Username for 'http://h': terminal prompts disabled\n",
                "unauthorized",
            ),
            (
                "fatal: unable to access 'http://h/a.git/': The requested URL returned error: 403\n",
                "forbidden",
            ),
            (
                "fatal: unable to access 'http://h/a.git/': The requested URL returned error: 301\n",
                "redirected",
            ),
            (
                "fatal: unable to access 'http://h/a.git/': The requested URL returned error: 500\n",
                "failed",
            ),
            (
                "fatal: unable to access 'https://h/a.git/': server certificate verification failed. CAfile: none CRLfile: none\n",
                "untrusted",
            ),
            (
                "fatal: unable to access 'https://h/a.git/': server verification failed: certificate signer not trusted. (CAfile: /x CRLfile: none)\n",
                "untrusted",
            ),
            (
                "fatal: unable to access 'https://h/a.git/': SSL certificate problem: self-signed certificate\n",
                "untrusted",
            ),
            (
                "fatal: unable to access 'https://h/a.git/': CONNECT tunnel failed, response 403\n",
                "failed",
            ),
            ("fatal: repository 'http://h/a.git/' not found\n", "failed"),
        ] {
            assert_eq!(kind(stderr, Asked::ToRead), expected, "{stderr}");
        }
    }

    #[test]
    fn a_refusal_over_ssh_is_told_from_a_broken_connection() {
        let tail = "fatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights\nand the repository exists.\n";
        for (stderr, reading, writing) in [
            ("git@h: Permission denied (publickey).\n", "unauthorized", "unauthorized"),
            ("ERROR: Repository not found.\n", "failed", "forbidden"),
            (
                "ERROR: The key you are authenticating with has been marked as read only.\n",
                "failed",
                "forbidden",
            ),
            ("ssh: connect to host h port 22: Connection refused\r\n", "failed", "failed"),
            (
                "ssh: Could not resolve hostname h: Name or service not known\r\n",
                "failed",
                "failed",
            ),
            ("Connection closed by 10.0.0.1 port 22\r\n", "failed", "failed"),
            ("client_loop: send disconnect: Broken pipe\r\n", "failed", "failed"),
            ("No user exists for uid 1000660000\r\n", "failed", "failed"),
        ] {
            let stderr = format!("{stderr}{tail}");
            assert_eq!(kind(&stderr, Asked::ToRead), reading, "{stderr}");
            assert_eq!(kind(&stderr, Asked::ToWrite), writing, "{stderr}");
        }
    }

    #[test]
    fn a_host_key_that_does_not_fit_is_named() {
        let unknown = "No ED25519 host key is known for [h]:2222 and you have requested strict checking.\r\nHost key verification failed.\r\nfatal: Could not read from remote repository.\n";
        assert_eq!(
            refusal("", unknown, Asked::ToRead).to_string(),
            "the key `known_hosts` of the git credentials Secret names no ED25519 host key for [h]:2222; nothing was sent"
        );
        let changed = "@@@@\r\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\r\nThe fingerprint for the ED25519 key sent by the remote host is\nSHA256:6Y6l77.\r\nPlease contact your system administrator.\r\nHost key for h has changed and you have requested strict checking.\r\nHost key verification failed.\r\n";
        assert_eq!(
            refusal("", changed, Asked::ToRead).to_string(),
            "h shows the ED25519 host key SHA256:6Y6l77, which is not the one in the key `known_hosts` of the git credentials Secret; nothing was sent"
        );
    }

    #[test]
    fn the_servers_words_are_kept_on_one_line() {
        let stdout = "To http://h/a.git\n!\tabc:refs/heads/x\t[remote rejected] (pre-receive hook declined)\nDone\n";
        let stderr = "remote: \nremote: branch is protected        \nerror: failed to push some refs to 'http://h/a.git'\nhint: x\n";
        assert_eq!(
            refusal(stdout, stderr, Asked::ToWrite).to_string(),
            "remote: branch is protected; error: failed to push some refs to 'http://h/a.git'; \
             abc:refs/heads/x [remote rejected] (pre-receive hook declined)"
        );
        let key = "Load key \"/proc/1/fd/7\": error in libcrypto\r\ngit@h: Permission denied (publickey).\r\n";
        assert_eq!(
            refusal("", key, Asked::ToRead).to_string(),
            "ssh-privatekey: error in libcrypto; git@h: Permission denied (publickey)."
        );
    }
}
