//! Names in addresses: only what can be a namespace or a task gets into a request to the apiserver.
//!
//! Not here: whether it exists.

use std::fmt;

use crd::names;
use serde::Deserialize;
use serde::de::{self, Deserializer};
use utoipa::IntoParams;

/// Characters of a DNS label at most (RFC 1123).
const LONGEST: usize = 63;

macro_rules! label {
    ($(#[doc = $doc:literal])+ $type:ident) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $type(String);

        impl $type {
            /// The name, unless it cannot be one.
            pub fn new(text: &str) -> Option<Self> {
                (text.len() <= LONGEST && names::is_label(text)).then(|| Self(text.to_owned()))
            }

            /// The name.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::new(&text).ok_or_else(|| de::Error::custom("must be a DNS label"))
            }
        }
    };
}

label! {
    /// Name of a namespace: a DNS label.
    Namespace
}
label! {
    /// Name of a task: a DNS label, as the CRD demands.
    Name
}

/// Where a task is, in an address.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct Place {
    /// Namespace
    #[param(value_type = String)]
    pub namespace: Namespace,
    /// Name of the task
    #[param(value_type = String)]
    pub name: Name,
}

#[cfg(test)]
mod tests {
    use super::Name;

    #[test]
    fn what_would_change_the_address_is_no_name() {
        for good in ["a", "fix-1", &"a".repeat(63)] {
            assert!(Name::new(good).is_some(), "{good}");
        }
        for bad in ["", "..", "a/b", "a?b", "-a", "a-", "A", "a.b", "ä", &"a".repeat(64)] {
            assert!(Name::new(bad).is_none(), "{bad}");
        }
    }
}
