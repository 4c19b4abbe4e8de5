//! A small web server in front of `git http-backend`, for logins, refusals and redirects.
//!
//! One thread a connection, one request a connection; just enough HTTP for git.
//!
//! Not here: the repositories.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

/// What the server does with requests.
#[derive(Clone, Default)]
pub struct Rules {
    /// Directory with the repositories.
    pub root: PathBuf,
    /// The `Authorization` header that it wants.
    pub wants: Option<String>,
    /// Pushing is forbidden.
    pub read_only: bool,
    /// Every request is answered with this status.
    pub status: Option<u16>,
    /// Every request is sent there.
    pub elsewhere: Option<String>,
}

/// Path and `Authorization` header of each request.
pub type Log = Mutex<Vec<(String, Option<String>)>>;

/// A running server; it ends with the test's process.
pub struct Server {
    pub base: String,
    pub seen: Arc<Log>,
}

impl Server {
    pub fn start(rules: Rules) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::default();
        let log = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (rules, log) = (rules.clone(), Arc::clone(&log));
                std::thread::spawn(move || answer(stream, &rules, &log));
            }
        });
        Self { base, seen }
    }
}

type Headers = BTreeMap<String, String>;

fn answer(stream: TcpStream, rules: &Rules, log: &Log) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let (method, target, headers) = head(&mut reader)?;
    let login = headers.get("authorization").cloned();
    log.lock().unwrap().push((target.clone(), login.clone()));
    let mut stream = stream;
    let mut say = |status: u16, header: &str| {
        write!(
            stream,
            "HTTP/1.1 {status} X\r\n{header}Content-Length: 0\r\nConnection: close\r\n\r\n"
        )
    };
    if let Some(status) = rules.status {
        return say(status, "");
    }
    if let Some(elsewhere) = &rules.elsewhere {
        return say(301, &format!("Location: {elsewhere}{target}\r\n"));
    }
    if rules.wants.is_some() && login != rules.wants {
        return say(401, "WWW-Authenticate: Basic realm=\"git\"\r\n");
    }
    if rules.read_only && target.contains("git-receive-pack") {
        return say(403, "");
    }
    let mut body = Vec::new();
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    reader.take(length).read_to_end(&mut body)?;
    stream.write_all(&backend(rules, &method, &target, &headers, &body)?)
}

fn head(reader: &mut impl BufRead) -> std::io::Result<(String, String, Headers)> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    Ok((method, target, headers))
}

/// Git's own answer as bytes of HTTP.
fn backend(
    rules: &Rules,
    method: &str,
    target: &str,
    headers: &Headers,
    body: &[u8],
) -> std::io::Result<Vec<u8>> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let header = |name: &str| headers.get(name).map(String::as_str).unwrap_or_default();
    let mut command = Command::new("git");
    command.arg("http-backend").stdin(Stdio::piped()).stdout(Stdio::piped());
    command.env("GIT_PROJECT_ROOT", &rules.root).env("GIT_HTTP_EXPORT_ALL", "1");
    command.env("REMOTE_USER", "somebody").env("REMOTE_ADDR", "127.0.0.1");
    command.env("REQUEST_METHOD", method).env("PATH_INFO", path).env("QUERY_STRING", query);
    command
        .env("CONTENT_TYPE", header("content-type"))
        .env("CONTENT_LENGTH", body.len().to_string());
    command.env("HTTP_CONTENT_ENCODING", header("content-encoding"));
    command.env("GIT_PROTOCOL", header("git-protocol"));
    let mut child = command.spawn()?;
    child.stdin.take().unwrap().write_all(body)?;
    let output = child.wait_with_output()?.stdout;
    let end = output.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap_or(0);
    let (head, content) = output.split_at(end);
    let head = String::from_utf8_lossy(head);
    let status = head.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or("200 OK");
    let length = content.len().saturating_sub(4);
    let start =
        format!("HTTP/1.1 {status}\r\n{head}\r\nContent-Length: {length}\r\nConnection: close");
    Ok([start.as_bytes(), content].concat())
}
