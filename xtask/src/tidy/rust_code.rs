//! Rust source with its comments and string literals blanked, so that a word in them is not taken for code.

/// The source with every comment, string and character literal replaced by spaces; line breaks stay.
pub(crate) fn code_only(source: &str) -> String {
    let characters: Vec<char> = source.chars().collect();
    let mut code = String::with_capacity(source.len());
    let mut at = 0;
    while at < characters.len() {
        let end = skipped(&characters, at);
        if end > at {
            code.extend(characters[at..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
            at = end;
        } else {
            code.push(characters[at]);
            at += 1;
        }
    }
    code
}

/// Lines that hold code.
pub(crate) fn lines_of_code(source: &str) -> usize {
    code_only(source).lines().filter(|line| !line.trim().is_empty()).count()
}

/// Where the comment or literal that begins here ends; the place itself where none begins.
fn skipped(text: &[char], at: usize) -> usize {
    let next = |offset: usize| text.get(at + offset).copied();
    match (text[at], next(1)) {
        ('/', Some('/')) => find(text, at, |c| c == '\n'),
        ('/', Some('*')) => block_comment(text, at),
        ('"', _) => string(text, at),
        ('r', Some('"' | '#')) if !continues_a_name(text, at) => raw_string(text, at),
        ('\'', Some('\\')) => find(text, at + 3, |c| c == '\'').saturating_add(1).min(text.len()),
        ('\'', Some(_)) if next(2) == Some('\'') => at + 3,
        _ => at,
    }
}

fn continues_a_name(text: &[char], at: usize) -> bool {
    // `br"…"` is a literal too, and its `b` may stay.
    let before = at.checked_sub(1).map(|index| text[index]);
    let before = if before == Some('b') { at.checked_sub(2).map(|index| text[index]) } else { before };
    before.is_some_and(|c| c.is_alphanumeric() || c == '_')
}

fn find(text: &[char], from: usize, is_end: impl Fn(char) -> bool) -> usize {
    (from..text.len()).find(|index| is_end(text[*index])).unwrap_or(text.len())
}

fn block_comment(text: &[char], at: usize) -> usize {
    let (mut depth, mut index) = (0_usize, at);
    while index < text.len() {
        match (text[index], text.get(index + 1)) {
            ('/', Some('*')) => (depth, index) = (depth + 1, index + 2),
            ('*', Some('/')) => (depth, index) = (depth - 1, index + 2),
            _ => index += 1,
        }
        if depth == 0 {
            return index;
        }
    }
    text.len()
}

fn string(text: &[char], at: usize) -> usize {
    let mut index = at + 1;
    while index < text.len() {
        match text[index] {
            '\\' => index += 2,
            '"' => return index + 1,
            _ => index += 1,
        }
    }
    text.len()
}

fn raw_string(text: &[char], at: usize) -> usize {
    let hashes = text[at + 1..].iter().take_while(|c| **c == '#').count();
    if text.get(at + 1 + hashes) != Some(&'"') {
        return at;
    }
    let is_end =
        |index: usize| text[index] == '"' && text[index + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes;
    (at + 2 + hashes..text.len()).find(|index| is_end(*index)).map_or(text.len(), |index| index + 1 + hashes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, expected: &str) {
        let squeezed = code_only(source).split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(squeezed, expected, "{source}");
    }

    #[test]
    fn comments_and_literals_are_blank() {
        check("a // b\nc", "a c");
        check("a /* b /* c */ d */ e", "a e");
        check(r#"let a = "b \" c"; d"#, "let a = ; d");
        check("let a = r#\"b \" c\"#; d", "let a = ; d");
        check(r#"let a = br"b"; d"#, "let a = b ; d");
        check(r"let a = '\''; let b = 'x'; &'static c", "let a = ; let b = ; &'static c");
        check("r#type: for\"x\"", "r#type: for");
        check("let open = \"never closed", "let open =");
    }

    #[test]
    fn lines_stay_where_they_were() {
        let code = code_only("/*\n\n*/\nfn a() {}\n// b\n");
        assert_eq!(code.lines().position(|line| line.contains("fn a")), Some(3));
        assert_eq!(lines_of_code("//! doc\n\npub mod a;\npub use a::B; // why\n"), 2);
    }
}
