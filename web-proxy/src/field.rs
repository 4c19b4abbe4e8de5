//! A field of an object and what is wrong with it, as API and form tell it.
//!
//! Not here: which field is wrong, which the apiserver says.

use serde::Serialize;
use utoipa::ToSchema;

/// A field of the object, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Field {
    /// Path, such as `spec.repository.url`; empty for the object as a whole.
    pub field: String,
    /// What is wrong.
    pub message: String,
}
