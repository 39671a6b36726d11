//! What README and ARCHITECTURE show must be true of the product and of the tree.
//!
//! - In a `console` block, a line `$ tapewatch …` names only commands and flags that `--help` knows.
//! - A `toml` block that begins with `# tapewatch.toml` passes `tapewatch check`.
//! - A path of the tree between backticks leads to something.

mod console;
mod markdown;
mod product;

use anyhow::Result;

use self::markdown::Block;
pub(super) use self::product::Binary;
use self::product::Product;
use super::tree::{Tree, Violation, matches};

const PAGES: &[&str] = &["README.md", "ARCHITECTURE.md"];
const CONFIGURATION: &str = "# tapewatch.toml";

pub(super) fn check(tree: &Tree, product: &mut impl Product) -> Result<Vec<Violation>> {
    let mut violations = Vec::new();
    for &page in PAGES {
        match tree.text(page) {
            Some(text) => {
                violations.extend(blocks(page, text, product)?);
                violations.extend(paths(page, text, tree));
            }
            None => violations.push(Violation::new(page, 0, "there is no such page")),
        }
    }
    Ok(violations)
}

fn blocks(page: &str, text: &str, product: &mut impl Product) -> Result<Vec<Violation>> {
    let mut violations = Vec::new();
    for block in markdown::blocks(text) {
        let wrong = match block.language.as_str() {
            "console" => commands(&block, product)?,
            "toml" => configuration(&block, product)?,
            _ => Vec::new(),
        };
        violations.extend(wrong.into_iter().map(|(line, what)| Violation::new(page, line, what)));
    }
    Ok(violations)
}

fn commands(block: &Block, product: &mut impl Product) -> Result<Vec<(usize, String)>> {
    let mut wrong = Vec::new();
    for (line, words) in console::commands(block) {
        wrong.extend(console::check(&words, product)?.into_iter().map(|what| (line, what)));
    }
    Ok(wrong)
}

fn configuration(block: &Block, product: &mut impl Product) -> Result<Vec<(usize, String)>> {
    if !block.text.starts_with(CONFIGURATION) {
        return Ok(Vec::new());
    }
    let refusal = product.check(&block.text)?.err();
    let what = |says: String| format!("`tapewatch check` refuses this: {}", says.trim());
    Ok(refusal.map(|says| (block.line, what(says))).into_iter().collect())
}

fn paths(page: &str, text: &str, tree: &Tree) -> Vec<Violation> {
    let spans = markdown::spans(text).into_iter();
    let broken =
        spans.filter(|(_, span)| looks_like_ours(span, tree) && !leads_somewhere(span, tree));
    broken
        .map(|(line, span)| Violation::new(page, line, format!("`{span}` is not in the tree")))
        .collect()
}

/// It begins with a folder of ours, or ends as our files do; so `text/html`, `/metrics` and
/// `read/write` are not meant.
fn looks_like_ours(span: &str, tree: &Tree) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./*".contains(c);
    let Some((first, _)) = span.split_once('/') else { return false };
    let is_ours = tree.has(first) || [".rs", ".md", ".toml"].iter().any(|end| span.ends_with(end));
    !first.is_empty() && span.chars().all(plain) && is_ours
}

fn leads_somewhere(span: &str, tree: &Tree) -> bool {
    let path = span.trim_end_matches('/');
    tree.has(path) || tree.files.iter().any(|file| matches(path, file))
}

#[cfg(test)]
mod tests {
    use super::product::Fake;
    use super::*;

    fn planted() -> Tree {
        Tree::planted(&[("engine/ring/src/lib.rs", ""), (".ci/run", "")])
    }

    #[track_caller]
    fn check_text(text: &str, expected: &[&str]) {
        let mut found = blocks("README.md", text, &mut Fake).unwrap();
        found.extend(paths("README.md", text, &planted()));
        let found: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.contains(expected), "{found}");
        }
    }

    #[test]
    fn commands_are_held_against_help() {
        check_text("```console\n$ tapewatch replay a.bin --speed max\nfine\n```\n", &[]);
        check_text(
            "\n```console\n$ tapewatch replay a.bin --sped max\n```\n",
            &["README.md:3: `tapewatch replay` has no flag `--sped`"],
        );
        check_text("```text\n$ tapewatch nonsense\n```\n", &[]);
    }

    #[test]
    fn configurations_are_checked() {
        check_text("```toml\n# tapewatch.toml\n[machine]\n```\n", &[]);
        let expected = "README.md:2: `tapewatch check` refuses this: unknown key";
        check_text("```toml\n# tapewatch.toml\nbad = 1\n```\n", &[expected]);
        check_text("```toml\nbad = 1\n```\n", &[]);
    }

    #[test]
    fn paths_lead_somewhere() {
        check_text("`engine/ring`, `engine/ring/src/lib.rs`, `engine/*/src/*.rs`, `.ci/run`", &[]);
        check_text("A\n`engine/rung/`", &["README.md:2: `engine/rung/`"]);
        check_text("`enginee/ring/src/lib.rs`", &["not in the tree"]);
        check_text("`text/html` `/metrics` `a/b` `engine/{a,b}` `GET engine/x`", &[]);
        check_text("```text\n`engine/rung`\n```", &[]);
    }

    #[test]
    fn both_pages_must_exist() {
        assert_eq!(check(&planted(), &mut Fake).unwrap().len(), 2);
    }
}
