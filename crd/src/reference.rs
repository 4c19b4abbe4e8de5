//! The API reference page, made from the schema and the list of reasons, as Markdown.
//!
//! Not here: prose about how the parts work (README.md).

use std::fmt::Write;

use serde_json::Value;

use crate::reason::Reason;

/// The whole page.
///
/// # Errors
/// As [`crate::manifest::crd`].
pub fn page() -> Result<String, serde_json::Error> {
    let schema = crate::manifest::schema()?;
    let mut page = String::from(
        "# ClaudeTask API reference\n\n\
         `claudetask.dev/v1alpha1`, kind `ClaudeTask`, plural `claudetasks`, category `claude`. \
         Made from the schema; `UPDATE=1 cargo test -p crd` writes it anew.\n",
    );
    for (section, intro) in
        [("spec", "Every field is immutable."), ("status", "Written by the operator.")]
    {
        let _ = write!(
            page,
            "\n## {section}\n\n{intro}\n\n| field | type | default | meaning |\n|---|---|---|---|\n"
        );
        rows(&mut page, section, &schema["properties"][section]);
    }
    reasons(&mut page);
    Ok(page)
}

fn rows(page: &mut String, path: &str, schema: &Value) {
    let Some(properties) = schema["properties"].as_object() else { return };
    let required = schema["required"].as_array();
    for (name, field) in properties {
        let path = format!("{path}.{name}");
        let needed = required.is_some_and(|names| names.contains(&Value::from(name.as_str())));
        let default = match field.get("default") {
            _ if needed => "required".to_owned(),
            Some(default) if !default.is_object() => format!("`{default}`"),
            _ => String::new(),
        };
        let meaning = sentence(field);
        let _ = writeln!(page, "| `{path}` | {} | {default} | {meaning} |", type_of(field));
        rows(page, &path, field);
        rows(page, &format!("{path}[]"), &field["items"]);
    }
}

fn type_of(field: &Value) -> String {
    if let Some(values) = field["enum"].as_array() {
        let names: Vec<_> =
            values.iter().map(|v| format!("`{}`", v.as_str().unwrap_or("?"))).collect();
        return names.join(" ");
    }
    let name = field["type"].as_str().unwrap_or("any");
    match (name, field["format"].as_str()) {
        ("array", _) => format!("list of {}", type_of(&field["items"])),
        ("object", _) if field["additionalProperties"].is_object() => {
            format!("map to {}", type_of(&field["additionalProperties"]))
        }
        (_, Some("date-time")) => "time".to_owned(),
        _ => name.to_owned(),
    }
}

fn sentence(field: &Value) -> String {
    let text = field["description"].as_str().unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

fn reasons(page: &mut String) {
    page.push_str(
        "\n## Reasons\n\nUsed by conditions, phase states and events alike. The first ones are successes.\n\n\
         | reason | what it means | what to do |\n|---|---|---|\n",
    );
    for reason in Reason::ALL {
        let _ = writeln!(page, "| `{reason}` | {} | {} |", reason.meaning(), reason.remedy());
    }
}
