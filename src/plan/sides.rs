//! What one source is to one target: its states, mappings, groups, links and exceptions, compiled.
//!
//! Knows nothing of people's accounts. Keeps that nothing is planned for a source without exactly one lifecycle.

use std::collections::{BTreeMap, BTreeSet};

use super::build::{Moment, PlanError, PlanInput};
use super::exceptions::Exceptions;
use super::links::Links;
use super::people::Side;
use super::quality::Judged;
use super::records::Records;
use super::wishes::GroupRule;
use crate::config::{Document, kinds};
use crate::lifecycle::{Compiler, Lifecycle, RuleBook};
use crate::mapping::Mapping;
use crate::model::{DirectorySnapshot, Name};

/// What is known of the people of each source, whatever the target.
#[derive(Clone, Copy)]
pub(super) struct Judgements<'a> {
    pub(super) quality: &'a BTreeMap<Name, Judged>,
    pub(super) records: &'a BTreeMap<Name, Records>,
}

pub(super) struct Compiling<'c, 'a> {
    pub(super) input: &'c PlanInput<'a>,
    pub(super) tables: &'c BTreeSet<Name>,
    pub(super) book: &'c mut RuleBook,
    pub(super) judged: Judgements<'a>,
    pub(super) moment: &'a Moment,
}

impl<'a> Compiling<'_, 'a> {
    pub(super) fn side(
        &mut self,
        name: &str,
        number: u16,
        directory: &Document<kinds::ActiveDirectory>,
        snapshot: &DirectorySnapshot,
        mappings: &[&Document<kinds::Mapping>],
    ) -> Result<(Side<'a>, Vec<GroupRule>), PlanError> {
        let config = self.input.config;
        let source = config
            .sources
            .get(name)
            .ok_or_else(|| PlanError::NoSource {
                source_name: name.to_owned(),
            })?;
        let people = self
            .input
            .people
            .get(name)
            .ok_or_else(|| PlanError::NoPeople {
                source_name: source.name.clone(),
            })?;
        let states: Vec<_> = config
            .lifecycles
            .values()
            .filter(|doc| doc.spec.source == name && doc.spec.target == directory.name.as_str())
            .collect();
        let [states] = states.as_slice() else {
            return Err(PlanError::Lifecycle {
                source_name: source.name.clone(),
                target: directory.name.clone(),
                count: states.len(),
            });
        };
        let mut compiler = Compiler::new(&people.header, self.tables, self.book);
        let lifecycle = Lifecycle::compile(states, &mut compiler)?;
        let templates: Vec<_> = config.templates.values().collect();
        let mut compiled = Vec::new();
        for mapping in mappings.iter().filter(|doc| doc.spec.source == name) {
            let mut mapping = Mapping::compile(
                mapping,
                &templates,
                &lifecycle,
                states,
                &snapshot.header,
                &mut compiler,
            )?;
            mapping.keep_stamps(directory, &lifecycle, &snapshot.header, &mut compiler)?;
            compiled.push(mapping);
        }
        let mut rules = Vec::new();
        for groups in config
            .groups
            .values()
            .filter(|doc| doc.spec.source == name && doc.spec.target == directory.name.as_str())
        {
            rules.extend(GroupRule::compile(groups, number, &mut compiler)?);
        }
        let quality = self.judged.quality.get(name);
        let records = self.judged.records.get(name);
        let mut side = Side::new(
            source,
            people,
            lifecycle,
            compiled,
            self.moment,
            quality,
            records,
        );
        let of_pair = |of_source: &str, of_target: &str| {
            of_source == name && of_target == directory.name.as_str()
        };
        let links = config.links.values();
        side.links = Links::compile(
            links.filter(|doc| of_pair(&doc.spec.source, &doc.spec.target)),
            people,
            records,
            &mut compiler,
        );
        let exceptions = config.exceptions.values();
        side.exceptions = Exceptions::compile(
            exceptions.filter(|doc| of_pair(&doc.spec.source, &doc.spec.target)),
            people,
            records,
            &snapshot.header,
            self.moment.as_of.date(),
            &mut compiler,
        )?;
        Ok((side, rules))
    }
}
