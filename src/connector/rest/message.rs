//! What HaloITSM says when it refuses, made fit to be shown.
//!
//! Invariant: what leaves this module is one short line without control characters, and without any secret the
//! redactor was told, even when the server echoes it.

use std::sync::{Mutex, PoisonError};

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::echo::Searcher;

/// Longest message shown, in characters.
const SHOWN: usize = 300;
/// As much of a body as is looked at.
const LOOKED_AT: usize = 64 * 1024;

/// Knows the secrets in use and takes them out of text.
pub(super) struct Redactor {
    secrets: Mutex<Vec<SecretString>>,
    /// Those of them that no answer may hold.
    guarded: Mutex<(Vec<SecretString>, Searcher)>,
}

impl Redactor {
    pub(super) fn new(secrets: impl IntoIterator<Item = SecretString>) -> Self {
        Self {
            secrets: Mutex::new(secrets.into_iter().collect()),
            guarded: Mutex::new((Vec::new(), Searcher::Idle)),
        }
    }

    /// Adds a secret that is not only kept out of messages: an answer that holds it is refused.
    pub(super) fn guard(&self, secret: SecretString) {
        self.learn(secret.clone());
        let mut guarded = self.guarded.lock().unwrap_or_else(PoisonError::into_inner);
        guarded.0.push(secret);
        guarded.1 = Searcher::new(&guarded.0);
    }

    /// Whether a guarded secret stands in an answer.
    pub(super) fn is_repeated_in(&self, body: &[u8]) -> bool {
        let guarded = self.guarded.lock().unwrap_or_else(PoisonError::into_inner);
        guarded.1.finds_in(body)
    }

    /// Adds a secret that was learned later, such as an access token.
    pub(super) fn learn(&self, secret: SecretString) {
        self.secrets
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(secret);
    }

    /// One short line without control characters and secrets.
    pub(super) fn line(&self, text: &str) -> String {
        // Before and after: stripping must neither hide a secret from the search nor put one together.
        let text = self.redact(text);
        let mut line = String::new();
        for word in text
            .chars()
            .filter(|c| !is_invisible(*c))
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect::<String>()
            .split_whitespace()
        {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        let line = self.redact(&line);
        match line.char_indices().nth(SHOWN) {
            Some((cut, _)) => format!("{}…", &line[..cut]),
            None => line,
        }
    }

    fn redact(&self, text: &str) -> String {
        let mut text = text.to_owned();
        let secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        for secret in secrets.iter() {
            let plain = secret.expose_secret();
            // Shorter ones would tear ordinary words apart, and are no secrets.
            if plain.len() < 4 {
                continue;
            }
            let encoded: String = url::form_urlencoded::byte_serialize(plain.as_bytes()).collect();
            let percent = encoded.replace('+', "%20");
            for form in [plain, encoded.as_str(), percent.as_str()] {
                if text.contains(form) {
                    text = text.replace(form, "[secret]");
                }
            }
        }
        text
    }
}

/// Characters that are not control characters but can hide or turn text around.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// The message in an error body of any of the known shapes: a JSON string, a .NET exception
/// (`{"ClassName", "Message"}`), `{"Message"}`, `{"error", "error_description"}`, `{"resultCode", "errorMessage"}`,
/// an HTML page, or plain text. Raw: pass it through [`Redactor::line`].
pub(super) fn message_in(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(LOOKED_AT)]);
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.is_empty() {
        return "an empty answer".to_owned();
    }
    if let Some(message) = message_of_json(text.as_bytes()) {
        return message;
    }
    if is_html(body) {
        return title(text).map_or_else(
            || "an HTML page".to_owned(),
            |title| format!("an HTML page titled \"{title}\""),
        );
    }
    text.to_owned()
}

/// The message a JSON body carries, and nothing else of it: an answer that is no error may be full of people.
pub(super) fn message_of_json(body: &[u8]) -> Option<String> {
    from_json(&serde_json::from_slice(body).ok()?, 0)
}

/// Whether a body is HTML, as proxies and maintenance pages send it, also with status 200.
pub(super) fn is_html(body: &[u8]) -> bool {
    let start = String::from_utf8_lossy(&body[..body.len().min(256)]).to_lowercase();
    let start = start.trim_start_matches('\u{feff}').trim_start();
    start.starts_with("<!doctype html") || start.starts_with("<html") || start.starts_with("<head")
}

fn title(html: &str) -> Option<&str> {
    // ASCII lower case keeps byte positions.
    let folded = html.to_ascii_lowercase();
    let open = folded.find("<title")?;
    let start = open + folded[open..].find('>')? + 1;
    let end = start + folded[start..].find("</title")?;
    let title = html[start..end].trim();
    (!title.is_empty()).then_some(title)
}

fn from_json(value: &Value, depth: u8) -> Option<String> {
    if depth > 3 {
        return None;
    }
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Value::Array(items) => items.iter().find_map(|item| from_json(item, depth + 1)),
        Value::Object(members) => {
            let member = |name: &str| {
                members
                    .iter()
                    .find(|(key, _)| key.eq_ignore_ascii_case(name))
                    .and_then(|(_, value)| from_json(value, depth + 1))
            };
            let error = member("error");
            let described = member("error_description");
            if let (Some(error), Some(described)) = (&error, &described) {
                return Some(format!("{error}: {described}"));
            }
            ["message", "errorMessage", "detail", "load_error", "title"]
                .into_iter()
                .find_map(member)
                .or(described)
                .or(error)
                .or_else(|| member("errors"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_shape_gives_its_message() {
        for (body, expected) in [
            (
                r#""Please select a valid Site""#,
                "Please select a valid Site",
            ),
            (
                r#"{"ClassName":"System.Exception","Message":"no such view","Data":null}"#,
                "no such view",
            ),
            (r#"{"Message":"Invalid filter"}"#, "Invalid filter"),
            (r#"{"error":"invalid_client"}"#, "invalid_client"),
            (
                r#"{"error":"invalid_scope","error_description":"unknown scope"}"#,
                "invalid_scope: unknown scope",
            ),
            (r#"{"error":{"code":5,"message":"nested"}}"#, "nested"),
            (r#"{"resultCode":17,"errorMessage":"Locked"}"#, "Locked"),
            (
                "<!DOCTYPE html><html><head><TITLE>Be right back</TITLE></head></html>",
                "an HTML page titled \"Be right back\"",
            ),
            ("Rate Limit Reached", "Rate Limit Reached"),
            ("", "an empty answer"),
            ("{\"record_count\":1", "{\"record_count\":1"),
        ] {
            assert_eq!(message_in(body.as_bytes()), expected, "{body}");
        }
    }

    #[test]
    fn hostile_text_becomes_one_short_line() {
        let redactor = Redactor::new([]);
        let line = redactor.line("a\u{1b}[31mred\r\n\u{202e}drawkcab\u{0}  end");
        assert_eq!(line, "a [31mred drawkcab end");
        assert_eq!(redactor.line(&"ä".repeat(10_000)).chars().count(), 301);
    }

    #[test]
    fn a_secret_is_taken_out_even_when_split_by_controls_or_encoded() {
        let redactor = Redactor::new([SecretString::from("c4nary se+cret".to_owned())]);
        for text in [
            "your secret c4nary se+cret is wrong",
            "your secret c4na\u{200b}ry se+cret is wrong",
            "client_secret=c4nary+se%2Bcret&x=1",
            "client_secret=c4nary%20se%2Bcret",
        ] {
            let line = redactor.line(text);
            assert!(line.contains("[secret]"), "{line}");
            assert!(!line.contains("c4na"), "{line}");
        }
        // Cut after redaction, so no half of a secret stays at the edge.
        let line = redactor.line(&format!("{} c4nary se+cret", "x".repeat(295)));
        assert!(!line.contains("c4n"), "{line}");
    }
}
