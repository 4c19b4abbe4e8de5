//! Keys and certificates as people put them into Secrets: recognised, and repaired where only line
//! ends are wrong. Pure.
//!
//! Not here: where the text comes from ([`crate::credential`]).

/// How an unencrypted key of OpenSSH's own format begins: magic, then the cipher `none`
/// (OpenSSH, `PROTOCOL.key`), in base64.
const PLAIN: &str = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUA";

/// Why a text is no usable private key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoKey {
    /// It is something else.
    #[error("is no private key in OpenSSH's or PEM format")]
    Unknown,
    /// It has a passphrase.
    #[error("is protected by a passphrase, which nobody is there to type: store it without one")]
    Protected,
}

/// The private key with the line ends that ssh wants: it refuses carriage returns and a last line
/// without an end, both of which editors and shells leave behind.
///
/// # Errors
/// [`NoKey`].
pub fn private_key(text: &str) -> Result<String, NoKey> {
    let text = lines(text);
    let label = text.strip_prefix("-----BEGIN ").and_then(|rest| rest.split_once("-----\n"));
    let Some((label, body)) = label else { return Err(NoKey::Unknown) };
    let ended = text.ends_with(&format!("-----END {label}-----\n"));
    if !ended || !label.ends_with("PRIVATE KEY") {
        return Err(NoKey::Unknown);
    }
    let start: String = body.lines().take(2).collect();
    let own = label == "OPENSSH PRIVATE KEY";
    if label.starts_with("ENCRYPTED")
        || body.contains("Proc-Type: 4,ENCRYPTED")
        || own && !start.starts_with(PLAIN)
    {
        return Err(NoKey::Protected);
    }
    Ok(text)
}

/// The certificates of a PEM bundle, without what stands around them; nothing when there is none
/// or one is damaged. A private key is not among them: it does not belong there.
pub fn certificates(text: &str) -> Option<String> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----\n";
    const END: &str = "\n-----END CERTIFICATE-----\n";
    let text = lines(text);
    let whole = |block: &str| {
        let (body, _) = block.split_once(END)?;
        let base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=' | '\n');
        // Every certificate is an ASN.1 sequence.
        (body.starts_with('M') && body.chars().all(base64)).then(|| format!("{BEGIN}{body}{END}"))
    };
    let blocks: Option<Vec<String>> = text.split(BEGIN).skip(1).map(whole).collect();
    blocks.map(|blocks| blocks.concat()).filter(|text| !text.is_empty())
}

/// The text with plain line ends, and without blanks around it or at the end of lines.
fn lines(text: &str) -> String {
    let text = text.trim_start_matches('\u{feff}').trim();
    text.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::{NoKey, PLAIN, certificates, private_key};

    fn key(label: &str, body: &str) -> String {
        format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
    }

    #[test]
    fn line_ends_of_a_key_are_repaired() {
        let good = key("OPENSSH PRIVATE KEY", &format!("{PLAIN}AAAA\nBBBB"));
        for text in [
            good.clone(),
            good.trim_end().to_owned(),
            good.replace('\n', "\r\n"),
            format!("\u{feff}\n{good}\n\n"),
        ] {
            assert_eq!(private_key(&text), Ok(good.clone()), "{text:?}");
        }
        assert!(private_key(&key("RSA PRIVATE KEY", "AAAA")).is_ok());
        assert!(private_key(&key("PRIVATE KEY", "AAAA")).is_ok());
    }

    #[test]
    fn what_is_no_key_and_what_has_a_passphrase_are_told_apart() {
        for text in [
            "",
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA me",
            "PuTTY-User-Key-File-3: ssh-ed25519",
            &key("CERTIFICATE", "AAAA"),
            &key("PUBLIC KEY", "AAAA"),
            "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUA\n",
        ] {
            assert_eq!(private_key(text), Err(NoKey::Unknown), "{text}");
        }
        for text in [
            key("OPENSSH PRIVATE KEY", "b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0"),
            key("ENCRYPTED PRIVATE KEY", "AAAA"),
            key("RSA PRIVATE KEY", "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA"),
        ] {
            assert_eq!(private_key(&text), Err(NoKey::Protected), "{text}");
        }
    }

    #[test]
    fn a_bundle_is_its_certificates_and_a_damaged_one_is_none() {
        let one = key("CERTIFICATE", "MIIB\nAAAA");
        let other = key("CERTIFICATE", "MIIC");
        let bundle = format!("# Our CA\n{one}subject=x\n{other}").replace('\n', "\r\n");
        assert_eq!(certificates(&bundle), Some(format!("{one}{other}")));
        for bad in [
            "",
            "MIIB",
            &key("PRIVATE KEY", "MIIB"),
            "-----BEGIN CERTIFICATE-----\nMIIB\n",
            &key("CERTIFICATE", "MI!B"),
            &key("CERTIFICATE", "SGFsbG8="),
        ] {
            assert_eq!(certificates(bad), None, "{bad}");
        }
    }
}
