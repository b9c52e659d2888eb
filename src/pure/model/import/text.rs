//! IceGrid's texts to ours: `${name}` means the same, but names differ, and so does the dollar.
//!
//! IceGrid escapes a dollar only in front of a brace; ours is written `$$` everywhere. So every literal dollar comes out
//! as `$$`, and nothing can become a variable by being put together.

/// A piece of a text of IceGrid's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// Letters without a dollar.
    Literal(&'a str),
    /// So many dollars that are meant.
    Dollars(usize),
    /// `${name}`.
    Variable(&'a str),
    /// `${` without its `}`.
    Unclosed,
}

/// Cuts a text.
pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let (literal, tail) = rest.split_at(at);
        if !literal.is_empty() {
            found.push(Piece::Literal(literal));
        }
        let behind = tail.trim_start_matches('$');
        let run = tail.len() - behind.len();
        let before = run - 1;
        rest = behind;
        let Some(inner) = behind.strip_prefix('{') else {
            found.push(Piece::Dollars(run));
            continue;
        };
        if before % 2 == 1 {
            found.push(Piece::Dollars(before / 2 + 1));
            continue;
        }
        if before > 0 {
            found.push(Piece::Dollars(before / 2));
        }
        if let Some((name, after)) = inner.split_once('}') {
            found.push(Piece::Variable(name));
            rest = after;
        } else {
            found.push(Piece::Unclosed);
            found.push(Piece::Dollars(1));
        }
    }
    if !rest.is_empty() {
        found.push(Piece::Literal(rest));
    }
    found
}

/// The name of an operator's variable in our language: a few names mean something else here, and fewer letters are allowed.
pub(super) fn variable_name(name: &str) -> String {
    let taken = ["node.host", "server.config"].contains(&name) || name.starts_with("port.");
    let letter = |c: char| match c {
        '.' if taken => '_',
        c if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') => c,
        _ => '_',
    };
    let mut out: String = name.chars().map(letter).collect();
    if !out.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') {
        out.insert(0, '_');
    }
    out.truncate(255);
    out
}

/// One of our texts as an id: outside of variables only the letters that ids have.
pub(super) fn identifier(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some((name, after)) = rest.strip_prefix("${").and_then(|inner| inner.split_once('}')) {
            out.push_str("${");
            out.push_str(name);
            out.push('}');
            rest = after;
            continue;
        }
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
        match c {
            '$' => {
                rest = rest.strip_prefix('$').unwrap_or(rest);
                out.push('-');
            }
            '/' | ':' => out.push('.'),
            c if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') => out.push(c),
            _ => out.push('-'),
        }
    }
    if !out.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '$') {
        out.insert(0, 'x');
    }
    out
}

/// The name of a peer: small letters, digits and '-', at most 32.
pub(super) fn peer_name(text: &str) -> String {
    let small = text.chars().map(|c| c.to_ascii_lowercase());
    let mut out: String = small.map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    if out.starts_with('-') || out.is_empty() {
        out.insert(0, 'n');
    }
    out.truncate(32);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_are_read_as_icegrid_reads_them() {
        use Piece::{Dollars, Literal, Unclosed, Variable};
        for (text, cut) in [
            ("a${b}c", vec![Literal("a"), Variable("b"), Literal("c")]),
            ("$HOME", vec![Dollars(1), Literal("HOME")]),
            ("a$$b", vec![Literal("a"), Dollars(2), Literal("b")]),
            ("$${x}", vec![Dollars(1), Literal("{x}")]),
            ("$$${x}", vec![Dollars(1), Variable("x")]),
            ("$$$${x}", vec![Dollars(2), Literal("{x}")]),
            ("${x", vec![Unclosed, Dollars(1), Literal("{x")]),
            ("5$", vec![Literal("5"), Dollars(1)]),
        ] {
            assert_eq!(pieces(text), cut, "{text}");
        }
    }

    #[test]
    fn names_become_names_of_ours() {
        for (name, ours) in [
            ("a.b", "a.b"),
            ("port.http", "port_http"),
            ("node.host", "node_host"),
            ("ä b", "__b"),
            ("", "_"),
        ] {
            assert_eq!(variable_name(name), ours);
        }
        for (text, ours) in [
            ("cat/name", "cat.name"),
            ("cat\\/a b", "cat-.a-b"),
            ("${a/b}-$$x", "${a/b}--x"),
            ("_x", "x_x"),
            ("", "x"),
        ] {
            assert_eq!(identifier(text), ours);
        }
        assert_eq!(peer_name("Node_1.example"), "node-1-example");
        assert_eq!(peer_name("ä"), "n-");
    }
}
