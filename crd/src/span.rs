//! A span of time: seconds inside, a Go-style string such as `1h30m` outside.
//!
//! Not here: points in time; those are `jiff::Timestamp`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A span of whole seconds, not negative; on the wire a string such as `90s` or `1h30m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct Span {
    seconds: u32,
}

/// The text is not a duration of hours, minutes and seconds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a duration such as 90s or 1h30m")]
pub struct NotASpan(String);

/// Schema pattern of the wire form: hours, minutes, seconds, in this order, at least one of them.
pub const PATTERN: &str = "^([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,6}s)?$";

impl Span {
    /// So many seconds.
    pub const fn from_secs(seconds: u32) -> Self {
        Self { seconds }
    }

    /// The seconds.
    pub const fn as_secs(self) -> u32 {
        self.seconds
    }

    /// The same for calculations with timestamps.
    pub fn duration(self) -> SignedDuration {
        SignedDuration::from_secs(self.seconds.into())
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [(self.seconds / 3600, "h"), (self.seconds / 60 % 60, "m")];
        for (count, unit) in parts.into_iter().filter(|(count, _)| *count > 0) {
            write!(f, "{count}{unit}")?;
        }
        match self.seconds % 60 {
            0 if self.seconds > 0 => Ok(()),
            rest => write!(f, "{rest}s"),
        }
    }
}

impl FromStr for Span {
    type Err = NotASpan;

    fn from_str(text: &str) -> Result<Self, NotASpan> {
        let refuse = || NotASpan(text.chars().take(40).collect());
        let (mut seconds, mut rest) = (0_u32, text);
        for (unit, worth) in [("h", 3600), ("m", 60), ("s", 1)] {
            let Some((count, after)) = rest.split_once(unit) else { continue };
            if count.is_empty() || !count.bytes().all(|digit| digit.is_ascii_digit()) {
                return Err(refuse());
            }
            let count: u32 = count.parse().map_err(|_| refuse())?;
            let more = count.checked_mul(worth).ok_or_else(refuse)?;
            seconds = seconds.checked_add(more).ok_or_else(refuse)?;
            rest = after;
        }
        if text.is_empty() || !rest.is_empty() { Err(refuse()) } else { Ok(Self { seconds }) }
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Span {
    fn schema_name() -> Cow<'static, str> {
        "Span".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": PATTERN, "minLength": 2, "maxLength": 19})
    }
}

/// `at` plus `span`; the last moment there is when that is too far away.
pub fn after(at: Timestamp, span: SignedDuration) -> Timestamp {
    at.saturating_add(span).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::Span;

    #[test]
    fn spans_survive_a_round_trip() {
        for (text, seconds, shown) in [
            ("90s", 90, "1m30s"),
            ("1h30m", 5400, "1h30m"),
            ("720h", 2_592_000, "720h"),
            ("0s", 0, "0s"),
            ("1h0m1s", 3601, "1h1s"),
        ] {
            let span: Span = text.parse().unwrap();
            assert_eq!((span.as_secs(), span.to_string()), (seconds, shown.to_owned()));
            assert_eq!(span.to_string().parse(), Ok(span));
        }
    }

    #[test]
    fn what_is_no_span_is_refused() {
        for text in ["", "1", "h", "1x", "-1h", "1s1h", "1h ", "99999999999h", "1.5h"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }
}
