//! The two parts of Markdown that are held against something: fenced blocks and code spans.

/// A fenced block.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) language: String,
    /// Of the first line inside, from 1.
    pub(super) line: usize,
    pub(super) text: String,
}

pub(super) fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    walk(text, |line, kind| match kind {
        Kind::Opens(language) => {
            let language = language.to_owned();
            blocks.push(Block { language, line: line + 1, text: String::new() });
        }
        Kind::Inside(text) => {
            if let Some(block) = blocks.last_mut() {
                block.text.push_str(text);
                block.text.push('\n');
            }
        }
        Kind::Prose(_) => {}
    });
    blocks
}

/// Code spans outside blocks, each with its line from 1.
pub(super) fn spans(text: &str) -> Vec<(usize, String)> {
    let mut spans = Vec::new();
    walk(text, |line, kind| {
        if let Kind::Prose(text) = kind {
            let inside = text.split('`').skip(1).step_by(2);
            spans.extend(inside.map(|span| (line, span.to_owned())));
        }
    });
    spans
}

enum Kind<'t> {
    /// A fence with its language.
    Opens(&'t str),
    Inside(&'t str),
    Prose(&'t str),
}

/// A fence closes with at least as many backticks as it opened with.
fn walk<'t>(text: &'t str, mut see: impl FnMut(usize, Kind<'t>)) {
    let mut open: Option<usize> = None;
    for (line, text) in (1..).zip(text.lines()) {
        let trimmed = text.trim_start();
        let ticks = trimmed.bytes().take_while(|&byte| byte == b'`').count();
        let rest = trimmed[ticks..].trim();
        match open {
            Some(opened) if ticks >= opened && rest.is_empty() => open = None,
            Some(_) => see(line, Kind::Inside(text)),
            None if ticks >= 3 => {
                open = Some(ticks);
                see(line, Kind::Opens(rest.split([' ', ',']).next().unwrap_or_default()));
            }
            None => see(line, Kind::Prose(text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_and_spans_are_told_apart() {
        let text = "`a` and `b/c`\n```console\n$ `x`\n```\n````md\n```\n````\n`d`\n";
        let block = |language: &str, line, text: &str| Block {
            language: language.to_owned(),
            line,
            text: text.to_owned(),
        };
        assert_eq!(blocks(text), [block("console", 3, "$ `x`\n"), block("md", 6, "```\n")]);
        let spans: Vec<_> = spans(text);
        let expected = [(1, "a"), (1, "b/c"), (8, "d")];
        assert_eq!(spans, expected.map(|(line, span)| (line, span.to_owned())));
    }
}
