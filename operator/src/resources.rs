//! Requests and limits of the containers.
//!
//! Not here: defaults ([`crate::config`]) and the rules for quantities (the CRD's schema).

use std::collections::BTreeMap;

use crd::spec::{Quantities, Resources};
use k8s_openapi::api::core::v1::ResourceRequirements;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

/// Requests and limits of an agent container. A resource that the task names is the task's alone:
/// what it leaves out, request or limit, is what it gave for the other. The rest is `default`.
pub fn of_agent(task: Option<&Resources>, default: &Resources) -> ResourceRequirements {
    let Some(task) = task else { return requirements(default) };
    let chosen = |own: &Quantities, other: &Quantities, default: &Quantities| {
        let mut chosen = amounts(default);
        chosen.extend(amounts(other));
        chosen.extend(amounts(own));
        Some(chosen)
    };
    ResourceRequirements {
        requests: chosen(&task.requests, &task.limits, &default.requests),
        limits: chosen(&task.limits, &task.requests, &default.limits),
        ..ResourceRequirements::default()
    }
}

/// The same in Kubernetes' own type.
pub fn requirements(resources: &Resources) -> ResourceRequirements {
    ResourceRequirements {
        requests: Some(amounts(&resources.requests)),
        limits: Some(amounts(&resources.limits)),
        ..ResourceRequirements::default()
    }
}

fn amounts(quantities: &Quantities) -> BTreeMap<String, Quantity> {
    let entry = |(name, amount): (&str, &str)| (name.to_owned(), Quantity(amount.to_owned()));
    quantities.entries().map(entry).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crd::spec::{Quantities, Resources};
    use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

    use super::{amounts, of_agent};

    fn quantities(cpu: &str, memory: &str) -> Quantities {
        let some = |amount: &str| (!amount.is_empty()).then(|| amount.to_owned());
        Quantities { cpu: some(cpu), memory: some(memory), ephemeral_storage: None }
    }

    fn both(requests: (&str, &str), limits: (&str, &str)) -> Resources {
        Resources {
            requests: quantities(requests.0, requests.1),
            limits: quantities(limits.0, limits.1),
        }
    }

    #[test]
    fn a_request_never_exceeds_a_default_limit() {
        let default = both(("250m", "512Mi"), ("4", "4Gi"));
        for (task, expected) in [
            (both(("", ""), ("", "")), both(("250m", "512Mi"), ("4", "4Gi"))),
            (both(("", "8Gi"), ("", "")), both(("250m", "8Gi"), ("4", "8Gi"))),
            (both(("", ""), ("", "64Mi")), both(("250m", "64Mi"), ("4", "64Mi"))),
            (both(("1", ""), ("2", "")), both(("1", "512Mi"), ("2", "4Gi"))),
        ] {
            let made = of_agent(Some(&task), &default);
            let plain = |q: &Quantities| -> Option<BTreeMap<String, Quantity>> { Some(amounts(q)) };
            assert_eq!(made.requests, plain(&expected.requests), "{task:?}");
            assert_eq!(made.limits, plain(&expected.limits), "{task:?}");
        }
    }
}
