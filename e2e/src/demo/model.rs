//! Which model answers: the scripted Messages API, or the real one when there is a key for it.
//!
//! Not here: what the scripted one says ([`super::plot`]).

use std::env;

use super::plot::BUDGET;
use crate::parts;

/// Where Claude's answers come from. There is no `Debug`: it holds a credential.
pub enum Model {
    /// From the test parts, for nothing.
    Scripted,
    /// From the real API, for money.
    Real {
        /// The API key.
        key: String,
        /// Another address than the CLI's own.
        base_url: Option<String>,
    },
}

impl Model {
    /// The real API if `ANTHROPIC_API_KEY` is set and not empty.
    pub fn from_env() -> Self {
        let set = |name| env::var(name).ok().filter(|value| !value.trim().is_empty());
        match set("ANTHROPIC_API_KEY") {
            Some(key) => Self::Real { key, base_url: set("ANTHROPIC_BASE_URL") },
            None => Self::Scripted,
        }
    }

    /// Whether answers are scripted.
    pub const fn is_scripted(&self) -> bool {
        matches!(self, Self::Scripted)
    }

    /// Content of the Secret with its credential, from which the address comes too.
    pub fn secret(&self) -> Vec<(&'static str, String)> {
        let (key, base_url) = match self {
            Self::Scripted => (parts::MODEL_KEY.to_owned(), Some(parts::model_url())),
            Self::Real { key, base_url } => (key.clone(), base_url.clone()),
        };
        let key = ("ANTHROPIC_API_KEY", key);
        [key].into_iter().chain(base_url.map(|url| ("ANTHROPIC_BASE_URL", url))).collect()
    }

    /// What to know about it before it begins.
    pub fn described(&self) -> String {
        match self {
            Self::Scripted => "Claude's answers are scripted and free; set ANTHROPIC_API_KEY for \
                               real ones."
                .to_owned(),
            Self::Real { base_url, .. } => {
                let place = base_url.as_deref().map(|url| format!(" at {url}"));
                format!(
                    "Claude's answers come from the real API{}, paid by your key.\n\
                     Each of the two small tasks stops at ${BUDGET} (maxBudgetUSD), give or take \
                     one answer.",
                    place.unwrap_or_default()
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_in_the_secret_and_in_no_description() {
        let model = Model::Real { key: "sk-canary".to_owned(), base_url: None };
        assert_eq!(model.secret(), [("ANTHROPIC_API_KEY", "sk-canary".to_owned())]);
        assert!(!model.described().contains("canary"));
        assert!(model.described().contains("$1.00"));
    }

    #[test]
    fn the_scripted_model_is_reached_by_its_service() {
        let secret = Model::Scripted.secret();
        assert_eq!(secret[1], ("ANTHROPIC_BASE_URL", parts::model_url()));
    }
}
