//! Which input an error belongs to.
//!
//! Not here: how it is shown ([`super::draw`]).

use super::Said;
use super::inputs::{self, Input};
use crate::field::Field;

/// Errors, each at its place.
#[derive(Debug, Default)]
pub struct Placed<'a> {
    at_inputs: Vec<(&'static Input, &'a str)>,
    /// Those whose field has no input.
    pub elsewhere: Vec<&'a Field>,
}

impl<'a> Placed<'a> {
    /// The errors of an answer.
    pub fn of(said: &'a Said) -> Self {
        let Said::Errors(errors) = said else { return Self::default() };
        let mut placed = Self::default();
        for error in errors {
            match nearest(&error.field) {
                Some(input) => placed.at_inputs.push((input, &error.message)),
                None => placed.elsewhere.push(error),
            }
        }
        placed
    }

    /// What is said of this input.
    pub fn of_input(&self, input: &Input) -> Vec<&'a str> {
        let here = self.at_inputs.iter().filter(|(known, _)| known.key == input.key);
        here.map(|(_, message)| *message).collect()
    }

    /// The inputs of which something is said, in the order of the form.
    pub fn inputs(&self) -> impl Iterator<Item = &'static Input> {
        inputs::all().filter(|input| !self.of_input(input).is_empty())
    }
}

/// The input of this field, or of the nearest one above it.
fn nearest(field: &str) -> Option<&'static Input> {
    // Where no name was given, the apiserver looks at the beginning of the one it made.
    let field = field.replace("metadata.generateName", "metadata.name");
    inputs::all()
        .filter(|input| {
            let rest = field.strip_prefix(&input.path());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
        .max_by_key(|input| input.path().len())
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn an_error_goes_to_its_input_or_the_nearest_above() {
        for (field, key) in [
            ("spec.repository.url", Some("repository.url")),
            ("spec.repository.credentialsSecret.name", Some("repository.credentialsSecret")),
            ("spec.verify[2]", Some("verify")),
            ("spec.prompt", Some("prompt")),
            (
                "spec.environment.resources.limits.ephemeral-storage",
                Some("environment.resources.limits.ephemeral-storage"),
            ),
            ("metadata.name", Some("name")),
            ("metadata.generateName", Some("name")),
            ("spec.repository", None),
            ("spec.promptFrom", None),
            ("spec", None),
            ("", None),
        ] {
            assert_eq!(nearest(field).map(|input| input.key), key, "{field}");
        }
    }
}
