//! The protocol as tables, and a toy server that drives it to rest.

use super::{
    Course, End, RACES, Rules, Said, Seen, Step, TRIES, after, begin, glance, landed, lease, study,
};
use crate::plan::Target;

const ONTO: Rules = Rules { target: Target::Onto, is_verified: false };
const VERIFIED: Rules = Rules { is_verified: true, ..ONTO };
const NEW: Rules = Rules { target: Target::New, ..ONTO };
const WHOLE: Rules = Rules { target: Target::Whole, ..ONTO };

fn step(rules: Rules, races: u32, tries: u32, said: Said, seen: Seen) -> Step {
    after(rules, Course { races, tries }, said, seen).1
}

#[test]
fn what_the_server_shows_counts_whatever_it_said() {
    for said in [Said::Yes, Said::No, Said::Nothing] {
        for rules in [ONTO, VERIFIED, NEW, WHOLE] {
            for (seen, end) in [
                (Seen::Ours, End::Pushed),
                (Seen::Marked, End::AlreadyPushed),
                (Seen::Gone, End::Deleted),
                (Seen::Unknown, End::Unknown),
            ] {
                assert_eq!(step(rules, 0, 0, said, seen), Step::End(end), "{rules:?} {said:?}");
            }
        }
    }
}

#[test]
fn a_branch_that_stands_still_is_pushed_again_only_when_nobody_said_no() {
    for (said, tries, expected) in [
        (Said::No, 0, Step::End(End::Refused)),
        (Said::Yes, 0, Step::End(End::Unmoved)),
        (Said::Nothing, 0, Step::PushAfterPause),
        (Said::Nothing, TRIES - 2, Step::PushAfterPause),
        (Said::Nothing, TRIES - 1, Step::End(End::Refused)),
    ] {
        for rules in [ONTO, VERIFIED, NEW, WHOLE] {
            assert_eq!(step(rules, 0, tries, said, Seen::Still), expected, "{said:?} {tries}");
        }
    }
}

#[test]
fn only_a_direct_landing_that_needs_no_check_follows_a_branch_that_moved() {
    for (rules, races, expected) in [
        (ONTO, 0, Step::Land),
        (ONTO, RACES - 1, Step::Land),
        (ONTO, RACES, Step::End(End::Restless)),
        (VERIFIED, 0, Step::End(End::Unverified)),
        (NEW, 0, Step::End(End::Appeared)),
        (WHOLE, 0, Step::End(End::BranchMoved)),
    ] {
        let (course, step) = after(rules, Course { races, tries: 2 }, Said::No, Seen::Moved);
        assert_eq!((step, course), (expected, Course { races: races + 1, tries: 0 }));
    }
}

#[test]
fn a_new_attempt_follows_what_this_one_cannot() {
    for (end, again) in [
        (End::BranchMoved, true),
        (End::Unverified, true),
        (End::Conflict, true),
        (End::Unknown, true),
        (End::Pushed, false),
        (End::AlreadyPushed, false),
        (End::NothingToPush, false),
        (End::Refused, false),
        (End::Unmoved, false),
        (End::Deleted, false),
        (End::Appeared, false),
        (End::Restless, false),
        (End::Late, false),
        (End::Asked, false),
    ] {
        assert_eq!(end.again(), again, "{end:?}");
    }
}

#[test]
fn no_push_begins_too_late_or_after_a_request() {
    for (left, is_asked, expected) in [
        (30, false, Step::Push),
        (29, false, Step::End(End::Late)),
        (-5, false, Step::End(End::Late)),
        (3600, true, Step::End(End::Asked)),
        (0, true, Step::End(End::Asked)),
    ] {
        assert_eq!(begin(left, is_asked), expected);
    }
}

#[test]
fn what_was_landed_again_is_pushed_unless_nothing_is_left_or_it_conflicts() {
    assert_eq!(landed(true, false), Step::Push);
    assert_eq!(landed(false, false), Step::End(End::NothingToPush));
    assert_eq!(landed(true, true), Step::End(End::Conflict));
    assert_eq!(landed(false, true), Step::End(End::Conflict));
}

#[test]
fn a_tip_is_known_by_name_or_must_be_looked_at() {
    for (lease, tip, expected) in [
        (Some("old"), Some("ours"), Some(Seen::Ours)),
        (None, Some("ours"), Some(Seen::Ours)),
        (Some("old"), Some("old"), Some(Seen::Still)),
        (None, None, Some(Seen::Still)),
        (Some("old"), None, Some(Seen::Gone)),
        (Some("old"), Some("new"), None),
        (None, Some("new"), None),
    ] {
        assert_eq!(glance("ours", lease, tip), expected, "{lease:?} {tip:?}");
    }
    assert_eq!(study(true, true), Seen::Ours);
    assert_eq!(study(false, true), Seen::Marked);
    assert_eq!(study(false, false), Seen::Moved);
}

/// A branch as its commits, newest last; a push whose lease is right appends.
struct Toy {
    branch: Vec<String>,
    pushes: u32,
}

impl Toy {
    fn tip(&self) -> Option<&str> {
        self.branch.last().map(String::as_str)
    }
}

/// What the world does around the n-th push: somebody commits before it; the push is lost before
/// or its answer after it arrived; the hook says no.
#[derive(Clone, Copy)]
enum Fault {
    None,
    Race,
    LostBefore,
    LostAfter,
    Hook,
}

impl Toy {
    /// A push with this lease meets this fault.
    fn push(&mut self, ours: &str, lease: Option<&str>, fault: Fault) -> Said {
        if matches!(fault, Fault::Race) {
            self.branch.push(format!("people-{}", self.branch.len()));
        }
        match fault {
            Fault::Hook => Said::No,
            Fault::LostBefore => Said::Nothing,
            _ if self.tip() != lease => Said::No,
            arrives => {
                self.branch.push(ours.to_owned());
                self.pushes += 1;
                if matches!(arrives, Fault::LostAfter) { Said::Nothing } else { Said::Yes }
            }
        }
    }

    fn show(&self, ours: &str, lease: Option<&str>) -> Seen {
        glance(ours, lease, self.tip()).unwrap_or_else(|| {
            let is_marked = self.branch.iter().any(|commit| commit.starts_with("pod"));
            study(self.branch.iter().any(|commit| commit == ours), is_marked)
        })
    }
}

/// One Pod's delivery, until it ends. It was planned when the branch was at `start`.
fn deliver(
    toy: &mut Toy,
    start: Option<&str>,
    rules: Rules,
    pod: &str,
    faults: &mut impl FnMut() -> Fault,
) -> End {
    let start = start.unwrap_or_default().to_owned();
    let (mut onto, mut landings, mut course) = (start.clone(), 0, Course::default());
    loop {
        let ours = format!("{pod}-{landings}");
        let lease = lease(rules.target, &onto, &start);
        let said = toy.push(&ours, lease, faults());
        let (next, step) = after(rules, course, said, toy.show(&ours, lease));
        course = next;
        match step {
            Step::End(end) => return end,
            Step::Push | Step::PushAfterPause => {}
            Step::Land => {
                onto = toy.tip().unwrap_or_default().to_owned();
                landings += 1;
            }
        }
        assert!(landings <= RACES, "it comes to rest");
    }
}

#[test]
fn two_pods_push_once_whatever_happens_on_the_way() {
    const KINDS: [Fault; 5] =
        [Fault::None, Fault::Race, Fault::LostBefore, Fault::LostAfter, Fault::Hook];
    // Every sequence of six faults; the first Pod meets its beginning, the second what is left.
    for seed in 0..KINDS.len().pow(6) {
        for (rules, start) in
            [(ONTO, Some("start")), (VERIFIED, Some("start")), (WHOLE, Some("start")), (NEW, None)]
        {
            let mut rest = seed;
            let mut faults = || {
                let fault = KINDS[rest % KINDS.len()];
                rest /= KINDS.len();
                fault
            };
            let branch = start.map(str::to_owned).into_iter().collect();
            let mut toy = Toy { branch, pushes: 0 };
            let first = deliver(&mut toy, start, rules, "pod1", &mut faults);
            assert_eq!(first == End::Pushed, toy.pushes == 1, "seed {seed}: {first:?}");
            let second = deliver(&mut toy, start, rules, "pod2", &mut faults);
            assert!(toy.pushes <= 1, "seed {seed}: {first:?}, {second:?}: {:?}", toy.branch);
            assert!(
                first != End::Pushed || second == End::AlreadyPushed,
                "seed {seed}: {second:?}"
            );
        }
    }
}
