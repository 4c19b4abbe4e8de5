//! The files that pages load, built into the program.
//!
//! Their addresses carry a digest of their content, so that a browser may keep them for ever. Not
//! here: the headers they are sent with.

const FILES: [(&str, &str, &[u8]); 5] = [
    ("style.css", "text/css; charset=utf-8", include_bytes!("assets/style.css")),
    ("script.js", "text/javascript; charset=utf-8", include_bytes!("assets/script.js")),
    ("log.js", "text/javascript; charset=utf-8", include_bytes!("assets/log.js")),
    ("theme.js", "text/javascript; charset=utf-8", include_bytes!("assets/theme.js")),
    ("icon.svg", "image/svg+xml", include_bytes!("assets/icon.svg")),
];

/// Content type and content of the file that is served as `/assets/{name}`, whatever its query.
pub fn asset(name: &str) -> Option<(&'static str, &'static [u8])> {
    let (_, kind, content) = FILES.iter().find(|(known, ..)| *known == name)?;
    Some((kind, content))
}

/// Address of a file, with a digest that changes with its content.
pub(crate) fn address(name: &str) -> String {
    let content = asset(name).map_or(&[][..], |(_, content)| content);
    format!("/assets/{name}?v={:016x}", digest(content))
}

/// FNV-1a; it tells versions of our own files apart, nothing more.
fn digest(content: &[u8]) -> u64 {
    content.iter().fold(0xcbf2_9ce4_8422_2325, |digest, byte| {
        (digest ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::{FILES, address, asset, digest};

    #[test]
    fn every_file_has_a_type_and_an_address_that_names_its_content() {
        for (name, kind, content) in FILES {
            assert_eq!(asset(name), Some((kind, content)));
            assert!(!content.is_empty(), "{name}");
            assert!(address(name).starts_with(&format!("/assets/{name}?v=")));
        }
        assert_eq!(asset("../Cargo.toml"), None);
        assert_ne!(digest(b"a"), digest(b"b"));
    }

    #[test]
    fn no_script_writes_html_or_runs_text() {
        for (name, _, content) in FILES {
            let text = str::from_utf8(content).unwrap();
            for word in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("]
            {
                assert!(!text.contains(word), "{name}: {word}");
            }
        }
    }
}
