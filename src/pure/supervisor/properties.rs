//! Files of properties, in a form that readers of Java's properties and of Ice's both understand.
//!
//! One `key=value` a line, in the order of the keys, UTF-8. A backslash stands before: a backslash, `#`, and the spaces at
//! the ends of a value; in a key also before `=` and every space. Both readers give these back. Only Java's form can say
//! the rest, so it is written in that: `\n`, `\r`, `\f` anywhere, `\t` at an end, `\:` in a key and `\!` at its start. Java
//! programs open the file as UTF-8 (`Properties.load(Reader)`).

use std::fmt::Write as _;

/// The text of a file.
pub fn text<'a>(properties: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = String::new();
    for (key, value) in properties {
        // Writing to a string cannot fail.
        let written = writeln!(text, "{}={}", escaped(key, true), escaped(value, false));
        debug_assert!(written.is_ok());
    }
    text
}

fn escaped(text: &str, key: bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    let inner = text.trim_matches([' ', '\t']);
    let start = text.len() - text.trim_start_matches([' ', '\t']).len();
    let end = start + inner.len();
    for (at, letter) in text.char_indices() {
        let outside = key || at < start || at >= end;
        match letter {
            '\\' | '#' => escaped.extend(['\\', letter]),
            '=' | ':' if key => escaped.extend(['\\', letter]),
            '!' if key && at == 0 => escaped.push_str("\\!"),
            ' ' if outside => escaped.push_str("\\ "),
            '\t' if outside => escaped.push_str("\\t"),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\u{c}' => escaped.push_str("\\f"),
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `java.util.Properties` reads one line.
    fn java(line: &str) -> (String, String) {
        let mut letters = line.trim_start_matches([' ', '\t', '\u{c}']).chars().peekable();
        let (mut key, mut value) = (String::new(), String::new());
        let unescaped = |letters: &mut std::iter::Peekable<std::str::Chars<'_>>| match letters.next() {
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('f') => '\u{c}',
            Some(other) => other,
            None => panic!("a line that goes on"),
        };
        while let Some(letter) = letters.next() {
            match letter {
                '\\' => key.push(unescaped(&mut letters)),
                '=' | ':' | ' ' | '\t' => break,
                letter => key.push(letter),
            }
        }
        while letters.peek().is_some_and(|letter| [' ', '\t'].contains(letter)) {
            letters.next();
        }
        while let Some(letter) = letters.next() {
            value.push(if letter == '\\' {
                unescaped(&mut letters)
            } else {
                letter
            });
        }
        (key, value)
    }

    /// As `Ice::Properties` reads one line.
    fn ice(line: &str) -> (String, String) {
        let (mut parts, mut in_value, mut spaces) = ([String::new(), String::new()], 0, String::new());
        let mut letters = line.chars();
        while let Some(letter) = letters.next() {
            let part = &mut parts[in_value];
            match letter {
                '\\' => {
                    let next = letters.next().unwrap_or('\\');
                    part.push_str(&std::mem::take(&mut spaces));
                    if !['\\', '=', '#', ' '].contains(&next) {
                        part.push('\\');
                    }
                    part.push(next);
                }
                ' ' | '\t' if part.is_empty() => (),
                ' ' | '\t' => spaces.push(letter),
                '#' => break,
                '=' if in_value == 0 => {
                    in_value = 1;
                    spaces.clear();
                }
                letter => {
                    part.push_str(&std::mem::take(&mut spaces));
                    part.push(letter);
                }
            }
        }
        let [key, value] = parts;
        (key, value)
    }

    #[test]
    fn what_both_readers_can_say_they_give_back() {
        for (key, value) in [
            ("a", "b"),
            ("Ice.Admin.Endpoints", "tcp -h localhost -p 1"),
            ("a b", "  x  y  "),
            ("a=b", "c=d"),
            ("a#b", "#c"),
            ("\\", "C:\\dir\\"),
            ("empty", ""),
            ("name", "blåbær"),
            ("a!", "!:a"),
            ("tab", "a\tb"),
        ] {
            let line = text([(key, value)]);
            let line = line.strip_suffix('\n').unwrap();
            let wanted = (key.to_owned(), value.to_owned());
            assert_eq!(java(line), wanted, "{line}");
            assert_eq!(ice(line), wanted, "{line}");
        }
        for (key, value) in [("a:b", "x"), ("!a", "x"), ("a", "two\nlines\r\u{c}"), ("a", "\tb\t")] {
            let line = text([(key, value)]);
            let line = line.strip_suffix('\n').unwrap();
            assert_eq!(java(line), (key.to_owned(), value.to_owned()), "{line}");
        }
        assert_eq!(text([("a", "1"), ("b", "2")]), "a=1\nb=2\n");
    }
}
