//! Secrets written where a reference belongs: found, and covered up wherever their line is shown.
//!
//! Errs on the side of covering: a line wrongly covered costs nothing, a line wrongly shown stands in a CI log.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::codes;
use super::diagnostic::{Diagnostic, suggest};
use super::text::Source;
use super::yaml::{Doc, push_step};

/// The way out.
pub(crate) const HELP: &str = "put it into an environment variable or a file and write `{env: NAME}` or `{file: PATH}`; a secret that was committed must be replaced";

/// What covers a secret.
const COVER: char = '*';

/// True for the name of something that is secret.
pub(crate) fn is_secret_name(name: &str) -> bool {
    let name: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    [
        "password",
        "passwd",
        "pwd",
        "passphrase",
        "secret",
        "apikey",
        "accesskey",
        "subscriptionkey",
        "privatekey",
        "token",
        "credential",
        "credentials",
        "authorization",
        "authorisation",
        // What fingers make of them.
        "pasword",
        "passord",
        "passwort",
        "passwrod",
        "pssword",
        "secert",
        "sercet",
        "tokne",
    ]
    .iter()
    .any(|end| name.ends_with(end))
}

/// The key of a reference that a misspelt or written-out one (`environment`) most probably stands for.
pub(crate) fn reference_key(word: &str) -> Option<&'static str> {
    suggest(word, ["env", "file"]).or_else(|| {
        let lower = word.to_ascii_lowercase();
        ["env", "file"]
            .into_iter()
            .find(|key| lower.starts_with(key))
    })
}

/// True for what can be the name of an environment variable. Anything else where one is expected is likely the secret
/// itself.
fn is_variable_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// True for a text that is a secret whatever it is called.
fn is_secret_text(text: &str) -> bool {
    static SECRET: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(concat!(
            r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY|(?i:AGE-SECRET-KEY-1)|^[Bb]earer\s+\S",
            r"|^[A-Za-z][A-Za-z0-9+.-]*://[^/@\s:]*:[^/@\s]+@"
        ))
        .ok()
    });
    SECRET.as_ref().is_some_and(|secret| secret.is_match(text))
}

/// Everything in a document that is a literal secret: the diagnostics, and the bytes to cover. Secrets where a
/// reference is expected are the schema's finding; their bytes are given here too.
pub(crate) fn find(doc: &mut Doc) -> (Vec<Diagnostic>, Vec<Range<usize>>) {
    let mut found = Vec::new();
    let is_table = doc.value.get("kind").and_then(Value::as_str) == Some("Table");
    collect(&doc.value, None, is_table, &mut String::new(), &mut found);
    let mut diagnostics = Vec::new();
    let mut covers = Vec::new();
    for pointer in found {
        diagnostics.push(
            Diagnostic::error(
                codes::LITERAL_SECRET,
                Some(doc.value_place(&pointer)),
                "a secret stands here in clear text".to_owned(),
            )
            .help(if pointer.starts_with("/spec/endpoints/") && pointer.contains("/query/") {
                "leave it out: requests are authorised by what `auth` says; a secret that was committed must be replaced"
            } else {
                HELP
            }),
        );
        covers.extend(doc.written(&pointer));
        // A rule for `unicodePwd` is wrong besides, and its name says so without showing the value.
        if !pointer.contains("/attributes/") {
            doc.mark_broken(&pointer);
        }
    }
    (diagnostics, covers)
}

fn collect(
    value: &Value,
    key: Option<&str>,
    is_table: bool,
    pointer: &mut String,
    found: &mut Vec<String>,
) {
    match value {
        Value::Object(map) => {
            // Keys of a table's rows are what people look up, not names of settings.
            let rows = is_table && pointer == "/spec/rows";
            let secret = key.is_some_and(is_secret_name);
            // An API key has a name and a place besides; only its value is secret.
            let described = pointer == "/spec/auth/apiKey";
            for (member, value) in map {
                let cut = pointer.len();
                push_step(pointer, member);
                // In a reference to a secret everything but the reference is taken for the secret.
                // A slip in the reference's own key is still a reference.
                let reference = match value {
                    Value::String(text) => match reference_key(member) {
                        Some("file") => true,
                        Some(_) => is_variable_name(text),
                        None => false,
                    },
                    _ => true,
                };
                // How long passwords are made is no password, whatever stands there.
                let is_length = pointer == "/spec/initialPassword/length";
                let hidden = if described {
                    member == "value"
                } else if is_length {
                    false
                } else {
                    secret && !reference
                };
                let name = match (rows, hidden) {
                    (true, _) => None,
                    (false, true) => key,
                    (false, false) => Some(member.as_str()),
                };
                collect(value, name, is_table, pointer, found);
                pointer.truncate(cut);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                let cut = pointer.len();
                push_step(pointer, &index.to_string());
                collect(value, key, is_table, pointer, found);
                pointer.truncate(cut);
            }
        }
        Value::String(text) => {
            let named = key.is_some_and(is_secret_name) && !text.is_empty() && !text.contains("{{");
            if named || is_secret_text(text) {
                found.push(pointer.clone());
            }
        }
        Value::Number(_) => {
            if key.is_some_and(is_secret_name) {
                found.push(pointer.clone());
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
}

/// The text with the given bytes covered, and whatever looks like a secret besides: in a file that cannot be parsed
/// nothing else is known of it. Lines and columns stay as they are.
pub(crate) fn covered(source: &Source, ranges: &[Range<usize>]) -> String {
    let mut ranges: Vec<Range<usize>> = ranges.to_vec();
    ranges.extend(suspicious(&source.text));
    ranges.sort_by_key(|range| (range.start, range.end));
    let mut out = String::with_capacity(source.text.len());
    let mut next = ranges.into_iter().peekable();
    let mut until = 0;
    for (at, c) in source.text.char_indices() {
        while let Some(range) = next.next_if(|range| range.start <= at) {
            until = until.max(range.end);
        }
        if at < until && !c.is_whitespace() {
            out.push(COVER);
        } else {
            out.push(c);
        }
    }
    out
}

/// Lines of the form `secretish: value`, members of a flow mapping of that form, the deeper lines after
/// `secretish: |`, private keys and addresses with a password.
fn suspicious(text: &str) -> Vec<Range<usize>> {
    static PLAIN: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(concat!(
            r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----[\s\S]*?(?:-----END|\z)",
            r"|(?i:AGE-SECRET-KEY-1)\S*|://[^/@\s:]*:[^/@\s]+@"
        ))
        .ok()
    });
    static KEY: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r#"(?m)(^[ \t-]*|[{,]\s*)["']?([A-Za-z][A-Za-z0-9_.\- ]*)["']?[ \t]*:[ \t]*"#)
            .ok()
    });
    let mut found = Vec::new();
    if let Some(plain) = PLAIN.as_ref() {
        found.extend(plain.find_iter(text).map(|found| found.range()));
    }
    let Some(key) = KEY.as_ref() else {
        return found;
    };
    for captures in key.captures_iter(text) {
        let (Some(whole), Some(before), Some(name)) =
            (captures.get(0), captures.get(1), captures.get(2))
        else {
            continue;
        };
        let rest = &text[whole.end()..];
        // Its value has a key of its own, the next in line.
        if name.as_str() == "apiKey" && is_description(rest) {
            continue;
        }
        let key_value = name.as_str() == "value" && text.contains("apiKey");
        if !(is_secret_name(name.as_str()) || key_value) || is_reference(rest) {
            continue;
        }
        let in_flow = before.as_str().starts_with(['{', ',']);
        let value = whole.end()..whole.end() + value_length(rest, in_flow);
        if rest.starts_with(['|', '>']) {
            found.push(block_after(text, name.start(), value.end));
        }
        found.push(value);
    }
    found
}

/// How long the value is that a text begins with: to the end of the line, or of the flow mapping's member.
fn value_length(rest: &str, in_flow: bool) -> usize {
    let line = rest.find(['\r', '\n']).unwrap_or(rest.len());
    if !in_flow {
        return line;
    }
    match rest.chars().next() {
        Some(quote @ ('"' | '\'')) => {
            let mut escaped = false;
            for (at, c) in rest[..line].char_indices().skip(1) {
                if c == quote && !escaped {
                    return at + 1;
                }
                escaped = c == '\\' && !escaped && quote == '"';
            }
            line
        }
        _ => rest[..line].find([',', '}']).unwrap_or(line),
    }
}

/// A mapping such as `{env: NAME}` or `{length: 20}`, or a template: not itself a secret.
fn is_reference(value: &str) -> bool {
    static MAPPING: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"^\{\s*(?:env|file|length|mustChange)\s*:|^\{\{").ok());
    MAPPING
        .as_ref()
        .is_some_and(|mapping| mapping.is_match(value))
}

/// An API key as it should be written: a mapping of name, value and place.
fn is_description(value: &str) -> bool {
    static MAPPING: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"^\{\s*(?:name|value|in)\s*:").ok());
    MAPPING
        .as_ref()
        .is_some_and(|mapping| mapping.is_match(value))
}

/// The lines after `end` that stand deeper than the line of `start`.
fn block_after(text: &str, start: usize, end: usize) -> Range<usize> {
    let line = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let bare = text[line..].trim_start_matches([' ', '-']);
    let indent = text.len() - line - bare.len();
    let first = text[end..]
        .find('\n')
        .map_or(text.len(), |cut| end + cut + 1);
    let mut last = first;
    for deeper in text[first..].split_inclusive('\n') {
        let bare = deeper.trim_start_matches(' ');
        if !bare.trim().is_empty() && deeper.len() - bare.len() <= indent {
            break;
        }
        last += deeper.len();
    }
    first..last
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cover(text: &str) -> String {
        covered(&Source::new("a.yaml".into(), text.into()), &[])
    }

    #[test]
    fn what_stands_in_a_reference_besides_it_is_covered() {
        let found = |yaml: &str| {
            let value: Value = serde_json::from_str(yaml).unwrap();
            let mut found = Vec::new();
            collect(&value, None, false, &mut String::new(), &mut found);
            found
        };
        assert_eq!(
            found(r#"{"clientSecret": {"env": "HALO", "value": "leak5leak5"}}"#),
            ["/clientSecret/value"]
        );
        assert_eq!(
            found(r#"{"password": {"env": "Hunter6!x"}}"#),
            ["/password/env"]
        );
        assert_eq!(found(r#"{"password": {"env": "A_B1"}}"#), [""; 0]);
        assert_eq!(found(r#"{"password": {"file": "secrets/ldap"}}"#), [""; 0]);
        assert_eq!(found(r#"{"initialPassword": {"length": 20}}"#), [""; 0]);
        let key = |value: &str| {
            found(&format!(
                r#"{{"spec": {{"auth": {{"apiKey": {{"name": "X-Api-Key", "in": "header", "value": {value}}}}}}}}}"#
            ))
        };
        assert_eq!(key(r#"{"env": "KEY"}"#), [""; 0]);
        assert_eq!(key(r#""hunter2""#), ["/spec/auth/apiKey/value"]);
        assert_eq!(
            key(r#"{"env": "hunter 2"}"#),
            ["/spec/auth/apiKey/value/env"]
        );
    }

    #[test]
    fn names_of_secrets() {
        for name in [
            "password",
            "clientSecret",
            "api_key",
            "X-Halo-Api-Key",
            "access-token",
            "TOKEN",
            "unicodePwd",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in [
            "tokenUrl",
            "passwordPolicy",
            "secretary",
            "pwdLastSet",
            "key",
            "keyword",
        ] {
            assert!(!is_secret_name(name), "{name}");
        }
    }

    #[test]
    fn what_looks_like_a_secret_is_covered_in_any_text() {
        for (text, hidden) in [
            ("a:\n  clientSecret: hunter2\n", "hunter2"),
            ("auth: {oauth2: {clientSecret: hunter2, scope: [", "hunter2"),
            ("password: \"hunter2\nnext: 1\n", "hunter2"),
            (
                "x:\n  password: |\n    hunter2\n\n    more2\n  y: 1\n",
                "hunter2",
            ),
            (
                "x:\n  password: |\n    hunter2\n\n    more2\n  y: 1\n",
                "more2",
            ),
            (
                "k: |\n  -----BEGIN RSA PRIVATE KEY-----\n  hunter2\n",
                "hunter2",
            ),
            ("r: [AGE-SECRET-KEY-1hunter2]", "hunter2"),
            ("url: https://bob:hunter2@example.test/", "hunter2"),
            ("- password: hunter2", "hunter2"),
            ("'api_key': hunter2", "hunter2"),
            ("password: *hunter2\n", "hunter2"),
            ("password: #hunter2\n", "hunter2"),
            ("apiKey:\n  name: X-Key\n  value: hunter2\n", "hunter2"),
            ("apiKey: {name: X-Key, value: hunter2}\n", "hunter2"),
            ("a: {password: \"x,hunter2\"", "hunter2"),
            ("a: {b: c, password: {hunter2", "hunter2"),
        ] {
            let shown = cover(text);
            assert!(!shown.contains(hidden), "{shown}");
            assert_eq!(shown.chars().count(), text.chars().count());
            assert_eq!(shown.matches('\n').count(), text.matches('\n').count());
        }
    }

    #[test]
    fn references_and_ordinary_lines_stay_readable() {
        for text in [
            "password: {env: LDAP_PASSWORD}\n",
            "password:\n  env: LDAP_PASSWORD\n",
            "sn: \"{{ person.surname }}\"\n",
            "initialPassword: {length: 20}\n",
            "a: {user: b, password: {env: P}, other: shown}\n",
        ] {
            assert_eq!(cover(text), text);
        }
        assert!(cover("x:\n  password: |\n    hunter2\n  y: shown\n").contains("y: shown"));
    }

    #[test]
    fn a_slip_in_the_key_of_a_reference_is_still_a_reference() {
        for (word, key) in [
            ("enviroment", Some("env")),
            ("environmentVariable", Some("env")),
            ("fil", Some("file")),
            ("fileName", Some("file")),
            ("hunter2", None),
            ("", None),
        ] {
            assert_eq!(reference_key(word), key, "{word}");
        }
    }
}
