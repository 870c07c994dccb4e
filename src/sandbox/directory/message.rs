//! LDAP messages (RFC 4511): requests read, responses written.
//!
//! Knows the wire and nothing of what stands behind it. Values stay bytes: AD filters compare raw GUIDs and SIDs.

use super::ber::{self, BerError, ENUMERATED, INTEGER, OCTETS, Reader, SEQUENCE, SET, Writer};
use super::controls::Controls;
use super::failure::Failure;
use super::filter::Filter;

/// MaxReceiveBuffer of the default query policy.
pub(crate) const MAX_MESSAGE: usize = 10 * 1024 * 1024;

pub(crate) const STARTTLS: &str = "1.3.6.1.4.1.1466.20037";
pub(crate) const WHO_AM_I: &str = "1.3.6.1.4.1.4203.1.11.3";

/// One request with its controls.
#[derive(Debug)]
pub(crate) struct Message<'a> {
    pub(crate) id: i64,
    pub(crate) request: Request<'a>,
    pub(crate) controls: Controls,
}

#[derive(Debug)]
pub(crate) enum Request<'a> {
    Bind {
        version: i64,
        name: &'a str,
        authentication: Authentication<'a>,
    },
    Unbind,
    Search(Search<'a>),
    Modify {
        name: &'a str,
        changes: Vec<Change<'a>>,
    },
    Add {
        name: &'a str,
        attributes: Vec<(&'a str, Vec<&'a [u8]>)>,
    },
    Delete {
        name: &'a str,
    },
    Rename {
        name: &'a str,
        new_rdn: &'a str,
        delete_old: bool,
        new_parent: Option<&'a str>,
    },
    Compare {
        name: &'a str,
        attribute: &'a str,
        value: &'a [u8],
    },
    Abandon,
    Extended {
        oid: &'a str,
    },
}

#[derive(Debug)]
pub(crate) enum Authentication<'a> {
    Simple(&'a [u8]),
    Sasl(&'a str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    Base,
    OneLevel,
    Subtree,
}

#[derive(Debug)]
pub(crate) struct Search<'a> {
    pub(crate) base: &'a str,
    pub(crate) scope: Scope,
    pub(crate) size_limit: u32,
    pub(crate) types_only: bool,
    pub(crate) filter: Filter<'a>,
    pub(crate) attributes: Vec<&'a str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Add,
    Delete,
    Replace,
}

#[derive(Debug)]
pub(crate) struct Change<'a> {
    pub(crate) operation: Operation,
    pub(crate) attribute: &'a str,
    pub(crate) values: Vec<&'a [u8]>,
}

/// Response tags, in the order of the requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Response {
    Bind = 0x61,
    SearchDone = 0x65,
    Modify = 0x67,
    Add = 0x69,
    Delete = 0x6b,
    Rename = 0x6d,
    Compare = 0x6f,
    Extended = 0x78,
}

impl<'a> Message<'a> {
    pub(crate) fn decode(bytes: &'a [u8]) -> Result<Self, BerError> {
        let mut message = Reader::new(bytes).enter(SEQUENCE)?;
        let id = message.integer(INTEGER)?;
        if !(0..=i64::from(i32::MAX)).contains(&id) {
            return Err(BerError::Value);
        }
        let (tag, content) = message.element()?;
        let request = Request::decode(tag, content)?;
        let controls = match message.optional(0xa0)? {
            Some(list) => Controls::decode(list)?,
            None => Controls::default(),
        };
        Ok(Self {
            id,
            request,
            controls,
        })
    }
}

fn values<'a>(reader: &mut Reader<'a>) -> Result<Vec<&'a [u8]>, BerError> {
    let mut set = reader.enter(SET)?;
    let mut values = Vec::new();
    while !set.is_empty() {
        values.push(set.expect(OCTETS)?);
    }
    Ok(values)
}

impl<'a> Request<'a> {
    fn decode(tag: u8, content: &'a [u8]) -> Result<Self, BerError> {
        let mut body = Reader::new(content);
        let as_text = |bytes: &'a [u8]| std::str::from_utf8(bytes).map_err(|_| BerError::Value);
        Ok(match tag {
            0x60 => {
                let version = body.integer(INTEGER)?;
                let name = body.text(OCTETS)?;
                let authentication = match body.element()? {
                    (0x80, password) => Authentication::Simple(password),
                    (0xa3, sasl) => Authentication::Sasl(Reader::new(sasl).text(OCTETS)?),
                    (other, _) => return Err(BerError::Tag(other)),
                };
                Self::Bind {
                    version,
                    name,
                    authentication,
                }
            }
            0x42 => Self::Unbind,
            0x63 => Self::Search(Search::decode(body)?),
            0x66 => {
                let name = body.text(OCTETS)?;
                let mut list = body.enter(SEQUENCE)?;
                let mut changes = Vec::new();
                while !list.is_empty() {
                    let mut change = list.enter(SEQUENCE)?;
                    let operation = match change.integer(ENUMERATED)? {
                        0 => Operation::Add,
                        1 => Operation::Delete,
                        2 => Operation::Replace,
                        _ => return Err(BerError::Value),
                    };
                    let mut partial = change.enter(SEQUENCE)?;
                    changes.push(Change {
                        operation,
                        attribute: partial.text(OCTETS)?,
                        values: values(&mut partial)?,
                    });
                }
                Self::Modify { name, changes }
            }
            0x68 => {
                let name = body.text(OCTETS)?;
                let mut list = body.enter(SEQUENCE)?;
                let mut attributes = Vec::new();
                while !list.is_empty() {
                    let mut partial = list.enter(SEQUENCE)?;
                    attributes.push((partial.text(OCTETS)?, values(&mut partial)?));
                }
                Self::Add { name, attributes }
            }
            0x4a => Self::Delete {
                name: as_text(content)?,
            },
            0x6c => {
                let name = body.text(OCTETS)?;
                let new_rdn = body.text(OCTETS)?;
                let delete_old = body.boolean(ber::BOOLEAN)?;
                let new_parent = body.optional(0x80)?.map(as_text).transpose()?;
                Self::Rename {
                    name,
                    new_rdn,
                    delete_old,
                    new_parent,
                }
            }
            0x6e => {
                let name = body.text(OCTETS)?;
                let mut assertion = body.enter(SEQUENCE)?;
                Self::Compare {
                    name,
                    attribute: assertion.text(OCTETS)?,
                    value: assertion.expect(OCTETS)?,
                }
            }
            0x50 => {
                ber::integer(content)?;
                Self::Abandon
            }
            0x77 => Self::Extended {
                oid: body.text(0x80)?,
            },
            other => return Err(BerError::Tag(other)),
        })
    }

    /// The tag of the answer; `None` where LDAP has none.
    pub(crate) fn response(&self) -> Option<Response> {
        Some(match self {
            Self::Bind { .. } => Response::Bind,
            Self::Search(_) => Response::SearchDone,
            Self::Modify { .. } => Response::Modify,
            Self::Add { .. } => Response::Add,
            Self::Delete { .. } => Response::Delete,
            Self::Rename { .. } => Response::Rename,
            Self::Compare { .. } => Response::Compare,
            Self::Extended { .. } => Response::Extended,
            Self::Unbind | Self::Abandon => return None,
        })
    }
}

impl<'a> Search<'a> {
    fn decode(mut body: Reader<'a>) -> Result<Self, BerError> {
        let base = body.text(OCTETS)?;
        let scope = match body.integer(ENUMERATED)? {
            0 => Scope::Base,
            1 => Scope::OneLevel,
            2 => Scope::Subtree,
            _ => return Err(BerError::Value),
        };
        let _dereference = body.integer(ENUMERATED)?;
        let size_limit = u32::try_from(body.integer(INTEGER)?).map_err(|_| BerError::Value)?;
        let _time_limit = body.integer(INTEGER)?;
        let types_only = body.boolean(ber::BOOLEAN)?;
        let filter = Filter::decode(&mut body)?;
        let mut list = body.enter(SEQUENCE)?;
        let mut attributes = Vec::new();
        while !list.is_empty() {
            attributes.push(list.text(OCTETS)?);
        }
        Ok(Self {
            base,
            scope,
            size_limit,
            types_only,
            filter,
            attributes,
        })
    }
}

/// What goes into a response besides the result.
#[derive(Debug, Default)]
pub(crate) struct Extra {
    /// `responseName`.
    pub(crate) name: Option<&'static str>,
    /// `responseValue`.
    pub(crate) value: Option<Vec<u8>>,
    /// Response controls: OID and value.
    pub(crate) controls: Vec<(&'static str, Vec<u8>)>,
}

/// Writes one result.
pub(crate) fn write_result(
    out: &mut Writer,
    id: i64,
    response: Response,
    result: Result<u32, &Failure>,
    extra: &Extra,
) {
    out.constructed(SEQUENCE, |out| {
        out.integer(INTEGER, id);
        out.constructed(response as u8, |out| {
            match result {
                Ok(code) => {
                    out.integer(ENUMERATED, i64::from(code));
                    out.octets(OCTETS, b"");
                    out.octets(OCTETS, b"");
                }
                Err(failure) => {
                    out.integer(ENUMERATED, i64::from(failure.code));
                    out.octets(OCTETS, failure.matched.as_bytes());
                    out.octets(OCTETS, failure.text.as_bytes());
                    if let Some(url) = &failure.referral {
                        out.constructed(0xa3, |out| out.octets(OCTETS, url.as_bytes()));
                    }
                }
            }
            if let Some(name) = extra.name {
                out.octets(0x8a, name.as_bytes());
            }
            if let Some(value) = &extra.value {
                out.octets(0x8b, value);
            }
        });
        if !extra.controls.is_empty() {
            out.constructed(0xa0, |out| {
                for (oid, value) in &extra.controls {
                    out.constructed(SEQUENCE, |out| {
                        out.octets(OCTETS, oid.as_bytes());
                        out.octets(OCTETS, value);
                    });
                }
            });
        }
    });
}

/// Writes one search entry; `attributes` writes the attribute list by [`write_attribute`].
pub(crate) fn write_entry(
    out: &mut Writer,
    id: i64,
    name: &str,
    attributes: impl FnOnce(&mut Writer),
) {
    out.constructed(SEQUENCE, |out| {
        out.integer(INTEGER, id);
        out.constructed(0x64, |out| {
            out.octets(OCTETS, name.as_bytes());
            out.constructed(SEQUENCE, attributes);
        });
    });
}

/// Writes one attribute of an entry.
pub(crate) fn write_attribute<'v>(
    out: &mut Writer,
    name: &str,
    values: impl Iterator<Item = &'v [u8]>,
) {
    out.constructed(SEQUENCE, |out| {
        out.octets(OCTETS, name.as_bytes());
        out.constructed(SET, |out| {
            for value in values {
                out.octets(OCTETS, value);
            }
        });
    });
}

/// Writes one search result reference.
pub(crate) fn write_reference(out: &mut Writer, id: i64, url: &str) {
    out.constructed(SEQUENCE, |out| {
        out.integer(INTEGER, id);
        out.constructed(0x73, |out| out.octets(OCTETS, url.as_bytes()));
    });
}

#[cfg(test)]
mod tests {
    use super::super::ber::{INTEGER, OCTETS, SEQUENCE, Writer};
    use super::{Message, Request};
    use proptest::prelude::*;

    fn message(content: impl FnOnce(&mut Writer)) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.constructed(SEQUENCE, |w| {
            w.integer(INTEGER, 7);
            content(w);
        });
        writer.into_bytes()
    }

    #[test]
    fn a_rename_carries_its_parts() {
        let bytes = message(|w| {
            w.constructed(0x6c, |w| {
                w.octets(OCTETS, b"<GUID=00112233445566778899aabbccddeeff>");
                w.octets(OCTETS, b"CN=New");
                w.octets(1, &[0xff]);
                w.octets(0x80, b"OU=There,DC=example,DC=test");
            });
        });
        let decoded = Message::decode(&bytes).expect("a message");
        assert_eq!(decoded.id, 7);
        let Request::Rename {
            new_rdn,
            delete_old,
            new_parent,
            ..
        } = decoded.request
        else {
            panic!("not a rename");
        };
        assert_eq!((new_rdn, delete_old), ("CN=New", true));
        assert_eq!(new_parent, Some("OU=There,DC=example,DC=test"));
    }

    #[test]
    fn unknown_operations_and_modify_increments_are_refused() {
        assert!(Message::decode(&message(|w| w.constructed(0x7f, |_| ()))).is_err());
        let increment = message(|w| {
            w.constructed(0x66, |w| {
                w.octets(OCTETS, b"CN=a");
                w.constructed(SEQUENCE, |w| {
                    w.constructed(SEQUENCE, |w| w.integer(0x0a, 3));
                });
            });
        });
        assert!(Message::decode(&increment).is_err());
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Message::decode(&bytes);
        }

        #[test]
        fn a_damaged_search_never_panics(at in 0usize..90, byte: u8) {
            let mut bytes = message(|w| {
                w.constructed(0x63, |w| {
                    w.octets(OCTETS, b"DC=example,DC=test");
                    w.integer(0x0a, 2);
                    w.integer(0x0a, 0);
                    w.integer(2, 0);
                    w.integer(2, 0);
                    w.octets(1, &[0]);
                    w.constructed(0xa0, |w| {
                        w.octets(0x87, b"objectClass");
                        w.constructed(0xa4, |w| {
                            w.octets(OCTETS, b"cn");
                            w.constructed(SEQUENCE, |w| w.octets(0x80, b"a"));
                        });
                    });
                    w.constructed(SEQUENCE, |w| w.octets(OCTETS, b"cn"));
                });
            });
            prop_assert!(Message::decode(&bytes).is_ok());
            let at = at % bytes.len();
            bytes[at] = byte;
            let _ = Message::decode(&bytes);
        }
    }
}
