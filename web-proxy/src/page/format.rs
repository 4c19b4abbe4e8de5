//! Times, durations and amounts as words.
//!
//! `assets/script.js` counts times on in the same words. Not here: markup ([`super::marks`]).

use crd::Usd;
use jiff::{SignedDuration, Timestamp};

/// A duration such as `4s`, `4m12s`, `2h05m` or `3d04h`; negative ones are `0s`.
pub fn duration(duration: SignedDuration) -> String {
    let seconds = duration.as_secs().max(0);
    let (whole, part, units) = match seconds {
        0..60 => return format!("{seconds}s"),
        60..3600 => (seconds / 60, seconds % 60, ('m', 's')),
        3600..86_400 => (seconds / 3600, seconds / 60 % 60, ('h', 'm')),
        _ => (seconds / 86_400, seconds / 3600 % 24, ('d', 'h')),
    };
    match part {
        0 => format!("{whole}{}", units.0),
        _ => format!("{whole}{}{part:02}{}", units.0, units.1),
    }
}

/// A moment seen from `now`: `3 min ago`, `in 2 h`; after 30 days the date.
pub fn ago(at: Timestamp, now: Timestamp) -> String {
    let distance = now.duration_since(at).as_secs();
    let amount = match distance.abs() {
        0..45 if distance >= 0 => return "just now".to_owned(),
        0..90 => "1 min".to_owned(),
        90..3570 => format!("{} min", (distance.abs() + 30) / 60),
        3570..172_800 => format!("{} h", (distance.abs() + 1800) / 3600),
        172_800..2_592_000 => format!("{} d", distance.abs() / 86_400),
        _ => return day(at),
    };
    if distance < 0 { format!("in {amount}") } else { format!("{amount} ago") }
}

/// The exact moment: `2026-01-31 12:01:07 UTC`.
pub fn exact(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// The day of a moment, in UTC: `2026-01-31`.
pub fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

/// An amount of money to the cent: `$0.42`, `$1,234.50`; less than a cent is `<$0.01`.
pub fn money(amount: Usd) -> String {
    let cents = (amount.micros() + 5_000) / 10_000;
    match (cents, amount.is_zero()) {
        (0, false) => "<$0.01".to_owned(),
        _ => format!("${}.{:02}", count(cents / 100), cents % 100),
    }
}

/// A number with its thousands apart: `1,234,567`.
pub fn count(number: impl Into<u64>) -> String {
    let digits = number.into().to_string();
    let mut shown = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// `1 file`, `3 files`.
pub fn counted(number: impl Into<u64>, what: &str) -> String {
    let number = number.into();
    format!("{} {what}{}", count(number), if number == 1 { "" } else { "s" })
}

/// A PascalCase name as words: `Verification failed`.
pub fn words(name: &str) -> String {
    let mut shown = String::with_capacity(name.len() + 4);
    for (place, letter) in name.char_indices() {
        if letter.is_uppercase() && place > 0 {
            shown.push(' ');
            shown.extend(letter.to_lowercase());
        } else {
            shown.push(letter);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use crd::Reason;

    use super::*;

    #[test]
    fn durations_have_two_units_at_most() {
        for (seconds, shown) in [
            (-5, "0s"),
            (0, "0s"),
            (59, "59s"),
            (182, "3m02s"),
            (252, "4m12s"),
            (1320, "22m"),
            (3600, "1h"),
            (7500, "2h05m"),
            (86_400, "1d"),
            (273_600, "3d04h"),
        ] {
            assert_eq!(duration(SignedDuration::from_secs(seconds)), shown);
        }
    }

    #[test]
    fn moments_are_told_from_now_and_old_ones_by_their_day() {
        let now: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        for (seconds, shown) in [
            (0, "just now"),
            (44, "just now"),
            (60, "1 min ago"),
            (180, "3 min ago"),
            (3569, "59 min ago"),
            (3570, "1 h ago"),
            (7200, "2 h ago"),
            (172_800, "2 d ago"),
            (2_592_000, "2026-01-30"),
            (-30, "in 1 min"),
            (-300, "in 5 min"),
        ] {
            assert_eq!(ago(now - SignedDuration::from_secs(seconds), now), shown, "{seconds}");
        }
        assert_eq!(exact(now), "2026-03-01 12:00:00 UTC");
    }

    #[test]
    fn money_is_shown_to_the_cent() {
        for (micros, shown) in [
            (0, "$0.00"),
            (4_999, "<$0.01"),
            (420_000, "$0.42"),
            (425_000, "$0.43"),
            (12_400_000, "$12.40"),
            (1_234_500_000, "$1,234.50"),
        ] {
            assert_eq!(money(Usd::from_micros(micros)), shown);
        }
    }

    #[test]
    fn numbers_and_names_are_readable() {
        assert_eq!(count(0_u32), "0");
        assert_eq!(count(999_u32), "999");
        assert_eq!(count(1_234_567_u64), "1,234,567");
        assert_eq!(counted(1_u32, "file"), "1 file");
        assert_eq!(counted(0_u32, "file"), "0 files");
        assert_eq!(words(Reason::VerificationFailed.as_str()), "Verification failed");
        assert_eq!(words(""), "");
    }
}
