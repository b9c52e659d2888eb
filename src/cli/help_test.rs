//! Every verb explains itself, and its examples are commands that parse.

use super::command;

fn verbs<'a>(command: &'a clap::Command, path: &str, found: &mut Vec<(String, &'a clap::Command)>) {
    let mut leaf = true;
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        leaf = false;
        verbs(sub, &format!("{path} {}", sub.get_name()), found);
    }
    if leaf {
        found.push((path.to_owned(), command));
    }
}

#[test]
fn every_verb_has_help_and_examples_that_parse() {
    command().debug_assert();
    let tree = command();
    let mut found = Vec::new();
    verbs(&tree, "floe", &mut found);
    assert!(found.len() >= 26, "{found:?}");
    for (path, verb) in found {
        assert!(verb.get_about().is_some(), "{path} says nothing about itself");
        for argument in verb.get_arguments() {
            assert!(argument.get_help().is_some(), "{path}: {argument} has no help");
        }
        let after = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
        let examples: Vec<&str> = after
            .lines()
            .map(str::trim)
            .filter_map(|line| line.strip_prefix("floe ").map(|_| line))
            .collect();
        assert!(!examples.is_empty(), "{path} has no example");
        for example in examples {
            let words: Vec<&str> = example.split_whitespace().take_while(|word| *word != ">").collect();
            assert!(
                words.join(" ").starts_with(&path),
                "{path} has the example of another verb: {example}"
            );
            if let Err(error) = command().try_get_matches_from(&words) {
                panic!("{example}: {error}");
            }
        }
    }
}
