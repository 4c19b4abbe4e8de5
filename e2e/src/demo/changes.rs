//! What changed from one row to the next, a line for each: the table for those who are no terminal.
//!
//! Pure.

use crd::Phase;
use crd::status::PhaseState;

use super::row::Row;
use super::table::{short, symbol};

/// The lines that tell the way from `before` to `after`.
pub fn lines(before: Option<&Row>, after: &Row) -> Vec<String> {
    let phases = Phase::ALL.into_iter().enumerate().filter_map(|(index, phase)| {
        let (old, new) = (before.map(|row| row.cells[index].state), after.cells[index]);
        let changed = old.unwrap_or(PhaseState::Pending) != new.state;
        let lasted = new.time.filter(|_| new.state != PhaseState::Running).map(short);
        let lasted = lasted.map(|time| format!(" after {time}")).unwrap_or_default();
        changed.then(|| format!("{} {phase} {}{lasted}", symbol(new.state), word(new.state)))
    });
    let activity = before.map(|row| row.activity.as_str()) != Some(&after.activity);
    let activity = (activity && !after.activity.is_empty()).then(|| after.activity.clone());
    let end = after.succeeded.map(|good| if good { "Succeeded: " } else { "Failed: " });
    let activity = activity.map(|text| format!("{}{text}", end.unwrap_or("  ")));
    let time = after.time.map_or_else(|| "–".to_owned(), short);
    phases.chain(activity).map(|line| format!("{}  {time:>5}  {line}", after.task)).collect()
}

const fn word(state: PhaseState) -> &'static str {
    match state {
        PhaseState::Pending => "is pending",
        PhaseState::Running => "begins",
        PhaseState::Succeeded => "done",
        PhaseState::Failed => "failed",
        PhaseState::Skipped => "skipped",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::demo::row::Cell;

    fn row(states: [PhaseState; 5], activity: &str, succeeded: Option<bool>) -> Row {
        let time = Some(Duration::from_secs(3));
        let cells = states.map(|state| Cell { state, time: time.filter(|_| state != PENDING) });
        let (task, activity) = ("a".to_owned(), activity.to_owned());
        Row { task, cells, time, cost: None, activity, succeeded }
    }

    const PENDING: PhaseState = PhaseState::Pending;

    #[test]
    fn only_what_changed_is_told() {
        let first = row([PhaseState::Running, PENDING, PENDING, PENDING, PENDING], "fetches", None);
        assert_eq!(lines(None, &first), ["a     3s  ◔ Clone begins", "a     3s    fetches"]);
        assert_eq!(lines(Some(&first), &first), [""; 0]);
        let second = row(
            [PhaseState::Succeeded, PhaseState::Running, PENDING, PENDING, PENDING],
            "fetches",
            None,
        );
        assert_eq!(
            lines(Some(&first), &second),
            ["a     3s  ● Clone done after 3s", "a     3s  ◔ Run begins"]
        );
    }

    #[test]
    fn the_verdict_is_the_last_line() {
        let states = [PhaseState::Succeeded; 5];
        let (before, after) = (row(states, "x", None), row(states, "Pushed: y", Some(true)));
        assert_eq!(lines(Some(&before), &after), ["a     3s  Succeeded: Pushed: y"]);
    }
}
