//! Names that are never impersonated.
//!
//! The proxy may impersonate anybody, so these rules are all that keeps an identity provider, or
//! who writes its groups, from becoming a part of the cluster itself. The apiserver adds
//! `system:authenticated` to whom it lets be impersonated, so no claim has to name it. Not here:
//! where names come from, and the caller's own token, by which nobody is impersonated.

use std::ops::Deref;

use crate::caller::User;

/// What Kubernetes keeps for itself (Kubernetes RBAC, "Referring to subjects").
const RESERVED: &str = "system:";

/// Bytes of one name at most: longer than an email address or a distinguished name needs to be.
const LONGEST: usize = 512;

/// Groups of one user at most: each becomes a header of every request to the apiserver.
const MOST_GROUPS: usize = 500;

/// What is put before every name and group of an identity provider, so that they meet no name of
/// another authenticator.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Prefix(String);

impl Prefix {
    /// Takes this prefix; an error when with it every name, or none, would be refused.
    pub fn new(text: &str) -> Result<Self, UnfitPrefix> {
        let fault = match fault(text) {
            Some(Fault::Empty) | None => return Ok(Self(text.to_owned())),
            Some(fault) => fault,
        };
        Err(UnfitPrefix(fault))
    }

    fn before(&self, name: &str) -> String {
        format!("{}{name}", self.0)
    }
}

/// The prefix cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the prefix of names and groups {0}")]
pub struct UnfitPrefix(Fault);

/// Somebody who may be impersonated. Only the rules of this file make one, so nobody else is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Impersonated(User);

impl Impersonated {
    /// The user.
    pub fn into_user(self) -> User {
        self.0
    }
}

impl Deref for Impersonated {
    type Target = User;

    fn deref(&self) -> &User {
        &self.0
    }
}

/// The user of this name and groups as an identity provider tells them, under the prefix.
pub fn prefixed(prefix: &Prefix, name: &str, groups: &[String]) -> Result<Impersonated, Refused> {
    // After a prefix neither an empty name nor a blank at its front would be seen.
    for (part, raw) in parts(name, groups) {
        if let Some(fault) = fault_of_form(raw) {
            return Err(Refused { part, fault });
        }
    }
    checked(User {
        name: prefix.before(name),
        groups: groups.iter().map(|group| prefix.before(group)).collect(),
        ..User::default()
    })
}

/// The same user, if they may be impersonated. One bad group refuses the whole user: dropped, it
/// would hide that somebody grants it.
pub fn checked(user: User) -> Result<Impersonated, Refused> {
    for (part, name) in parts(&user.name, &user.groups) {
        if let Some(fault) = fault(name) {
            return Err(Refused { part, fault });
        }
    }
    if user.groups.len() > MOST_GROUPS {
        return Err(Refused { part: Part::Group, fault: Fault::TooMany });
    }
    if user.uid.is_some() || !user.extra.is_empty() {
        return Err(Refused { part: Part::Facts, fault: Fault::Foreign });
    }
    Ok(Impersonated(user))
}

/// Why somebody is not impersonated. It names no value, so anybody may see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{part} {fault}")]
pub struct Refused {
    /// What of the user is bad.
    pub part: Part,
    /// What is bad about it.
    pub fault: Fault,
}

/// A part of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Part {
    /// The user name.
    #[error("the user name")]
    Name,
    /// One of the groups.
    #[error("a group")]
    Group,
    /// UID and extra facts.
    #[error("a UID or an extra fact")]
    Facts,
}

/// What is bad about a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It begins with `system:`, in whatever case.
    #[error("begins with system:, which Kubernetes keeps for itself")]
    Reserved,
    /// There is nothing in it.
    #[error("is empty")]
    Empty,
    /// It begins or ends with a blank, which servers cut from a header: ` system:masters`.
    #[error("begins or ends with a blank")]
    Blank,
    /// It would not survive as one header.
    #[error("has a control character")]
    Control,
    /// It is too long.
    #[error("is longer than {LONGEST} bytes")]
    TooLong,
    /// There are too many.
    #[error("is one of more than {MOST_GROUPS}")]
    TooMany,
    /// Nobody but the apiserver's own authenticators gives one.
    #[error("cannot be taken over")]
    Foreign,
}

fn parts<'a>(name: &'a str, groups: &'a [String]) -> impl Iterator<Item = (Part, &'a str)> {
    let groups = groups.iter().map(|group| (Part::Group, group.as_str()));
    std::iter::once((Part::Name, name)).chain(groups)
}

fn fault(name: &str) -> Option<Fault> {
    fault_of_form(name).or_else(|| is_reserved(name).then_some(Fault::Reserved))
}

fn fault_of_form(name: &str) -> Option<Fault> {
    if name.is_empty() {
        Some(Fault::Empty)
    } else if name.len() > LONGEST {
        Some(Fault::TooLong)
    } else if name.chars().any(char::is_control) {
        Some(Fault::Control)
    } else if name.trim() != name {
        Some(Fault::Blank)
    } else {
        None
    }
}

fn is_reserved(name: &str) -> bool {
    // Kubernetes compares bytes; who else reads the name, such as an authorizer, may not.
    name.get(..RESERVED.len()).is_some_and(|start| start.eq_ignore_ascii_case(RESERVED))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn under(prefix: &str, name: &str, groups: &[&str]) -> Result<User, Refused> {
        let groups: Vec<String> = groups.iter().map(|&group| group.to_owned()).collect();
        prefixed(&Prefix::new(prefix).unwrap(), name, &groups).map(Impersonated::into_user)
    }

    fn user(name: &str, groups: &[&str]) -> User {
        let groups = groups.iter().map(|&group| group.to_owned()).collect();
        User { name: name.to_owned(), groups, ..User::default() }
    }

    const BAD: [(&str, Fault); 16] = [
        ("system:masters", Fault::Reserved),
        ("system:", Fault::Reserved),
        ("system:serviceaccount:kube-system:default", Fault::Reserved),
        ("system:node:one", Fault::Reserved),
        ("System:masters", Fault::Reserved),
        ("SYSTEM:MASTERS", Fault::Reserved),
        (" system:masters", Fault::Blank),
        ("\u{a0}system:masters", Fault::Blank),
        ("system:masters ", Fault::Blank),
        ("\tsystem:masters", Fault::Control),
        ("ana\r\nImpersonate-Group: system:masters", Fault::Control),
        ("ana\0", Fault::Control),
        ("ana\u{9b}", Fault::Control),
        ("", Fault::Empty),
        (" ", Fault::Blank),
        ("ana ", Fault::Blank),
    ];

    #[test]
    fn no_bad_name_is_impersonated() {
        for (name, fault) in BAD {
            let refused = Refused { part: Part::Name, fault };
            assert_eq!(checked(user(name, &[])), Err(refused), "{name:?}");
            assert_eq!(under("", name, &[]), Err(refused), "{name:?}");
        }
    }

    #[test]
    fn one_bad_group_refuses_the_user() {
        for (name, fault) in BAD {
            let refused = Refused { part: Part::Group, fault };
            assert_eq!(checked(user("ana", &["team", name])), Err(refused), "{name:?}");
            assert_eq!(under("", "ana", &["team", name]), Err(refused), "{name:?}");
        }
    }

    #[test]
    fn a_prefix_hides_neither_an_empty_name_nor_a_blank() {
        for (name, fault) in BAD.into_iter().filter(|(_, fault)| *fault != Fault::Reserved) {
            assert_eq!(under("oidc:", name, &[]), Err(Refused { part: Part::Name, fault }));
            assert_eq!(under("oidc:", "ana", &[name]), Err(Refused { part: Part::Group, fault }));
        }
    }

    #[test]
    fn what_prefix_and_name_make_together_counts() {
        let reserved = Err(Refused { part: Part::Name, fault: Fault::Reserved });
        assert_eq!(under("sys", "tem:masters", &[]), reserved);
        assert_eq!(under("system", ":masters", &[]), reserved);
        assert_eq!(under("Sys", "TEM:masters", &[]), reserved);
        let ana = under("oidc:", "system:masters", &["system:masters"]).unwrap();
        assert_eq!(ana, user("oidc:system:masters", &["oidc:system:masters"]));
        let long = "a".repeat(LONGEST);
        assert_eq!(under("", &long, &[]).unwrap().name, long);
        let too_long = Err(Refused { part: Part::Name, fault: Fault::TooLong });
        assert_eq!(under("b", &long, &[]), too_long);
    }

    #[test]
    fn ordinary_names_are_taken_as_they_are() {
        for name in
            ["ana", "ana@example.com", "CN=Ana Díaz,O=acme", "system", "systems:a", "ß:ystem"]
        {
            assert_eq!(under("", name, &[name]), Ok(user(name, &[name])));
        }
        assert_eq!(under("", "ana", &[]), Ok(user("ana", &[])));
    }

    #[test]
    fn a_prefix_that_is_or_hides_the_reserved_one_is_refused() {
        for (prefix, fault) in [
            ("system:", Fault::Reserved),
            ("system:oidc:", Fault::Reserved),
            ("System:", Fault::Reserved),
            (" system:", Fault::Blank),
            ("oidc: ", Fault::Blank),
            ("oidc\n", Fault::Control),
        ] {
            assert_eq!(Prefix::new(prefix), Err(UnfitPrefix(fault)), "{prefix:?}");
        }
        for prefix in ["", "oidc:", "https://idp.example.com#", "system"] {
            assert_eq!(Prefix::new(prefix), Ok(Prefix(prefix.to_owned())));
        }
    }

    #[test]
    fn groups_without_end_and_foreign_facts_are_refused() {
        let groups: Vec<String> = (0..=MOST_GROUPS).map(|number| format!("g{number}")).collect();
        let crowd = User { groups, ..user("ana", &[]) };
        assert_eq!(checked(crowd).unwrap_err().fault, Fault::TooMany);
        let numbered = User { uid: Some("7".to_owned()), ..user("ana", &[]) };
        assert_eq!(checked(numbered).unwrap_err().part, Part::Facts);
        let extra = [("scopes".to_owned(), vec!["all".to_owned()])].into();
        let scoped = User { extra, ..user("ana", &[]) };
        assert_eq!(checked(scoped).unwrap_err().part, Part::Facts);
    }

    #[test]
    fn a_refusal_shows_no_value() {
        let refused = checked(user("ana", &["system:secret"])).unwrap_err();
        let said = "a group begins with system:, which Kubernetes keeps for itself";
        assert_eq!(refused.to_string(), said);
    }
}
