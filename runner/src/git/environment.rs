//! The settings and variables of every git command: constants, each with the accident that it
//! prevents.
//!
//! Not here: how a command is put together ([`crate::git::command`]).

use crate::place::PATH;

/// Settings of every command, each with the accident that it prevents. They outrank the
/// repository's own.
pub const SETTINGS: [(&str, &str); 26] = [
    // Nothing in a repository or template executes.
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.askPass", ""),
    ("credential.helper", ""),
    ("commit.gpgSign", "false"),
    // Attributes choose merge drivers, filters and encodings: a merge here has none of them.
    ("core.attributesFile", "/dev/null"),
    ("core.excludesFile", "/dev/null"),
    ("core.autocrlf", "false"),
    // A background repack would delete objects that the agent's clone borrows.
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    // CVE-2024-32002: submodules are never entered.
    ("submodule.recurse", "false"),
    ("fetch.recurseSubmodules", "false"),
    ("push.recurseSubmodules", "no"),
    // The same merge everywhere, whatever git's defaults become.
    ("merge.renames", "true"),
    ("merge.directoryRenames", "conflict"),
    ("merge.renameLimit", "7000"),
    ("merge.conflictStyle", "diff3"),
    ("merge.renormalize", "false"),
    ("i18n.commitEncoding", "UTF-8"),
    ("i18n.logOutputEncoding", "UTF-8"),
    // Paths are printed as they are.
    ("core.quotePath", "false"),
    // A credential is asked for with the whole path, and never follows a redirect.
    ("credential.useHttpPath", "true"),
    ("http.followRedirects", "false"),
    // A server that sends nothing for ten minutes is gone; a slow hook is not.
    ("http.lowSpeedLimit", "1"),
    ("http.lowSpeedTime", "600"),
    // The volumes die with the Pod: waiting for the disk protects nothing.
    ("core.fsync", "none"),
];

/// The empty tree, in which a bare repository looks for attributes: git 2.43 to 2.45 would read
/// them from HEAD.
pub const NO_ATTRIBUTES: (&str, &str) = ("attr.tree", "4b825dc642cb6eb9a060e54bf8d69288fbee4904");

/// Environment of every command besides HOME, TMPDIR and the settings.
pub const ENVIRONMENT: [(&str, &str); 11] = [
    ("PATH", PATH),
    // Messages are recognised by their words.
    ("LC_ALL", "C"),
    ("GIT_CONFIG_GLOBAL", "/dev/null"),
    ("GIT_CONFIG_NOSYSTEM", "1"),
    ("GIT_ATTR_NOSYSTEM", "1"),
    // Nobody is there to answer.
    ("GIT_TERMINAL_PROMPT", "0"),
    // No transport unless a command names it: an address in a repository leads nowhere.
    ("GIT_ALLOW_PROTOCOL", "none"),
    // Reading does not write.
    ("GIT_OPTIONAL_LOCKS", "0"),
    // A replace ref shows other contents under a trusted name.
    ("GIT_NO_REPLACE_OBJECTS", "1"),
    ("GIT_NO_LAZY_FETCH", "1"),
    // A file name is not a pattern.
    ("GIT_LITERAL_PATHSPECS", "1"),
];
