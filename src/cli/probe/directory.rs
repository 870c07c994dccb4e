//! `halosync probe directory`.

use std::collections::{BTreeMap, HashMap};

use super::super::context::Context;
use super::super::exit::Exit;
use super::super::failure::Failure;
use super::super::project::{self, Project};
use super::super::resolve::{Access, Resolver};
use super::args::ProbeDirectory;
use crate::config::{Document, kinds};
use crate::connector::ConnectorError;
use crate::connector::ldap::probe::{Definition, LdapProbe, Seen, time};
use crate::inventory::report::{
    AnchorFact, BindFacts, DIRECTORY_FORMAT, DirectoryReport, ExchangeFacts, FieldReport,
    SchemaFact, ScopeFact, ServerFacts, TlsFacts, WriteFacts,
};
use crate::inventory::{Inventory, findings};
use crate::model::{Dn, Name, Syntax};
use crate::render;

/// Attributes by which Exchange's extension of the schema is told.
const EXCHANGE: &[&str] = &[
    "extensionAttribute1",
    "mailNickname",
    "msExchHideFromAddressLists",
    "msExchMailboxGuid",
    "msExchRecipientTypeDetails",
    "msExchRemoteRecipientType",
    "targetAddress",
];
/// Written by every apply, whatever the mapping says.
const ALWAYS_WRITTEN: &[&str] = &["pwdLastSet", "userAccountControl"];
/// `searchFlags` ([MS-ADTS] 2.2.9).
const INDEXED: i64 = 0x1;
const CONFIDENTIAL: i64 = 0x80;
/// `sDRightsEffective`: the discretionary list may be changed.
const CHANGES_PERMISSIONS: i64 = 0x4;

/// Runs the command.
pub(super) async fn run(context: &Context, verb: &ProbeDirectory) -> Result<Exit, Failure> {
    let common = &verb.common;
    super::check_out(
        common,
        DIRECTORY_FORMAT,
        &format!("Directory {} at", common.name),
    )?;
    let project = project::load_begun(context, &common.project)?;
    super::check_out_of(common, &project)?;
    let directory = project
        .config
        .directories
        .get(&Name::new(&common.name))
        .ok_or_else(|| {
            super::unknown(
                "ActiveDirectory",
                &common.name,
                project.config.directories.keys(),
            )
        })?;
    super::warn_of_values(context, common);
    let (report, standing) = probe(context, &project, directory, verb).await?;
    let text = match standing {
        Some(standing) => {
            super::note_warnings(context, &report.findings);
            context.printer.note(&format!(
                "the document takes the place of the one in {}",
                directory.positions.file
            ));
            render::directory_scaffold(&render::DirectoryScaffold {
                report: &report,
                spec: &directory.spec,
                description: directory.description.as_deref(),
                users: &standing.users,
                groups: &standing.groups,
                schemas: &super::schemas(context, &project.root, common.out.as_deref()),
            })
        }
        None => super::written(common.format, &report, || {
            render::probe_directory_text(&report, &super::super::show::text_options(context, false))
        })?,
    };
    super::deliver(context, common.out.as_deref(), &text)?;
    Ok(Exit::Success)
}

/// Where in the whole domain users and groups stand: the place and how many, most first.
struct Standing {
    users: Vec<(String, u64)>,
    groups: Vec<(String, u64)>,
}

/// Counts users and groups by the place they stand in, without those that are privileged or built in.
async fn standing(ldap: &LdapProbe) -> Result<Standing, ConnectorError> {
    /// Places no scaffold should name.
    const BUILT_IN: &[&str] = &["cn=builtin,", "cn=system,", "cn=users,"];
    let mut users: BTreeMap<String, u64> = BTreeMap::new();
    let mut groups: BTreeMap<String, u64> = BTreeMap::new();
    let base = ldap.identity().naming_context.clone();
    ldap.walk(&base, &[], |dn, object| {
        let Some(place) = Dn::parse(dn).ok().and_then(|dn| dn.parent()) else {
            return;
        };
        let place = place.as_str().to_owned();
        let lower = place.to_lowercase();
        if BUILT_IN
            .iter()
            .any(|built_in| lower.starts_with(built_in) || lower.contains(&format!(",{built_in}")))
        {
            return;
        }
        match object {
            Seen::User {
                privileged: false, ..
            } => *users.entry(place).or_default() += 1,
            Seen::Group => *groups.entry(place).or_default() += 1,
            Seen::User { .. } | Seen::Unit => {}
        }
    })
    .await?;
    let most_first = |places: BTreeMap<String, u64>| {
        let mut places: Vec<(String, u64)> = places.into_iter().collect();
        places.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        places
    };
    Ok(Standing {
        users: most_first(users),
        groups: most_first(groups),
    })
}

async fn probe(
    context: &Context,
    project: &Project,
    directory: &Document<kinds::ActiveDirectory>,
    verb: &ProbeDirectory,
) -> Result<(DirectoryReport, Option<Standing>), Failure> {
    let mut resolver = Resolver::new(&context.environment, &project.root);
    let read = resolver.directory(directory, Access::Read);
    let write = verb
        .write_bind
        .then(|| resolver.directory(directory, Access::Write));
    resolver.finish()?;
    let unusable = || Failure::shown(Exit::InvalidConfiguration);
    let read = read.ok_or_else(unusable)?;
    let write = match write {
        Some(settings) => Some(settings.ok_or_else(unusable)?),
        None => None,
    };

    let ldap = LdapProbe::connect(read).await?;
    context.printer.note(&format!(
        "connected to {}",
        ldap.identity().domain_controller
    ));
    let probed_at = context.now();
    let root = ldap.root().await?;
    let configuration = root
        .get("configurationNamingContext")
        .cloned()
        .unwrap_or_default();
    let uses = uses(project, &directory.name);
    let anchors = anchors(project, &directory.name);
    let tls = tls(&ldap, probed_at).await;
    let bind = bind(&ldap).await;
    let mut not_visible = Vec::new();
    if !ldap.sees_deleted().await {
        not_visible.push("deleted objects".to_owned());
    }
    let exchange: Vec<String> = EXCHANGE.iter().map(|name| (*name).to_owned()).collect();
    let known = ldap.definitions(&exchange).await?;
    let (present, missing): (Vec<String>, Vec<String>) = exchange.into_iter().partition(|name| {
        known
            .iter()
            .any(|found| found.def.name.eq_ignore_ascii_case(name))
    });
    let names: Vec<String> = uses.keys().cloned().collect();
    let definitions = ldap.definitions(&names).await?;

    let places = places(&directory.spec);
    let counted = count(&ldap, &directory.spec, &places, &anchors).await?;
    let most = if verb.all { u64::MAX } else { verb.sample };
    let (sampled, mut fields, examples) =
        sample(&ldap, &directory.spec, most, verb.common.show_values).await?;
    for field in &mut fields {
        field.used_by = uses
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(&field.path))
            .map(|(_, by)| by.clone())
            .unwrap_or_default();
    }
    let write_bind = match write {
        Some(settings) => {
            let ldap = LdapProbe::connect(settings).await?;
            Some(rights(&ldap, &directory.spec, &names, &examples).await?)
        }
        None => None,
    };
    let mut report = DirectoryReport {
        format: DIRECTORY_FORMAT.to_owned(),
        directory: directory.name.clone(),
        probed_at,
        values_shown: verb.common.show_values,
        server: server(&ldap, &root, context.now()),
        tls,
        bind,
        recycle_bin: ldap.recycle_bin(&configuration).await,
        exchange: ExchangeFacts { present, missing },
        schema: schema(&uses, &definitions),
        scope: counted.0,
        anchors: counted.1,
        sampled,
        fields,
        not_visible,
        write_bind,
        findings: Vec::new(),
    };
    report.findings = findings::of_directory(&report);
    let standing = match verb.common.scaffold {
        Some(_) => Some(standing(&ldap).await?),
        None => None,
    };
    Ok((report, standing))
}

/// Attributes used on this directory, and by which mappings, templates and lifecycles.
fn uses(project: &Project, directory: &Name) -> BTreeMap<String, Vec<String>> {
    let config = &project.config;
    let mut uses: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut note = |by: &Name, names: &mut dyn Iterator<Item = &String>| {
        for name in names {
            let known = uses.entry(name.clone()).or_default();
            if !known.iter().any(|other| other == by.as_str()) {
                known.push(by.to_string());
            }
        }
    };
    let ours = |target: &str| target == directory.as_str();
    for mapping in config.mappings.values() {
        if ours(&mapping.spec.target) {
            let matching = &mapping.spec.matching;
            let adopt = matching.adopt.iter().map(|adoption| &adoption.attribute);
            let attributes = mapping.spec.attributes.keys();
            let anchor = [&matching.anchor.attribute];
            note(&mapping.name, &mut attributes.chain(anchor).chain(adopt));
        }
    }
    for template in config.templates.values() {
        let mapping = config.mappings.get(&Name::new(&template.spec.mapping));
        if mapping.is_some_and(|mapping| ours(&mapping.spec.target)) {
            note(&template.name, &mut template.spec.attributes.keys());
        }
    }
    for lifecycle in config.lifecycles.values() {
        if ours(&lifecycle.spec.target) {
            let states = lifecycle.spec.states.iter();
            let mut attributes = states.flat_map(kinds::State::attribute_names);
            note(&lifecycle.name, &mut attributes);
        }
    }
    uses
}

/// Mappings on this directory and their anchor attributes.
fn anchors(project: &Project, directory: &Name) -> Vec<(String, String)> {
    project
        .config
        .mappings
        .values()
        .filter(|mapping| mapping.spec.target == directory.as_str())
        .map(|mapping| {
            (
                mapping.name.to_string(),
                mapping.spec.matching.anchor.attribute.clone(),
            )
        })
        .collect()
}

/// Places of the managed scope, each once.
fn places(spec: &kinds::ActiveDirectory) -> Vec<Dn> {
    let mut places: Vec<Dn> = Vec::new();
    for text in spec.managed.under.iter().chain(&spec.managed.groups_under) {
        if let Ok(dn) = Dn::parse(text)
            && !places.iter().any(|known| known.key() == dn.key())
        {
            places.push(dn);
        }
    }
    places
}

/// Places users are managed under, without those that lie within another.
fn outermost(spec: &kinds::ActiveDirectory) -> Vec<Dn> {
    let all: Vec<Dn> = spec
        .managed
        .under
        .iter()
        .filter_map(|text| Dn::parse(text).ok())
        .collect();
    let mut outer: Vec<Dn> = Vec::new();
    for (index, place) in all.iter().enumerate() {
        let within = all.iter().enumerate().any(|(other, above)| {
            place.key().is_at_or_under(&above.key())
                && (place.key() != above.key() || other < index)
                && other != index
        });
        if !within {
            outer.push(place.clone());
        }
    }
    outer
}

/// One pass over each place: what stands there, and which anchors are filled.
async fn count(
    ldap: &LdapProbe,
    spec: &kinds::ActiveDirectory,
    places: &[Dn],
    anchors: &[(String, String)],
) -> Result<(Vec<ScopeFact>, Vec<AnchorFact>), ConnectorError> {
    let asked: Vec<String> = anchors
        .iter()
        .map(|(_, attribute)| attribute.clone())
        .collect();
    let outer = outermost(spec);
    let mut seen: Vec<HashMap<Box<[u8]>, u32>> = vec![HashMap::new(); anchors.len()];
    let mut users = 0;
    let mut filled = vec![0_u64; anchors.len()];
    let mut facts = Vec::with_capacity(places.len());
    for place in places {
        let managed = outer.iter().any(|other| other.key() == place.key());
        let mut fact = ScopeFact {
            under: place.as_str().to_owned(),
            visible: false,
            enabled: 0,
            disabled: 0,
            state_hidden: 0,
            privileged: 0,
            groups: 0,
            units: 0,
        };
        let visible = ldap
            .walk(place, &asked, |_, object| match object {
                Seen::Group => fact.groups += 1,
                Seen::Unit => fact.units += 1,
                Seen::User {
                    enabled,
                    privileged,
                    values,
                } => {
                    match enabled {
                        Some(true) => fact.enabled += 1,
                        Some(false) => fact.disabled += 1,
                        None => fact.state_hidden += 1,
                    }
                    fact.privileged += u64::from(privileged);
                    if managed {
                        users += 1;
                        for (at, value) in values.into_iter().enumerate() {
                            if let Some(value) = value.filter(|value| !value.is_empty()) {
                                filled[at] += 1;
                                *seen[at]
                                    .entry(value.to_ascii_lowercase().into())
                                    .or_default() += 1;
                            }
                        }
                    }
                }
            })
            .await?;
        fact.visible = visible;
        facts.push(fact);
    }
    let anchors = anchors
        .iter()
        .zip(&seen)
        .zip(&filled)
        .map(|(((mapping, attribute), seen), filled)| AnchorFact {
            mapping: mapping.clone(),
            attribute: attribute.clone(),
            users,
            filled: *filled,
            shared_values: seen.values().filter(|count| **count > 1).count() as u64,
        })
        .collect();
    Ok((facts, anchors))
}

/// Attributes of managed users; also one user of each place, whose rights can be looked at.
async fn sample(
    ldap: &LdapProbe,
    spec: &kinds::ActiveDirectory,
    most: u64,
    keep_values: bool,
) -> Result<(u64, Vec<FieldReport>, Vec<String>), ConnectorError> {
    let mut inventory = Inventory::new("", keep_values);
    let mut examples = Vec::new();
    for place in outermost(spec) {
        let left = most.saturating_sub(inventory.rows());
        if left == 0 {
            break;
        }
        let mut first = None;
        ldap.sample(&place, left, |dn, attributes| {
            first.get_or_insert_with(|| dn.to_owned());
            if inventory.rows() < most {
                inventory.push_entry(attributes);
            }
        })
        .await?;
        examples.extend(first);
    }
    let rows = inventory.rows();
    let (mut fields, _) = inventory.finish();
    fields.sort_by_key(|field| field.path.to_ascii_lowercase());
    Ok((rows, fields, examples))
}

fn server(ldap: &LdapProbe, root: &BTreeMap<String, String>, now: jiff::Timestamp) -> ServerFacts {
    let identity = ldap.identity();
    let level = |name: &str| root.get(name).map(|number| level(number));
    ServerFacts {
        host: identity.domain_controller.clone(),
        url: ldap.url(),
        naming_context: identity.naming_context.as_str().to_owned(),
        domain_sid: identity.domain_sid.clone(),
        domain_guid: identity.domain_guid.to_string(),
        vendor: root.get("vendorName").cloned(),
        domain_level: level("domainFunctionality"),
        forest_level: level("forestFunctionality"),
        controller_level: level("domainControllerFunctionality"),
        global_catalog: root.get("isGlobalCatalogReady").map(String::as_str) == Some("TRUE"),
        clock_offset_seconds: root
            .get("currentTime")
            .and_then(|text| time(text))
            .map(|theirs| theirs.as_second() - now.as_second()),
    }
}

/// [MS-ADTS] 6.1.4.2: the version behind a functional level.
fn level(number: &str) -> String {
    match number {
        "0" => "2000",
        "1" => "2003 interim",
        "2" => "2003",
        "3" => "2008",
        "4" => "2008 R2",
        "5" => "2012",
        "6" => "2012 R2",
        "7" => "2016",
        "10" => "2025",
        other => return format!("level {other}"),
    }
    .to_owned()
}

async fn tls(ldap: &LdapProbe, now: jiff::Timestamp) -> TlsFacts {
    let protection = ldap.protection().await;
    TlsFacts {
        version: protection.version.map(str::to_owned),
        certificate_until: protection.certificate_until,
        certificate_days: protection
            .certificate_until
            .map(|until| (until.as_second() - now.as_second()).div_euclid(86_400)),
    }
}

async fn bind(ldap: &LdapProbe) -> BindFacts {
    let account = ldap.account().await;
    let groups = match &account {
        Some(account) => ldap.privileged_groups(account).await,
        None => None,
    };
    BindFacts {
        account: account.map(|account| account.as_str().to_owned()),
        groups_told: groups.is_some(),
        privileged_groups: groups.unwrap_or_default(),
    }
}

fn schema(uses: &BTreeMap<String, Vec<String>>, definitions: &[Definition]) -> Vec<SchemaFact> {
    uses.iter()
        .map(|(name, by)| {
            let known = definitions
                .iter()
                .find(|found| found.def.name.eq_ignore_ascii_case(name));
            SchemaFact {
                attribute: known.map_or_else(|| name.clone(), |found| found.def.name.clone()),
                used_by: by.clone(),
                exists: known.is_some(),
                syntax: known.map(|found| syntax(found.def.syntax).to_owned()),
                range_upper: known.and_then(|found| found.def.range_upper),
                single_valued: known.is_some_and(|found| found.def.single_valued),
                indexed: known.is_some_and(|found| found.search_flags & INDEXED != 0),
                confidential: known.is_some_and(|found| found.search_flags & CONFIDENTIAL != 0),
                in_global_catalog: known.is_some_and(|found| found.in_global_catalog),
                read_only: known.is_some_and(|found| found.def.read_only),
            }
        })
        .collect()
}

fn syntax(syntax: Syntax) -> &'static str {
    match syntax {
        Syntax::Text => "text",
        Syntax::CaseExactText => "text, case matters",
        Syntax::Dn => "DN",
        Syntax::Boolean => "flag",
        Syntax::Integer => "number",
        Syntax::LargeInteger => "large number",
        Syntax::Time => "time",
        Syntax::Octets => "octets",
        Syntax::Other => "other",
    }
}

/// What the writing account may do in the managed scope.
async fn rights(
    ldap: &LdapProbe,
    spec: &kinds::ActiveDirectory,
    mapped: &[String],
    examples: &[String],
) -> Result<WriteFacts, ConnectorError> {
    let mut facts = WriteFacts {
        account: ldap.account().await.map(|dn| dn.as_str().to_owned()),
        not_told: true,
        ..WriteFacts::default()
    };
    for place in outermost(spec) {
        let Some(effective) = ldap.effective(place.as_str()).await? else {
            continue;
        };
        facts.not_told &= effective.security.is_none()
            && effective.attributes.is_empty()
            && effective.child_classes.is_empty();
        let creates = effective
            .child_classes
            .iter()
            .any(|class| class.eq_ignore_ascii_case("user"));
        let list = if creates {
            &mut facts.creates_users
        } else {
            &mut facts.creates_no_users
        };
        list.push(place.as_str().to_owned());
    }
    let mut needed: Vec<String> = ALWAYS_WRITTEN
        .iter()
        .map(|name| (*name).to_owned())
        .chain(mapped.iter().cloned())
        // Changed by renaming, which asks for other rights.
        .filter(|name| !name.eq_ignore_ascii_case("cn"))
        .collect();
    needed.sort_by_key(|name| name.to_ascii_lowercase());
    needed.dedup_by(|a, b| a.eq_ignore_ascii_case(b));
    for user in examples {
        let Some(effective) = ldap.effective(user).await? else {
            continue;
        };
        facts.looked_at += 1;
        facts.changes_permissions |= effective
            .security
            .is_some_and(|rights| rights & CHANGES_PERMISSIONS != 0);
        for name in &needed {
            let may = effective
                .attributes
                .iter()
                .any(|allowed| allowed.eq_ignore_ascii_case(name));
            if !may && !facts.not_writable.contains(name) {
                facts.not_writable.push(name.clone());
            }
        }
    }
    if facts.not_told {
        facts.creates_no_users.clear();
        facts.not_writable.clear();
    }
    facts.not_writable.sort();
    Ok(facts)
}
