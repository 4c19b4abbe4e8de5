//! The caller as an authenticating proxy in front names them, in headers.
//!
//! Headers prove something only while nobody else can send them, so they count from configured
//! addresses alone, and the address is the connection's own: `X-Forwarded-For` is never looked at.
//! Not here: any other way to prove who one is.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;

use crate::caller::{Caller, Means};
use crate::identity::refuse::{self, Prefix, Refused};

/// What the authenticating proxy sends, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The header with the user name, such as `X-Remote-User`.
    pub user_header: HeaderName,
    /// The header with the groups, such as `X-Remote-Group`; none unless the proxy in front sets or
    /// removes it in every request: else everybody would choose their own.
    pub groups_header: Option<HeaderName>,
    /// The addresses of the proxy in front.
    pub from: Vec<IpNet>,
    /// What is put before the name and each group.
    pub prefix: Prefix,
}

impl Settings {
    /// An error when nobody, or everybody, could be named by these settings.
    pub fn check(&self) -> Result<(), Unfit> {
        let headers = || std::iter::once(&self.user_header).chain(&self.groups_header);
        if self.from.is_empty() {
            return Err(Unfit::FromNobody);
        }
        if let Some(all) = self.from.iter().find(|net| net.prefix_len() == 0) {
            return Err(Unfit::FromEverybody(*all));
        }
        if self.groups_header.as_ref() == Some(&self.user_header) {
            return Err(Unfit::Same(self.user_header.clone()));
        }
        match headers().find(|name| OTHERS.contains(name)) {
            Some(other) => Err(Unfit::Other(other.clone())),
            None => Ok(()),
        }
    }
}

/// Headers that clients themselves send.
const OTHERS: [HeaderName; 5] = [
    header::AUTHORIZATION,
    header::COOKIE,
    header::FORWARDED,
    header::HOST,
    HeaderName::from_static("x-forwarded-for"),
];

/// The settings cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// No address is given.
    #[error("no address is given from which identity headers count")]
    FromNobody,
    /// Every client could name itself.
    #[error("identity headers would count from everywhere ({0})")]
    FromEverybody(IpNet),
    /// One header cannot say both.
    #[error("user name and groups would both be read from {0}")]
    Same(HeaderName),
    /// The header is for something else.
    #[error("{0} is no header for an identity")]
    Other(HeaderName),
}

/// The caller that the headers name.
pub fn caller(settings: &Settings, peer: IpAddr, headers: &HeaderMap) -> Result<Caller, Error> {
    // A socket for both families shows IPv4 peers as ::ffff:10.0.0.1.
    let peer = peer.to_canonical();
    if !settings.from.iter().any(|net| net.contains(&peer)) {
        return Err(Error::FromElsewhere(peer));
    }
    let name = only(headers, &settings.user_header)?;
    let groups = match &settings.groups_header {
        Some(header) => listed(headers, header)?,
        None => Vec::new(),
    };
    let user = refuse::prefixed(&settings.prefix, name, &groups).map_err(Error::Refused)?;
    Ok(Caller::impersonated(user, Means::Header, None))
}

/// Why the headers name nobody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The connection does not come from the authenticating proxy.
    #[error("identity headers do not count from {0}")]
    FromElsewhere(IpAddr),
    /// There is no user header.
    #[error("there is no {0} header")]
    Missing(HeaderName),
    /// The header is there more than once: somebody may have put theirs beside the proxy's.
    #[error("the {0} header is there more than once")]
    Repeated(HeaderName),
    /// The value is no text.
    #[error("the {0} header is not UTF-8")]
    Unreadable(HeaderName),
    /// Such a user is not impersonated.
    #[error("taking the user of the identity headers")]
    Refused(#[source] Refused),
}

impl Error {
    /// What the caller may see of it.
    pub fn public(&self) -> String {
        match self {
            Self::Refused(refused) => {
                format!("The identity that came with the request cannot be used here: {refused}.")
            }
            _ => "The request came without an identity that counts here.".to_owned(),
        }
    }
}

fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<&'a str, Error> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().ok_or_else(|| Error::Missing(name.clone()))?;
    match values.next() {
        Some(_) => Err(Error::Repeated(name.clone())),
        None => text(name, value),
    }
}

/// The members of a list in one or more headers; RFC 9110 (5.6.1) lets members be empty.
fn listed(headers: &HeaderMap, name: &HeaderName) -> Result<Vec<String>, Error> {
    let mut members = Vec::new();
    for value in headers.get_all(name) {
        let each = text(name, value)?.split(',').map(|member| member.trim_matches([' ', '\t']));
        members.extend(each.filter(|member| !member.is_empty()).map(str::to_owned));
    }
    Ok(members)
}

fn text<'a>(name: &HeaderName, value: &'a http::HeaderValue) -> Result<&'a str, Error> {
    std::str::from_utf8(value.as_bytes()).map_err(|_| Error::Unreadable(name.clone()))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::caller::{Credential, User};
    use crate::identity::refuse::{Fault, Part};

    const USER: HeaderName = HeaderName::from_static("x-remote-user");
    const GROUPS: HeaderName = HeaderName::from_static("x-remote-group");

    fn settings() -> Settings {
        Settings {
            user_header: USER,
            groups_header: Some(GROUPS),
            from: ["10.1.0.0/16", "fd00::7/128"].map(|net| net.parse().unwrap()).to_vec(),
            prefix: Prefix::default(),
        }
    }

    fn ask(settings: &Settings, peer: &str, sent: &[(&str, &[u8])]) -> Result<Caller, Error> {
        let mut headers = HeaderMap::new();
        for (name, value) in sent {
            let name: HeaderName = name.parse().unwrap();
            headers.append(name, HeaderValue::from_bytes(value).unwrap());
        }
        caller(settings, peer.parse().unwrap(), &headers)
    }

    fn asked(sent: &[(&str, &[u8])]) -> Result<User, Error> {
        ask(&settings(), "10.1.2.3", sent).map(|caller| caller.user)
    }

    fn user(name: &str, groups: &[&str]) -> User {
        let groups = groups.iter().map(|&group| group.to_owned()).collect();
        User { name: name.to_owned(), groups, ..User::default() }
    }

    #[test]
    fn the_caller_is_impersonated_and_came_by_a_header() {
        let caller = ask(&settings(), "10.1.2.3", &[("X-Remote-User", b"ana")]).unwrap();
        assert!(
            matches!(caller.credential, Credential::Impersonation(named) if *named == caller.user)
        );
        assert_eq!((caller.means, caller.until), (Means::Header, None));
    }

    #[test]
    fn headers_count_from_configured_addresses_only() {
        for (peer, counts) in [
            ("10.1.2.3", true),
            ("::ffff:10.1.2.3", true),
            ("fd00::7", true),
            ("10.2.0.1", false),
            ("::ffff:10.2.0.1", false),
            ("fd00::8", false),
            // The address within an IPv6 address that is not a mapped one.
            ("::10.1.2.3", false),
            ("127.0.0.1", false),
        ] {
            let asked = ask(
                &settings(),
                peer,
                &[
                    ("X-Remote-User", b"ana"),
                    ("X-Forwarded-For", b"10.1.2.3"),
                    ("Forwarded", b"for=10.1.2.3"),
                ],
            );
            let peer: IpAddr = peer.parse().unwrap();
            match asked {
                Err(error) => {
                    assert_eq!(error, Error::FromElsewhere(peer.to_canonical()));
                    assert!(!counts, "{peer}");
                }
                Ok(_) => assert!(counts, "{peer}"),
            }
        }
    }

    #[test]
    fn a_client_behind_the_proxy_keeps_the_proxys_address() {
        let sent: &[(&str, &[u8])] = &[("X-Remote-User", b"ana"), ("X-Forwarded-For", b"9.9.9.9")];
        assert_eq!(asked(sent), Ok(user("ana", &[])));
    }

    #[test]
    fn there_is_exactly_one_user() {
        assert_eq!(asked(&[]), Err(Error::Missing(USER)));
        assert_eq!(asked(&[("X-Remote-Group", b"team")]), Err(Error::Missing(USER)));
        let twice: &[(&str, &[u8])] = &[("X-Remote-User", b"ana"), ("x-remote-user", b"root")];
        assert_eq!(asked(twice), Err(Error::Repeated(USER)));
        let same: &[(&str, &[u8])] = &[("X-Remote-User", b"ana"), ("X-Remote-User", b"ana")];
        assert_eq!(asked(same), Err(Error::Repeated(USER)));
        // A proxy that joins repeated headers makes a name that nobody has.
        assert_eq!(asked(&[("X-Remote-User", b"root, ana")]), Ok(user("root, ana", &[])));
        assert_eq!(asked(&[("X-Remote-User", b"\xff")]), Err(Error::Unreadable(USER)));
        assert_eq!(asked(&[("X-Remote-User", "Zoë".as_bytes())]), Ok(user("Zoë", &[])));
    }

    #[test]
    fn groups_come_from_every_header_and_every_member() {
        let sent: &[(&str, &[u8])] = &[
            ("X-Remote-User", b"ana"),
            ("X-Remote-Group", b"team , ops"),
            ("X-Remote-Group", b",qa,,"),
            ("X-Remote-Groups", b"root"),
        ];
        assert_eq!(asked(sent), Ok(user("ana", &["team", "ops", "qa"])));
        let empty: &[(&str, &[u8])] = &[("X-Remote-User", b"ana"), ("X-Remote-Group", b"")];
        assert_eq!(asked(empty), Ok(user("ana", &[])));
        let bytes: &[(&str, &[u8])] = &[("X-Remote-User", b"ana"), ("X-Remote-Group", b"\xff")];
        assert_eq!(asked(bytes), Err(Error::Unreadable(GROUPS)));
        let without = Settings { groups_header: None, ..settings() };
        assert!(ask(&without, "10.1.2.3", sent).unwrap().user.groups.is_empty());
    }

    #[test]
    fn no_system_user_or_group_comes_by_a_header() {
        let refused = |part, fault| Err(Error::Refused(Refused { part, fault }));
        let admin = asked(&[("X-Remote-User", b"system:admin")]);
        assert_eq!(admin, refused(Part::Name, Fault::Reserved));
        assert_eq!(asked(&[("X-Remote-User", b"")]), refused(Part::Name, Fault::Empty));
        for masters in ["system:masters", "team, System:masters"] {
            let sent =
                [("X-Remote-User", b"ana".as_slice()), ("X-Remote-Group", masters.as_bytes())];
            assert_eq!(asked(&sent), refused(Part::Group, Fault::Reserved));
        }
    }

    #[test]
    fn the_prefix_is_before_name_and_groups() {
        let settings = Settings { prefix: Prefix::new("front:").unwrap(), ..settings() };
        let sent: &[(&str, &[u8])] =
            &[("X-Remote-User", b"ana"), ("X-Remote-Group", b"system:masters")];
        let caller = ask(&settings, "10.1.2.3", sent).unwrap();
        assert_eq!(caller.user, user("front:ana", &["front:system:masters"]));
    }

    #[test]
    fn settings_by_which_anybody_or_nobody_is_named_are_refused() {
        assert_eq!(settings().check(), Ok(()));
        let nets = |nets: &[&str]| nets.iter().map(|net| net.parse().unwrap()).collect();
        let bad = |change: fn(&mut Settings)| {
            let mut settings = settings();
            change(&mut settings);
            settings.check()
        };
        assert_eq!(bad(|settings| settings.from.clear()), Err(Unfit::FromNobody));
        for all in ["0.0.0.0/0", "::/0"] {
            let open = Settings { from: nets(&["10.0.0.0/8", all]), ..settings() };
            assert_eq!(open.check(), Err(Unfit::FromEverybody(all.parse().unwrap())));
        }
        assert_eq!(bad(|settings| settings.groups_header = Some(USER)), Err(Unfit::Same(USER)));
        let cookie = bad(|settings| settings.groups_header = Some(header::COOKIE));
        assert_eq!(cookie, Err(Unfit::Other(header::COOKIE)));
        let bearer = bad(|settings| settings.user_header = header::AUTHORIZATION);
        assert_eq!(bearer, Err(Unfit::Other(header::AUTHORIZATION)));
    }

    #[test]
    fn the_caller_sees_no_address_and_no_value() {
        let elsewhere = ask(&settings(), "10.2.0.1", &[("X-Remote-User", b"ana")]).unwrap_err();
        let said = "The request came without an identity that counts here.";
        assert_eq!(elsewhere.public(), said);
        assert_eq!(elsewhere.to_string(), "identity headers do not count from 10.2.0.1");
        let admin = asked(&[("X-Remote-User", b"system:admin")]).unwrap_err();
        assert!(admin.public().contains("begins with system:"), "{}", admin.public());
        assert!(!admin.public().contains("admin"));
    }
}
