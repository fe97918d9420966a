//! The help of `throng` itself: its commands in groups.

use std::fmt::Write as _;

use clap::CommandFactory as _;

use super::args::Cli;

/// The groups of the help, in its order. A test holds that every command stands in just one.
const GROUPS: [(&str, &[&str]); 5] = [
    ("Write a scenario", &["init", "check", "schema", "plan"]),
    ("Run it", &["run", "up", "test", "scale", "restart", "reset", "down", "follow"]),
    ("Look at it", &["status", "ps", "exec", "logs", "cp", "events"]),
    ("Results", &["runs", "report"]),
    ("Machines and daemons", &["doctor", "hosts", "serve", "stop", "operator", "completions"]),
];

/// Where the help ends.
const AFTER: &str = "\
Exit codes: 0 pass · 1 a test or check failed · 2 usage or bad scenario · 3 environment
            4 budget or lease · 5 residue after teardown · 6 provisioning or quorum not met
            130 interrupted

Begin:  throng init demo && throng run demo/scenario.toml";

/// The command line's definition with its grouped help.
pub fn command() -> clap::Command {
    let command = Cli::command();
    let groups = groups(&command);
    command
        .help_template(format!(
            "{{about}}\n\n{{usage-heading}} {{usage}}\n\n{groups}Options:\n{{options}}{{after-help}}"
        ))
        .after_help(AFTER)
}

fn groups(command: &clap::Command) -> String {
    let about = |name: &str| {
        command.find_subcommand(name).and_then(clap::Command::get_about).map(ToString::to_string).unwrap_or_default()
    };
    GROUPS.iter().fold(String::new(), |mut text, (title, names)| {
        let _ = writeln!(text, "{title}:");
        for name in *names {
            let _ = writeln!(text, "  {name:<12} {}", about(name));
        }
        text.push('\n');
        text
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_command_stands_in_one_group_of_the_help() {
        let grouped: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        let unique: BTreeSet<&str> = grouped.iter().copied().collect();
        let command = Cli::command();
        let all: BTreeSet<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
        assert_eq!(unique, all);
        assert_eq!(grouped.len(), unique.len());
    }

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn the_help_of_every_command_is_as_reviewed() {
        // Fixed, so that the snapshot does not depend on who runs the test.
        let mut root = command().term_width(100);
        root.build();
        insta::assert_snapshot!("help", root.render_help().to_string());
        for command in root.get_subcommands_mut() {
            let name = format!("help_{}", command.get_name());
            insta::assert_snapshot!(name, command.render_help().to_string());
        }
    }
}
