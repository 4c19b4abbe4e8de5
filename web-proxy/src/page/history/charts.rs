//! The four charts of the history.
//!
//! Not here: how a chart is drawn ([`super::chart`]).

use crd::Usd;
use jiff::SignedDuration;
use maud::{Markup, html};

use super::chart::{Bar, Chart, Value};
use super::figures::{Figures, Sum};
use crate::page::format;
use crate::page::list::Filter;
use crate::page::state::State;

/// Finished by verdict, cost, duration, conflicts.
pub fn charts(figures: &Figures) -> [Chart; 4] {
    [finished(figures), cost(figures), duration(figures), conflicts(figures)]
}

fn finished(figures: &Figures) -> Chart {
    let [succeeded, failed, cancelled] =
        totals(figures, [|sum| sum.succeeded, |sum| sum.failed, |sum| sum.cancelled]);
    let of = |state: State, count| total(count, &Filter { phase: state.key(), ..figures.list() });
    Chart {
        id: "finished",
        title: "Finished per day",
        description: html! {
            (of(State::Succeeded, succeeded)) " succeeded, " (of(State::Failed, failed)) " failed, "
            (of(State::Cancelled, cancelled)) " were cancelled."
        },
        parts: &[("succeeded", "Succeeded"), ("failed", "Failed"), ("cancelled", "Cancelled")],
        bars: bars(figures, |day, sum| {
            let of =
                |state: State, count| number(count, &Filter { phase: state.key(), ..of_day(day) });
            vec![
                of(State::Succeeded, sum.succeeded),
                of(State::Failed, sum.failed),
                of(State::Cancelled, sum.cancelled),
            ]
        }),
        scale: format::count,
    }
}

fn cost(figures: &Figures) -> Chart {
    Chart {
        id: "cost",
        title: "Cost per day",
        description: html! {
            a href=(figures.list().href()) { (format::money(figures.cost)) }
            " in all, by the day of the verdict."
        },
        parts: &[("accent", "Cost")],
        bars: bars(figures, |day, sum| {
            let shown = if sum.count() > 0 { format::money(sum.cost) } else { String::new() };
            vec![Value { size: sum.cost.micros(), shown, href: of_day(day).href() }]
        }),
        scale: |micros| format::money(Usd::from_micros(micros)),
    }
}

fn duration(figures: &Figures) -> Chart {
    Chart {
        id: "duration",
        title: "Duration per day",
        description: html! {
            "Half of the tasks of a day took no longer than the median, nine of ten no longer than p90."
        },
        parts: &[("accent", "Median"), ("faint", "p90")],
        bars: bars(figures, |day, sum| {
            let (median, p90) = (sum.percentile(50).unwrap_or(0), sum.percentile(90).unwrap_or(0));
            let value = |size, seconds: Option<u64>| Value {
                size,
                shown: seconds.map(span).unwrap_or_default(),
                href: of_day(day).href(),
            };
            vec![value(median, sum.percentile(50)), value(p90 - median, sum.percentile(90))]
        }),
        scale: span,
    }
}

fn conflicts(figures: &Figures) -> Chart {
    let [resolved, unresolved, all] =
        totals(figures, [|sum| sum.resolved, |sum| sum.unresolved, Sum::count]);
    let of = |conflicts: &str, count| {
        total(count, &Filter { conflicts: conflicts.to_owned(), ..figures.list() })
    };
    Chart {
        id: "conflicts",
        title: "Tasks with conflicts",
        description: html! {
            (of("any", resolved + unresolved)) " of " (format::counted(all, "task")) " had conflicts: "
            (of("resolved", resolved)) " resolved by Claude, " (of("unresolved", unresolved)) " not resolved."
        },
        parts: &[("succeeded", "Resolved by Claude"), ("failed", "Not resolved")],
        bars: bars(figures, |day, sum| {
            let of = |conflicts: &str, count| {
                number(count, &Filter { conflicts: conflicts.to_owned(), ..of_day(day) })
            };
            vec![of("resolved", sum.resolved), of("unresolved", sum.unresolved)]
        }),
        scale: format::count,
    }
}

fn bars(figures: &Figures, values: impl Fn(&str, &Sum) -> Vec<Value>) -> Vec<Bar> {
    let bar = |(day, sum): &(String, Sum)| Bar {
        day: day.clone(),
        href: of_day(day).href(),
        values: values(day, sum),
    };
    figures.days.iter().map(bar).collect()
}

fn totals<const N: usize>(figures: &Figures, of: [fn(&Sum) -> u64; N]) -> [u64; N] {
    of.map(|of| figures.days.iter().map(|(_, sum)| of(sum)).sum())
}

/// A sum that leads to what it counts.
fn total(count: u64, list: &Filter) -> Markup {
    html! { a href=(list.href()) { (format::count(count)) } }
}

fn of_day(day: &str) -> Filter {
    Filter { day: day.to_owned(), ..Filter::default() }
}

fn number(count: u64, list: &Filter) -> Value {
    let shown = if count > 0 { format::count(count) } else { String::new() };
    Value { size: count, shown, href: list.href() }
}

fn span(seconds: u64) -> String {
    format::duration(SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX)))
}
