//! Kubernetes quantities as numbers: pure.
//!
//! Not here: which quantities there are.

/// The whole bytes of a quantity such as `10Gi`, `1.5e9` or `200M`, rounded up as Kubernetes does;
/// nothing when it is none (Kubernetes API, "Quantity").
pub fn bytes(text: &str) -> Option<u64> {
    let bytes = value(text)?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates, and a number without sign is not negative"
    )]
    Some(bytes.ceil() as u64)
}

/// The quantity itself, such as 0.5 for `500m`; nothing when it is none.
pub fn value(text: &str) -> Option<f64> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    Some(number.parse::<f64>().ok()? * factor(suffix)?).filter(|value| value.is_finite())
}

fn factor(suffix: &str) -> Option<f64> {
    let power = |base: f64, letters: &str, letter: &str| {
        let place = letters.chars().position(|known| letter == known.to_string())?;
        Some(base.powi(i32::try_from(place + 1).ok()?))
    };
    match suffix {
        "" => Some(1.0),
        "m" => Some(0.001),
        _ if suffix.ends_with('i') => power(1024.0, "KMGTPE", suffix.trim_end_matches('i')),
        _ => power(1000.0, "kMGTPE", suffix).or_else(|| {
            let power = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
            Some(10f64.powi(power))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn a_quantity_is_read_as_kubernetes_reads_it() {
        for (text, expected) in [
            ("10Gi", Some(10 << 30)),
            ("200Mi", Some(200 << 20)),
            ("1.5Ki", Some(1536)),
            ("2k", Some(2000)),
            ("3M", Some(3_000_000)),
            ("1e3", Some(1000)),
            ("1E", Some(1_000_000_000_000_000_000)),
            ("1E2", Some(100)),
            ("1500m", Some(2)),
            ("7", Some(7)),
            ("", None),
            ("-1", None),
            ("Gi", None),
            ("1ki", None),
            ("1KiB", None),
            ("1.2.3", None),
        ] {
            assert_eq!(bytes(text), expected, "{text}");
        }
    }
}
