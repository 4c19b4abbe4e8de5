//! Money as an exact decimal: micro-dollars inside, a decimal string outside.
//!
//! Not here: prices; the amounts come from Claude Code's own accounting.

use std::borrow::Cow;
use std::fmt;
use std::iter::Sum;
use std::ops::Add;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An amount of US dollars, exact to a millionth; on the wire a string such as `"0.42"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct Usd {
    micros: u64,
}

/// The text is not a decimal number with at most six digits after the point.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an amount such as 2 or 0.50")]
pub struct NotAnAmount(String);

/// Schema pattern of the wire form.
pub const PATTERN: &str = "^(0|[1-9][0-9]{0,5})(\\.[0-9]{1,6})?$";

impl Usd {
    /// Nothing.
    pub const ZERO: Self = Self { micros: 0 };

    /// An amount in millionths of a dollar.
    pub const fn from_micros(micros: u64) -> Self {
        Self { micros }
    }

    /// The nearest amount to a floating-point figure, as Claude Code reports its cost; negative
    /// and non-finite figures are nothing.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    pub fn from_f64(dollars: f64) -> Self {
        let micros = (dollars * 1e6).round();
        if micros.is_finite() && micros > 0.0 { Self { micros: micros as u64 } } else { Self::ZERO }
    }

    /// What is left of `self` after `spent`; never below zero.
    #[must_use]
    pub const fn minus(self, spent: Self) -> Self {
        Self { micros: self.micros.saturating_sub(spent.micros) }
    }

    /// True for nothing.
    #[allow(clippy::trivially_copy_pass_by_ref)] // serde asks for it
    pub const fn is_zero(&self) -> bool {
        self.micros == 0
    }

    /// Millionths of a dollar.
    pub const fn micros(self) -> u64 {
        self.micros
    }
}

impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{:06}", self.micros % 1_000_000);
        let cents = digits.trim_end_matches('0');
        write!(f, "{}.{cents:0<2}", self.micros / 1_000_000)
    }
}

impl FromStr for Usd {
    type Err = NotAnAmount;

    fn from_str(text: &str) -> Result<Self, NotAnAmount> {
        let refuse = || NotAnAmount(text.chars().take(40).collect());
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(part) || whole.len() > 6 || part.len() > 6 {
            return Err(refuse());
        }
        let whole: u64 = whole.parse().map_err(|_| refuse())?;
        let part: u64 = format!("{part:0<6}").parse().map_err(|_| refuse())?;
        Ok(Self { micros: whole * 1_000_000 + part })
    }
}

impl Add for Usd {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { micros: self.micros.saturating_add(other.micros) }
    }
}

impl Sum for Usd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

impl Serialize for Usd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Usd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Usd {
    fn schema_name() -> Cow<'static, str> {
        "Usd".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "maxLength": 13, "pattern": PATTERN})
    }

    fn inline_schema() -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::Usd;

    #[test]
    fn amounts_survive_a_round_trip_and_show_at_least_cents() {
        for (text, shown) in
            [("2", "2.00"), ("0.5", "0.50"), ("0.0314", "0.0314"), ("0.000001", "0.000001")]
        {
            assert_eq!(text.parse::<Usd>().unwrap().to_string(), shown);
            assert_eq!(shown.parse::<Usd>(), text.parse::<Usd>());
        }
        assert_eq!(Usd::from_f64(0.1 + 0.2).to_string(), "0.30");
        assert_eq!(Usd::from_f64(f64::NAN), Usd::ZERO);
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in ["", ".", "1.", ".5", "-1", "1e3", "1.0000001", "1234567", "ten"] {
            assert!(text.parse::<Usd>().is_err(), "{text}");
        }
    }
}
