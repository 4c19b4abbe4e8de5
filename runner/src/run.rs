//! Stub.

use crd::Phase;

use crate::config::Config;
use crate::dirs::Dirs;
use crate::ended::Ended;
use crate::progress::Progress;

/// Stub.
pub async fn run(_config: &Config, _dirs: &Dirs, _progress: &Progress) -> Ended {
    Ended::idle(Phase::Run)
}
