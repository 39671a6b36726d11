//! Shown command lines, held against the product's own help.

use anyhow::Result;

use super::markdown::Block;
use super::product::Product;

const PROMPT: &str = "$ tapewatch";

/// Marks at which the shell takes over, or a remark begins.
const ENDS: &[&str] = &["|", ">", ">>", "2>", "2>&1", "<", "&", "&&", "||", ";", "#"];

/// The words after `$ tapewatch`, each command with its line; a `\` at a line's end joins the next.
pub(super) fn commands(block: &Block) -> Vec<(usize, Vec<String>)> {
    let mut found = Vec::new();
    let mut lines = (block.line..).zip(block.text.lines());
    while let Some((line, text)) = lines.next() {
        let Some(rest) = text.strip_prefix(PROMPT) else { continue };
        if !rest.is_empty() && !rest.starts_with(' ') {
            continue;
        }
        let mut command = rest.to_owned();
        while command.ends_with('\\') {
            command.pop();
            command.push_str(lines.next().map_or("", |(_, more)| more));
        }
        found.push((line, words(&command)));
    }
    found
}

fn words(command: &str) -> Vec<String> {
    let words = command.split_whitespace().take_while(|word| !ENDS.contains(word));
    words.map(|word| word.trim_matches(['"', '\'', ';']).to_owned()).collect()
}

/// What is wrong with a command line: a command or a long flag that its help does not name.
pub(super) fn check(words: &[String], product: &mut impl Product) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    let mut command: Vec<String> = Vec::new();
    let mut help = product.help(&command)?;
    let mut after_flag = false;
    for word in words.iter().take_while(|word| *word != "--") {
        if word.starts_with('-') {
            let flag = word.split('=').next().unwrap_or_default();
            if flag.starts_with("--") && !names_flag(&help, flag) {
                wrong.push(format!("`{}` has no flag `{flag}`", shown(&command)));
            }
            after_flag = !word.contains('=');
            continue;
        }
        let known = subcommands(&help);
        if known.contains(&word.as_str()) {
            command.push(word.clone());
            help = product.help(&command)?;
        } else if !known.is_empty() && !after_flag {
            wrong.push(format!("`{}` has no command `{word}`", shown(&command)));
            return Ok(wrong);
        }
        after_flag = false;
    }
    Ok(wrong)
}

fn names_flag(help: &str, flag: &str) -> bool {
    help.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').any(|word| word == flag)
}

/// The names under `Commands:`, which stand two blanks in; wrapped descriptions stand further in.
fn subcommands(help: &str) -> Vec<&str> {
    let section = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let section = section.take_while(|line| line.is_empty() || line.starts_with(' '));
    let names = section.filter_map(|line| line.strip_prefix("  "));
    names.filter(|line| !line.starts_with(' ')).filter_map(|line| line.split(' ').next()).collect()
}

fn shown(command: &[String]) -> String {
    ["tapewatch"]
        .into_iter()
        .chain(command.iter().map(String::as_str))
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::super::product::Fake;
    use super::*;

    #[track_caller]
    fn check_line(text: &str, expected: &[&str]) {
        let block = Block { language: "console".to_owned(), line: 7, text: text.to_owned() };
        let [(line, words)] = &commands(&block)[..] else { panic!("one command in {text}") };
        assert_eq!(*line, 7);
        assert_eq!(check(words, &mut Fake).unwrap(), expected);
    }

    #[test]
    fn what_help_knows_passes() {
        check_line("$ tapewatch replay a.bin --speed=max --json | jq --nonsense .", &[]);
        check_line("$ tapewatch journal verify dir --deep # --nonsense", &[]);
        check_line("$ tapewatch replay \\\n    a.bin \\\n    --speed 2\n", &[]);
        check_line("$ tapewatch --color never replay a.bin", &[]);
        check_line("$ tapewatch", &[]);
    }

    #[test]
    fn what_help_does_not_know_is_found() {
        check_line("$ tapewatch reply a.bin", &["`tapewatch` has no command `reply`"]);
        check_line("$ tapewatch journal verity", &["`tapewatch journal` has no command `verity`"]);
        check_line("$ tapewatch replay --deep a.bin", &["`tapewatch replay` has no flag `--deep`"]);
        check_line(
            "$ tapewatch replay \\\n a.bin --spee max",
            &["`tapewatch replay` has no flag `--spee`"],
        );
    }

    #[test]
    fn other_lines_are_output() {
        let text = "tapewatch replay\n$ ls\n$ tapewatchdog\n".to_owned();
        assert_eq!(commands(&Block { language: "console".to_owned(), line: 1, text }), []);
    }
}
