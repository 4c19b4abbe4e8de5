//! The test parts inside the cluster: their manifest, addresses and accounts.
//!
//! The manifest is the one place for the values; a test here holds the names against it.

/// The manifest of both, with their namespace and Secrets, for `kubectl apply`.
pub const MANIFEST: &str = include_str!("../manifests/test-parts.yaml");

/// The image in the manifest, to be replaced when the images have another prefix.
pub const IMAGE: &str = "localhost/claudetask/e2e:dev";

/// Namespace of both.
pub const NAMESPACE: &str = "claudetask-e2e";

/// Name of the git server's Deployment and Service.
pub const GIT_SERVER: &str = "git-server";

/// A second Service of the git server: another host, where no credential must be sent.
pub const GIT_ELSEWHERE: &str = "git-elsewhere";

/// Name of the Messages API's Deployment and Service.
pub const MODEL_SERVER: &str = "model-server";

/// Port of every Service.
pub const PORT: u16 = 8080;

/// Port of the https ends.
pub const TLS_PORT: u16 = 8443;

/// Port of the forward proxy beside the git server.
pub const PROXY_PORT: u16 = 3128;

/// Secret with the keys and certificates of the safe ends ([`crate::keys`]).
pub const KEYS: &str = "git-server-keys";

/// Name and password of the account that tasks push with; nobody else uses it, so it may be
/// searched for in logs, objects and memory.
pub const WRITER: (&str, &str) = ("writer", "writer-password-canary");

/// Name and password of the account that may not push.
pub const READER: (&str, &str) = ("reader", "reader-password-canary");

/// Name and token of an account with a token, which counts under any user name.
pub const BOT: (&str, &str) = ("bot", "bot-token-canary");

/// Name and password of the account by which tests themselves push.
pub const COLLEAGUE: (&str, &str) = ("colleague", "colleague-password");

/// Password of both admin interfaces.
pub const ADMIN_PASSWORD: &str = "admin-password";

/// The key that the Messages API lets in.
pub const MODEL_KEY: &str = "model-key-canary";

/// Address of a Service as Pods reach it.
pub fn address(service: &str) -> String {
    format!("http://{}:{PORT}", host(service))
}

/// Address of the git server inside the cluster.
pub fn git_url() -> String {
    address(GIT_SERVER)
}

/// Address of the scripted Messages API inside the cluster.
pub fn model_url() -> String {
    address(MODEL_SERVER)
}

/// Full name of a Service's host.
pub fn host(service: &str) -> String {
    format!("{service}.{NAMESPACE}.svc")
}

/// Host names for which the safe ends have a certificate.
pub fn hosts() -> Vec<String> {
    [GIT_SERVER, GIT_ELSEWHERE, MODEL_SERVER].map(host).to_vec()
}

/// Address of a Service's https end as Pods reach it.
pub fn safe_address(service: &str) -> String {
    format!("https://{}:{TLS_PORT}", host(service))
}

/// Address of the proxy as Pods reach it.
pub fn proxy_url() -> String {
    format!("http://{}:{PROXY_PORT}", host(GIT_SERVER))
}

/// Content of a git credentials Secret for `url` and an account's name and password.
pub fn git_secret<'a>(url: &'a str, account: (&'a str, &'a str)) -> [(&'a str, &'a str); 3] {
    [("url", url), ("username", account.0), ("password", account.1)]
}

/// Content of a model Secret for the Messages API at `url`.
pub fn model_secret(url: &str) -> [(&str, &str); 2] {
    [("ANTHROPIC_API_KEY", MODEL_KEY), ("ANTHROPIC_BASE_URL", url)]
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::apps::v1::Deployment;
    use k8s_openapi::api::core::v1::Secret;
    use serde::de::DeserializeOwned;
    use serde_json::Value;

    use super::*;
    use crate::git_server::{Access, Accounts};
    use crate::http::{ADMIN_USER, basic};

    fn documents() -> Vec<Value> {
        let documents = MANIFEST.split("\n---\n").map(|text| serde_saphyr::from_str(text).unwrap());
        documents.collect()
    }

    fn named<T: DeserializeOwned>(kind: &str, name: &str) -> T {
        let named =
            |document: &&Value| document["kind"] == kind && document["metadata"]["name"] == name;
        let document = documents().iter().find(named).cloned().unwrap();
        serde_json::from_value(document).unwrap()
    }

    fn secret(name: &str, key: &str) -> String {
        named::<Secret>("Secret", name).string_data.unwrap().remove(key).unwrap()
    }

    #[test]
    fn the_accounts_are_those_of_the_manifest() {
        let accounts: Accounts =
            serde_json::from_str(&secret(GIT_SERVER, "accounts.json")).unwrap();
        for ((user, password), access) in [
            (WRITER, Access::Write),
            (READER, Access::Read),
            (BOT, Access::Write),
            (COLLEAGUE, Access::Write),
            ((ADMIN_USER, ADMIN_PASSWORD), Access::Admin),
        ] {
            let account = accounts.identify(&basic(user, password)).unwrap();
            assert_eq!((account.name.as_str(), account.access), (user, access));
        }
        assert_eq!(secret(MODEL_SERVER, "MODEL_SERVER_ADMIN_PASSWORD"), ADMIN_PASSWORD);
        assert_eq!(secret(MODEL_SERVER, "MODEL_SERVER_API_KEY"), MODEL_KEY);
    }

    #[test]
    fn every_object_is_in_the_namespace_and_every_service_has_the_port() {
        for document in documents() {
            let place = &document["metadata"]["namespace"];
            assert!(document["kind"] == "Namespace" || place == NAMESPACE, "{document}");
            if document["kind"] == "Service" {
                assert_eq!(document["spec"]["ports"][0]["port"], PORT);
            }
        }
        assert_eq!(address(GIT_ELSEWHERE), "http://git-elsewhere.claudetask-e2e.svc:8080");
    }

    #[test]
    fn both_run_the_image_as_the_restricted_standard_wants() {
        for name in [GIT_SERVER, MODEL_SERVER] {
            let pod = named::<Deployment>("Deployment", name).spec.unwrap().template.spec.unwrap();
            let user = pod.security_context.unwrap();
            assert_eq!((user.run_as_user, user.run_as_non_root), (Some(10001), Some(true)));
            let container = &pod.containers[0];
            assert_eq!(container.image.as_deref(), Some(IMAGE));
            let context = container.security_context.as_ref().unwrap();
            assert_eq!(context.read_only_root_filesystem, Some(true));
            assert_eq!(context.allow_privilege_escalation, Some(false));
        }
    }
}
