//! The table of tasks and phases as text.
//!
//! Pure. Not here: where a row's facts come from ([`super::row`]) and the terminal
//! ([`super::screen`]).

use std::time::Duration;

use crd::Phase;
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

/// A line of headings, then one for each row.
pub fn lines(rows: &[Row], colour: bool) -> Vec<String> {
    let heading: Vec<_> = headings().into_iter().map(|text| (text, Paint::Dim)).collect();
    let table: Vec<_> = std::iter::once(heading).chain(rows.iter().map(texts)).collect();
    let columns = table[0].len();
    let widest = |column: usize| table.iter().map(|row| width(&row[column].0)).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(widest).collect();
    table.iter().map(|row| line(row, &widths, colour)).collect()
}

fn headings() -> Vec<String> {
    let phases = Phase::ALL.map(heading).into_iter();
    let all = std::iter::once("TASK").chain(phases).chain(["TIME", "COST", "LAST ACTIVITY"]);
    all.map(str::to_owned).collect()
}

/// The heading of a phase's column.
pub const fn heading(phase: Phase) -> &'static str {
    match phase {
        Phase::Clone => "CLONE",
        Phase::Run => "RUN",
        Phase::Rebase => "REBASE",
        Phase::ConflictResolution => "CONFLICTS",
        Phase::Push => "PUSH",
    }
}

fn texts(row: &Row) -> Vec<(String, Paint)> {
    let end = match row.succeeded {
        None => Paint::Plain,
        Some(true) => Paint::Good,
        Some(false) => Paint::Bad,
    };
    let none = || "–".to_owned();
    let time = row.time.map_or_else(none, short);
    let cost = row.cost.clone().unwrap_or_else(none);
    let mut texts = vec![(row.task.clone(), Paint::Plain)];
    texts.extend(row.cells.iter().map(|cell| (cell_text(cell), cell_paint(cell.state))));
    texts.extend([(time, Paint::Plain), (cost, Paint::Plain), (row.activity.clone(), end)]);
    texts
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
    let cells = row.iter().zip(widths).enumerate().map(|(column, ((text, paint), width))| {
        let is_last = column + 1 == row.len();
        let pad = if is_last { 0 } else { width.saturating_sub(self::width(text)) };
        format!("{}{}", painted(text, *paint, colour), " ".repeat(pad))
    });
    cells.collect::<Vec<_>>().join(GAP)
}

fn width(text: &str) -> usize {
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
        let lines = lines(&[row(), Row { task: "a".to_owned(), ..row() }], false);
        assert_eq!(
            lines,
            [
                "TASK        CLONE  RUN      REBASE  CONFLICTS  PUSH  TIME   COST   LAST ACTIVITY",
                "discount-1  ● 4s   ◔ 1m12s  ○       –          ✕ 1s  1m17s  $0.12  turn 3 · Edit src/total.sh",
                "a           ● 4s   ◔ 1m12s  ○       –          ✕ 1s  1m17s  $0.12  turn 3 · Edit src/total.sh",
            ]
        );
    }

    #[test]
    fn colours_change_no_column() {
        let plain = lines(&[row()], false);
        let mut coloured = lines(&[row()], true).join("\n");
        for code in ["0", "2", "31", "32", "33"] {
            coloured = coloured.replace(&format!("\x1b[{code}m"), "");
        }
        assert_eq!(coloured, plain.join("\n"));
        assert_ne!(lines(&[row()], true), plain);
    }

    #[test]
    fn every_state_has_a_symbol_of_its_own() {
        let legend = legend(false);
        assert_eq!(legend, "○ to come   ◔ runs   ● done   ✕ failed   – not needed");
    }
}
