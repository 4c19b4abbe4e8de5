//! The tables of the history: what became of the tasks of a repository or a requester.
//!
//! Not here: the figures ([`super::figures`]).

use jiff::SignedDuration;
use maud::{Markup, html};

use super::figures::Group;
use crate::page::format;
use crate::page::list::Filter;
use crate::page::state::State;

/// Rows of a table at most.
const LONGEST: usize = 50;

/// A table of these groups; each figure leads to the tasks that it counts.
pub fn table(title: &str, what: &str, groups: &[Group], since: &str) -> Markup {
    html! {
        section {
            h2 { (title) }
            div.scroll tabindex="0" role="region" aria-label=(title) {
                table.groups {
                    caption.unseen { (title) }
                    thead { tr {
                        th scope="col" { (what) }
                        @for head in ["Tasks", "Succeeded", "Median", "Cost", "Conflicts"] { th scope="col" { (head) } }
                    } }
                    tbody { @for group in groups.iter().take(LONGEST) { (row(group, since)) } }
                }
            }
            @if groups.len() > LONGEST {
                p.hint { "The busiest " (LONGEST) " of " (format::count(groups.len() as u64)) "." }
            }
        }
    }
}

fn row(group: &Group, since: &str) -> Markup {
    let sum = &group.sum;
    let all = Filter { since: since.to_owned(), ..group.list.clone() };
    let succeeded = Filter { phase: State::Succeeded.key(), ..all.clone() };
    let conflicts = Filter { conflicts: "any".to_owned(), ..all.clone() };
    let median = sum.percentile(50).and_then(|seconds| i64::try_from(seconds).ok());
    let median = median.map(|seconds| format::duration(SignedDuration::from_secs(seconds)));
    let cells = [
        (format::count(sum.count()), &all),
        (percent(sum.succeeded, sum.count()), &succeeded),
        (median.unwrap_or_default(), &all),
        (format::money(sum.cost), &all),
        (percent(sum.conflicts(), sum.count()), &conflicts),
    ];
    html! {
        tr {
            th scope="row" title=(group.list.repository) {
                @if group.label.is_empty() { span.dim { "not named" } } @else { (group.label) }
            }
            @for (shown, list) in cells { td { a href=(list.href()) { (shown) } } }
        }
    }
}

/// A share in whole hundredths.
fn percent(part: u64, whole: u64) -> String {
    format!("{} %", (part * 100 + whole / 2) / whole.max(1))
}

#[cfg(test)]
mod tests {
    use super::percent;

    #[test]
    fn shares_are_rounded_and_nothing_is_divided_by_nothing() {
        for (part, whole, shown) in [(0, 0, "0 %"), (1, 3, "33 %"), (2, 3, "67 %"), (4, 4, "100 %")]
        {
            assert_eq!(percent(part, whole), shown);
        }
    }
}
