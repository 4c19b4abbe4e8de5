//! The refs of a remote as `git ls-remote --symref` prints them. Pure.
//!
//! Not here: which of them a task means ([`crate::clone::branches`]).

use std::collections::BTreeMap;

/// Every ref of a remote and the commit that it leads to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Refs {
    /// Full names and commits; an annotated tag is followed to its commit.
    pub by_name: BTreeMap<String, String>,
    /// The branch that HEAD points to, as a full ref.
    pub head: Option<String>,
}

impl Refs {
    /// Reads the output; lines that are none are passed over.
    pub fn parse(output: &[u8]) -> Self {
        let mut refs = Self::default();
        let text = String::from_utf8_lossy(output);
        for (value, name) in text.lines().filter_map(|line| line.split_once('\t')) {
            match value.strip_prefix("ref: ") {
                Some(target) if name == "HEAD" => refs.head = Some(target.to_owned()),
                Some(_) => {}
                None => {
                    // The peeled line follows the tag's own and takes its place.
                    let name = name.strip_suffix("^{}").unwrap_or(name);
                    refs.by_name.insert(name.to_owned(), value.to_owned());
                }
            }
        }
        refs
    }

    /// The commit of a full ref.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.by_name.get(name).map(String::as_str)
    }

    /// A ref whose name would have to be a directory of `name`, or the reverse; git stores no
    /// such pair.
    pub fn in_the_way_of(&self, name: &str) -> Option<&str> {
        let below = |long: &str, short: &str| {
            long.strip_prefix(short).is_some_and(|rest| rest.starts_with('/'))
        };
        self.by_name
            .keys()
            .map(String::as_str)
            .find(|other| below(other, name) || below(name, other))
    }
}

#[cfg(test)]
mod tests {
    use super::Refs;

    const SAMPLE: &[u8] = b"ref: refs/heads/main\tHEAD\n1111\tHEAD\n1111\trefs/heads/main\n\
        2222\trefs/heads/a/b\n3333\trefs/tags/v1\n4444\trefs/tags/v1^{}\n";

    #[test]
    fn tags_are_followed_and_head_is_named() {
        let refs = Refs::parse(SAMPLE);
        assert_eq!(refs.head.as_deref(), Some("refs/heads/main"));
        assert_eq!(refs.get("refs/tags/v1"), Some("4444"));
        assert_eq!(refs.get("refs/heads/main"), Some("1111"));
        assert_eq!(refs.get("refs/heads/none"), None);
        assert_eq!(Refs::parse(b""), Refs::default());
    }

    #[test]
    fn a_name_collides_with_its_directory_both_ways() {
        let refs = Refs::parse(SAMPLE);
        for (name, other) in [
            ("refs/heads/a", Some("refs/heads/a/b")),
            ("refs/heads/a/b/c", Some("refs/heads/a/b")),
            ("refs/heads/main/x", Some("refs/heads/main")),
            ("refs/heads/a/c", None),
            ("refs/heads/mai", None),
            ("refs/heads/a/b", None),
        ] {
            assert_eq!(refs.in_the_way_of(name), other, "{name}");
        }
    }
}
