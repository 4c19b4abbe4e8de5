//! Differences between two trees, as git prints them: pure.
//!
//! Not here: asking git ([`super::shadow`]).

/// One difference between two trees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Path in the tree.
    pub path: String,
    /// Mode and blob after it; nothing when the path is gone.
    pub now: Option<(String, String)>,
}

/// Reads `diff-tree --raw -z`: `:<mode> <mode> <blob> <blob> <letter>`, NUL, path, NUL.
pub fn parse_raw(bytes: &[u8]) -> Vec<Change> {
    let mut parts = bytes.split(|&byte| byte == 0).map(String::from_utf8_lossy);
    let mut changes = Vec::new();
    while let (Some(meta), Some(path)) = (parts.next(), parts.next()) {
        let fields: Vec<&str> = meta.split(' ').collect();
        if let [_, mode, _, blob, letter] = fields[..] {
            let now = (letter != "D").then(|| (mode.to_owned(), blob.to_owned()));
            changes.push(Change { path: path.into_owned(), now });
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::{Change, parse_raw};

    #[test]
    fn raw_differences_are_read_with_any_path() {
        let raw = b":100644 100755 1111 2222 M\0a b\n\0:100644 000000 1111 0000 D\0gone\0";
        let now = Some(("100755".to_owned(), "2222".to_owned()));
        assert_eq!(
            parse_raw(raw),
            [Change { path: "a b\n".into(), now }, Change { path: "gone".into(), now: None }]
        );
        assert!(parse_raw(b"").is_empty());
    }
}
