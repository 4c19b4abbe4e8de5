//! A real OpenSSH server on loopback: one process for each connection, as inetd would start it.
//!
//! Not here: the repositories, and what is to be shown.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What a hosting service says to a key that may only read.
const SESSION: &str = "#!/bin/sh
case \"$1 $SSH_ORIGINAL_COMMAND\" in
'reader git-receive-pack '*) echo 'ERROR: This key is read only.' >&2; exit 1 ;;
esac
exec git-shell -c \"$SSH_ORIGINAL_COMMAND\"
";

/// A server that lets two keys in; it ends with the test's process.
pub struct Sshd {
    pub port: u16,
    directory: tempfile::TempDir,
    connections: Arc<AtomicUsize>,
}

impl Sshd {
    pub fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let here = directory.path().to_owned();
        for key in ["host", "writer", "reader", "stranger"] {
            make_key(&here.join(key), "");
        }
        make_key(&here.join("locked"), "passphrase");
        fs::write(here.join("session"), SESSION).unwrap();
        fs::set_permissions(here.join("session"), fs::Permissions::from_mode(0o755)).unwrap();
        let entry = |account: &str| {
            let public = fs::read_to_string(here.join(format!("{account}.pub"))).unwrap();
            format!("restrict,command=\"{}/session {account}\" {public}", here.display())
        };
        fs::write(here.join("authorized"), entry("writer") + &entry("reader")).unwrap();
        let program = program();
        fs::write(here.join("config"), config(&here, &program)).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&connections);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                count.fetch_add(1, Ordering::SeqCst);
                serve(stream, &here, &program);
            }
        });
        Self { port, directory, connections }
    }

    /// The address of a repository, with the user as whom the server runs.
    pub fn url(&self, repository: &Path) -> String {
        format!("ssh://{}@127.0.0.1:{}{}", user(), self.port, repository.display())
    }

    /// A private key.
    pub fn key(&self, name: &str) -> String {
        fs::read_to_string(self.directory.path().join(name)).unwrap()
    }

    /// A line of `known_hosts` that says that the server has this key.
    pub fn known(&self, name: &str) -> String {
        let public = self.key(&format!("{name}.pub"));
        format!("[127.0.0.1]:{} {public}", self.port)
    }

    /// How often somebody connected.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// What the server noted.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }
}

fn user() -> String {
    let name = Command::new("id").arg("-un").output().unwrap().stdout;
    String::from_utf8(name).unwrap().trim().to_owned()
}

fn make_key(file: &Path, passphrase: &str) {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-C", "test", "-N", passphrase, "-f"])
        .arg(file)
        .status();
    assert!(made.is_ok_and(|status| status.success()), "install the package openssh-client");
}

/// The machine's own server, or the one that `cargo verify` unpacks.
fn program() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(std::env::home_dir()?.join(".cache")));
    let unpacked = cache.map(|cache| cache.join("claudetask-e2e/openssh/usr/sbin/sshd"));
    let found =
        unpacked.into_iter().chain([PathBuf::from("/usr/sbin/sshd")]).find(|at| at.exists());
    let Some(found) = found else {
        panic!("no sshd: `cargo verify` unpacks one, or install the package openssh-server");
    };
    found
}

fn config(here: &Path, program: &Path) -> String {
    let config = format!(
        "HostKey {0}/host\nAuthorizedKeysFile {0}/authorized\nStrictModes no\nPidFile none\n\
         AcceptEnv GIT_PROTOCOL\nLogLevel DEBUG1\n",
        here.display()
    );
    // Since OpenSSH 9.8 and 10.0 parts of the server are programs of their own.
    let root = program.ancestors().nth(3).unwrap();
    let parts = [("SshdSessionPath", "sshd-session"), ("SshdAuthPath", "sshd-auth")];
    let parts = parts.map(|(option, name)| (option, root.join("usr/lib/openssh").join(name)));
    let parts = parts.into_iter().filter(|(_, file)| file.exists());
    let lines = parts.map(|(option, file)| format!("{option} {}\n", file.display()));
    config + &lines.collect::<String>()
}

fn serve(stream: TcpStream, here: &Path, program: &Path) {
    let log = fs::File::options().create(true).append(true).open(here.join("log")).unwrap();
    let start = format!("exec {} -i -e -f {}/config", program.display(), here.display());
    let as_root = nix::unistd::geteuid().is_root();
    let mut command = if as_root {
        // For root the server wants a user and a directory that only its package makes.
        let users = fs::read_to_string("/etc/passwd").unwrap();
        let own = "sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin\n";
        fs::write(here.join("passwd"), users + own).unwrap();
        let mut command = Command::new("unshare");
        let prepare = format!(
            "mount -t tmpfs none /run && mkdir /run/sshd && mount --bind {}/passwd /etc/passwd",
            here.display()
        );
        command.args(["--mount", "sh", "-c", &format!("{prepare} && {start}")]);
        command
    } else {
        let mut command = Command::new("sh");
        command.args(["-c", &start]);
        command
    };
    let libraries = program.ancestors().nth(2).unwrap().join("lib");
    let triplet = format!("{}-linux-gnu", std::env::consts::ARCH);
    command.env("LD_LIBRARY_PATH", libraries.join(triplet));
    command.stdin(OwnedFd::from(stream.try_clone().unwrap())).stdout(OwnedFd::from(stream));
    let mut child = command.stderr(Stdio::from(log)).spawn().unwrap();
    std::thread::spawn(move || child.wait());
}
