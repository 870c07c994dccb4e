//! What identifies the content of a read in a plan.
//!
//! The digest is a SHA-256 over the header line and the SHA-256 of each block of 4096 rows in their order, every
//! text preceded by its length, so that no two contents share it and two cores can share the work. It does not
//! depend on the order rows or values came in.

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::model::{DirectorySnapshot, Entry, Fact, JoinWhy, PeopleSnapshot, Person, Values};

/// Rows hashed together; part of the definition.
const BLOCK: usize = 4096;

/// Digest of people: `sha256:` and lower-case hex.
pub fn people_digest(snapshot: &PeopleSnapshot) -> String {
    let mut rows: Vec<&Person> = snapshot.people.iter().collect();
    if !rows.is_sorted_by(|one, next| one.key.natural_cmp(&next.key).is_le()) {
        rows.sort_by(|one, next| one.key.natural_cmp(&next.key));
    }
    combine(&snapshot.header, &rows, |person, out| {
        text(out, person.key.as_str());
        out.push(u8::from(person.in_scope));
        for fact in &person.facts {
            match fact {
                None => out.push(0),
                Some(Fact::Text(value)) => {
                    out.push(1);
                    text(out, value);
                }
                Some(Fact::Integer(number)) => {
                    out.push(2);
                    out.extend_from_slice(&number.to_le_bytes());
                }
                Some(Fact::Boolean(flag)) => out.extend_from_slice(&[3, u8::from(*flag)]),
                Some(Fact::Date(date)) => {
                    out.push(4);
                    text(out, &date.to_string());
                }
                Some(Fact::DateTime(moment)) => {
                    out.push(5);
                    out.extend_from_slice(&moment.as_nanosecond().to_le_bytes());
                }
                Some(Fact::List(items)) => {
                    out.push(6);
                    out.extend_from_slice(&(items.len() as u64).to_le_bytes());
                    for item in items {
                        text(out, item);
                    }
                }
                Some(Fact::Binary(bytes)) => {
                    out.push(7);
                    out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
                    out.extend_from_slice(bytes);
                }
            }
        }
        // The number of facts is in the header, so this cannot be taken for one.
        for fault in &person.faults {
            out.push(8);
            out.extend_from_slice(&fault.field.0.to_le_bytes());
            text(out, &fault.reason);
        }
        for held in &person.held {
            out.push(9);
            out.push(match held.why {
                JoinWhy::Unknown => 0,
                JoinWhy::Unmatched => 1,
                JoinWhy::Duplicate => 2,
            });
            text(out, &held.endpoint);
            text(out, &held.reason);
        }
    })
}

/// Digest of a directory: `sha256:` and lower-case hex.
pub fn directory_digest(snapshot: &DirectorySnapshot) -> String {
    let mut rows: Vec<&Entry> = snapshot.objects.iter().collect();
    if !rows.is_sorted_by_key(|entry| entry.guid) {
        rows.sort_by_key(|entry| entry.guid);
    }
    let looked = snapshot.header.deleted_objects.is_some();
    combine(&snapshot.header, &rows, |entry, out| {
        out.extend_from_slice(&entry.guid.to_wire());
        out.push(entry.kind as u8);
        text(out, entry.dn.as_str());
        out.extend_from_slice(&(entry.attributes.len() as u64).to_le_bytes());
        for (id, values) in &entry.attributes {
            out.extend_from_slice(&id.0.to_le_bytes());
            match values {
                Values::One(value) => {
                    out.extend_from_slice(&1u64.to_le_bytes());
                    text(out, value);
                }
                Values::Many(values) => {
                    let mut sorted: Vec<&str> = values.iter().map(|value| value.as_str()).collect();
                    sorted.sort_unstable();
                    out.extend_from_slice(&(sorted.len() as u64).to_le_bytes());
                    for value in sorted {
                        text(out, value);
                    }
                }
            }
        }
        // The header says whether anybody looked; where nobody did, there is nothing to tell.
        if looked {
            out.push(u8::from(entry.deletion.is_some()));
            let facts = entry.deletion.as_deref().copied().unwrap_or_default();
            let moment = facts.control_changed.map(|at| at.as_nanosecond());
            out.extend_from_slice(&moment.unwrap_or(i128::MIN).to_le_bytes());
            let protected = facts.protected.map_or(2, u8::from);
            // Another byte for each that follows, so that it is taken for nothing else.
            let follows = |moment: Option<_>, more: u8| moment.map_or(0, |_| more);
            let (password, last) = (facts.password_changed, facts.last_written);
            out.push(protected + follows(password, 3) + follows(last, 6));
            for at in [password, last].into_iter().flatten() {
                out.extend_from_slice(&at.as_nanosecond().to_le_bytes());
            }
        }
    })
}

fn text(out: &mut Vec<u8>, value: &str) {
    out.extend_from_slice(&(value.len() as u32).to_le_bytes());
    out.extend_from_slice(value.as_bytes());
}

fn combine<T: Sync>(
    header: &impl serde::Serialize,
    rows: &[&T],
    write: impl Fn(&T, &mut Vec<u8>) + Sync,
) -> String {
    let blocks: Vec<[u8; 32]> = rows
        .par_chunks(BLOCK)
        .map_init(Vec::new, |buffer, block| {
            let mut hasher = Sha256::new();
            for part in block.chunks(64) {
                buffer.clear();
                for row in part {
                    write(row, buffer);
                }
                hasher.update(&*buffer);
            }
            hasher.finalize().into()
        })
        .collect();
    let mut hasher = Sha256::new();
    // A header is plain data; it always has a JSON form.
    hasher.update(serde_json::to_vec(header).unwrap_or_default());
    hasher.update((rows.len() as u64).to_le_bytes());
    for block in blocks {
        hasher.update(block);
    }
    format!("sha256:{}", hex::encode(hasher.finalize()))
}
