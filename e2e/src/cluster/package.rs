//! The Debian packages that the cluster needs, installed when missing.
//!
//! Not here: anything that Debian does not have ([`super::program`]).

use std::process::Command;

use anyhow::{Context, Result, bail};

use super::command::{capture, logged, succeeds};
use super::layout::Layout;
use super::progress::Progress;

const NEEDED: &[&str] = &[
    "binutils",
    "bubblewrap",
    "buildah",
    "chromium",
    "conntrack",
    "containerd",
    "containernetworking-plugins",
    // Without a font of its own a machine gives the browser none.
    "fonts-dejavu-core",
    "iproute2",
    "iptables",
    "kmod",
    "mmdebstrap",
    "nftables",
    "podman",
    "runc",
    "util-linux",
];

/// Programs that people often have from elsewhere, with the package to take otherwise.
const UNLESS_PRESENT: &[(&str, &str)] = &[("go", "golang-go"), ("npm", "npm")];

/// The oldest Go that can fetch the newer one a module asks for (go.dev/doc/toolchain).
const OLDEST_GO: (u32, u32) = (1, 21);

/// Installs what is missing, naming it first.
pub fn install(layout: &Layout, progress: &Progress) -> Result<()> {
    let mut missing = missing(NEEDED, &installed()?);
    for (program, package) in UNLESS_PRESENT {
        if !succeeds(Command::new("sh").args(["-c", &format!("command -v {program}")])) {
            missing.push(package);
        }
    }
    if !missing.is_empty() {
        let what = format!("Install Debian packages: {}", missing.join(" "));
        progress.step(&what, "about a minute", || apt(&missing, layout, progress))?;
    }
    check_go()
}

fn apt(packages: &[&str], layout: &Layout, progress: &Progress) -> Result<()> {
    let log = layout.build_logs().join("apt.log");
    let mut update = Command::new("apt-get");
    logged(progress, update.args(["update", "--quiet"]), &log)?;
    let mut install = Command::new("apt-get");
    install.args(["install", "--yes", "--no-install-recommends"]).args(packages);
    logged(progress, install.env("DEBIAN_FRONTEND", "noninteractive"), &log)
}

fn installed() -> Result<String> {
    let mut query = Command::new("dpkg-query");
    capture(query.args(["--show", "--showformat", "${db:Status-Status} ${Package}\n"]))
        .context("ask for installed packages (only Debian and its descendants are supported)")
}

/// The packages that no line `installed NAME` names.
fn missing<'a>(needed: &[&'a str], listing: &str) -> Vec<&'a str> {
    let is_there = |name: &str| {
        listing.lines().any(|line| line.strip_prefix("installed ").is_some_and(|one| one == name))
    };
    needed.iter().copied().filter(|name| !is_there(name)).collect()
}

fn check_go() -> Result<()> {
    let said = capture(Command::new("go").arg("version"))?;
    let version =
        go_version(&said).with_context(|| format!("cannot read the version in {said:?}"))?;
    if version < OLDEST_GO {
        bail!(
            "Go {}.{} is too old to build Kubernetes; install Go 1.26 or newer (on Debian 12: \
             `apt-get install -t bookworm-backports golang-go`) and put it first in PATH",
            version.0,
            version.1
        );
    }
    Ok(())
}

fn go_version(said: &str) -> Option<(u32, u32)> {
    let word = said.split_whitespace().nth(2)?.strip_prefix("go")?;
    let mut numbers = word.split(['.', 'r', 'b', '-']);
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_removed_package_with_its_configuration_left_is_missing() {
        let listing = "installed runc\nconfig-files buildah\ninstalled kmod-extra\n";
        assert_eq!(missing(&["runc", "buildah", "kmod"], listing), ["buildah", "kmod"]);
    }

    #[test]
    fn versions_of_go_compare_as_numbers() {
        let read = |word: &str| go_version(&format!("go version {word} linux/amd64"));
        assert_eq!(read("go1.26.8"), Some((1, 26)));
        assert_eq!(read("go1.27rc1"), Some((1, 27)));
        assert!(read("go1.9.7").unwrap() < OLDEST_GO);
        assert_eq!(read("devel"), None);
    }
}
