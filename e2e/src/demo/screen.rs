//! Where the demo speaks: lines that stay, and below them, on a terminal, a table that is drawn
//! again and again.
//!
//! Not here: what the table says ([`super::table`]).

use std::env;
use std::io::{IsTerminal, Write, stderr, stdout};

/// Standard output.
#[derive(Debug)]
pub struct Screen {
    terminal: bool,
    colour: bool,
    drawn: usize,
}

impl Screen {
    /// Looks whether standard output is a terminal, and whether colours are wanted
    /// (<https://no-color.org>).
    pub fn stdout() -> Self {
        let terminal = stdout().is_terminal() && env::var_os("TERM").is_none_or(|it| it != "dumb");
        let unwanted = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { terminal, colour: terminal && !unwanted, drawn: 0 }
    }

    /// Whether a table can be drawn again in its place.
    pub const fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Whether to use colours.
    pub const fn colour(&self) -> bool {
        self.colour
    }

    /// Prints a line that stays, above the table.
    pub fn say(&mut self, line: &str) {
        let clear = if self.drawn > 0 { self.to_top() + "\x1b[J" } else { String::new() };
        self.drawn = 0;
        print(&format!("{clear}{line}\n"));
    }

    /// Draws the table in place of the last one. The terminal cuts lines that are too long: a
    /// wrapped one would be two, and the next drawing begin too low.
    pub fn draw(&mut self, lines: &[String]) {
        let body = lines.join("\x1b[K\n");
        print(&format!("{}\x1b[?7l{body}\x1b[K\n\x1b[?7h\x1b[J", self.to_top()));
        self.drawn = lines.len();
    }

    /// Leaves the table where it is; the next line comes below it.
    pub const fn settle(&mut self) {
        self.drawn = 0;
    }

    fn to_top(&self) -> String {
        if self.drawn == 0 { String::new() } else { format!("\r\x1b[{}A", self.drawn) }
    }
}

/// Characters that a line of the terminal has room for, as it is now; 80 columns where it does not
/// say. The last column is left free: drawing clears the rest of a line, and so what stands there.
pub fn width() -> usize {
    let columns = rustix::termios::tcgetwinsize(stdout()).map(|size| size.ws_col);
    columns.ok().filter(|columns| *columns > 0).map_or(80, usize::from) - 1
}

/// Prints a line to standard error, if somebody still reads that.
pub fn complain(line: &str) {
    let _ = writeln!(stderr().lock(), "{line}");
}

/// A reader that went away is no reason to stop: what was started must still be ended.
fn print(text: &str) {
    let mut out = stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
