//! What the claims of a verified ID token mean: a user name and groups.
//!
//! Not here: whether the token may be believed.

use openidconnect::AdditionalClaims;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::error::Error;
use super::settings::Settings;
use crate::identity::refuse::{self, Impersonated, Part};

/// Claims beyond those that OpenID Connect names.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Claims(Map<String, Value>);

impl AdditionalClaims for Claims {}

/// The user that the claims tell, unless such a one is never impersonated.
pub fn user(settings: &Settings, claims: &Map<String, Value>) -> Result<Impersonated, Error> {
    let name = name(&settings.username_claim, claims)?;
    let groups = groups(&settings.groups_claim, claims)?;
    refuse::prefixed(&settings.prefix, name, &groups).map_err(|source| Error::Refused {
        claim: match source.part {
            Part::Group => settings.groups_claim.clone(),
            Part::Name | Part::Facts => settings.username_claim.clone(),
        },
        source,
    })
}

fn name<'a>(claim: &str, claims: &'a Map<String, Value>) -> Result<&'a str, Error> {
    // Some providers let people type any address.
    if claim == "email" && claims.get("email_verified") != Some(&Value::Bool(true)) {
        let there = claims.contains_key(claim);
        let missing = || Error::NoClaim(claim.to_owned());
        return Err(if there { Error::UnverifiedEmail } else { missing() });
    }
    match claims.get(claim) {
        Some(Value::String(name)) => Ok(name),
        Some(Value::Null) | None => Err(Error::NoClaim(claim.to_owned())),
        Some(_) => Err(Error::Claim(claim.to_owned())),
    }
}

fn groups(claim: &str, claims: &Map<String, Value>) -> Result<Vec<String>, Error> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let groups = match claims.get(claim) {
        None | Some(Value::Null) => Some(Vec::new()),
        Some(Value::Array(list)) => list.iter().map(text).collect(),
        Some(one) => text(one).map(|one| vec![one]),
    };
    groups.ok_or_else(|| Error::Claim(claim.to_owned()))
}
