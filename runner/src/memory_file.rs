//! A file that exists in memory only: what git's helpers must read from a path, and what must not
//! reach the node's disk, as a container's own volumes do.
//!
//! Not here: what is written into it.

use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use nix::sys::memfd::{MFdFlags, memfd_create};

/// A file of this process that programs of the same user can open as long as the value lives.
#[derive(Debug)]
pub struct MemoryFile(File);

impl MemoryFile {
    /// Makes one with this content, readable for its owner alone, as ssh wants a private key.
    ///
    /// # Errors
    /// When the system has no memory for it.
    pub fn new(content: &[u8]) -> io::Result<Self> {
        let mut file = File::from(memfd_create(c"claudetask", MFdFlags::MFD_CLOEXEC)?);
        file.set_permissions(Permissions::from_mode(0o600))?;
        file.write_all(content)?;
        Ok(Self(file))
    }

    /// Where other programs find it (proc(5), `/proc/pid/fd`).
    pub fn path(&self) -> PathBuf {
        format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd()).into()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::MemoryFile;

    #[test]
    fn another_program_reads_it_until_it_is_dropped() {
        let file = MemoryFile::new(b"content").unwrap();
        let path = file.path();
        let read = std::process::Command::new("cat").arg(&path).output().unwrap();
        assert_eq!(read.stdout, b"content");
        let known = std::fs::metadata(&path).unwrap();
        assert_eq!(known.mode() & 0o777, 0o600);
        drop(file);
        // The number may stand for something else by now.
        let left = std::fs::metadata(&path).ok().map(|left| (left.dev(), left.ino()));
        assert_ne!(left, Some((known.dev(), known.ino())));
    }
}
