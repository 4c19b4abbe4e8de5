//! Providers that cannot be used, and what is shown of it.

use super::*;

const UNUSABLE: &str = "The identity provider cannot be used at the moment.";

async fn discovered(change: impl FnOnce(&mut Script)) -> Result<Provider, Error> {
    let idp = Scripted::start().await;
    change(&mut idp.script());
    Provider::discover(settings(&idp), now()).await
}

fn with_metadata(metadata: Value) -> impl FnOnce(&mut Script) {
    move |script| script.metadata = signer::merged(script.metadata.clone(), &metadata)
}

#[tokio::test]
async fn a_provider_that_calls_itself_otherwise_is_refused() {
    for issuer in ["https://other.example.com", "http://127.0.0.1"] {
        let error = discovered(with_metadata(json!({"issuer": issuer}))).await.unwrap_err();
        assert!(chain(&error).contains("unexpected issuer URI"), "{}", chain(&error));
        assert_eq!(error.public(), UNUSABLE);
    }
    let idp = Scripted::start().await;
    let slash = Settings { issuer: format!("{}/", idp.url), ..settings(&idp) };
    assert!(matches!(Provider::discover(slash, now()).await, Err(Error::Discover(_))));
}

#[tokio::test]
async fn no_endpoint_is_asked_in_the_clear() {
    let elsewhere = |endpoint: &str| with_metadata(json!({endpoint: "http://192.0.2.1:9/"}));
    for endpoint in ["authorization_endpoint", "token_endpoint"] {
        let error = discovered(elsewhere(endpoint)).await.unwrap_err();
        assert!(matches!(error, Error::Insecure { what } if what == endpoint), "{error:?}");
    }
    let keys = discovered(elsewhere("jwks_uri")).await.unwrap_err();
    assert!(chain(&keys).contains("must be https"), "{}", chain(&keys));
    let error = discovered(with_metadata(json!({"token_endpoint": null}))).await.unwrap_err();
    assert!(matches!(error, Error::NoTokenEndpoint), "{error:?}");
}

#[tokio::test]
async fn settings_that_cannot_be_right_are_an_error_before_anything_is_asked() {
    let idp = Scripted::start().await;
    let tell = async |settings| Provider::discover(settings, now()).await.unwrap_err().to_string();
    let insecure = Settings { issuer: "http://idp.example.com".to_owned(), ..settings(&idp) };
    assert_eq!(tell(insecure).await, "the issuer must be https, except on a loopback host");
    let nowhere = Settings { issuer: "idp".to_owned(), ..settings(&idp) };
    assert_eq!(tell(nowhere).await, "reading the address of the issuer");
    let unnamed = Settings { client_id: String::new(), ..settings(&idp) };
    assert_eq!(tell(unnamed).await, "the client id is empty");
}

#[tokio::test]
async fn nothing_that_the_token_endpoint_says_is_shown() {
    let idp = Scripted::start().await;
    for (status, body, said) in [
        (
            StatusCode::BAD_REQUEST,
            r#"{"error": "invalid_grant", "error_description": "<b>words</b>\nof it"}"#,
            "<b>words</b> of it",
        ),
        (StatusCode::BAD_REQUEST, r#"{"error": "<b>words</b>"}"#, "<b>words</b>"),
        (StatusCode::INTERNAL_SERVER_ERROR, "<b>words</b>", ""),
        (StatusCode::OK, r#"{"access_token": "<b>words</b>"}"#, ""),
        (
            StatusCode::OK,
            r#"{"access_token": "a", "token_type": "Bearer", "id_token": "<b>words</b>"}"#,
            "",
        ),
        // The address that it points to answers well.
        (StatusCode::FOUND, "{}", ""),
        (StatusCode::TEMPORARY_REDIRECT, "{}", ""),
    ] {
        idp.script().failure = Some((status, body.to_owned()));
        let error = log_in(&idp).await.unwrap_err();
        assert!(matches!(error, Error::Exchange(_)), "{body}: {error:?}");
        assert!(chain(&error).contains(said), "{body}: {}", chain(&error));
        assert_eq!(error.public(), UNUSABLE, "{body}");
    }
}

#[tokio::test]
async fn a_long_answer_is_cut_in_the_log() {
    let idp = Scripted::start().await;
    let description = "long ".repeat(1000);
    let body = json!({"error": "invalid_grant", "error_description": description}).to_string();
    idp.script().failure = Some((StatusCode::BAD_REQUEST, body));
    let said = chain(&log_in(&idp).await.unwrap_err());
    assert!(said.contains("long long") && said.chars().count() < 300, "{said}");
}

#[tokio::test]
async fn a_huge_answer_is_not_read() {
    let huge = "x".repeat(600 * 1024);
    let login = after(|script| script.tokens = json!({"note": huge})).await.unwrap_err();
    assert!(chain(&login).contains("length limit exceeded"), "{}", chain(&login));
    let metadata = discovered(with_metadata(json!({"note": huge}))).await.unwrap_err();
    assert!(chain(&metadata).contains("length limit exceeded"), "{}", chain(&metadata));
    let large = "x".repeat(400 * 1024);
    assert!(after(|script| script.tokens = json!({"note": large})).await.is_ok());
}

#[tokio::test]
async fn a_provider_that_is_not_there_is_an_error() {
    let idp = Scripted::start().await;
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let gone = Settings { issuer: format!("http://{free}"), ..settings(&idp) };
    let error = Provider::discover(gone, now()).await.unwrap_err();
    assert!(matches!(error, Error::Discover(_)), "{error:?}");
}

#[tokio::test]
async fn the_secret_goes_where_the_provider_wants_it() {
    let methods =
        |methods: Value| with_metadata(json!({"token_endpoint_auth_methods_supported": methods}));
    assert!(after(methods(json!(["client_secret_post"]))).await.is_ok());
    let both = json!(["client_secret_post", "client_secret_basic"]);
    assert!(after(methods(both)).await.is_ok());
}

#[tokio::test]
async fn an_authority_of_the_settings_is_trusted() {
    let idp = Scripted::start_with_tls().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), idp.certificate.as_deref().unwrap()).unwrap();
    let trusting = Settings { ca_file: Some(file.path().to_owned()), ..settings(&idp) };
    assert!(log_in_with(&idp, trusting).await.is_ok());
    let error = log_in(&idp).await.unwrap_err();
    assert!(chain(&error).contains("certificate"), "{}", chain(&error));
}

#[tokio::test]
async fn logins_can_be_served_by_any_thread() {
    fn moves<T: Send>(task: T) -> T {
        task
    }
    let idp = Scripted::start().await;
    let provider = moves(Provider::discover(settings(&idp), now())).await.unwrap();
    drop(moves(provider.finish(&pending(), "", "", now())));
    drop(moves(provider.verify("", now())));
}
