//! The task's `environment.setup`: commands that prepare the work tree before Claude or a check
//! works in it.
//!
//! Not here: how a command runs ([`crate::commands`]), what becomes of the files that it leaves
//! ([`crate::work::leftovers`]).

use crd::Reason;

use crate::claude::verdict::{Failure, Verdict, one_line};
use crate::commands::{Commands, Ending, FailedCommand, stopped};
use crate::progress::tail;

/// Longest end of a failed command's output in the message; the log has more.
const QUOTE: usize = 400;

/// Runs the commands.
///
/// # Errors
/// The verdict: a command failed, or the runner had to stop.
pub async fn setup(commands: &Commands<'_>, setup: &[String]) -> Result<(), Verdict> {
    match commands.run("Setup", setup).await {
        Ok(Ending::Passed) => Ok(()),
        Ok(Ending::Failed(failed)) => Err(Verdict::Failed(failure(&failed))),
        Ok(Ending::Stopped(why, command)) => Err(stopped(why, &command)),
        Err(error) => {
            let message = format!("The setup could not be run: {error}.");
            Err(Verdict::failed(Reason::SetupFailed, message))
        }
    }
}

fn failure(failed: &FailedCommand) -> Failure {
    let said = one_line(tail(&failed.output, QUOTE), QUOTE);
    let said = if said.is_empty() { "nothing".to_owned() } else { said };
    let message = format!("{failed}, so Claude was not asked. The end of its output: {said}");
    Failure::new(failed.reason(Reason::SetupFailed), message)
}

#[cfg(test)]
mod tests {
    use crd::Reason;

    use super::failure;
    use crate::commands::FailedCommand;

    #[test]
    fn a_failure_names_the_command_and_quotes_the_end_of_its_output() {
        let failed = FailedCommand {
            command: "npm ci".into(),
            how: "exited with code 1".into(),
            output: format!("{}\nnpm error  missing lock file\n", "x".repeat(5000)),
            out_of_memory: false,
        };
        let said = failure(&failed);
        assert_eq!(said.reason, Reason::SetupFailed);
        assert!(said.message.starts_with("`npm ci` exited with code 1, so"), "{}", said.message);
        assert!(said.message.ends_with(" npm error missing lock file"), "{}", said.message);
        assert!(said.message.len() < 600);
        let silent = FailedCommand { output: String::new(), out_of_memory: true, ..failed };
        assert_eq!(failure(&silent).reason, Reason::OutOfMemory);
        assert!(failure(&silent).message.ends_with("output: nothing"));
    }
}
