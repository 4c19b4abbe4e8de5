//! The operator's settings, parsed once, which is slower than many passes.
//!
//! Not here: what a task asks for ([`crate::workload`]).

use std::sync::LazyLock;

use clap::Parser;
use operator::config::Settings;

/// The defaults.
pub fn settings() -> Settings {
    static DEFAULTS: LazyLock<Settings> = LazyLock::new(|| {
        Settings::parse_from(["operator", "--runner-image=localhost/claudetask/runner:dev"])
    });
    DEFAULTS.clone()
}
