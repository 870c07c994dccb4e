//! What a mapping says about names beside its single rules: where one must be the only one, what follows when a
//! person's name changes, and the rules it adds where nobody wrote them.
//!
//! Knows rules, no values. Keeps that every account has a `cn`, and that no former address is lost where the mapping
//! says that they are kept.

use super::addresses::{ADDRESSES, is_address};
use super::names::{Flavour, NameRule, Reach};
use super::schema::{attribute, escape_pointer, format_pointer};
use super::{AttributeRule, Mapping, Origin, RuleKind};
use crate::config::{Document, Positions, kinds};
use crate::lifecycle::{Compiler, NotCompiled};
use crate::model::{AttributeDef, DirectoryHeader, Name};

/// What a mapping says about names, beside single rules.
pub(super) struct Naming<'a> {
    pub(super) header: &'a DirectoryHeader,
    pub(super) rename: Option<&'a kinds::RenamePolicy>,
}

impl Naming<'_> {
    /// Where a name of this kind must be the only one.
    pub(super) fn reach(
        &self,
        flavour: Flavour,
        def: &AttributeDef,
        unique: Option<&kinds::UniqueSpec>,
        positions: &Positions,
        pointer: &str,
    ) -> Result<Reach, NotCompiled> {
        let mut reach = Reach {
            forest: !matches!(flavour, Flavour::Sam | Flavour::Cn)
                && unique.and_then(|unique| unique.within) != Some(kinds::Within::Domain),
            never_reuse: unique
                .and_then(|unique| unique.never_reuse.as_deref())
                .map(Name::new),
            ..Reach::default()
        };
        for name in unique.iter().flat_map(|unique| &unique.also_in) {
            if is_address(name) && is_address(&def.name) {
                continue;
            }
            // An attribute the directory does not have holds no name.
            if let Some((id, def)) = attribute(self.header, name, positions, pointer)? {
                reach.also_in.push((id, def));
            }
        }
        if is_address(&def.name) {
            for name in ADDRESSES {
                // A recorded read may come from before principal names were compared with addresses.
                let found = match flavour {
                    Flavour::Address => attribute(self.header, name, positions, pointer)?,
                    _ => self
                        .header
                        .attribute(name)
                        .map(|id| (id, self.header.definition(id).clone())),
                };
                reach.addresses.extend(found);
            }
        }
        if reach.forest {
            let unproven = |name: &str| {
                let missing = &self.header.not_in_catalog;
                missing
                    .iter()
                    .any(|missing| missing.eq_ignore_ascii_case(name))
            };
            let declared = std::iter::once(def).chain(reach.also_in.iter().map(|(_, def)| def));
            reach.holds = unique.and_then(|unique| unique.within) == Some(kinds::Within::Forest)
                && declared.clone().any(|def| unproven(&def.name));
            let compared = declared.chain(reach.addresses.iter().map(|(_, def)| def));
            let mut names: Vec<String> = compared
                .map(|def| def.name.clone())
                .filter(|name| unproven(name))
                .collect();
            names.sort_unstable();
            names.dedup();
            reach.unproven = names;
        }
        Ok(reach)
    }

    /// Makes a rule follow or keep, as the mapping says of its attribute.
    pub(super) fn on_rename(&self, rule: &mut AttributeRule) {
        let Some(rename) = self.rename else { return };
        match rename
            .of(&rule.name)
            .filter(|_| rule.origin == Origin::Mapping)
        {
            Some(kinds::OnRename::Follow) => rule.when = kinds::When::Always,
            Some(kinds::OnRename::Keep) => rule.when = kinds::When::OnCreate,
            None => {}
        }
        rule.keeps = rename.keep_old_address && rule.name.eq_ignore_ascii_case("proxyAddresses");
    }

    /// The rule that keeps former addresses where no other speaks of `proxyAddresses`.
    pub(super) fn addresses(
        &self,
        document: &Document<kinds::Mapping>,
        mapping: &Mapping,
        compiler: &mut Compiler<'_>,
    ) -> Result<Option<AttributeRule>, NotCompiled> {
        let has = |name: &str| {
            mapping
                .base
                .iter()
                .any(|at| mapping.rule(*at).name.eq_ignore_ascii_case(name))
        };
        let wanted = self.rename.is_some_and(|rename| {
            rename.keep_old_address && rename.mail == kinds::OnRename::Follow
        }) && has("mail")
            && !has("proxyAddresses");
        if !wanted {
            return Ok(None);
        }
        let pointer = "/spec/rename";
        let positions = &document.positions;
        let Some((id, def)) = attribute(self.header, "proxyAddresses", positions, pointer)? else {
            return Ok(None);
        };
        Ok(Some(AttributeRule {
            name: def.name.clone(),
            id,
            def,
            kind: RuleKind::Values(Vec::new()),
            when: kinds::When::Always,
            empty: kinds::Empty::Leave,
            condition: None,
            rule: compiler.rule(positions, pointer, "keepOldAddress"),
            blind: None,
            fields: Vec::new(),
            origin: Origin::Mapping,
            location: positions.value(pointer),
            class: u32::MAX,
            too_long: kinds::TooLong::Hold,
            drift: kinds::DriftPolicy::Revert,
            keeps: true,
            speaks_of: Vec::new(),
            rank: 0,
        }))
    }
}

/// Where no rule gives `cn`, new accounts take their display name, as the administration tools do, else their logon
/// name; existing ones keep theirs.
pub(super) fn default_cn(
    document: &Document<kinds::Mapping>,
    header: &DirectoryHeader,
    attributes: &mut Vec<AttributeRule>,
    base: &[u32],
    compiler: &mut Compiler<'_>,
) -> Result<Option<u32>, NotCompiled> {
    let named = |wanted: &str| {
        base.iter().find(|index| {
            attributes[**index as usize]
                .name
                .eq_ignore_ascii_case(wanted)
        })
    };
    if named("cn").is_some() {
        return Ok(None);
    }
    let spec = &document.spec.attributes;
    let find = |wanted: &str| {
        spec.iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
    };
    let mut formats: Vec<(String, String)> = Vec::new();
    if let Some((name, rule)) = find("displayName") {
        let pointer = format!("/spec/attributes/{}", escape_pointer(name));
        match rule {
            kinds::AttributeSpec::Template(text) => formats.push((pointer, text.clone())),
            kinds::AttributeSpec::Rule(rule) => {
                formats.extend(
                    rule.value
                        .clone()
                        .map(|text| (format!("{pointer}/value"), text)),
                );
            }
        }
    }
    if let Some((name, rule)) = find("sAMAccountName") {
        let pointer = format!("/spec/attributes/{}", escape_pointer(name));
        match rule {
            kinds::AttributeSpec::Template(text) => formats.push((pointer, text.clone())),
            kinds::AttributeSpec::Rule(rule) => {
                formats.extend(
                    rule.value
                        .clone()
                        .map(|text| (format!("{pointer}/value"), text)),
                );
                for (at, text) in rule
                    .unique
                    .iter()
                    .flat_map(|unique| &unique.formats)
                    .enumerate()
                {
                    let at = format_pointer(&document.positions, &format!("{pointer}/unique"), at);
                    formats.push((at, text.clone()));
                }
            }
        }
    }
    let Some((pointer, text)) = formats.into_iter().next() else {
        return Ok(None);
    };
    let Some((id, def)) = attribute(header, "cn", &document.positions, &pointer)? else {
        return Ok(None);
    };
    let formula = compiler.formula(&document.positions, &pointer, &text)?;
    let (rule, blind) = (formula.rule, formula.blind.clone());
    let fields = formula.template.fields_used().to_vec();
    let names = NameRule::new(vec![formula], true, None, Flavour::Cn, &def);
    attributes.push(AttributeRule {
        name: def.name.clone(),
        id,
        def,
        kind: RuleKind::Name(names),
        when: kinds::When::OnCreate,
        empty: kinds::Empty::Hold,
        condition: None,
        rule,
        blind,
        fields,
        origin: Origin::Mapping,
        location: document.positions.value(&pointer),
        class: u32::MAX,
        too_long: kinds::TooLong::Hold,
        drift: kinds::DriftPolicy::Revert,
        keeps: false,
        speaks_of: Vec::new(),
        rank: 0,
    });
    Ok(u32::try_from(attributes.len() - 1).ok())
}

/// True for attributes people sign in or are addressed with.
pub fn is_logon_name(attribute: &str) -> bool {
    [
        "sAMAccountName",
        "userPrincipalName",
        "mail",
        "proxyAddresses",
    ]
    .iter()
    .any(|name| attribute.eq_ignore_ascii_case(name))
}
