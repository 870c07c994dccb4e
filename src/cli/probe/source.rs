//! `halosync probe source`.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde_json::Value;

use super::super::context::Context;
use super::super::exit::Exit;
use super::super::failure::Failure;
use super::super::project::{self, Project};
use super::super::resolve::Resolver;
use super::args::{ProbeSource, Scaffold};
use crate::config::{Document, kinds};
use crate::connector::rest;
use crate::connector::rest::probe::{Look, RestProbe, Walk, limits_told, server_time};
use crate::inventory::findings::{self, Beside, Importer};
use crate::inventory::report::{
    Authorisation, Cost, Limits, ListReport, SOURCE_FORMAT, ScopeTold, SourceReport, SystemFacts,
};
use crate::inventory::suggest;
use crate::inventory::usage::{self, Usage};
use crate::inventory::{Inventory, report};
use crate::model::Name;
use crate::render;

/// People whose detail is looked at: enough to see which members it has.
const DETAILS: usize = 3;
/// People whose rows are kept for a while, to ask other endpoints for the first few who need them.
const SOME: usize = 20;
/// Name of the list of details in reports.
const DETAIL: &str = "detail";
/// The scope reading people needs.
const ENOUGH: &str = "read:customers";

/// Runs the command.
pub(super) async fn run(context: &Context, verb: &ProbeSource) -> Result<Exit, Failure> {
    let common = &verb.common;
    super::check_out(common, SOURCE_FORMAT, &format!("Source {} at", common.name))?;
    let project = project::load_begun(context, &common.project)?;
    super::check_out_of(common, &project)?;
    let source = project
        .config
        .sources
        .get(&Name::new(&common.name))
        .ok_or_else(|| super::unknown("Source", &common.name, project.config.sources.keys()))?;
    super::warn_of_values(context, common);
    let (report, failed) = probe(context, &project, source, verb).await?;
    let people = &report.lists[..report.lists.len().min(1)];
    let empty = people.iter().all(|list| list.rows == 0);
    let unasked = people.iter().all(|list| list.pages == 0);
    if let Some(Scaffold::Mapping) = common.scaffold {
        super::note_warnings(context, &report.findings);
        if let Some(failed) = failed.filter(|_| empty) {
            return Err(failed);
        }
        if unasked {
            return Err(Failure::new(
                Exit::Usage,
                "the requests allowed were spent before anybody was looked at",
            )
            .help("allow more with --max-requests"));
        }
        if empty {
            return Err(Failure::new(
                Exit::Unavailable,
                format!(
                    "{} shows nobody, and nothing can be made of that",
                    source.name
                ),
            )
            .help("run the probe without --scaffold to see why that may be"));
        }
        let text = scaffold(context, &project, source, &report, verb)?;
        super::deliver(context, common.out.as_deref(), &text)?;
        return Ok(Exit::Success);
    }
    let text = super::written(common.format, &report, || {
        render::probe_source_text(&report, &super::super::show::text_options(context, false))
    })?;
    super::deliver(context, common.out.as_deref(), &text)?;
    if let Some(failed) = failed {
        return Err(failed);
    }
    Ok(if empty && !unasked {
        Exit::Unavailable
    } else {
        Exit::Success
    })
}

/// The Source with fields, a mapping, and a lifecycle where there is none.
fn scaffold(
    context: &Context,
    project: &Project,
    source: &Document<kinds::Source>,
    report: &SourceReport,
    verb: &ProbeSource,
) -> Result<String, Failure> {
    let config = &project.config;
    let target =
        match &verb.target {
            Some(name) => Some(config.directories.get(&Name::new(name)).ok_or_else(|| {
                super::unknown("ActiveDirectory", name, config.directories.keys())
            })?),
            None => config.directories.values().next(),
        };
    let name = source.name.as_str();
    let is_pair = |from: &str, to: &str| {
        from == name && target.is_some_and(|target| to == target.name.as_str())
    };
    let replaced = config
        .mappings
        .values()
        .find(|mapping| is_pair(&mapping.spec.source, &mapping.spec.target));
    let lifecycle = !config
        .lifecycles
        .values()
        .any(|lifecycle| is_pair(&lifecycle.spec.source, &lifecycle.spec.target));
    let mapping = match (replaced, target) {
        (Some(replaced), _) => replaced.name.to_string(),
        (None, Some(target)) if config.mappings.contains_key(&source.name) => {
            format!("{name}-{}", target.name)
        }
        (None, _) => name.to_owned(),
    };
    let suggestion = match report.lists.first() {
        Some(list) => suggest::suggest(list, &source.spec, &usage::usage(&source.spec)),
        None => return Err(Failure::new(Exit::Unexpected, "no list was read")),
    };
    context.printer.note(&format!(
        "the Source takes the place of the one in {}",
        source.positions.file
    ));
    if let Some(replaced) = replaced {
        context.printer.note(&format!(
            "the Mapping takes the place of the one in {}",
            replaced.positions.file
        ));
    }
    Ok(render::source_scaffold(&render::SourceScaffold {
        report,
        spec: &source.spec,
        description: source.description.as_deref(),
        suggestion: &suggestion,
        target: target.map(|target| (target.name.as_str(), &target.spec)),
        mapping: &mapping,
        lifecycle,
        schemas: &super::schemas(context, &project.root, verb.common.out.as_deref()),
    }))
}

/// Everything that is asked of the source, in the order in which failing helps most; and the first endpoint's failure,
/// which hides no other endpoint.
async fn probe(
    context: &Context,
    project: &Project,
    source: &Document<kinds::Source>,
    verb: &ProbeSource,
) -> Result<(SourceReport, Option<Failure>), Failure> {
    let mut resolver = Resolver::new(&context.environment, &project.root);
    let settings = resolver.source(source, context.clock.clone());
    resolver.finish()?;
    let settings = settings.ok_or_else(|| Failure::shown(Exit::InvalidConfiguration))?;
    let spec = &source.spec;
    let halo = settings.halo;
    let people = spec.person.key.split('.').next().unwrap_or_default();
    let path = settings.endpoint.path.clone();
    let resource_server = without_query(&settings.resource_server);
    // Where the instance itself names server and tenant, there is nothing to compare.
    let authorisation_server = match &settings.authorisation {
        rest::Authorisation::OAuth(oauth) => match &oauth.server {
            rest::AuthorisationServer::Server { address, .. } => Some(without_query(address)),
            _ => None,
        },
        _ => None,
    };
    let tenant = settings.tenant.clone();
    let probed_at = context.now();
    let reader = RestProbe::new(settings, verb.max_requests.unwrap_or(u64::MAX))?;

    let mut system = SystemFacts {
        resource_server,
        tenant,
        ..SystemFacts::default()
    };
    let mut told = BTreeMap::new();
    let token = reader.authorise().await?;
    context
        .printer
        .note(&format!("authorised to {}", source.name));
    let uses = usage::usage(spec);
    let mut inventory = Inventory::new(people, verb.common.show_values);
    let mut some: Vec<Value> = Vec::new();
    let most = (!verb.all).then_some(verb.sample);
    let others = reader.others();
    let came = reader
        .rows(most, |row| {
            if some.len() < SOME {
                some.push(row.clone());
            }
            inventory.push(row);
        })
        .await;
    let mut failed = None;
    let mut people_failed = None;
    let walk = match came {
        Ok(walk) => walk,
        // Lists can be looked at without anybody.
        Err(error) if others.iter().any(|other| !other.dependent) => {
            people_failed = Some(error.to_string());
            failed = Some(Failure::from(error));
            some.clear();
            inventory = Inventory::new(people, verb.common.show_values);
            Walk::default()
        }
        Err(error) => return Err(error.into()),
    };
    context.printer.note(&format!(
        "looked at {} rows on {} pages",
        walk.rows, walk.pages
    ));
    let mut beside = Vec::new();
    let mut list_pages = 0;
    for other in &others {
        let mut inventory = Inventory::new(&other.name, verb.common.show_values);
        let came = reader
            .rows_of(&other.name, most, &some, |row| inventory.push(row))
            .await;
        let (walk, why) = match came {
            Ok(walk) => (walk, None),
            Err(error) => {
                let why = error.to_string();
                failed.get_or_insert_with(|| Failure::from(error));
                inventory = Inventory::new(&other.name, verb.common.show_values);
                (Walk::default(), Some(why))
            }
        };
        if !other.dependent {
            let pages = walk.total.filter(|_| walk.per_page > 0);
            list_pages += pages.map_or(walk.pages, |total| total.div_ceil(walk.per_page));
        }
        let mut seen = list(&other.name, &other.path, &walk, inventory, &uses);
        seen.failed = why;
        if seen.failed.is_none() && other.dependent && walk.pages == 0 && !walk.budget_spent {
            seen.stopped = Some(if some.is_empty() {
                "nobody is there to ask for".to_owned()
            } else {
                "none of the first people looked at needs it, or it waits for another endpoint's values".to_owned()
            });
        }
        beside.push(seen);
    }
    // People first: what else is asked must not spend the requests allowed.
    if halo {
        let (answer, headers) = reader.look("AuthInfo", false).await;
        told.extend(limits_told(&headers));
        system.clock_offset_seconds =
            server_time(&headers).map(|theirs| theirs.as_second() - context.now().as_second());
        if let Look::Answer(answer) = answer {
            system.tenant_told = text(&answer, "tenant_id");
            system.authorisation_server_told = text(&answer, "auth_url");
        }
    }
    if halo && let (Look::Answer(answer), headers) = reader.look("InstanceInfo", true).await {
        told.extend(limits_told(&headers));
        system.version = ["app_version", "version"]
            .iter()
            .find_map(|name| text(&answer, name));
    }
    let mut lists = vec![list(people, &path, &walk, inventory, &uses)];
    lists[0].failed = people_failed;
    let key = spec.person.key.rsplit('.').next().unwrap_or("id");
    let ids: Vec<Value> = some
        .iter()
        .filter_map(|row| row.get(key).cloned())
        .take(DETAILS)
        .collect();
    if halo {
        let detail = details(&reader, &path, &ids, verb.common.show_values).await;
        lists.extend(detail.map(|detail| without_known(detail, &lists[0])));
    }
    lists.extend(beside);
    let importers = if halo {
        (
            importer(reader.look("LDAPConnection", true).await.0),
            importer(reader.look("AzureADConnection", true).await.0),
        )
    } else {
        (Importer::None, Importer::None)
    };
    let mut report = SourceReport {
        format: SOURCE_FORMAT.to_owned(),
        source: source.name.clone(),
        probed_at,
        values_shown: verb.common.show_values,
        system,
        authorisation: authorisation(&spec.auth, halo, token),
        limits: limits(
            spec,
            told,
            &walk,
            list_pages + reader.dependent_requests(&some, walk.total.unwrap_or(walk.rows)),
        ),
        cost: cost(reader.report()),
        lists,
        findings: Vec::new(),
    };
    report.findings = findings::of_source(
        &report,
        &Beside {
            uses: &uses,
            halo,
            authorisation_server: authorisation_server.as_deref(),
            directory_importer: importers.0,
            entra_importer: importers.1,
            people,
        },
    );
    Ok((report, failed))
}

fn without_query(address: &url::Url) -> String {
    let mut address = address.clone();
    address.set_query(None);
    address.set_fragment(None);
    address.as_str().trim_end_matches('/').to_owned()
}

/// A text member of an answer, shortened.
fn text(answer: &Value, name: &str) -> Option<String> {
    let text = answer.get(name)?.as_str()?.trim();
    (!text.is_empty()).then(|| text.chars().take(200).collect())
}

fn list(
    endpoint: &str,
    path: &str,
    walk: &Walk,
    inventory: Inventory,
    uses: &[Usage],
) -> ListReport {
    let (mut fields, left_out) = inventory.finish();
    usage::mark(&mut fields, uses);
    ListReport {
        endpoint: endpoint.to_owned(),
        path: path.to_owned(),
        rows: walk.rows,
        pages: walk.pages,
        claimed_total: walk.total,
        page_size: walk.page_size,
        rows_per_page: walk.per_page,
        whole: walk.whole,
        stopped: walk
            .budget_spent
            .then(|| "the requests allowed are spent".to_owned()),
        failed: None,
        proven: walk.whole.then_some(walk.doubts.is_empty()),
        doubts: walk.doubts.clone(),
        fields,
        left_out,
    }
}

/// What a few people's details hold; `None` when none can be had.
async fn details(
    reader: &RestProbe,
    path: &str,
    ids: &[Value],
    keep_values: bool,
) -> Option<ListReport> {
    let mut inventory = Inventory::new(DETAIL, keep_values);
    let mut asked = 0;
    for id in ids {
        let Some(id) = plain_id(id) else { continue };
        let path = format!("{}/{id}?includedetails=true", path.trim_end_matches('/'));
        asked += 1;
        if let (Look::Answer(answer), _) = reader.look(&path, true).await {
            // Usually the bare object; the list's envelope was met, too.
            let row = answer
                .get("users")
                .and_then(|users| users.get(0))
                .unwrap_or(&answer);
            if row.is_object() {
                inventory.push(row);
            }
        }
    }
    let rows = inventory.rows();
    let walk = Walk {
        rows,
        pages: asked,
        page_size: 1,
        per_page: 1,
        ..Walk::default()
    };
    (rows > 0).then(|| list(DETAIL, &format!("{path}/{{id}}"), &walk, inventory, &[]))
}

/// Of a detail's members those no row of the list has: the others were described there.
fn without_known(mut detail: ListReport, list: &ListReport) -> ListReport {
    let inner = |endpoint: &str, path: &str| {
        path.strip_prefix(endpoint)
            .map_or_else(|| path.to_owned(), str::to_owned)
    };
    let known: HashSet<String> = list
        .fields
        .iter()
        .map(|field| inner(&list.endpoint, &field.path))
        .collect();
    detail
        .fields
        .retain(|field| !known.contains(&inner(DETAIL, &field.path)));
    detail
}

/// An id that can stand in a path as it is.
fn plain_id(id: &Value) -> Option<String> {
    match id {
        Value::Number(_) => crate::lang::whole(id.as_number()?).map(|id| id.to_string()),
        Value::String(id) => id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            .then(|| id.clone())
            .filter(|id| !id.is_empty()),
        _ => None,
    }
}

/// HaloITSM lists connections as a bare list, or within an envelope.
fn importer(look: Look) -> Importer {
    match look {
        Look::Answer(Value::Array(items)) => Importer::Connections(items.len()),
        Look::Answer(Value::Object(members)) => members
            .values()
            .find_map(Value::as_array)
            .map_or(Importer::NotVisible, |items| {
                Importer::Connections(items.len())
            }),
        Look::Denied => Importer::NotVisible,
        Look::Answer(_) | Look::Missing | Look::Odd(_) | Look::NotAsked => Importer::None,
    }
}

fn authorisation(auth: &kinds::Auth, halo: bool, token: Option<rest::TokenFacts>) -> Authorisation {
    let kind = match auth {
        kinds::Auth::None(_) => "none",
        kinds::Auth::ApiKey(key) => match key.place {
            kinds::KeyPlace::Header => "apiKey in a header",
            kinds::KeyPlace::Query => "apiKey in the query",
        },
        kinds::Auth::Basic(_) => "basic",
        kinds::Auth::Bearer(_) => "bearer",
        kinds::Auth::Oauth2(oauth2) => match oauth2.grant {
            kinds::Grant::ClientCredentials => "oauth2 clientCredentials",
            kinds::Grant::AuthorizationCode => "oauth2 authorizationCode",
            kinds::Grant::RefreshToken => "oauth2 refreshToken",
            kinds::Grant::Password => "oauth2 password",
        },
    };
    let mut found = Authorisation {
        kind: kind.to_owned(),
        token_seconds: None,
        scope_asked: Vec::new(),
        scope_granted: Vec::new(),
        scope_told: ScopeTold::Nothing,
        more_than_needed: Vec::new(),
    };
    if let Some(token) = token {
        found.token_seconds = token.life.map(|life| life.as_secs());
        found.scope_asked = token.asked;
        (found.scope_granted, found.scope_told) = match (token.granted, token.claimed) {
            (Some(scope), _) => (scope, ScopeTold::Answer),
            (None, Some(scope)) => (scope, ScopeTold::Token),
            (None, None) => (Vec::new(), ScopeTold::Nothing),
        };
    }
    if halo {
        let all = found.scope_granted.iter().chain(&found.scope_asked);
        let more: BTreeSet<&String> = all
            .filter(|scope| *scope != ENOUGH && *scope != "offline_access")
            .collect();
        found.more_than_needed = more.into_iter().cloned().collect();
    }
    found
}

fn limits(
    spec: &kinds::Source,
    told: BTreeMap<String, String>,
    walk: &Walk,
    others: u64,
) -> Limits {
    let limit = &spec.rate_limit;
    // One for the token, one for each page, and what other endpoints take.
    let full = walk
        .total
        .filter(|_| walk.per_page > 0)
        .map(|total| 1 + total.div_ceil(walk.per_page).max(1) + others);
    Limits {
        requests: limit.requests,
        per_seconds: limit.per_seconds,
        told,
        full_read_requests: full,
        full_read_waits_seconds: full.map(|requests| {
            (requests - 1) / u64::from(limit.requests.max(1)) * u64::from(limit.per_seconds)
        }),
    }
}

fn cost(report: rest::ReadReport) -> report::Cost {
    Cost {
        requests: report.requests,
        waited_seconds: report.waited.as_secs(),
        retries: report.retries,
    }
}
