//! Keys and certificates of the git server's safe ends: an authority of its own, and ssh keys.
//!
//! They are made once for a cluster and kept there in a Secret, never in a file of the project.
//! Not here: the cluster's own certificates ([`crate::cluster::pki`]).

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};

/// Keys of the Secret.
pub mod name {
    /// Certificate of the authority.
    pub const AUTHORITY: &str = "ca.crt";
    /// Certificate of the https ends.
    pub const CERTIFICATE: &str = "tls.crt";
    /// Its key.
    pub const CERTIFICATE_KEY: &str = "tls.key";
    /// Private key of the ssh server.
    pub const HOST: &str = "ssh-host-key";
    /// Its public half, as it stands in `known_hosts` after the host's name.
    pub const HOST_PUBLIC: &str = "ssh-host-key.pub";
    /// Accounts, what each may do, and their public keys.
    pub const AUTHORIZED: &str = "ssh-accounts";
    /// Private key of the account that may push.
    pub const WRITER: &str = "ssh-writer";
    /// Private key of the account that may not.
    pub const READER: &str = "ssh-reader";
}

/// New keys for a server with these host names, by their names in the Secret.
pub fn generate(hosts: &[String]) -> Result<BTreeMap<&'static str, String>> {
    let authority = authority().context("make the authority")?;
    let key = KeyPair::generate().context("make the https key")?;
    let mut parameters = CertificateParams::new(hosts).context("read the host names")?;
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    parameters.use_authority_key_identifier_extension = true;
    let certificate = parameters.signed_by(&key, &authority).context("make the certificate")?;
    let [host, writer, reader] = [KeyPair::generate()?, KeyPair::generate()?, KeyPair::generate()?];
    let accounts =
        format!("writer write {}\nreader read {}\n", public_line(&writer), public_line(&reader));
    Ok(BTreeMap::from([
        (name::AUTHORITY, authority.pem()),
        (name::CERTIFICATE, certificate.pem()),
        (name::CERTIFICATE_KEY, key.serialize_pem()),
        (name::HOST, host.serialize_pem()),
        (name::HOST_PUBLIC, public_line(&host)),
        (name::AUTHORIZED, accounts),
        (name::WRITER, writer.serialize_pem()),
        (name::READER, reader.serialize_pem()),
    ]))
}

fn authority() -> Result<CertifiedIssuer<'static, KeyPair>, rcgen::Error> {
    let mut parameters = CertificateParams::new(Vec::new())?;
    parameters.distinguished_name.push(DnType::CommonName, "claudetask-e2e git");
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    CertifiedIssuer::self_signed(parameters, KeyPair::generate()?)
}

/// The public half as OpenSSH writes it (RFC 5656, section 3.1): three strings with lengths.
fn public_line(key: &KeyPair) -> String {
    const KIND: &str = "ecdsa-sha2-nistp256";
    let parts: [&[u8]; 3] = [KIND.as_bytes(), b"nistp256", key.public_key_raw()];
    let string = |part: &[u8]| {
        let length = u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes();
        [&length, part].concat()
    };
    let blob: Vec<u8> = parts.into_iter().flat_map(string).collect();
    format!("{KIND} {}", STANDARD.encode(blob))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_line_is_of_the_length_that_the_format_gives() {
        let line = public_line(&KeyPair::generate().unwrap());
        let blob = STANDARD.decode(line.strip_prefix("ecdsa-sha2-nistp256 ").unwrap()).unwrap();
        assert_eq!(blob.len(), 4 + 19 + 4 + 8 + 4 + 65);
        assert_eq!(&blob[4..23], b"ecdsa-sha2-nistp256");
    }

    #[test]
    fn two_generations_share_nothing() {
        let hosts = ["git.example.com".to_owned()];
        let [one, other] = [generate(&hosts).unwrap(), generate(&hosts).unwrap()];
        assert!(one.iter().all(|(name, value)| other[name] != *value));
    }
}
