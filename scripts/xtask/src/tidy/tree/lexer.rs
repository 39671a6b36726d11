//! Just enough of Rust's lexical grammar to tell code, comments and literals apart.

use std::ops::Range;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Piece {
    Code,
    Comment,
    /// The inside of a string or character; its quotes count as code.
    Literal,
}

/// The text as code alone and as comments alone, all else blanked, line ends kept.
pub(super) fn split(text: &str) -> (String, String) {
    let mut code = Vec::with_capacity(text.len());
    let mut comments = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        for (piece, len) in pieces(&text[at..], text[..at].chars().next_back()) {
            for byte in text[at..at + len].bytes() {
                let blank = if byte == b'\n' { byte } else { b' ' };
                code.push(if piece == Piece::Code { byte } else { blank });
                comments.push(if piece == Piece::Comment { byte } else { blank });
            }
            at += len;
        }
    }
    let utf8 = |bytes| String::from_utf8(bytes).expect("pieces begin and end between characters");
    (utf8(code), utf8(comments))
}

/// Where `word` stands with no letter, digit or `_` running on at either end.
pub(super) fn words<'s>(code: &'s str, word: &'s str) -> impl Iterator<Item = usize> + 's {
    let run_on =
        |a: Option<char>, b: Option<char>| a.is_some_and(is_ident) && b.is_some_and(is_ident);
    code.match_indices(word).map(|(at, _)| at).filter(move |&at| {
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        !run_on(before, word.chars().next()) && !run_on(word.chars().next_back(), after)
    })
}

/// Where the items under `#[cfg(test)]` (or `all(test, …)`) lie, from the attribute to the brace
/// that closes the item.
pub(super) fn test_items(code: &str) -> Vec<Range<usize>> {
    let mut items = Vec::new();
    for (at, attribute) in code.match_indices("#[cfg(") {
        let inside = at + attribute.len();
        let end = inside + code[inside..].find(']').unwrap_or(0);
        let condition = &code[inside..end];
        if words(condition, "test").next().is_some() && !condition.contains("not(test") {
            items.push(at..item_end(code, end));
        }
    }
    items
}

/// The end of the item that begins at `from`: its `;`, or the brace that closes its first one.
fn item_end(code: &str, from: usize) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in code.bytes().enumerate().skip(from) {
        match byte {
            b'{' => depth += 1,
            b'}' if depth <= 1 => return at + 1,
            b'}' => depth -= 1,
            b';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    code.len()
}

/// What `rest` begins with, as pieces with their lengths in bytes. Plain code comes a character at
/// a time: slow, simple, and a fraction of a second for the whole tree.
fn pieces(rest: &str, before: Option<char>) -> Vec<(Piece, usize)> {
    if rest.starts_with("//") {
        return vec![(Piece::Comment, rest.find('\n').unwrap_or(rest.len()))];
    }
    if rest.starts_with("/*") {
        return vec![(Piece::Comment, block_comment_len(rest))];
    }
    let begins_word = !before.is_some_and(is_ident);
    let literal = raw_string(rest).filter(|_| begins_word).or_else(|| string(rest));
    if let Some([open, inside, close]) = literal.or_else(|| character(rest)) {
        return vec![(Piece::Code, open), (Piece::Literal, inside), (Piece::Code, close)];
    }
    vec![(Piece::Code, rest.chars().next().map_or(0, char::len_utf8))]
}

/// Block comments nest.
fn block_comment_len(rest: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        match rest.as_bytes()[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// `r"…"`, `br##"…"##`, `cr"…"`: the lengths of opening, inside and closing.
fn raw_string(rest: &str) -> Option<[usize; 3]> {
    let prefix = ["r", "br", "cr"].into_iter().find(|prefix| {
        rest.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(['"', '#']))
    })?;
    let hashes = rest[prefix.len()..].bytes().take_while(|&byte| byte == b'#').count();
    let open = prefix.len() + hashes + 1;
    // A raw identifier, `r#type`, has no quote here.
    if rest.as_bytes().get(open - 1) != Some(&b'"') {
        return None;
    }
    let closing = format!("\"{}", "#".repeat(hashes));
    match rest[open..].find(&closing) {
        Some(inside) => Some([open, inside, closing.len()]),
        None => Some([open, rest.len() - open, 0]),
    }
}

/// `"…"`; a prefix such as `b` has passed as code.
fn string(rest: &str) -> Option<[usize; 3]> {
    quoted(rest, b'"')
}

/// `'x'` or `'\…'`, but not the lifetime `'x`.
fn character(rest: &str) -> Option<[usize; 3]> {
    let mut after = rest.strip_prefix('\'')?.chars();
    let first = after.next()?;
    if first == '\\' {
        return quoted(rest, b'\'');
    }
    (after.next() == Some('\'')).then_some([1, first.len_utf8(), 1])
}

/// Between two equal quotes, where a backslash takes away the next character's meaning.
fn quoted(rest: &str, quote: u8) -> Option<[usize; 3]> {
    let bytes = rest.as_bytes();
    if bytes.first() != Some(&quote) {
        return None;
    }
    let mut at = 1;
    while at < bytes.len() && bytes[at] != quote {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    let inside = at.min(bytes.len()) - 1;
    Some([1, inside, bytes.len().min(at + 1) - 1 - inside])
}

fn is_ident(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, code: &str, comments: &str) {
        let (actual_code, actual_comments) = split(text);
        assert_eq!(actual_code.len(), text.len());
        assert_eq!(actual_comments.len(), text.len());
        assert_eq!(actual_code, code);
        assert_eq!(actual_comments.trim(), comments);
    }

    #[test]
    fn comments() {
        check("a // b\nc", "a     \nc", "// b");
        check("a /* b /* c */ */ d", "a                 d", "/* b /* c */ */");
        check("a /* open", "a        ", "/* open");
    }

    #[test]
    fn strings() {
        check(r#"a("x // y")"#, r#"a("      ")"#, "");
        check(r#"a("\"x\\") // b"#, r#"a("     ")     "#, "// b");
        check(r##"r#"x"y"# z"##, r##"r#"   "# z"##, "");
        check(r#"br"\" z"#, r#"br" " z"#, "");
        check("\"open", "\"    ", "");
        check("\"open\\", "\"     ", "");
    }

    #[test]
    fn characters_and_lifetimes() {
        check("'\"' x", "' ' x", "");
        check("'\\'' x", "'  ' x", "");
        check("&'a str, 'b'", "&'a str, ' '", "");
        check("r#type 'ä'", "r#type '  '", "");
    }

    #[test]
    fn words_end_where_identifiers_end() {
        assert_eq!(words("unsafe_code unsafe {", "unsafe").collect::<Vec<_>>(), [12]);
        assert_eq!(words("eprintln!() println!()", "println!").collect::<Vec<_>>(), [12]);
    }

    #[test]
    fn items_under_cfg_test() {
        let code = "#[cfg(test)]\nmod a { b {} }\nfn c() {} #[cfg(not(test))] fn d() {}";
        assert_eq!(test_items(code), vec![0..27]);
        assert_eq!(test_items("#[cfg(all(test, not(loom)))] use a; b"), vec![0..35]);
    }
}
