//! Removes credentials by exact value from any text that leaves the container.
//!
//! Not here: encoded or split forms of a value; code that the agent runs can always disguise one.

/// What stands in place of a credential.
pub const REDACTED: &str = "[redacted]";

/// Values shorter than this are left alone: they would tear holes into ordinary words.
const SHORTEST: usize = 6;

/// The values that must not be shown.
#[derive(Clone, Default)]
pub struct Scrub {
    secrets: Vec<String>,
}

impl Scrub {
    /// Removes each of `values`, the longest first so that none hides inside another.
    pub fn new(values: impl IntoIterator<Item = String>) -> Self {
        let mut secrets: Vec<String> = values
            .into_iter()
            .map(|value| value.trim().to_owned())
            .filter(|value| value.len() >= SHORTEST)
            .collect();
        secrets.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        secrets.dedup();
        Self { secrets }
    }

    /// `text` without the values.
    pub fn text(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| {
            if text.contains(secret.as_str()) {
                text.replace(secret.as_str(), REDACTED)
            } else {
                text
            }
        })
    }
}

impl std::fmt::Debug for Scrub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Scrub({} values)", self.secrets.len())
    }
}

#[cfg(test)]
mod tests {
    use super::Scrub;

    #[test]
    fn a_value_that_holds_another_goes_whole() {
        let scrub = Scrub::new(["secret".to_owned(), "secret-longer\n".to_owned()]);
        assert_eq!(scrub.text("a secret-longer, a secret"), "a [redacted], a [redacted]");
        assert!(!format!("{scrub:?}").contains("secret-longer"));
    }

    #[test]
    fn short_and_empty_values_are_left_alone() {
        assert_eq!(Scrub::new([String::new(), "ab".to_owned()]).text("abc ab"), "abc ab");
    }
}
