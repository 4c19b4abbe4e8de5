//! The ssh end of the git server: a real OpenSSH server in front of the same repositories.
//!
//! Each key is an account's, and whatever its client asks for, the server starts this program's
//! `session` with that account, which lets git's own programs serve what the account may do. What
//! was asked stands in the journal with that of the http end. Rules and redirects do not apply.

use std::convert::Infallible;
use std::fs;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use super::journal::Entry;
use super::repository;
use super::request::{Call, repo_name};
use crate::keys::name;

/// What sessions have noted, below the repositories' directory; no repository begins with a dot.
const JOURNAL: &str = ".sessions";

/// The variable in which the server hands over what the client asked for (sshd(8)).
const ASKED: &str = "SSH_ORIGINAL_COMMAND";

/// How the server is started.
#[derive(Clone, Debug, Args)]
pub struct Ssh {
    /// Port of the ssh end
    #[arg(long, requires_all = ["ssh_keys", "ssh_directory"])]
    pub ssh_port: Option<u16>,
    /// Directory with its host key and the accounts
    #[arg(long)]
    pub ssh_keys: Option<PathBuf>,
    /// Writable directory for its configuration
    #[arg(long)]
    pub ssh_directory: Option<PathBuf>,
}

/// One session.
#[derive(Clone, Debug, Args)]
pub struct Session {
    /// Directory of the repositories
    #[arg(long)]
    root: PathBuf,
    /// The account
    account: String,
    /// Whether it may push
    #[arg(long)]
    write: bool,
}

impl Ssh {
    /// Starts the server, when a port is given; it ends with this program.
    pub fn start(&self, root: &Path) -> Result<Option<Child>> {
        let (Some(port), Some(keys), Some(directory)) =
            (self.ssh_port, &self.ssh_keys, &self.ssh_directory)
        else {
            return Ok(None);
        };
        fs::create_dir_all(directory).context("make the ssh server's directory")?;
        let accounts = fs::read_to_string(keys.join(name::AUTHORIZED)).context("read accounts")?;
        let program = std::env::current_exe().context("find this program")?;
        let authorized = directory.join("authorized_keys");
        fs::write(&authorized, authorize(&accounts, &program, root)?).context("write the keys")?;
        let config = directory.join("config");
        let host = keys.join(name::HOST);
        fs::write(&config, configure(port, &host, &authorized)).context("write the settings")?;
        let mut sshd = Command::new("/usr/sbin/sshd");
        sshd.args(["-D", "-e", "-f"]).arg(&config);
        sshd.spawn().context("start sshd").map(Some)
    }
}

fn configure(port: u16, host: &Path, authorized: &Path) -> String {
    format!(
        "Port {port}\nHostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nPidFile none\n\
         PasswordAuthentication no\nKbdInteractiveAuthentication no\nAcceptEnv GIT_PROTOCOL\n",
        host.display(),
        authorized.display()
    )
}

/// Lines of `authorized_keys` out of lines `ACCOUNT ACCESS KEY`.
fn authorize(accounts: &str, program: &Path, root: &Path) -> Result<String> {
    let line = |line: &str| {
        let mut words = line.splitn(3, ' ');
        let (Some(account), Some(access), Some(key)) = (words.next(), words.next(), words.next())
        else {
            bail!("no account: {line}");
        };
        let write = if access == "write" { " --write" } else { "" };
        let session =
            format!("{} session --root {}{write} {account}", program.display(), root.display());
        Ok(format!("restrict,command=\"{session}\" {key}\n"))
    };
    accounts.lines().map(line).collect()
}

impl Session {
    /// Becomes the git program that the client asked for; the error says why not.
    pub fn serve(&self) -> Result<Infallible> {
        let asked = std::env::var(ASKED).unwrap_or_default();
        let (call, repo) = parse(&asked).with_context(|| format!("no git command: {asked}"))?;
        let exists = repository::exists(&self.root, &repo);
        let status = match (exists, call.writes() && !self.write) {
            (false, _) => 404,
            (true, true) => 403,
            (true, false) => 200,
        };
        self.note(call, &repo, status)?;
        ensure!(status != 404, "ERROR: Repository not found.");
        ensure!(status != 403, "ERROR: The key of {} is read only.", self.account);
        let service = if call.writes() { "receive-pack" } else { "upload-pack" };
        let error = Command::new("git")
            .args([service, "--end-of-options"])
            .arg(self.root.join(format!("{repo}.git")))
            .env("REMOTE_USER", &self.account)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .exec();
        Err(error).context("start git")
    }

    /// One append, so that two never mix.
    fn note(&self, call: Call, repo: &str, status: u16) -> Result<()> {
        let entry = Entry {
            method: "SSH".to_owned(),
            host: String::new(),
            path: format!("/{repo}.git"),
            repo: Some(repo.to_owned()),
            call: Some(call),
            compressed: false,
            authorization: true,
            user: Some(self.account.clone()),
            status: Some(status),
        };
        let line = serde_json::to_string(&entry)? + "\n";
        let file = fs::File::options().create(true).append(true).open(self.root.join(JOURNAL));
        file.and_then(|mut file| file.write_all(line.as_bytes())).context("note the session")
    }
}

/// What sessions have asked for so far.
pub fn entries(root: &Path) -> Vec<Entry> {
    let notes = fs::read_to_string(root.join(JOURNAL)).unwrap_or_default();
    notes.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Call and repository out of `git-upload-pack '/acme/shop.git'`.
fn parse(asked: &str) -> Option<(Call, String)> {
    let (program, path) = asked.split_once(' ')?;
    let call = match program {
        "git-upload-pack" => Call::Fetch,
        "git-receive-pack" => Call::Push,
        _ => return None,
    };
    Some((call, repo_name(path.strip_prefix('\'')?.strip_suffix('\'')?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_gits_two_programs_on_a_plain_name_are_served() {
        let shop = |call| Some((call, "acme/shop".to_owned()));
        assert_eq!(parse("git-upload-pack '/acme/shop.git'"), shop(Call::Fetch));
        assert_eq!(parse("git-receive-pack 'acme/shop'"), shop(Call::Push));
        for bad in [
            "",
            "sh",
            "git-upload-archive 'a/b'",
            "git-upload-pack '../a/b'",
            "git-upload-pack a/b",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn each_key_starts_a_session_of_its_account_and_nothing_else() {
        let lines = authorize(
            "writer write k1 AA\nreader read k2 BB\n",
            Path::new("/bin/s"),
            Path::new("/r"),
        );
        assert_eq!(
            lines.unwrap(),
            "restrict,command=\"/bin/s session --root /r --write writer\" k1 AA\n\
             restrict,command=\"/bin/s session --root /r reader\" k2 BB\n"
        );
    }
}
