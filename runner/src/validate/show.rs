//! Values as the apiserver, which is written in Go, shows them.
//!
//! Not here: what is said about them ([`super::fault`]).

use serde_json::{Number, Value};

/// The name of a value's JSON type.
pub fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// The value: a text in quotes, a list or an object as JSON.
pub fn value(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Number(number) => self::number(number),
        Value::Null | Value::Bool(_) => value.to_string(),
        Value::Array(_) | Value::Object(_) => json(value),
    }
}

/// The text as `%q` prints it.
fn quoted(text: &str) -> String {
    let mut shown = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => shown.extend(['\\', character]),
            '\x07' => shown.push_str("\\a"),
            '\x08' => shown.push_str("\\b"),
            '\x0b' => shown.push_str("\\v"),
            '\x0c' => shown.push_str("\\f"),
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            other if is_printable(other) => shown.push(other),
            other => shown.push_str(&escaped(other.into())),
        }
    }
    shown.push('"');
    shown
}

/// Letters, marks, numbers, punctuation, symbols and the space: what the standard library does not
/// escape. It escapes a mark only at the beginning of a text.
fn is_printable(character: char) -> bool {
    let text = format!("a{character}");
    character == '\'' || text.escape_debug().eq(text.chars())
}

fn escaped(code: u32) -> String {
    match code {
        0..0x20 | 0x7f => format!("\\x{code:02x}"),
        0x80..0x1_0000 => format!("\\u{code:04x}"),
        _ => format!("\\U{code:08x}"),
    }
}

/// The number as `%v` prints it.
pub fn number(number: &Number) -> String {
    match number.as_f64() {
        Some(float) if number.is_f64() => self::float(float),
        _ => number.to_string(),
    }
}

/// The shortest form, with an exponent from a million on.
pub fn float(float: f64) -> String {
    let scientific = format!("{float:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..6).contains(&exponent) {
        return float.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
}

/// JSON with those characters escaped that mean something in HTML or JavaScript.
fn json(value: &Value) -> String {
    let escape = |text: String, character: char| {
        text.replace(character, &format!("\\u{:04x}", u32::from(character)))
    };
    ['<', '>', '&', '\u{2028}', '\u{2029}'].into_iter().fold(value.to_string(), escape)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::value;

    #[test]
    fn values_look_as_go_prints_them() {
        for (given, shown) in [
            (json!("a 'b' \"c\" \\"), r#""a 'b' \"c\" \\""#),
            (json!("\u{7}\u{8}\t\n\u{b}\u{c}\r\u{1b}\u{7f}"), r#""\a\b\t\n\v\f\r\x1b\x7f""#),
            (json!("ü😀e\u{301} \u{a0}\u{200b}\u{feff}"), "\"ü😀e\u{301} \\u00a0\\u200b\\ufeff\""),
            (json!("\u{301}\u{e000}\u{10ffff}"), "\"\u{301}\\ue000\\U0010ffff\""),
            (json!(-5), "-5"),
            (json!(12.5), "12.5"),
            (json!(0.000_012), "1.2e-05"),
            (json!(1_234_567.5), "1.2345675e+06"),
            (json!(1e30), "1e+30"),
            (json!(["<a&b>", 1, null]), r#"["\u003ca\u0026b\u003e",1,null]"#),
            (json!(null), "null"),
            (json!(true), "true"),
        ] {
            assert_eq!(value(&given), shown);
        }
    }
}
