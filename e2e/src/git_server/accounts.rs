//! Who may do what at the git server.
//!
//! Pure: accounts in, account out. What an account's access means for a request is decided where
//! the request is served.

use serde::Deserialize;

use crate::http::parse_basic;

/// The accounts of one server, as they stand in its configuration file.
#[derive(Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct Accounts(Vec<Account>);

/// One account.
#[derive(Clone, Deserialize)]
pub struct Account {
    /// The name in logs, and the user name unless the account has a token.
    pub name: String,
    /// What proves the account.
    #[serde(flatten)]
    pub secret: Secret,
    /// What the account may do.
    pub access: Access,
}

/// What proves an account; never printed, hence no `Debug`.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Secret {
    /// The account's name as user, and this as password.
    Password(String),
    /// Any user name, and this as password, as the hosting services take their tokens.
    Token(String),
}

/// What an account may do; each step includes the ones before.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "camelCase")]
pub enum Access {
    /// Fetch.
    Read,
    /// Fetch and push.
    Write,
    /// Also the admin interface.
    Admin,
}

impl Accounts {
    /// Takes the accounts as they are.
    pub fn new(accounts: Vec<Account>) -> Self {
        Self(accounts)
    }

    /// The account that an `Authorization` header proves.
    pub fn identify(&self, authorization: &str) -> Option<&Account> {
        let (user, password) = parse_basic(authorization)?;
        self.0.iter().find(|account| match &account.secret {
            Secret::Password(secret) => account.name == user && *secret == password,
            Secret::Token(secret) => *secret == password,
        })
    }
}

impl Account {
    /// An account with a password.
    pub fn with_password(name: &str, password: &str, access: Access) -> Self {
        let secret = Secret::Password(password.to_owned());
        Self { name: name.to_owned(), secret, access }
    }

    /// An account with a token.
    pub fn with_token(name: &str, token: &str, access: Access) -> Self {
        let secret = Secret::Token(token.to_owned());
        Self { name: name.to_owned(), secret, access }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::basic;

    fn accounts() -> Accounts {
        serde_json::from_str(
            r#"[{"name": "writer", "password": "w", "access": "write"},
                {"name": "bot", "token": "t", "access": "read"}]"#,
        )
        .unwrap()
    }

    fn name_of(user: &str, password: &str) -> Option<String> {
        accounts().identify(&basic(user, password)).map(|account| account.name.clone())
    }

    #[test]
    fn a_password_counts_for_its_own_user_only() {
        assert_eq!(name_of("writer", "w").as_deref(), Some("writer"));
        assert_eq!(name_of("reader", "w"), None);
        assert_eq!(name_of("writer", "x"), None);
    }

    #[test]
    fn a_token_counts_under_any_user_name() {
        assert_eq!(name_of("x-access-token", "t").as_deref(), Some("bot"));
        assert_eq!(name_of("bot", "t").as_deref(), Some("bot"));
        assert_eq!(name_of("bot", "w"), None);
    }

    #[test]
    fn more_access_includes_less() {
        assert!(Access::Admin > Access::Write && Access::Write > Access::Read);
    }
}
