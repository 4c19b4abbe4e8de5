//! A forward proxy beside the git server: tunnels (RFC 9110, `CONNECT`) and nothing else, and it
//! notes where each one led.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;

use super::state::State;

/// Longest head of a request.
const HEAD_LIMIT: usize = 8 << 10;

/// Serves for as long as the runtime lives.
pub async fn serve(listener: TcpListener, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            if let Err(error) = tunnel(stream, &state).await {
                eprintln!("proxy: {error}");
            }
        });
    }
}

async fn tunnel(mut client: TcpStream, state: &State) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < HEAD_LIMIT {
        // A tunnel's client sends nothing more before the answer.
        if client.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let Some(target) = target(&head) else {
        return client
            .write_all(b"HTTP/1.1 501 Not Implemented\r\nContent-Length: 0\r\n\r\n")
            .await;
    };
    state.tunnels().push(target.clone());
    let mut server = connect(&target).await?;
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
    copy_bidirectional(&mut client, &mut server).await.map(drop)
}

/// A program of static parts cannot look names up by itself, so the system's own does.
async fn connect(target: &str) -> io::Result<TcpStream> {
    let (host, port) = target.rsplit_once(':').unwrap_or((target, ""));
    let found = Command::new("getent").args(["ahostsv4", host]).output().await?;
    let found = String::from_utf8_lossy(&found.stdout);
    let address = found.split_whitespace().next().unwrap_or_default();
    TcpStream::connect(format!("{address}:{port}")).await
}

/// Host and port that a tunnel is to lead to.
fn target(head: &[u8]) -> Option<String> {
    let line = std::str::from_utf8(head).ok()?.lines().next()?;
    let target = line.strip_prefix("CONNECT ")?.strip_suffix(" HTTP/1.1")?;
    target.contains(':').then(|| target.to_owned())
}

#[cfg(test)]
mod tests {
    use super::target;

    #[test]
    fn only_a_tunnel_has_a_target() {
        let tunnel = b"CONNECT git.example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n";
        assert_eq!(target(tunnel).as_deref(), Some("git.example.com:443"));
        assert_eq!(target(b"GET http://git.example.com/ HTTP/1.1\r\n\r\n"), None);
        assert_eq!(target(b"CONNECT git.example.com HTTP/1.1\r\n\r\n"), None);
    }
}
