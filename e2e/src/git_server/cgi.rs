//! Runs `git http-backend`, the program by which git itself serves HTTP, for one request.
//!
//! Bodies are streamed both ways, and compressed request bodies go through as they are: the
//! program unpacks them. Who may ask for what has been decided before.

use std::io;
use std::path::Path;
use std::process::Stdio;

use anyhow::Context;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use futures::TryStreamExt;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{ChildStdin, ChildStdout, Command};
use tokio_util::io::{ReaderStream, StreamReader};

use super::request::GitRequest;

/// Environment variable by which the pre-receive hook is told to refuse.
pub const REFUSE_ENV: &str = "GIT_SERVER_REFUSE";

/// Everything about a request that the program is told.
pub struct Question<'a> {
    /// Directory of the repositories.
    pub root: &'a Path,
    /// What is asked.
    pub git: &'a GitRequest,
    /// The HTTP method.
    pub method: &'a str,
    /// The raw query.
    pub query: &'a str,
    /// The request's headers.
    pub headers: &'a HeaderMap,
    /// The account that asks.
    pub user: &'a str,
    /// A message for the pre-receive hook to refuse with.
    pub refuse: Option<&'a str>,
}

/// The program's answer: status and headers are read, the body is still to come.
pub struct Answer {
    /// HTTP status.
    pub status: StatusCode,
    /// HTTP headers.
    pub headers: HeaderMap,
    body: BufReader<ChildStdout>,
}

/// Starts the program, feeds it `body` and reads its answer as far as the headers.
pub async fn ask(question: &Question<'_>, body: Body) -> anyhow::Result<Answer> {
    let mut child = Command::new("git")
        .arg("http-backend")
        .env_clear()
        .envs(environment(question))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("starting git http-backend")?;
    let stdin = child.stdin.take().context("no standard input")?;
    let stdout = child.stdout.take().context("no standard output")?;
    tokio::spawn(feed(stdin, body));
    // Never killed: a push goes on when its pusher has gone away, as on a real server.
    tokio::spawn(async move { child.wait().await });
    read_head(BufReader::new(stdout)).await
}

impl Answer {
    /// The rest of the answer as it comes.
    pub fn streamed(self) -> (StatusCode, HeaderMap, Body) {
        (self.status, self.headers, Body::from_stream(ReaderStream::new(self.body)))
    }

    /// The rest of the answer when the program has finished.
    pub async fn whole(mut self) -> io::Result<(StatusCode, HeaderMap, Body)> {
        let mut content = Vec::new();
        self.body.read_to_end(&mut content).await?;
        Ok((self.status, self.headers, Body::from(content)))
    }
}

/// The program's environment, built from nothing (git-http-backend, section "Environment").
fn environment(question: &Question<'_>) -> Vec<(&'static str, String)> {
    let header = |name: HeaderName| {
        let value = question.headers.get(name).and_then(|value| value.to_str().ok());
        value.map(str::to_owned)
    };
    let fixed = [
        ("PATH", std::env::var("PATH").unwrap_or_default()),
        // Neither the machine's nor a user's settings decide how the server behaves.
        ("GIT_CONFIG_NOSYSTEM", "1".to_owned()),
        ("GIT_CONFIG_GLOBAL", "/dev/null".to_owned()),
        ("GIT_PROJECT_ROOT", question.root.display().to_string()),
        ("GIT_HTTP_EXPORT_ALL", "1".to_owned()),
        ("PATH_INFO", question.git.path_info()),
        ("REQUEST_METHOD", question.method.to_owned()),
        ("QUERY_STRING", question.query.to_owned()),
        ("REMOTE_USER", question.user.to_owned()),
    ];
    let given = [
        ("CONTENT_TYPE", header(header::CONTENT_TYPE)),
        ("CONTENT_LENGTH", header(header::CONTENT_LENGTH)),
        ("HTTP_CONTENT_ENCODING", header(header::CONTENT_ENCODING)),
        ("HTTP_GIT_PROTOCOL", header(HeaderName::from_static("git-protocol"))),
        (REFUSE_ENV, question.refuse.map(str::to_owned)),
    ];
    let given = given.into_iter().filter_map(|(name, value)| Some((name, value?)));
    fixed.into_iter().chain(given).collect()
}

/// Copies the request's body; an end on either side ends it, and what that means git decides.
async fn feed(mut stdin: ChildStdin, body: Body) {
    let stream = body.into_data_stream().map_err(io::Error::other);
    let copied = tokio::io::copy(&mut StreamReader::new(stream), &mut stdin).await;
    if let Err(error) = copied {
        eprintln!("git-server: request body ended early: {error}");
    }
}

async fn read_head(mut body: BufReader<ChildStdout>) -> anyhow::Result<Answer> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        let read = body.read_line(&mut line).await.context("reading git http-backend's headers")?;
        match line.trim_end() {
            "" if read == 0 => anyhow::bail!("git http-backend ended within its headers"),
            "" => break,
            text => lines.push(text.to_owned()),
        }
    }
    let (status, headers) = parse_head(&lines)?;
    Ok(Answer { status, headers, body })
}

/// Status and headers out of the lines of a CGI answer; no `Status` line means 200.
fn parse_head(lines: &[String]) -> anyhow::Result<(StatusCode, HeaderMap)> {
    let mut status = StatusCode::OK;
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(':').with_context(|| format!("no header: {line}"))?;
        let value = value.trim();
        if name.eq_ignore_ascii_case("status") {
            status = value.split(' ').next().unwrap_or_default().parse()?;
        } else {
            headers.append(HeaderName::try_from(name)?, HeaderValue::try_from(value)?);
        }
    }
    Ok((status, headers))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(lines: &[&str]) -> anyhow::Result<(StatusCode, HeaderMap)> {
        parse_head(&lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn an_answer_without_a_status_line_is_200() {
        let (status, headers) = head(&["Content-Type: text/plain"]).unwrap();
        assert_eq!(status, StatusCode::OK);
        assert_eq!(headers["content-type"], "text/plain");
    }

    #[test]
    fn a_status_line_is_the_status_and_no_header() {
        let (status, headers) = head(&["Status: 404 Not Found"]).unwrap();
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert!(headers.is_empty());
    }

    #[test]
    fn a_line_that_is_no_header_is_an_error() {
        assert!(head(&["usage of git"]).is_err());
    }
}
