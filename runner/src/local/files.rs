//! stub
use std::collections::BTreeMap;
use std::path::PathBuf;
/// Secrets by name.
pub type Secrets = BTreeMap<String, BTreeMap<String, Vec<u8>>>;
/// stub
pub fn read(files: &[PathBuf]) -> Result<(crd::ClaudeTask, Secrets), String> {
    let mut task = None;
    let mut secrets = Secrets::new();
    for file in files {
        let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
        for document in text.split("\n---\n") {
            let value: serde_json::Value =
                serde_saphyr::from_str(document).map_err(|error| error.to_string())?;
            if value["kind"] == "Secret" {
                let data = value["stringData"]
                    .as_object()
                    .unwrap()
                    .iter()
                    .map(|(k, v)| (k.clone(), v.as_str().unwrap().as_bytes().to_vec()))
                    .collect();
                secrets.insert(value["metadata"]["name"].as_str().unwrap().to_owned(), data);
            } else {
                task = Some(serde_json::from_value(value).map_err(|error| error.to_string())?);
            }
        }
    }
    Ok((task.ok_or("none")?, secrets))
}
