//! The versions that the cluster is made of, and the keys under which built things are kept.
//!
//! Not here: where they are kept ([`super::layout`]) and how they are built.

use sha2::{Digest, Sha256};

/// Kubernetes, as the Go module `k8s.io/kubernetes`.
pub const KUBERNETES: &str = "v1.35.4";
/// Helm, as the Go module `helm.sh/helm/v4`.
pub const HELM: &str = "v4.3.1";
/// The manifest checker.
pub const KUBECONFORM: &str = "v0.8.0";
/// The Gateway API, as the Go module `sigs.k8s.io/gateway-api`: the chart's HTTPRoute is checked
/// against its schema.
pub const GATEWAY_API: &str = "v1.4.0";
/// The cluster's DNS server.
pub const COREDNS: &str = "v1.15.0";
/// The Debian release of the base image, the one of the Dockerfiles' first line.
pub const DEBIAN: &str = "trixie";

/// The Dockerfile in which the version of Claude Code is pinned.
pub const RUNNER_DOCKERFILE: &str = include_str!("../../../runner/Dockerfile");

/// The Claude Code version that the runner's image holds, `None` when its Dockerfile names none.
pub fn claude_code() -> Option<&'static str> {
    argument(RUNNER_DOCKERFILE, "CLAUDE_CODE_VERSION")
}

/// The default of `ARG name=…` in a Dockerfile.
fn argument<'a>(dockerfile: &'a str, name: &str) -> Option<&'a str> {
    dockerfile.lines().find_map(|line| {
        let (key, value) = line.strip_prefix("ARG ")?.split_once('=')?;
        (key == name).then(|| value.trim())
    })
}

/// Major and minor number of a version such as `v1.35.4`, as the linker flags want them.
pub fn major_minor(version: &str) -> Option<(&str, &str)> {
    let mut numbers = version.strip_prefix('v')?.split('.');
    Some((numbers.next()?, numbers.next()?))
}

/// Eight hex digits that change when any of the inputs changes or moves.
pub fn key<'a>(inputs: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for input in inputs {
        hash.update(input.len().to_le_bytes());
        hash.update(input);
    }
    let [a, b, c, d, ..] = <[u8; 32]>::from(hash.finalize());
    format!("{:08x}", u32::from_be_bytes([a, b, c, d]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runner_dockerfile_pins_one_claude_code_version() {
        let version = claude_code().expect("ARG CLAUDE_CODE_VERSION");
        assert_eq!(version.split('.').count(), 3, "{version}");
    }

    #[test]
    fn an_argument_without_default_or_of_another_name_is_not_taken() {
        assert_eq!(argument("ARG X\nARG XY=1\nARG X=2\n", "X"), Some("2"));
        assert_eq!(argument("ARG X\n", "X"), None);
    }

    #[test]
    fn a_key_changes_with_content_and_with_where_one_input_ends() {
        assert_eq!(key(["a", "b"]), key(["a", "b"]));
        assert_ne!(key(["a", "b"]), key(["a", "c"]));
        assert_ne!(key(["ab", ""]), key(["a", "b"]));
        assert_eq!(key(["a"]).len(), 8);
    }

    #[test]
    fn major_and_minor_are_cut_from_a_version() {
        assert_eq!(major_minor(KUBERNETES), Some(("1", "35")));
        assert_eq!(major_minor("1.2"), None);
    }
}
