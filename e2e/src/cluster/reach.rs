//! Reaching a service of the cluster from the machine that the tests run on.
//!
//! Not here: what is said to the service.

use std::io::{self, BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

use super::command::{capture, wait_until};

const PATIENCE: Duration = Duration::from_secs(30);

/// An address that stays valid as long as this value lives.
#[derive(Debug)]
pub struct Reach {
    url: String,
    forward: Option<Child>,
}

impl Reach {
    /// By the service's own address: the machine is the node. A ready pod is not yet a reachable
    /// service, since kube-proxy learns of it a second later; this waits for that.
    pub fn by_address(
        mut kubectl: Command,
        namespace: &str,
        service: &str,
        port: u16,
    ) -> Result<Self> {
        kubectl.args(["get", "service", service, "--namespace", namespace]);
        let address = capture(kubectl.args(["--output", "jsonpath={.spec.clusterIP}"]))?;
        let address: Ipv4Addr = address.parse().with_context(|| {
            format!("the service {namespace}/{service} has no address: {address:?}")
        })?;
        let socket = SocketAddr::from((address, port));
        wait_until(&format!("the service {namespace}/{service}"), PATIENCE, || {
            Ok(TcpStream::connect_timeout(&socket, Duration::from_secs(1)).is_ok())
        })?;
        Ok(Self { url: format!("http://{socket}"), forward: None })
    }

    /// Through the apiserver, by `kubectl port-forward` to a port of its choice.
    pub fn by_forward(
        mut kubectl: Command,
        namespace: &str,
        service: &str,
        port: u16,
    ) -> Result<Self> {
        let service = format!("service/{service}");
        let mut child = kubectl
            .args(["port-forward", "--namespace", namespace, &service, &format!(":{port}")])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("start kubectl port-forward")?;
        let output = child.stdout.take().context("kubectl has no output")?;
        let mut line = String::new();
        let mut output = BufReader::new(output);
        let read = output.read_line(&mut line);
        // kubectl says a line for each connection, and ends when nobody listens to it.
        thread::spawn(move || io::copy(&mut output, &mut io::sink()));
        let mut reach = Self { url: String::new(), forward: Some(child) };
        read.context("read the output of kubectl port-forward")?;
        let local = local_address(&line)
            .with_context(|| format!("kubectl port-forward to {service} said {line:?}"))?;
        reach.url = format!("http://{local}");
        Ok(reach)
    }

    /// The base URL, without a slash at its end.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Reach {
    fn drop(&mut self) {
        if let Some(mut forward) = self.forward.take() {
            let _ = forward.kill();
            let _ = forward.wait();
        }
    }
}

fn local_address(line: &str) -> Option<&str> {
    line.strip_prefix("Forwarding from ")?
        .split(" -> ")
        .next()
        .filter(|address| address.contains(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_local_address_is_read_from_what_kubectl_says() {
        assert_eq!(
            local_address("Forwarding from 127.0.0.1:4711 -> 8080\n"),
            Some("127.0.0.1:4711")
        );
        assert_eq!(local_address("error: lost\n"), None);
    }
}
