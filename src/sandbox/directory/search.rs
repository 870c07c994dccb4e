//! Search: which objects, which of their attributes, in which pages.

use std::collections::VecDeque;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use super::ber::Writer;
use super::controls::{Controls, PAGED, SORT_RESPONSE, page_response, sort_response};
use super::core::{Directory, Principal};
use super::failure::Failure;
use super::message::{Extra, Scope, Search, write_attribute, write_entry, write_reference};
use super::schema::{AttrId, Origin};
use super::store::ObjectId;
use super::value::Kind;
use super::view::Lens;
use crate::model::Dn;

/// An object and its domain: 0 is our own, others are counted from 1.
type Hit = (usize, ObjectId);

/// A paged search under way.
#[derive(Debug)]
pub(crate) struct Cursor {
    number: u64,
    /// Of the request: a cookie serves only the search it came from.
    fingerprint: u64,
    found: Vec<Hit>,
    at: usize,
    references: bool,
    cut: bool,
}

/// The paged searches of one connection.
#[derive(Debug, Default)]
pub(crate) struct Cursors {
    open: VecDeque<Cursor>,
    next: u64,
}

/// An attribute asked for by name.
struct Named {
    id: AttrId,
    range: Option<(usize, Option<usize>)>,
}

#[derive(Default)]
struct Selection {
    plain: bool,
    named: Vec<Named>,
}

/// What a search ended with.
pub(crate) struct Found {
    pub(crate) outcome: Result<u32, Failure>,
    pub(crate) extra: Extra,
    pub(crate) entries: u64,
}

impl From<Failure> for Found {
    fn from(failure: Failure) -> Self {
        Self {
            outcome: Err(failure),
            extra: Extra::default(),
            entries: 0,
        }
    }
}

fn size_exceeded() -> Failure {
    Failure::raw(
        4,
        "00002023: SvcErr: DSID-03140358, problem 5010 (ADMIN_LIMIT_EXCEEDED), data 0\n\0",
    )
}

impl Directory {
    /// Runs a search, writing entries and references; the caller writes the result.
    pub(crate) fn search(
        &self,
        lens: Lens,
        search: &Search<'_>,
        controls: &Controls,
        cursors: &mut Cursors,
        out: &mut Writer,
        id: i64,
    ) -> Found {
        if lens.who == Principal::Anonymous {
            return Failure::ldap(
                1,
                0x4dc,
                "In order to perform this operation a successful bind must be completed on the connection.",
                "0",
            )
            .into();
        }
        // Of a global catalog the empty name is the whole forest.
        if search.base.is_empty() && !lens.catalog {
            return Failure::no_object(0x208d, "").into();
        }
        let lens = Lens {
            extended: controls.extended_dn,
            ..lens
        };
        let selection = self.select(search, controls, lens.catalog);
        let mut hasher = DefaultHasher::new();
        format!("{} {:?} {:?}", search.base, search.scope, search.filter).hash(&mut hasher);
        let fingerprint = hasher.finish();

        let continued = controls
            .page
            .as_ref()
            .filter(|page| !page.cookie.is_empty());
        let mut cursor = if let Some(page) = continued {
            match cursors.take(&page.cookie, fingerprint) {
                Some(cursor) => cursor,
                None => return Failure::unwilling(0x57).into(),
            }
        } else {
            match self.find_all(search, controls, lens) {
                Ok((found, references)) => cursors.begin(found, references, fingerprint),
                Err(failure) => return failure.into(),
            }
        };
        let limit = usize::try_from(search.size_limit).unwrap_or(usize::MAX);
        if search.size_limit > 0 && cursor.found.len() > limit {
            cursor.found.truncate(limit);
            cursor.cut = true;
        }
        let max = self.config.limits.max_page_size;
        let take = controls
            .page
            .as_ref()
            .map_or(max, |page| page.size.min(max)) as usize;
        let end = cursor.found.len().min(cursor.at.saturating_add(take));
        let mut entries = 0;
        for &(domain, object) in &cursor.found[cursor.at..end] {
            let home = self.domain(domain);
            // A page may come long after the search: what was deleted since is gone, unless asked for.
            if home.object(object).deleted && !controls.show_deleted {
                continue;
            }
            home.render(out, id, object, &selection, search.types_only, lens);
            entries += 1;
        }
        cursor.at = end;
        let mut extra = Extra::default();
        if controls.sort.is_some() {
            extra.controls.push((SORT_RESPONSE, sort_response()));
        }
        let finished = cursor.at >= cursor.found.len() || take == 0;
        let mut outcome = Ok(0);
        if finished || controls.page.is_none() {
            if cursor.cut || !finished {
                // More than MaxPageSize without paging, or more than the client wanted: part of it, and 4.
                outcome = Err(size_exceeded());
            } else if cursor.references {
                self.refer(out, id);
            }
            if controls.page.is_some() {
                extra.controls.push((PAGED, page_response(b"")));
            }
        } else {
            let cookie = cursor.cookie();
            extra.controls.push((PAGED, page_response(&cookie)));
            cursors.keep(cursor, self.config.limits.max_result_sets);
        }
        Found {
            outcome,
            extra,
            entries,
        }
    }

    /// The domain with this number.
    fn domain(&self, number: usize) -> &Self {
        number
            .checked_sub(1)
            .and_then(|other| self.others.get(other))
            .unwrap_or(self)
    }

    /// The objects of every domain the search reaches, and whether references to other partitions go with them.
    fn find_all(
        &self,
        search: &Search<'_>,
        controls: &Controls,
        lens: Lens,
    ) -> Result<(Vec<Hit>, bool), Failure> {
        let ours = |found: Vec<ObjectId>| found.into_iter().map(|id| (0, id)).collect();
        if !lens.catalog {
            let (found, references) = self.find(search, search.base, controls, lens)?;
            return Ok((ours(found), references));
        }
        let base = (!search.base.is_empty() && !search.base.starts_with('<'))
            .then(|| Dn::parse(search.base).map_err(|_| Failure::bad_name(search.base)))
            .transpose()?
            .map(|dn| dn.key());
        let mut hits: Vec<Hit> = Vec::new();
        let mut reached = false;
        for number in 0..=self.others.len() {
            let domain = self.domain(number);
            // Rights are those of accounts of the first domain.
            let lens = Lens {
                who: if number == 0 {
                    lens.who
                } else {
                    Principal::Anonymous
                },
                ..lens
            };
            // Configuration and schema belong to the first domain here.
            let heads = domain.partitions.iter();
            for (head, id) in heads.take(if number == 0 { usize::MAX } else { 1 }) {
                let name = domain.store.dn(*id);
                let whole = match &base {
                    None => search.base.is_empty() && search.scope == Scope::Subtree,
                    Some(base) => {
                        search.scope == Scope::Subtree && base != head && head.is_at_or_under(base)
                    }
                };
                if whole {
                    reached = true;
                    let found = domain.find(search, &name, controls, lens)?.0;
                    hits.extend(found.into_iter().map(|id| (number, id)));
                }
            }
            let here = match &base {
                None => number == 0 && !search.base.is_empty(),
                Some(base) => {
                    domain
                    .partitions
                    .iter()
                    .take(if number == 0 { usize::MAX } else { 1 })
                    .any(|(head, _)| base.is_at_or_under(head))
                    // A domain below ours by name answers for itself.
                    && !(number == 0 && self.others.iter().any(|other| {
                        other.partitions.first().is_some_and(|(head, _)| base.is_at_or_under(head))
                    }))
                }
            };
            if here {
                reached = true;
                let found = domain.find(search, search.base, controls, lens)?.0;
                hits.extend(found.into_iter().map(|id| (number, id)));
            }
        }
        if reached {
            Ok((hits, false))
        } else {
            Err(Failure::no_object(0x208d, ""))
        }
    }

    /// The objects that match, and whether references to other partitions go with them.
    fn find(
        &self,
        search: &Search<'_>,
        base: &str,
        controls: &Controls,
        lens: Lens,
    ) -> Result<(Vec<ObjectId>, bool), Failure> {
        let base = self.resolve(base, controls.show_deleted)?;
        let see_deleted = controls.show_deleted && self.reads_deleted(lens.who);
        // The container of deleted objects is itself seen only with the control.
        if (base == self.marks.deleted || self.object(base).deleted) && !see_deleted {
            return Err(Failure::no_object(
                0x208d,
                &self.store.dn(self.marks.domain),
            ));
        }
        let mut test = self.compile(&search.filter);
        if lens.catalog {
            test.keep(&|id| self.schema.def(id).in_catalog);
        }
        let visible = |id: ObjectId| {
            let object = self.object(id);
            (see_deleted || (!object.deleted && id != self.marks.deleted))
                && (!object.recycled || controls.show_recycled)
        };
        let fits = |id: &ObjectId| visible(*id) && self.test(&test, *id, lens) == Some(true);
        let mut found: Vec<ObjectId> = match search.scope {
            Scope::Base => std::iter::once(base).filter(fits).collect(),
            Scope::OneLevel => match self.candidates(&test, see_deleted) {
                Some(ids) => ids
                    .into_iter()
                    .filter(|&id| self.object(id).parent == Some(base))
                    .filter(fits)
                    .collect(),
                None => self.store.children(base).filter(fits).collect(),
            },
            Scope::Subtree => match self.candidates(&test, see_deleted) {
                Some(ids) => ids
                    .into_iter()
                    .filter(|&id| self.store.is_at_or_under(id, base))
                    .filter(fits)
                    .collect(),
                None => self.store.subtree(base).filter(fits).collect(),
            },
        };
        if let Some((name, reverse)) = &controls.sort
            && let Some(attribute) = self.schema.attribute(name)
        {
            let kind = self.schema.def(attribute).kind;
            // Objects without the attribute come last.
            found.sort_by_cached_key(|&id| {
                self.values_of(id, attribute, lens)
                    .first()
                    .map_or((true, Vec::new()), |value| {
                        (false, kind.key(value).into_owned())
                    })
            });
            if *reverse {
                found.reverse();
            }
        }
        let references =
            base == self.marks.domain && search.scope != Scope::Base && !controls.domain_scope;
        Ok((found, references))
    }

    /// Where the rest of the forest is: the partitions below the domain in name only.
    fn refer(&self, out: &mut Writer, id: i64) {
        let domain = &self.config.domain;
        let base = self.store.dn(self.marks.domain);
        for (host, partition) in [
            (format!("ForestDnsZones.{domain}"), "DC=ForestDnsZones"),
            (format!("DomainDnsZones.{domain}"), "DC=DomainDnsZones"),
            (domain.clone(), "CN=Configuration"),
        ] {
            write_reference(out, id, &format!("ldap://{host}/{partition},{base}"));
        }
    }

    fn select(&self, search: &Search<'_>, controls: &Controls, catalog: bool) -> Selection {
        let mut selection = Selection {
            plain: search.attributes.is_empty(),
            named: Vec::new(),
        };
        for &wanted in &search.attributes {
            if wanted == "*" {
                selection.plain = true;
                continue;
            }
            let (name, options) = wanted.split_once(';').unwrap_or((wanted, ""));
            // Unknown names, `1.1` and `+` select nothing.
            if let Some(id) = self.schema.attribute(name)
                && (!catalog || self.schema.def(id).in_catalog)
                && !selection.named.iter().any(|named| named.id == id)
            {
                selection.named.push(Named {
                    id,
                    range: parse_range(options),
                });
            }
        }
        let list = self.schema.known.security_descriptor;
        let named = selection.named.iter().any(|named| named.id == list);
        if controls.sd_flags.is_some() && selection.plain && !named {
            selection.named.push(Named {
                id: list,
                range: None,
            });
        }
        selection
    }

    fn render(
        &self,
        out: &mut Writer,
        id: i64,
        object: ObjectId,
        selection: &Selection,
        types_only: bool,
        lens: Lens,
    ) {
        write_entry(out, id, &self.shown_dn(object, lens), |out| {
            if selection.plain {
                for attribute in self.plain_attributes(object) {
                    let there = !lens.catalog || self.schema.def(attribute).in_catalog;
                    if there && !selection.named.iter().any(|named| named.id == attribute) {
                        self.render_attribute(out, object, attribute, None, types_only, lens);
                    }
                }
            }
            for named in &selection.named {
                self.render_attribute(out, object, named.id, named.range, types_only, lens);
            }
        });
    }

    fn render_attribute(
        &self,
        out: &mut Writer,
        object: ObjectId,
        attribute: AttrId,
        range: Option<(usize, Option<usize>)>,
        types_only: bool,
        lens: Lens,
    ) {
        let def = self.schema.def(attribute);
        let most = self.config.limits.max_val_range as usize;
        let (from, to) = range.unwrap_or((0, None));
        let take = to
            .map_or(most, |to| (to + 1).saturating_sub(from))
            .min(most);
        // Names of thousands of members are made only as far as they are sent.
        let linked: Option<Vec<ObjectId>> = match def.origin {
            Origin::BackLink => self.schema.other_side(attribute).map(|forward| {
                self.store
                    .sources(object, forward)
                    .skip(from)
                    .take(take + 1)
                    .collect()
            }),
            Origin::Stored | Origin::System if def.kind == Kind::Dn => Some(
                self.store
                    .targets(object, attribute)
                    .skip(from)
                    .take(take + 1)
                    .collect(),
            ),
            _ => None,
        };
        let (values, more) = match linked {
            Some(mut ids) => {
                let more = ids.len() > take;
                ids.truncate(take);
                let values = ids
                    .into_iter()
                    .map(|id| self.shown_dn(id, lens).into_bytes().into())
                    .collect();
                (values, more)
            }
            None => {
                let mut values = self.values_of(object, attribute, lens);
                values.drain(..from.min(values.len()));
                // Only links and stored lists are ever cut.
                let more = values.len() > take && def.origin == Origin::Stored;
                if more {
                    values.truncate(take);
                }
                (values, more)
            }
        };
        if values.is_empty() {
            return;
        }
        let ranged = !def.single && (range.is_some() || more);
        if types_only {
            write_attribute(out, &def.name, std::iter::empty());
        } else if ranged {
            if range.is_none() {
                // The plain attribute stands beside its range, empty: it does not mean that there are none.
                write_attribute(out, &def.name, std::iter::empty());
            }
            let last = if more {
                (from + values.len() - 1).to_string()
            } else {
                "*".to_owned()
            };
            let name = format!("{};range={from}-{last}", def.name);
            write_attribute(out, &name, values.iter().map(|value| &**value));
        } else {
            write_attribute(out, &def.name, values.iter().map(|value| &**value));
        }
    }
}

/// `range=0-1499` or `range=1500-*`.
fn parse_range(options: &str) -> Option<(usize, Option<usize>)> {
    options.split(';').find_map(|option| {
        let (name, range) = option.split_once('=')?;
        name.eq_ignore_ascii_case("range").then_some(())?;
        let (from, to) = range.split_once('-')?;
        let from: usize = from.parse().ok()?;
        let to = if to == "*" {
            None
        } else {
            Some(
                to.parse()
                    .ok()
                    .filter(|&to: &usize| to >= from && to < usize::MAX)?,
            )
        };
        Some((from, to))
    })
}

impl Cursors {
    fn begin(&mut self, found: Vec<Hit>, references: bool, fingerprint: u64) -> Cursor {
        self.next += 1;
        Cursor {
            number: self.next,
            fingerprint,
            found,
            at: 0,
            references,
            cut: false,
        }
    }

    fn take(&mut self, cookie: &[u8], fingerprint: u64) -> Option<Cursor> {
        let at = self
            .open
            .iter()
            .position(|cursor| cursor.cookie() == cookie && cursor.fingerprint == fingerprint)?;
        self.open.remove(at)
    }

    /// Keeps a search for its next page; the oldest beyond `most` is forgotten.
    fn keep(&mut self, cursor: Cursor, most: usize) {
        self.open.push_back(cursor);
        while self.open.len() > most {
            self.open.pop_front();
        }
    }
}

impl Cursor {
    fn cookie(&self) -> Vec<u8> {
        let mut cookie = self.number.to_be_bytes().to_vec();
        cookie.extend_from_slice(&(self.at as u64).to_be_bytes());
        cookie
    }
}

#[cfg(test)]
mod tests {
    use super::parse_range;

    #[test]
    fn ranges_are_read() {
        assert_eq!(parse_range("range=0-1499"), Some((0, Some(1499))));
        assert_eq!(parse_range("Range=1500-*"), Some((1500, None)));
        assert_eq!(parse_range("binary;range=3-3"), Some((3, Some(3))));
        assert_eq!(parse_range("range=5-2"), None);
        assert_eq!(parse_range("range=x-*"), None);
        assert_eq!(parse_range(""), None);
    }
}
