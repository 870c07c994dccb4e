//! What a plan decides in every case of a lifecycle, as a table people can read: `docs/decisions.md`.
//!
//! Each cell is one person and one account in a company of their own, planned by the real planner. What no cell may ever
//! say is tested besides, whatever the table shows. `BLESS=1` writes the table anew; read every cell that changed.

use std::fmt::Write as _;
use std::path::Path;

use halosync::config::Config;
use halosync::model::{DeletedObjects, DeletionFacts, EntryKind};
use halosync::plan::{Action, Plan, PlanValue};

use super::super::applied::apply;
use super::company::Company;
use super::decided::*;

const LIFECYCLE: &str = include_str!("../../../golden-decisions/lifecycle.yaml");
const MAPPING: &str = include_str!("../../../golden-decisions/mapping.yaml");
/// When all the plans are made.
const NOW: &str = "2026-11-23T10:00:00Z";
const STAMP: &str = "extensionAttribute15";

const EXPIRED: &str = "134053056000000000";
const NEVER: &str = "9223372036854775807";

/// Accounts nobody may touch.
const NOBODYS: &[&str] = &[
    "outside the managed scope",
    "protected",
    "kept for emergencies",
    "two with the anchor",
];

fn company(case: &Case, situation: &str) -> Company {
    let mut company = Company::new("").stamping();
    company.file(
        "lifecycle.yaml",
        &LIFECYCLE
            .replace("absent: report", &format!("absent: {}", case.absent))
            .replace("then: states", &format!("then: {}", case.inactive)),
    );
    company.file("mapping.yaml", MAPPING);
    if !case.returning.is_empty() {
        let leaver = "    - name: leaver\n";
        let returning = format!("{leaver}      returning: {}\n", case.returning);
        company.change("lifecycle.yaml", leaver, &returning);
        company.change(
            "mapping.yaml",
            "sAMAccountName: {value: \"u{{ person.number }}\", when: onCreate}",
            "sAMAccountName: {unique: [\"u{{ person.number }}\"], numbered: true, when: onCreate}",
        );
        company.change(
            "mapping.yaml",
            "cn: \"User {{ person.number }}\"",
            "cn: {unique: [\"User {{ person.number }}\"], numbered: true}",
        );
    }
    if !case.record.is_empty() {
        company.change(
            "source.yaml",
            "  person:\n",
            &format!("  person:\n{SAME_PERSON}"),
        );
    }
    if let Some(moves) = case.moves {
        company.file(
            "groups.yaml",
            &BY_SITE.replace("  rules:", &format!("{}  rules:", moves.overlap)),
        );
        for site in ["London", "Leeds"] {
            company.standing(&format!("CN={site},OU=Groups"), EntryKind::Group);
        }
    }
    company.file(
        "guards.yaml",
        "apiVersion: halosync/v1\nkind: Guards\nmetadata: {name: corp}\nspec: {target: corp, breakGlass: [emergency], limits: [{name: deletions, actions: [delete], max: 10, onBreach: holdClass}]}\n",
    );
    if !case.exception.is_empty() {
        company.file(
            "exceptions.yaml",
            &format!(
                "apiVersion: halosync/v1\nkind: Exceptions\nmetadata: {{name: people}}\nspec:\n  source: people\n  target: corp\n  exceptions:\n    - {{person: 1, {}, owner: Iris Moss, reason: agreed, ticket: CHG1, expires: '2027-06-30'}}\n",
                case.exception
            ),
        );
    }
    if case.seen != Seen::Missing {
        company.person("1", case.facts);
        company.people.people[0].in_scope = case.seen == Seen::Read;
    }
    if !case.record.is_empty() {
        company.person("7", case.record);
    }
    company.directory.header.deleted_objects = Some(DeletedObjects {
        recycle_bin: Some(true),
        lifetime: 180,
    });
    let place = match situation {
        "in another OU" => "OU=Research,OU=People",
        "closed as a leaver's" => "OU=Leavers,OU=People",
        "outside the managed scope" => "OU=Service",
        _ => "OU=Sales,OU=People",
    };
    if situation == "none" {
        return company;
    }
    if situation == "closed as a leaver's" {
        company.account_without_groups(place, "1");
        company.write("1", "userAccountControl", "514");
        company.write("1", "description", "Has left");
        company.write("1", "msExchHideFromAddressLists", "TRUE");
    } else {
        company.account_in(place, "1");
    }
    if situation != "closed as a leaver's" {
        for site in case.moves.iter().flat_map(|moves| moves.member_of) {
            company.joins(site, "1");
        }
    }
    let ends = case.facts.iter().find(|(name, _)| *name == "endsOn");
    let expires = ends.map_or_else(|| NEVER.to_owned(), |(_, day)| end_of(day));
    company.write("1", "accountExpires", &expires);
    company.write("1", "telephoneNumber", "+44 20 7946 0001");
    let site = case.facts.iter().find(|(name, _)| *name == "site");
    company.write("1", "department", site.map_or("London", |(_, site)| site));
    company.write("1", STAMP, case.stamp);
    match situation {
        "disabled" => company.write("1", "userAccountControl", "514"),
        "expired" => company.write("1", "accountExpires", EXPIRED),
        "protected" => company.write("1", "adminCount", "1"),
        "kept for emergencies" => company.write("1", "sAMAccountName", "emergency"),
        "two with the anchor" => {
            company.account_in("OU=Research,OU=People", "2");
            company.write("2", "employeeID", case.anchor);
        }
        _ => {}
    }
    company.write("1", "employeeID", case.anchor);
    for entry in &mut company.directory.objects {
        entry.deletion = (entry.kind == EntryKind::User).then(|| {
            Box::new(DeletionFacts {
                control_changed: Some("2026-06-01T10:00:00Z".parse().unwrap()),
                protected: Some(false),
                password_changed: None,
                last_written: None,
            })
        });
    }
    company
}

/// The end of a day in London, in winter or summer, as `accountExpires` says it.
fn end_of(day: &str) -> String {
    let day: jiff::civil::Date = day.parse().unwrap();
    let end = day.tomorrow().unwrap().in_tz("Europe/London").unwrap();
    let seconds = end.timestamp().as_second() + 11_644_473_600;
    (seconds * 10_000_000).to_string()
}

fn value(name: &str, values: &[PlanValue]) -> String {
    let text = match values {
        [] => return format!("clear {name}"),
        [PlanValue::Text(text)] => text.clone(),
        other => panic!("{other:?}"),
    };
    match text.as_str() {
        NEVER => format!("{name}: never"),
        text if name == "accountExpires" => {
            let seconds = text.parse::<i64>().unwrap() / 10_000_000 - 11_644_473_600;
            let end = jiff::Timestamp::from_second(seconds - 1).unwrap();
            format!("{name}: end of {}", end.strftime("%Y-%m-%d"))
        }
        text if name == STAMP => format!("stamp {text:?}"),
        text => format!("{name}: {text:?}"),
    }
}

/// What a plan does, in the words of the table.
fn changes(plan: &Plan) -> Vec<String> {
    let mut words = Vec::new();
    for change in &plan.changes {
        match &change.action {
            Action::Create {
                enable, replaces, ..
            } => words.push(format!(
                "**create, {}**{}",
                if *enable { "enabled" } else { "disabled" },
                if replaces.is_some() {
                    ", in place of this one"
                } else {
                    ""
                }
            )),
            Action::Restore { .. } => words.push("**bring back**".to_owned()),
            Action::Adopt { attribute, .. } => {
                words.push(format!(
                    "adopt: {}",
                    value(&attribute.name, &attribute.after)
                ));
            }
            Action::Delete { .. } => words.push("**delete**".to_owned()),
            Action::ResetPassword {} => words.push("replace the password".to_owned()),
            Action::Enable { .. } => words.push("**enable**".to_owned()),
            Action::Disable {} => words.push("**disable**".to_owned()),
            Action::Modify { attributes } => {
                let attributes = attributes.iter();
                words.extend(attributes.map(|one| match one.name.as_str() {
                    STAMP if one.after.is_empty() => "clear the stamp".to_owned(),
                    name => value(name, &one.after),
                }));
            }
            Action::Rename { after, .. } => words.push(format!("rename to {after}")),
            Action::Move { after, .. } => words.push(format!("move to {}", after.rdn().value)),
            Action::AddMember { .. } => {
                words.push(format!("join {}", change.object.dn.rdn().value))
            }
            Action::RemoveMember { .. } => {
                words.push(format!("leave {}", change.object.dn.rdn().value));
            }
        }
    }
    words
}

/// What is held and what is warned of.
fn told(plan: &Plan) -> Vec<String> {
    let mut told: Vec<String> = plan
        .held
        .iter()
        .map(|held| {
            let part = if held.partial { " in part" } else { "" };
            format!("`{}`{part}", held.code)
        })
        .collect();
    let quiet = ["no-guards", "break-glass-not-found", "removals-held"];
    let warnings = plan.warnings.iter();
    told.extend(
        warnings
            .filter(|one| !quiet.contains(&one.code.as_str()))
            .map(|one| format!("warned of: `{}`", one.code)),
    );
    told.dedup();
    told
}

fn cell(words: &[String], none: &str) -> String {
    if words.is_empty() {
        return none.to_owned();
    }
    words.join("; ")
}

/// What takes something from somebody.
fn takes(plan: &Plan) -> bool {
    plan.changes.iter().any(|change| match &change.action {
        Action::Disable {} | Action::RemoveMember { .. } => true,
        Action::Move { after, .. } => ["Leavers", "Archive"].contains(&after.rdn().value.as_str()),
        _ => false,
    })
}

fn judge(company: &mut Company, config: &Config, case: &Case, situation: &str) -> [Plan; 2] {
    [true, false].map(|proven| {
        company.proven(proven);
        let plan = company.plan_with(config, NOW);
        let here = format!("{}, {situation}, proven: {proven}", case.name);
        if let Some(state) = case.state
            && !state.is_empty()
            && situation == "enabled"
        {
            assert_eq!(company.states(config, NOW)["1"], state, "{here}");
        }
        // What no cell may say.
        if NOBODYS.contains(&situation) {
            // Whose anchor it carries is in the read, so nobody is absent.
            let present = situation == "two with the anchor" && case.stamp.contains("absent");
            let made = changes(&plan);
            assert!(
                made.is_empty() || present && made == ["clear the stamp"],
                "{here}: {made:#?}"
            );
        }
        if !proven {
            assert!(!takes(&plan), "{here}: {:#?}", changes(&plan));
        }
        if case.seen == Seen::Missing && case.absent != LEAVER_AFTER {
            assert!(plan.changes.is_empty(), "{here}");
        }
        let stopped = case.exception.starts_with("stop");
        let leaves = stopped || case.state.is_some_and(|state| state != "active");
        let enables =
            |change: &halosync::plan::Change| matches!(change.action, Action::Enable { .. });
        if leaves || case.state.is_none() {
            assert!(!plan.changes.iter().any(enables), "{here}");
        }
        // The net below a leaver nobody could shut out yet stays.
        let after = apply(&plan, &company.directory);
        if leaves && situation == "expired" && !proven {
            let before = std::mem::replace(&mut company.directory, after.clone());
            assert_eq!(
                company.value("1", "accountExpires").as_deref(),
                Some(EXPIRED),
                "{here}"
            );
            company.directory = before;
        }
        // P7.
        let before = std::mem::replace(&mut company.directory, after);
        let again = company.plan_with(config, NOW);
        assert!(again.changes.is_empty(), "{here}: {:#?}", changes(&again));
        company.directory = before;
        plan
    })
}

const SAME_PERSON: &str = "    samePerson:
      by: '{{ person.nationalId }}'
      prefer: [\"person.contract == 'employee'\"]
";

const BY_SITE: &str = "apiVersion: halosync/v1
kind: Groups
metadata: {name: membership}
spec:
  source: people
  target: corp
  rules:
    - group: CN=Staff,OU=Groups,DC=corp,DC=example,DC=test
    - {group: 'CN=London,OU=Groups,DC=corp,DC=example,DC=test', when: person.site == 'London', mode: managed}
    - {group: 'CN=Leeds,OU=Groups,DC=corp,DC=example,DC=test', when: person.site == 'Leeds', mode: managed}
";

const OF_MOVES: &str = "
# Decisions about people who move

As above, but there is a group for each site, and the person's site is Leeds now and was London. The account is in the group
London; where it says so, in both.

```yaml
";

const OF_RETURNS: &str = "
# Decisions about people who come back

As above, but the state `leaver` says `returning`, and `cn` and `sAMAccountName` are `unique` and `numbered`, so that a second
account can have a name.
";

const OF_CONVERSIONS: &str = "
# Decisions about people with two records

As above, but the source has two records of the person, 1 and 7, and says which counts:

```yaml
";

const INTRODUCTION: &str = "# Decisions

What a plan does in every case of a lifecycle: each state, each way an account can stand, with a read of people that is
proven complete and with one that is not. This page is made by the planner itself in the tests
(`tests/it/plan/lifecycle/decisions.rs`), which fail when a cell changes; people have read every cell.

The plans are made on 23 November 2026. The account is person 1's: enabled, in the OU Sales, where the mapping places
everyone, and in the group Staff, in which a rule has everyone, unless the table says otherwise. *Expired* accounts are
enabled, and their `accountExpires` is past. Accounts *closed as a leaver's* are disabled, in the OU Leavers, in no group.
*Protected* ones have `adminCount` 1. Who is disabled has been since
June, and the Recycle Bin is on. The right column says what is different when the read is not proven complete;
*the same* where nothing is. Codes are those of [held.md](held.md).

Besides, the test holds for every cell: accounts outside the managed scope, protected ones, those kept for emergencies, and
two of which nobody knows which is the right one are never changed, but for a stamp of an absence that is over; without proof nothing is taken from anybody; only
people who are to work are enabled; and planning again after the plan was applied finds nothing.

## The rules

```yaml
";

fn tables(page: &mut String, cases: &[Case]) {
    for case in cases {
        let mut heading = case.name.to_owned();
        let first: String = heading.remove(0).to_uppercase().collect();
        let first = if case.state.is_some() {
            case.name[..1].to_owned()
        } else {
            first
        };
        write!(
            page,
            "\n## {first}{heading}\n\n| account | the plan | held, warned of | read not proven |\n|---|---|---|---|\n"
        )
        .unwrap();
        let config = company(case, "none").config();
        for situation in SITUATIONS {
            let mut company = company(case, situation);
            let [proven, unproven] = judge(&mut company, &config, case, situation);
            let (does, says) = (changes(&proven), told(&proven));
            let other = (changes(&unproven), told(&unproven));
            let unproven = if other == (does.clone(), says.clone()) {
                "the same".to_owned()
            } else if other.1.is_empty() {
                cell(&other.0, "nothing")
            } else {
                format!("{}; {}", cell(&other.0, "nothing"), other.1.join("; "))
            };
            writeln!(
                page,
                "| {situation} | {} | {} | {unproven} |",
                cell(&does, "nothing"),
                cell(&says, "")
            )
            .unwrap();
        }
    }
}

#[test]
fn every_case_is_decided_as_people_have_read_it() {
    let mut page = INTRODUCTION.to_owned();
    page.push_str(LIFECYCLE);
    page.push_str("```\n\n```yaml\n");
    page.push_str(MAPPING);
    page.push_str("```\n\nStamps are kept in `extensionAttribute15`.\n");
    tables(&mut page, CASES);
    page.push_str(OF_MOVES);
    page.push_str(BY_SITE);
    page.push_str("```\n");
    tables(&mut page, MOVES);
    page.push_str(OF_RETURNS);
    tables(&mut page, RETURNS);
    page.push_str(OF_CONVERSIONS);
    page.push_str(SAME_PERSON);
    page.push_str("```\n");
    tables(&mut page, CONVERSIONS);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/decisions.md");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &page).unwrap();
        return;
    }
    let blessed = std::fs::read_to_string(&path).unwrap_or_default();
    let diff = similar::TextDiff::from_lines(&blessed, &page);
    assert!(blessed == page, "{}", diff.unified_diff());
}
