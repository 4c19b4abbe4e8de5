//! Owns the generated files: the CRD in the chart and the API reference. `UPDATE=1` writes them.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

fn in_workspace(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn owns(path: &str, expected: &str) {
    let file = in_workspace(path);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, expected).unwrap();
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(found == expected, "{path} is out of date: run `UPDATE=1 cargo test -p crd`");
}

fn crd_yaml() -> String {
    let mut crd = crd::manifest::crd().unwrap();
    let kept = ("helm.sh/resource-policy".to_owned(), "keep".to_owned());
    crd.metadata.annotations = Some([kept].into());
    serde_saphyr::to_string(&serde_json::to_value(crd).unwrap()).unwrap()
}

#[test]
fn the_chart_holds_the_current_crd() {
    let yaml = crd_yaml();
    assert!(!yaml.contains("{{"), "the chart would take this for a template");
    let head =
        "{{- /* Made by `UPDATE=1 cargo test -p crd`; kept when the chart is uninstalled. */ -}}\n";
    owns(
        "charts/claude-task/templates/crd.yaml",
        &format!("{head}{{{{- if .Values.crds.install }}}}\n{}\n{{{{- end }}}}\n", yaml.trim_end()),
    );
}

#[test]
fn the_names_are_those_of_the_crd() {
    let spec = crd::manifest::crd().unwrap().spec;
    let version = spec.versions[0].name.as_str();
    let found = [spec.group.as_str(), version, spec.names.kind.as_str()];
    assert_eq!(found, [crd::names::GROUP, crd::names::VERSION, crd::names::KIND]);
}

#[test]
fn the_crd_is_small() {
    let size = crd_yaml().len();
    assert!(size < 100 * 1024, "{size} bytes");
}

#[test]
fn the_api_reference_is_current() {
    owns("crd/API.md", &crd::reference::page().unwrap());
}
