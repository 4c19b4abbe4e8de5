//! Whether two plays of one scenario came to the same end, and where they did not.
//!
//! Not here: what of their statuses counts ([`super::normal`]).

use std::collections::BTreeSet;

use anyhow::ensure;
use serde_json::Value;

use super::normal::{Name, normal_form};
use super::site::Site;
use crate::parts;

/// Asserts that the tasks that finished at both sites have the same statuses but for names and
/// times.
pub async fn expect_alike(cluster: &Site, here: &Site) -> anyhow::Result<()> {
    let (cluster, here) = (form_at(cluster).await?, form_at(here).await?);
    let found = differences(&cluster, &here);
    ensure!(found.is_empty(), "it ended otherwise than on the cluster:\n{}", found.join("\n"));
    Ok(())
}

async fn form_at(site: &Site) -> anyhow::Result<Value> {
    normal_form(&site.finished.lock().await, &names(site))
}

/// The site's own name, and the servers' addresses with and without the port.
fn names(site: &Site) -> Vec<Name> {
    let own = (site.namespace.clone(), "SITE".to_owned());
    let services = [parts::GIT_SERVER, parts::GIT_ELSEWHERE, parts::MODEL_SERVER];
    let servers = services.into_iter().flat_map(|service| {
        let address = site.address(service);
        let place = address.trim_start_matches("http://").to_owned();
        let host = place.split(':').next().unwrap_or_default().to_owned();
        [(place, format!("{service}:PORT")), (host, service.to_owned())]
    });
    std::iter::once(own).chain(servers).collect()
}

/// Each place in which the two differ, with both values.
fn differences(cluster: &Value, here: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare("", Some(cluster), Some(here), &mut found);
    found
}

fn compare(path: &str, cluster: Option<&Value>, here: Option<&Value>, found: &mut Vec<String>) {
    match (cluster, here) {
        (Some(Value::Object(cluster)), Some(Value::Object(here))) => {
            let names: BTreeSet<_> = cluster.keys().chain(here.keys()).collect();
            for name in names {
                let path = format!("{path}.{name}");
                compare(&path, cluster.get(name), here.get(name), found);
            }
        }
        (Some(Value::Array(cluster)), Some(Value::Array(here))) => {
            for place in 0..cluster.len().max(here.len()) {
                let path = format!("{path}[{place}]");
                compare(&path, cluster.get(place), here.get(place), found);
            }
        }
        _ if cluster == here => {}
        _ => {
            let show = |value: Option<&Value>| {
                value.map_or_else(|| "nothing".to_owned(), Value::to_string)
            };
            found.push(format!("{path}: {} on the cluster, {} here", show(cluster), show(here)));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::differences;

    #[test]
    fn every_difference_is_told_by_its_path_with_both_values() {
        let cluster = json!({"a-task": {"phases": [{"state": "Failed"}, {"state": "Skipped"}],
            "attempt": 1, "same": [1, {"x": null}]}});
        let here = json!({"a-task": {"phases": [{"state": "Succeeded", "reason": "Pushed"}],
            "attempt": "1", "same": [1, {"x": null}]}});
        assert_eq!(
            differences(&cluster, &here),
            [
                ".a-task.attempt: 1 on the cluster, \"1\" here",
                ".a-task.phases[0].reason: nothing on the cluster, \"Pushed\" here",
                ".a-task.phases[0].state: \"Failed\" on the cluster, \"Succeeded\" here",
                ".a-task.phases[1]: {\"state\":\"Skipped\"} on the cluster, nothing here",
            ]
        );
        assert!(differences(&here, &here).is_empty());
    }

    #[test]
    fn an_absent_field_is_not_the_same_as_null() {
        assert_eq!(differences(&json!({"a": null}), &json!({})).len(), 1);
    }
}
