//! An XML answer as the JSON value that expressions read.
//!
//! Knows nothing of records or pages. Invariants: a document type declaration is refused, so there are no entities but
//! the five of XML itself and nothing outside the document is ever fetched; depth and number of nodes are bounded;
//! what is not whole is an error, never a shorter document.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use serde_json::{Map, Value};

/// Deepest nesting of elements.
const DEEPEST: usize = 64;
/// Most elements and attributes in one answer.
const MOST_NODES: usize = 5_000_000;
/// Member that holds the text of an element with attributes or elements beside it.
const TEXT: &str = "#text";

/// An element under way.
struct Open {
    name: String,
    members: Map<String, Value>,
    text: String,
}

/// Why a document is not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NotXml {
    /// It is not well-formed; it may have been cut off on the way.
    Broken(String),
    /// It holds what is never taken in, so asking again is in vain.
    Refused(String),
}

impl From<String> for NotXml {
    fn from(why: String) -> Self {
        Self::Broken(why)
    }
}

impl From<&str> for NotXml {
    fn from(why: &str) -> Self {
        Self::Broken(why.to_owned())
    }
}

fn refused<T>(why: impl Into<String>) -> Result<T, NotXml> {
    Err(NotXml::Refused(why.into()))
}

/// Reads a document: an object with one member, the root element.
///
/// # Errors
/// Why it is no XML document, or none that is taken in.
pub(super) fn parse(body: &[u8]) -> Result<Value, NotXml> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let text = std::str::from_utf8(body).map_err(|_| "it is not UTF-8".to_owned())?;
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_end_names = true;
    let mut open: Vec<Open> = Vec::new();
    let mut root: Option<(String, Value)> = None;
    let mut nodes = 0;
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(start) => {
                let element = begin(&start, &mut nodes)?;
                if root.is_some() {
                    return Err("there is something after the root element".into());
                }
                open.push(element);
                if open.len() > DEEPEST {
                    return refused(format!("elements are nested deeper than {DEEPEST}"));
                }
            }
            Event::Empty(start) => {
                let element = begin(&start, &mut nodes)?;
                if root.is_some() {
                    return Err("there is something after the root element".into());
                }
                close(element, &mut open, &mut root);
            }
            Event::End(_) => {
                // Names were compared by the reader.
                let element = open.pop().ok_or("an element is closed twice")?;
                close(element, &mut open, &mut root);
            }
            Event::Text(text) => {
                let text = text.xml10_content().map_err(|error| error.to_string())?;
                add_text(&mut open, &text)?;
            }
            Event::CData(text) => {
                let text = text.xml10_content().map_err(|error| error.to_string())?;
                add_text(&mut open, &text)?;
            }
            Event::GeneralRef(reference) => {
                let resolved = reference
                    .resolve_char_ref()
                    .map_err(|error| error.to_string())?;
                if let Some(character) = resolved {
                    add_text(&mut open, character.encode_utf8(&mut [0; 4]))?;
                    continue;
                }
                let name = reference.decode().map_err(|error| error.to_string())?;
                let Some(text) = predefined(&name) else {
                    return refused("it uses an entity that XML itself does not have");
                };
                add_text(&mut open, text)?;
            }
            Event::DocType(_) => {
                return refused("it has a document type declaration, which is not accepted");
            }
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            Event::Eof => break,
        }
    }
    if let Some(element) = open.last() {
        return Err(format!("it breaks off within {}", shortened(&element.name)).into());
    }
    let (name, value) = root.ok_or("it has no element")?;
    Ok(Value::Object(Map::from_iter([(name, value)])))
}

fn begin(start: &BytesStart<'_>, nodes: &mut usize) -> Result<Open, NotXml> {
    let mut count = || {
        *nodes += 1;
        if *nodes > MOST_NODES {
            return refused(format!(
                "it has more than {MOST_NODES} elements and attributes"
            ));
        }
        Ok(())
    };
    count()?;
    let local = |bytes: &[u8]| {
        std::str::from_utf8(bytes)
            .map(str::to_owned)
            .map_err(|_| "a name is not UTF-8".to_owned())
    };
    let mut members = Map::new();
    for attribute in start.attributes() {
        count()?;
        let attribute = attribute.map_err(|error| error.to_string())?;
        // A namespace declaration says nothing about the record.
        if attribute.key.as_namespace_binding().is_some() {
            continue;
        }
        let name = local(attribute.key.local_name().as_ref())?;
        let value = std::str::from_utf8(&attribute.value)
            .map_err(|_| "an attribute is not UTF-8".to_owned())?;
        let value = quick_xml::escape::unescape(value).map_err(|error| error.to_string())?;
        members.insert(format!("@{name}"), Value::String(value.into_owned()));
    }
    Ok(Open {
        name: local(start.local_name().as_ref())?,
        members,
        text: String::new(),
    })
}

fn close(element: Open, open: &mut [Open], root: &mut Option<(String, Value)>) {
    let Open {
        name,
        mut members,
        text,
    } = element;
    let text = text.trim();
    let value = if members.is_empty() {
        if text.is_empty() {
            Value::Null
        } else {
            Value::String(text.to_owned())
        }
    } else {
        if !text.is_empty() {
            members.insert(TEXT.to_owned(), Value::String(text.to_owned()));
        }
        Value::Object(members)
    };
    let Some(parent) = open.last_mut() else {
        *root = Some((name, value));
        return;
    };
    match parent.members.get_mut(&name) {
        None => {
            parent.members.insert(name, value);
        }
        // An element's own value is never a list, so a list is what repeated elements made.
        Some(Value::Array(items)) => items.push(value),
        Some(first) => {
            let first_value = first.take();
            *first = Value::Array(vec![first_value, value]);
        }
    }
}

fn add_text(open: &mut [Open], text: &str) -> Result<(), String> {
    match open.last_mut() {
        Some(element) => element.text.push_str(text),
        None if text.trim().is_empty() => {}
        None => return Err("there is text outside the root element".to_owned()),
    }
    Ok(())
}

fn predefined(name: &str) -> Option<&'static str> {
    Some(match name {
        "amp" => "&",
        "lt" => "<",
        "gt" => ">",
        "quot" => "\"",
        "apos" => "'",
        _ => return None,
    })
}

fn shortened(name: &str) -> String {
    name.chars().take(40).collect()
}

/// A text as it stands in XML.
pub(super) fn escaped(text: &str) -> String {
    // Characters XML cannot carry at all are left out (XML 1.0 section 2.2).
    let text: String = text
        .chars()
        .filter(|c| !c.is_control() || matches!(c, '\t' | '\n' | '\r'))
        .collect();
    quick_xml::escape::escape(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn elements_attributes_and_text_become_members() {
        let parsed = parse(
            br#"<?xml version="1.0"?>
            <!-- people -->
            <hr:People xmlns:hr="urn:x" count="2">
              <hr:Person id="1"><Name>Zo&#235; &amp; Co</Name><Phone>1</Phone><Phone>2</Phone><Note/></hr:Person>
              <hr:Person id="2"><Name kind="x"><![CDATA[<b>]]></Name></hr:Person>
            </hr:People>"#,
        )
        .unwrap();
        assert_eq!(
            parsed,
            json!({"People": {"@count": "2", "Person": [
                {"@id": "1", "Name": "Zo\u{eb} & Co", "Phone": ["1", "2"], "Note": null},
                {"@id": "2", "Name": {"@kind": "x", "#text": "<b>"}},
            ]}})
        );
    }

    #[test]
    fn what_is_not_whole_is_an_error() {
        for body in [
            "",
            "<a>",
            "<a><b></a></b>",
            "<a></a><b/>",
            "<a/>text",
            "<a>&unknown;</a>",
            "{\"a\":1}",
            "<a b=\"1\" b=\"2\"/>",
            "<a>&#xD800;</a>",
        ] {
            assert!(parse(body.as_bytes()).is_err(), "{body}");
        }
        assert!(parse(b"<a>\xff</a>").is_err());
    }

    #[test]
    fn bombs_are_refused() {
        let laughs = r#"<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;">]><a>&y;</a>"#;
        let why = |body: &[u8]| match parse(body) {
            Err(NotXml::Refused(why)) => why,
            other => panic!("{other:?}"),
        };
        assert!(why(laughs.as_bytes()).contains("document type"));
        let outside = r#"<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>"#;
        assert!(why(outside.as_bytes()).contains("document type"));
        let deep = "<a>".repeat(100_000);
        assert!(why(deep.as_bytes()).contains("deeper"));
        assert!(why(b"<a>&lol9;</a>").contains("entity"));
        // What was cut off may come whole the next time.
        assert!(matches!(parse(b"<a><b>"), Err(NotXml::Broken(_))));
    }

    #[test]
    fn what_is_put_in_stays_text() {
        let body = format!("<a b=\"{0}\">{0}</a>", escaped("\"><x/>&amp;\u{1}"));
        let parsed = parse(body.as_bytes()).unwrap();
        assert_eq!(parsed["a"]["#text"], json!("\"><x/>&amp;"));
        assert_eq!(parsed["a"]["@b"], json!("\"><x/>&amp;"));
    }

    proptest! {
        /// Whatever comes, it is a value or an error.
        #[test]
        fn nothing_panics(body in prop::collection::vec(any::<u8>(), 0..200), tags in "[<>/a-c&;\"= #x0-9!\\[\\]-]{0,120}") {
            let _ = parse(&body);
            let _ = parse(tags.as_bytes());
        }
    }
}
