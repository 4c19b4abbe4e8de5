//! The two tasks: what they ask for, their manifests, and what the scripted model says to them.
//!
//! Pure. Not here: when the colleague pushes ([`super::colleague`]).

use crd::names;

use super::model::Model;
use super::shop::{self, CART, CART_TEST, CHECK_QUANTITY, DISCOUNT_TEST, TOTAL, VERIFY};
use crate::model_server::{Script, Step, ToolCall, Usage};
use crate::parts;

/// Namespace of the tasks.
pub const NAMESPACE: &str = "demo";
/// Name of the Secret with the git credentials.
pub const GIT_SECRET: &str = "shop-git";
/// Name of the Secret with the model credential.
pub const MODEL_SECRET: &str = "claude-api";
/// Most money for one task in US dollars.
pub const BUDGET: &str = "1.00";

/// Time that the scripted model takes for an answer, so that an eye can follow.
const PACE_MS: u64 = 1200;

/// A ClaudeTask of the demo.
#[derive(Clone, Debug)]
pub struct Plot {
    /// Its name, unique for each run of the demo.
    pub name: String,
    /// What it shows, in a few words.
    pub shows: &'static str,
    prompt: &'static str,
    steps: Vec<Step>,
}

/// Both tasks of the run with this identifier: the clean one, then the one that conflicts.
pub fn plots(run: &str) -> [Plot; 2] {
    let conflict = format!("discount-{run}");
    [
        Plot {
            name: format!("check-quantity-{run}"),
            shows: "lands cleanly",
            prompt: "The function add_to_cart in src/cart.sh takes any quantity. Let it refuse \
                     everything but a\nwhole number above 0, with a message, and add a test for \
                     that to tests/cart_test.sh.\nCommit your change.",
            steps: check_quantity(),
        },
        Plot {
            shows: "conflicts with what a colleague pushes meanwhile",
            prompt: "Give a discount of 10 % on orders of 100.00 or more: change order_total in \
                     src/total.sh, and\nadd a test as tests/discount_test.sh. Commit your change.",
            steps: discount(&conflict),
            name: conflict,
        },
    ]
}

impl Plot {
    /// The branch that the task pushes.
    pub fn branch(&self) -> String {
        format!("claude/{}", self.name)
    }

    /// What the scripted model says; it is registered under the task's name, and so is the gate at
    /// which it waits for the colleague.
    pub fn script(&self) -> Script {
        let paced = |step: &Step| Step { delay_ms: PACE_MS, usage: USAGE, ..step.clone() };
        Script::new(self.steps.iter().map(paced))
    }

    /// The ClaudeTask as YAML for people.
    pub fn manifest(&self, repo: &str, model: &Model) -> String {
        let Self { name, shows, .. } = self;
        let (api, git) = (format!("{}/{}", names::GROUP, names::VERSION), parts::git_url());
        let mark =
            if model.is_scripted() { format!("\n    [scenario: {name}]") } else { String::new() };
        let prompt = self.prompt.replace('\n', "\n    ");
        format!(
            "\
# A task of the demo that {shows}.
# It pushes the branch {branch}.
# A ClaudeTask runs once: to run this one again, change its name and apply the file.
apiVersion: {api}
kind: {kind}
metadata:
  name: {name}
  namespace: {NAMESPACE}
spec:
  repository:
    url: {git}/{repo}.git
    ref: main
    credentialsSecret: {{name: {GIT_SECRET}}}
  prompt: |
    {prompt}{mark}
  rebase: {{onto: main, conflicts: Resolve}}
  verify: [\"{VERIFY}\"]
  claude:
    credentialsSecret: {{name: {MODEL_SECRET}}}
    maxBudgetUSD: \"{BUDGET}\"
",
            kind = names::KIND,
            branch = self.branch(),
        )
    }
}

const USAGE: Usage = Usage {
    input_tokens: 900,
    output_tokens: 300,
    cache_read_input_tokens: 12_000,
    cache_creation_input_tokens: 1_000,
};

fn check_quantity() -> Vec<Step> {
    vec![
        Step::tools([ToolCall::read(&path(CART)), ToolCall::read(&path(CART_TEST))])
            .saying("I look at the cart and its tests first."),
        Step::tools([ToolCall::edit(&path(CART), CHECK_QUANTITY.old, CHECK_QUANTITY.new)])
            .saying("Everything but a whole number above 0 is refused."),
        Step::write(&path(CART_TEST), &shop::cart_test_with_quantities()),
        in_tree(VERIFY).saying("Do all tests pass?"),
        commit("Refuse quantities that are not whole numbers above 0"),
        Step::text("The cart refuses bad quantities with a message; five of them are tested."),
    ]
}

fn discount(gate: &str) -> Vec<Step> {
    vec![
        Step::tools([ToolCall::read(&path(TOTAL))]).saying("I look at how the total is made."),
        Step::write(&path(TOTAL), &shop::total_with_discount())
            .saying("The discount is taken off the whole total."),
        Step::write(&path(DISCOUNT_TEST.0), DISCOUNT_TEST.1),
        in_tree(VERIFY).saying("Do all tests pass?"),
        commit("Give a discount of 10 % from 100.00 on"),
        Step::text("Orders of 100.00 or more get a discount of 10 %.").waiting_for(gate),
        // The session goes on here when the rebase has met the colleague's commit.
        Step::tools([ToolCall::read(&path(TOTAL))])
            .saying("Main charges for shipping in the same lines; both must stay."),
        Step::write(&path(TOTAL), &shop::total_with_both())
            .saying("First the discount, then shipping by what is left to pay."),
        in_tree(VERIFY).saying("Do the tests of both sides pass?"),
        Step::text("Kept both: the discount comes first, then shipping for small orders."),
    ]
}

fn commit(subject: &str) -> Step {
    in_tree(&format!("git add --all && git commit --quiet --message '{subject}'"))
}

fn in_tree(command: &str) -> Step {
    Step::bash(&format!("cd {} && {command}", path("")))
}

fn path(file: &str) -> String {
    format!("{}/repo/{file}", names::WORKSPACE.path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(plot: &Plot, model: &Model) -> crd::ClaudeTask {
        serde_saphyr::from_str(&plot.manifest("acme/shop", model)).unwrap()
    }

    #[test]
    fn a_manifest_is_the_task_that_was_meant() {
        for plot in plots("1a2b3") {
            let task = read(&plot, &Model::Scripted);
            assert_eq!(task.metadata.name.as_deref(), Some(plot.name.as_str()));
            assert_eq!(task.push_branch(), plot.branch());
            assert_eq!(
                task.spec.repository.url,
                "http://git-server.claudetask-e2e.svc:8080/acme/shop.git"
            );
            assert_eq!(task.spec.verify, [VERIFY]);
            assert_eq!(task.spec.claude.max_budget_usd, Some(BUDGET.parse().unwrap()));
            assert!(task.spec.prompt.contains(&format!("[scenario: {}]", plot.name)));
        }
    }

    #[test]
    fn a_real_model_gets_the_plain_prompt() {
        let real = Model::Real { key: "k".to_owned(), base_url: None };
        for plot in plots("1a2b3") {
            let task = read(&plot, &real);
            assert_eq!(task.spec.prompt.trim_end(), plot.prompt);
            assert!(!plot.manifest("acme/shop", &real).contains("scenario"));
        }
    }

    #[test]
    fn two_runs_share_no_name() {
        let names = |run| plots(run).map(|plot| plot.name);
        assert!(names("a").iter().all(|name| !names("b").contains(name)));
    }

    #[test]
    fn only_the_second_task_waits_for_the_colleague() {
        let waits = |plot: &Plot| plot.script().steps.iter().find_map(|step| step.wait_for.clone());
        let [clean, conflict] = plots("a");
        assert_eq!((waits(&clean), waits(&conflict)), (None, Some(conflict.name)));
    }
}
