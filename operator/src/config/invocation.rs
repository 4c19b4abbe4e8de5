//! What the program was started for: to work, or to show the Job of one task.
//!
//! Every flag of the operator is understood before `render` and behind it. Not here: what the flags
//! mean ([`Settings`]), how a Job is shown ([`crate::render`]).

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Command, CommandFactory, Error, FromArgMatches, Parser};

use super::Settings;

/// What the program was started for, and with which settings.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// From flags and environment.
    pub settings: Settings,
    /// The file with the task whose Job is to be shown, `-` for standard input; nothing when the
    /// operator is to work.
    pub render: Option<PathBuf>,
}

/// Prints the Job that the operator would create for the ClaudeTask in a file, as YAML.
///
/// It needs no cluster. Secrets and other objects in the file are ignored. Exits with 2 when the
/// operator would make no Job of the task.
#[derive(Debug, Parser)]
#[command(name = "render")]
struct Render {
    /// File with the task; `-` for standard input.
    file: PathBuf,
    /// Image of the task's containers; by default the one of the chart.
    // Only here it has a default: a running operator with a wrong image would fail every task.
    #[arg(long, env = "OPERATOR_RUNNER_IMAGE", default_value = "localhost/claudetask/runner:dev")]
    runner_image: String,
}

impl Invocation {
    /// Reads the program's own arguments and environment; ends the program when they are wrong.
    pub fn parse() -> Self {
        Self::try_parse_from(std::env::args_os()).unwrap_or_else(|error| error.exit())
    }

    /// Reads arguments, of which the first is the program's name, and the environment.
    ///
    /// # Errors
    /// clap's error, which can show itself; asking for help or the version is one, too.
    pub fn try_parse_from<T: Into<OsString>>(
        arguments: impl IntoIterator<Item = T>,
    ) -> Result<Self, Error> {
        let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
        let matches = command().try_get_matches_from(&arguments)?;
        let Some((_, matches)) = matches.subcommand() else {
            // Without a subcommand the settings are read as if there were none: a required one is
            // required.
            return Ok(Self { settings: Settings::try_parse_from(arguments)?, render: None });
        };
        let settings = Settings::from_arg_matches(matches)?;
        Ok(Self { settings, render: Some(Render::from_arg_matches(matches)?.file) })
    }
}

/// How the program is started; clap's own text knows only one way.
const USAGE: &str =
    "operator --runner-image <RUNNER_IMAGE> [OPTIONS]\n       operator [OPTIONS] render <FILE>";

/// The whole command line. clap lets no flag be both required and understood everywhere.
fn command() -> Command {
    Settings::command()
        .override_usage(USAGE)
        .mut_args(|flag| flag.required(false).global(true))
        .disable_help_subcommand(true)
        .subcommand(Render::command())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Invocation, Error> {
        Invocation::try_parse_from(line.split(' '))
    }

    #[test]
    fn without_a_subcommand_the_settings_are_read_as_before() {
        command().debug_assert();
        let invocation = parse("operator --runner-image=r --timeout=2h").unwrap();
        let alone = Settings::try_parse_from(["operator", "--runner-image=r", "--timeout=2h"]);
        assert_eq!(format!("{:?}", invocation.settings), format!("{:?}", alone.unwrap()));
        assert_eq!(invocation.render, None);
        let refused = parse("operator --timeout=2h").unwrap_err().to_string();
        let alone = Settings::try_parse_from(["operator", "--timeout=2h"]).unwrap_err();
        assert_eq!(refused, alone.to_string(), "a running operator needs its image");
    }

    #[test]
    fn flags_are_understood_before_render_and_behind_it() {
        for line in [
            "operator --runner-image=r --timeout=2h --guard=0 render task.yaml",
            "operator render task.yaml --runner-image=r --timeout=2h --guard=0",
            "operator --timeout=2h render --guard=0 task.yaml --runner-image r",
        ] {
            let Invocation { settings, render } = parse(line).unwrap();
            assert_eq!(render, Some("task.yaml".into()), "{line}");
            let told = (settings.runner_image.as_str(), settings.timeout.as_secs(), settings.guard);
            assert_eq!(told, ("r", 7200, 0), "{line}");
            assert_eq!(settings.workers, 16, "{line}");
        }
    }

    #[test]
    fn render_needs_a_file_and_nothing_else() {
        let Invocation { settings, render } = parse("operator render -").unwrap();
        assert_eq!(render, Some("-".into()));
        assert_eq!(settings.runner_image, "localhost/claudetask/runner:dev");
        for wrong in ["operator render", "operator render a b", "operator render - --guard=101"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
