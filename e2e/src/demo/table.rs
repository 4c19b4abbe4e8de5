//! The table of tasks and phases as text.
//!
//! Pure. Not here: where a row's facts come from ([`super::row`]) and the terminal
//! ([`super::screen`]).

use std::time::Duration;

use crd::log::cut;
use crd::status::PhaseState;

use super::row::{Cell, Row};

const GAP: &str = "  ";

/// How a text is to look; without colour it is left as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    /// As the terminal writes.
    Plain,
    /// Of less weight.
    Dim,
    /// It went well.
    Good,
    /// It failed.
    Bad,
    /// It goes on.
    Busy,
}

/// The symbol of a state.
pub const fn symbol(state: PhaseState) -> char {
    match state {
        PhaseState::Pending => '○',
        PhaseState::Running => '◔',
        PhaseState::Succeeded => '●',
        PhaseState::Failed => '✕',
        PhaseState::Skipped => '–',
    }
}

/// What the symbols mean, in one line.
pub fn legend(colour: bool) -> String {
    use PhaseState::{Failed, Pending, Running, Skipped, Succeeded};
    let words = [
        (Pending, "to come"),
        (Running, "runs"),
        (Succeeded, "done"),
        (Failed, "failed"),
        (Skipped, "not needed"),
    ];
    let legend = words.map(|(state, word)| format!("{} {word}", symbol(state))).join("   ");
    painted(&legend, Paint::Dim, colour)
}

/// A line of headings, then one for each row; two where `width` has no room for the activity.
pub fn lines(rows: &[Row], width: usize, colour: bool) -> Vec<String> {
    let heading = HEADINGS.map(|text| (text.to_owned(), Paint::Dim));
    let table: Vec<_> = std::iter::once(heading).chain(rows.iter().map(texts)).collect();
    let widest = |column: usize| table.iter().map(|row| length(&row[column].0)).max();
    let widths: [usize; COLUMNS] = std::array::from_fn(|column| widest(column).unwrap_or(0));
    let taken = widths.iter().sum::<usize>() + COLUMNS * GAP.len();
    let room = width.saturating_sub(taken);
    let fits = room >= ACTIVITY_ROOM;
    let activities = rows.iter().map(|row| (row.activity.as_str(), paint_of(row)));
    let activities = std::iter::once((ACTIVITY, Paint::Dim)).chain(activities);
    let mut lines = Vec::new();
    for (index, (row, (activity, paint))) in table.iter().zip(activities).enumerate() {
        let line = line(row, &widths, colour);
        if fits {
            let activity = painted(&cut(activity, room), paint, colour);
            lines.push(format!("{line}{GAP}{activity}"));
            continue;
        }
        lines.push(line);
        if index > 0 {
            let activity = cut(activity, width.saturating_sub(GAP.len()));
            lines.push(format!("{GAP}{}", painted(&activity, paint, colour)));
        }
    }
    lines
}

const COLUMNS: usize = 8;
const HEADINGS: [&str; COLUMNS] =
    ["TASK", "CLONE", "RUN", "REBASE", "CONFLICTS", "PUSH", "TIME", "COST"];
const ACTIVITY: &str = "LAST ACTIVITY";
/// Less room than this says too little.
const ACTIVITY_ROOM: usize = 40;

fn texts(row: &Row) -> [(String, Paint); COLUMNS] {
    let none = || "–".to_owned();
    let time = row.time.map_or_else(none, short);
    let cost = row.cost.clone().unwrap_or_else(none);
    let [clone, run, rebase, conflicts, push] =
        row.cells.map(|cell| (cell_text(&cell), cell_paint(cell.state)));
    let name = (row.task.clone(), Paint::Plain);
    [name, clone, run, rebase, conflicts, push, (time, Paint::Plain), (cost, Paint::Plain)]
}

const fn paint_of(row: &Row) -> Paint {
    match row.succeeded {
        None => Paint::Plain,
        Some(true) => Paint::Good,
        Some(false) => Paint::Bad,
    }
}

fn cell_text(cell: &Cell) -> String {
    let time = cell.time.map(|time| format!(" {}", short(time))).unwrap_or_default();
    format!("{}{time}", symbol(cell.state))
}

const fn cell_paint(state: PhaseState) -> Paint {
    match state {
        PhaseState::Pending | PhaseState::Skipped => Paint::Dim,
        PhaseState::Running => Paint::Busy,
        PhaseState::Succeeded => Paint::Good,
        PhaseState::Failed => Paint::Bad,
    }
}

fn line(row: &[(String, Paint)], widths: &[usize], colour: bool) -> String {
    let cells = row.iter().zip(widths).map(|((text, paint), width)| {
        let pad = " ".repeat(width.saturating_sub(length(text)));
        format!("{}{pad}", painted(text, *paint, colour))
    });
    cells.collect::<Vec<_>>().join(GAP)
}

fn length(text: &str) -> usize {
    text.chars().count()
}

/// The text with the colour of `paint`, if colours are wanted.
pub fn painted(text: &str, paint: Paint, colour: bool) -> String {
    let code = match paint {
        _ if !colour => return text.to_owned(),
        Paint::Plain => return text.to_owned(),
        Paint::Dim => "2",
        Paint::Good => "32",
        Paint::Bad => "31",
        Paint::Busy => "33",
    };
    format!("\x1b[{code}m{text}\x1b[0m")
}

/// A duration as a table has room for it: `7s`, `4m12s`.
pub fn short(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..60 => format!("{seconds}s"),
        seconds => format!("{}m{:02}s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        let cell =
            |state, seconds: Option<u64>| Cell { state, time: seconds.map(Duration::from_secs) };
        Row {
            task: "discount-1".to_owned(),
            cells: [
                cell(PhaseState::Succeeded, Some(4)),
                cell(PhaseState::Running, Some(72)),
                cell(PhaseState::Pending, None),
                cell(PhaseState::Skipped, None),
                cell(PhaseState::Failed, Some(1)),
            ],
            time: Some(Duration::from_secs(77)),
            cost: Some("$0.12".to_owned()),
            activity: "turn 3 · Edit src/total.sh".to_owned(),
            succeeded: None,
        }
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_text() {
        let lines = lines(&[row(), Row { task: "a".to_owned(), ..row() }], 130, false);
        let columns = "● 4s   ◔ 1m12s  ○       –          ✕ 1s  1m17s  $0.12";
        assert_eq!(
            lines,
            [
                "TASK        CLONE  RUN      REBASE  CONFLICTS  PUSH  TIME   COST   LAST ACTIVITY"
                    .to_owned(),
                format!("discount-1  {columns}  turn 3 · Edit src/total.sh"),
                format!("a           {columns}  turn 3 · Edit src/total.sh"),
            ]
        );
    }

    #[test]
    fn a_narrow_terminal_has_the_activity_on_a_line_of_its_own() {
        let lines = lines(&[row()], 20, false);
        assert!(lines[0].ends_with("COST "), "{lines:?}");
        assert_eq!(lines[2], "  turn 3 · Edit src…");
        assert_eq!(lines.len(), 3);
    }

    #[test]
    fn colours_change_no_column() {
        let plain = lines(&[row()], 130, false);
        let mut coloured = lines(&[row()], 130, true).join("\n");
        for code in ["0", "2", "31", "32", "33"] {
            coloured = coloured.replace(&format!("\x1b[{code}m"), "");
        }
        assert_eq!(coloured, plain.join("\n"));
        assert_ne!(lines(&[row()], 130, true), plain);
    }

    #[test]
    fn every_state_has_a_symbol_of_its_own() {
        let legend = legend(false);
        assert_eq!(legend, "○ to come   ◔ runs   ● done   ✕ failed   – not needed");
    }
}
