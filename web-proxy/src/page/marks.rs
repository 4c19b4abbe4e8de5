//! Small pieces of markup that several pages share: states, times, commits.
//!
//! Not here: the words themselves ([`super::format`], [`super::state`]).

use jiff::Timestamp;
use maud::{Markup, html};

use super::format;
use super::state::State;

/// Characters of a commit that are shown.
const COMMIT: usize = 10;

/// The shape of a state; its word is there for those who do not see it.
pub fn shape(state: State) -> Markup {
    html! {
        span class={ "state " (state.key()) } title=(state.word()) {
            span.shape aria-hidden="true" { (state.shape()) }
            span.unseen { (state.word()) }
        }
    }
}

/// The shape and the word of a state.
pub fn state(state: State) -> Markup {
    html! {
        span class={ "state " (state.key()) } {
            span.shape aria-hidden="true" { (state.shape()) } " " (state.word())
        }
    }
}

/// A moment seen from `now`, with the exact one on hover.
pub fn time(at: Timestamp, now: Timestamp) -> Markup {
    html! { time datetime=(at) title=(format::exact(at)) { (format::ago(at, now)) } }
}

/// The time since `start`, counted on by the script until `end` is there.
pub fn elapsed(start: Timestamp, end: Option<Timestamp>, now: Timestamp) -> Markup {
    let shown = format::duration(end.unwrap_or(now).duration_since(start));
    html! {
        span.figure data-since=[end.is_none().then_some(start)] { (shown) }
    }
}

/// A commit, cut; a click copies it as a whole.
pub fn commit(id: &str) -> Markup {
    let short: String = id.chars().take(COMMIT).collect();
    html! {
        button.commit type="button" data-copy=(id) title=(id) aria-label={ (short) ", copy the commit" } {
            code { (short) }
        }
    }
}

/// A text in monospace that can be copied.
pub fn copyable(text: &str, what: &str) -> Markup {
    html! { code { (text) } (copy(text, what)) }
}

/// A button that copies `text`; only the script can do that, so it is hidden without.
pub fn copy(text: &str, what: &str) -> Markup {
    html! {
        button.copy type="button" data-copy=(text) aria-label={ "Copy " (what) } hidden { "Copy" }
    }
}

/// An amount, in digits of one width.
pub fn figure(text: &str) -> Markup {
    html! { span.figure { (text) } }
}
