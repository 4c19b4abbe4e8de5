//! What a push does next, from what the server says and shows: the whole protocol, pure and total.
//!
//! The server's own list decides after every push, not the exit code. A direct landing that lost a
//! race lands the same commits again on the new tip; any other target is never landed again,
//! because a new lease would delete a colleague's commit. Not here: asking the server, landing, and
//! the sentences for the task's author ([`crate::push::deliver`]).

use crate::plan::Target;

/// Most races that a direct landing may lose.
pub const RACES: u32 = 5;
/// How often a push is tried that left the branch where it was without a refusal.
pub const TRIES: u32 = 3;
/// No push begins later than this many seconds before the task's time is up.
pub const MARGIN: i64 = 30;

/// What stays the same during a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// The kind of branch.
    pub target: Target,
    /// `spec.verify` is set: what is pushed must be what was verified.
    pub is_verified: bool,
}

/// What has happened so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Course {
    /// Races lost.
    pub races: u32,
    /// Pushes of the same commit.
    pub tries: u32,
}

/// What came back from a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// It was taken.
    Yes,
    /// It was refused.
    No,
    /// Nothing, or something broken: the same push may succeed a moment later.
    Nothing,
}

/// Where the branch is after a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// It holds our commit.
    Ours,
    /// It holds commits of this task, but not ours: a second Pod was faster.
    Marked,
    /// It is where it was.
    Still,
    /// It is somewhere else.
    Moved,
    /// It is gone.
    Gone,
    /// The server does not say.
    Unknown,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Push, with the lease of [`lease`].
    Push,
    /// Push once more after a pause.
    PushAfterPause,
    /// Land the commits that were about to be pushed on the branch's new tip, then push.
    Land,
    /// Nothing.
    End(End),
}

/// How it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The branch holds our commit.
    Pushed,
    /// The branch holds commits of this task already.
    AlreadyPushed,
    /// The branch has all of the change already.
    NothingToPush,
    /// The server refused.
    Refused,
    /// The server took it, and the branch has not moved.
    Unmoved,
    /// The branch was deleted.
    Deleted,
    /// A branch that must be new exists.
    Appeared,
    /// The branch that is rebased as a whole has other commits.
    BranchMoved,
    /// A race was lost, and only what was verified may be pushed.
    Unverified,
    /// A race was lost, and the commits conflict with what came.
    Conflict,
    /// Too many races were lost.
    Restless,
    /// Whether the push arrived is not known.
    Unknown,
    /// It is too late to begin a push.
    Late,
    /// Somebody asked to stop.
    Asked,
}

impl End {
    /// Whether a new attempt can follow what happened, which this one cannot.
    pub const fn again(self) -> bool {
        matches!(self, Self::BranchMoved | Self::Unverified | Self::Conflict | Self::Unknown)
    }
}

/// The commit that the branch must name when it is pushed; nothing when it must not exist. `onto`
/// is the commit that the change lies on, `start` the one that the task started from.
pub const fn lease<'a>(target: Target, onto: &'a str, start: &'a str) -> Option<&'a str> {
    match target {
        Target::New => None,
        Target::Onto => Some(onto),
        Target::Whole => Some(start),
    }
}

/// Whether a push may begin, with `left` seconds until the task's time is up.
pub const fn begin(left: i64, is_asked: bool) -> Step {
    if is_asked {
        Step::End(End::Asked)
    } else if left < MARGIN {
        Step::End(End::Late)
    } else {
        Step::Push
    }
}

/// What the listed tip of the branch says by itself. Nothing when its history must be looked at.
pub fn glance(ours: &str, lease: Option<&str>, tip: Option<&str>) -> Option<Seen> {
    match tip {
        Some(tip) if tip == ours => Some(Seen::Ours),
        tip if tip == lease => Some(Seen::Still),
        None => Some(Seen::Gone),
        Some(_) => None,
    }
}

/// What the history of another tip says: whether it has our commit, and whether it has this
/// task's mark.
pub const fn study(has_ours: bool, is_marked: bool) -> Seen {
    match (has_ours, is_marked) {
        (true, _) => Seen::Ours,
        (false, true) => Seen::Marked,
        (false, false) => Seen::Moved,
    }
}

/// What follows a push.
pub const fn after(rules: Rules, course: Course, said: Said, seen: Seen) -> (Course, Step) {
    let again = Course { tries: course.tries + 1, ..course };
    let end = match (seen, said) {
        (Seen::Ours, _) => End::Pushed,
        (Seen::Marked, _) => End::AlreadyPushed,
        (Seen::Gone, _) => End::Deleted,
        (Seen::Unknown, _) => End::Unknown,
        (Seen::Still, Said::Nothing) if again.tries < TRIES => {
            return (again, Step::PushAfterPause);
        }
        (Seen::Still, Said::No | Said::Nothing) => End::Refused,
        (Seen::Still, Said::Yes) => End::Unmoved,
        (Seen::Moved, _) => return race(rules, course),
    };
    (again, Step::End(end))
}

/// What follows a landing on a new tip: whether it left a commit, and whether it conflicted.
pub const fn landed(is_left: bool, conflicts: bool) -> Step {
    match (conflicts, is_left) {
        (true, _) => Step::End(End::Conflict),
        (false, false) => Step::End(End::NothingToPush),
        (false, true) => Step::Push,
    }
}

const fn race(rules: Rules, course: Course) -> (Course, Step) {
    let course = Course { races: course.races + 1, tries: 0 };
    let step = match rules {
        Rules { target: Target::New, .. } => Step::End(End::Appeared),
        Rules { target: Target::Whole, .. } => Step::End(End::BranchMoved),
        Rules { target: Target::Onto, is_verified: true } => Step::End(End::Unverified),
        Rules { target: Target::Onto, is_verified: false } if course.races > RACES => {
            Step::End(End::Restless)
        }
        Rules { target: Target::Onto, is_verified: false } => Step::Land,
    };
    (course, step)
}

#[cfg(test)]
#[path = "protocol_tests.rs"]
mod tests;
