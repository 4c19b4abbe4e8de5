//! The scripts in force and how far their faults are used up.
//!
//! It says what a request is answered with; sending that happens elsewhere. No clock, no I/O.

use std::collections::BTreeMap;

use super::script::{Fault, FaultKind, Script, Step};

/// What one request is answered with.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// The step whose turn it is.
    pub step: Step,
    /// What goes wrong instead, this time.
    pub fault: Option<FaultKind>,
}

/// Scripts by name.
#[derive(Default)]
pub struct Stage(BTreeMap<String, Play>);

struct Play {
    script: Script,
    /// How often each fault was met, by step and position within it.
    met: BTreeMap<(usize, usize), u32>,
}

impl Stage {
    /// Puts a script in force; one under the same name is replaced, with fresh faults.
    pub fn register(&mut self, name: &str, script: Script) {
        self.0.insert(name.to_owned(), Play { script, met: BTreeMap::new() });
    }

    /// Ends a script; false when there is none.
    pub fn remove(&mut self, name: &str) -> bool {
        self.0.remove(name).is_some()
    }

    /// Ends every script.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The gate before a step, if its script has one; nothing is used up by asking.
    pub fn step(&self, name: &str, number: usize) -> Option<&Step> {
        Some(self.0.get(name)?.script.step(number))
    }

    /// The answer to a request, counting the fault that it meets; none for an unknown name.
    pub fn reply(&mut self, name: &str, number: usize) -> Option<Reply> {
        let Play { script, met } = self.0.get_mut(name)?;
        let step = script.step(number).clone();
        let fault = step.faults.iter().enumerate().find_map(|(at, fault)| {
            let count = met.entry((number, at)).or_default();
            take(fault, count)
        });
        Some(Reply { step, fault })
    }
}

fn take(fault: &Fault, met: &mut u32) -> Option<FaultKind> {
    if fault.times.is_some_and(|times| *met >= times) {
        return None;
    }
    *met += 1;
    Some(fault.kind.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(stage: &mut Stage, number: usize, requests: usize) -> Vec<Option<FaultKind>> {
        (0..requests).map(|_| stage.reply("a", number).unwrap().fault).collect()
    }

    fn silence(times: u32) -> Fault {
        Fault::from(FaultKind::Silence).times(times)
    }

    #[test]
    fn faults_come_in_order_each_its_number_of_times_then_the_answer() {
        let mut stage = Stage::default();
        let cut = FaultKind::Cut { after_events: None };
        let step = Step::text("x").failing(silence(2)).failing(Fault::from(cut.clone()).times(1));
        stage.register("a", Script::new([step]));
        let expected = [Some(FaultKind::Silence), Some(FaultKind::Silence), Some(cut), None, None];
        assert_eq!(faults(&mut stage, 0, 5), expected);
    }

    #[test]
    fn a_fault_without_a_number_never_ends() {
        let mut stage = Stage::default();
        stage.register("a", Script::new([Step::text("x").failing(FaultKind::Silence.into())]));
        assert!(faults(&mut stage, 0, 50).iter().all(Option::is_some));
    }

    #[test]
    fn faults_are_counted_per_step_and_fresh_after_registering_again() {
        let script =
            Script::new([Step::text("x").failing(silence(1)), Step::text("y").failing(silence(1))]);
        let mut stage = Stage::default();
        stage.register("a", script.clone());
        assert!(faults(&mut stage, 0, 1)[0].is_some() && faults(&mut stage, 1, 1)[0].is_some());
        assert_eq!(faults(&mut stage, 0, 1), [None]);
        stage.register("a", script);
        assert!(faults(&mut stage, 0, 1)[0].is_some());
    }

    #[test]
    fn an_unknown_script_has_no_reply() {
        assert_eq!(Stage::default().reply("a", 0), None);
    }
}
