//! What the language promises, as a user meets it.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::model::{Fact, PersonKey};
use jiff::civil::date;

mod certain;
mod faults;
mod properties;
mod reference;

/// An invented project: fields, tables, one person.
struct World {
    fields: Vec<(Name, FactType)>,
    names: BTreeSet<Name>,
    tables: Tables,
    person: Person,
}

fn text(text: &str) -> Option<Fact> {
    Some(Fact::Text(text.into()))
}

impl World {
    fn new() -> Self {
        let rows: [(&str, FactType, Option<Fact>); 14] = [
            ("givenName", FactType::Text, text("Jörg")),
            ("surname", FactType::Text, text("O'Brien-Müller")),
            ("department", FactType::Text, text("Research & Development")),
            ("team", FactType::Text, text("blue")),
            ("phone", FactType::Text, text("+44 20 7946 0018")),
            ("number", FactType::Integer, Some(Fact::Integer(1042))),
            ("contractor", FactType::Boolean, Some(Fact::Boolean(false))),
            ("inactive", FactType::Boolean, Some(Fact::Boolean(true))),
            (
                "startsOn",
                FactType::Date,
                Some(Fact::Date(date(2026, 1, 31))),
            ),
            (
                "updated",
                FactType::DateTime,
                // Half past midnight of 2 June in London.
                Some(Fact::DateTime("2026-06-01T23:30:00Z".parse().unwrap())),
            ),
            (
                "skills",
                FactType::List,
                Some(Fact::List(["Rust", "LDAP"].map(Into::into).into())),
            ),
            ("hostile", FactType::Text, text("{{ 7*7 }}<b>{% raw %}")),
            ("middleName", FactType::Text, None),
            ("endsOn", FactType::Date, None),
        ];
        let table = |rows: &[(&str, &str)], unmapped| TableData {
            rows: rows
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
            case_sensitive: false,
            unmapped,
        };
        let tables = BTreeMap::from([
            (
                Name::new("ou"),
                table(&[("research & development", "Research")], Unmapped::Hold),
            ),
            (
                Name::new("path"),
                table(&[("Jörg", "Staff,OU=People")], Unmapped::Hold),
            ),
            (Name::new("reported"), table(&[], Unmapped::Report)),
            (
                Name::new("same"),
                table(&[("Blue", "Azure")], Unmapped::Same),
            ),
            (
                Name::new("other"),
                table(&[], Unmapped::Use("Other".to_owned())),
            ),
        ]);
        Self {
            fields: rows
                .iter()
                .map(|(name, kind, _)| (Name::new(name), *kind))
                .collect(),
            names: tables.keys().cloned().collect(),
            tables: Tables::new(tables),
            person: Person {
                key: PersonKey::new("1042"),
                in_scope: true,
                facts: rows.into_iter().map(|(_, _, fact)| fact).collect(),
                faults: Box::default(),
                held: Box::default(),
            },
        }
    }

    fn scope(&self) -> Scope<'_> {
        Scope::Person {
            fields: &self.fields,
            tables: &self.names,
        }
    }

    fn context(&self) -> PersonContext<'_> {
        PersonContext {
            person: &self.person,
            account: &[],
            as_of: date(2026, 6, 2)
                .at(9, 0, 0, 0)
                .in_tz("Europe/London")
                .unwrap(),
            tables: &self.tables,
        }
    }

    fn render(&self, template: &str) -> Result<String, EvalError> {
        compile_template(template, &self.scope())
            .unwrap_or_else(|errors| panic!("{template}: {errors:?}"))
            .render(&self.context())
            .map(|text| text.to_string())
    }

    fn holds(&self, condition: &str) -> Result<bool, EvalError> {
        compile_condition(condition, &self.scope())
            .unwrap_or_else(|errors| panic!("{condition}: {errors:?}"))
            .holds(&self.context())
    }

    /// Code and marked text of everything wrong with a template.
    fn faults<'t>(&self, template: &'t str) -> Vec<(&'static str, &'t str)> {
        faults_of(
            template,
            compile_template(template, &self.scope()).map(|_| ()),
        )
    }

    fn condition_faults<'t>(&self, condition: &'t str) -> Vec<(&'static str, &'t str)> {
        faults_of(
            condition,
            compile_condition(condition, &self.scope()).map(|_| ()),
        )
    }
}

fn faults_of(text: &str, outcome: Result<(), Vec<LangError>>) -> Vec<(&'static str, &str)> {
    outcome
        .expect_err(text)
        .into_iter()
        .map(|error| (error.code, &text[error.range]))
        .collect()
}

fn missing(fields: &[&str]) -> EvalError {
    EvalError::Missing {
        fields: fields.iter().map(Name::new).collect(),
    }
}

#[test]
fn templates_put_facts_into_text() {
    let world = World::new();
    for (template, expected) in [
        ("", ""),
        ("plain", "plain"),
        (
            "{{ person.givenName }} {{ person.surname }}",
            "Jörg O'Brien-Müller",
        ),
        ("{{ person['givenName'] }}", "Jörg"),
        (
            "{{ person.givenName | latin('de') | first }}{{ person.surname | login('de') }}",
            "Jobrien-mueller",
        ),
        (
            "OU={{ person.department | lookup('ou') }},DC=x",
            "OU=Research,DC=x",
        ),
        ("{{ person.number }}/{{ person.contractor }}", "1042/false"),
        ("{{ person.startsOn }}", "2026-01-31"),
        ("{{ person.updated }}", "2026-06-01T23:30:00Z"),
        (
            "{{ person.updated | date('%Y-%m-%d %H:%M') }}",
            "2026-06-02 00:30",
        ),
        ("{{ person.skills }}", "Rust, LDAP"),
        ("{{ as_of }}", "2026-06-02"),
        ("{{ person.middleName | default('-') }}", "-"),
        ("{{ person.middleName | upper | default('-') }}", "-"),
        ("{{ person.endsOn | default('never') }}", "never"),
        (
            "{% if person.contractor %}Ext{% elif person.inactive %}Gone{% else %}Int{% endif %}",
            "Gone",
        ),
        (
            "{{ 'ext' if person.contractor else person.number }}",
            "1042",
        ),
        ("{{ person.givenName ~ person.number }}", "Jörg1042"),
        ("{{ person.number + 1 - 2 * 3 }}", "1037"),
        ("{{ -person.number // 100 }}", "-11"),
        ("a{# a note #}b\n", "ab"),
        ("{{ person.team | lookup('same') }}", "Azure"),
        ("{{ person.surname | lookup('same') }}", "O'Brien-Müller"),
        ("{{ person.surname | lookup('other') }}", "Other"),
    ] {
        assert_eq!(
            world.render(template).as_deref(),
            Ok(expected),
            "{template}"
        );
    }
}

#[test]
fn hostile_facts_stay_data() {
    let world = World::new();
    assert_eq!(
        world.render("{{ person.hostile }}").as_deref(),
        Ok("{{ 7*7 }}<b>{% raw %}")
    );
}

#[test]
fn in_a_distinguished_name_facts_are_no_structure() {
    let mut world = World::new();
    world.person.facts[3] = text("x,OU=Admins");
    let name = |template: &str| {
        compile_template(template, &world.scope())
            .unwrap()
            .render_dn(&world.context())
            .unwrap()
            .to_string()
    };
    for (template, expected) in [
        ("OU={{ person.team }},DC=x", r"OU=x\,OU\=Admins,DC=x"),
        (
            "OU={{ person.team | upper }},DC=x",
            r"OU=X\,OU\=ADMINS,DC=x",
        ),
        // What stands in a table or in the template is configuration.
        (
            "OU={{ person.givenName | lookup('path') }},DC=x",
            "OU=Staff,OU=People,DC=x",
        ),
        (
            "OU={{ person.team | lookup('same') }},DC=x",
            r"OU=x\,OU\=Admins,DC=x",
        ),
        (
            "OU={{ person.team | lookup('other') }},DC=x",
            "OU=Other,DC=x",
        ),
        (
            "OU={{ 'a' if person.inactive else person.team }},DC=x",
            "OU=a,DC=x",
        ),
    ] {
        assert_eq!(name(template), expected, "{template}");
    }
}

#[test]
fn a_missing_value_is_named_and_never_half_a_text() {
    let world = World::new();
    assert_eq!(
        world.render("{{ person.middleName }}.{{ person.givenName }}.{{ person.endsOn }}"),
        Err(missing(&["endsOn", "middleName"]))
    );
    assert_eq!(
        world.render("{{ person.middleName | lookup('ou') }}"),
        Err(missing(&["middleName"]))
    );
    assert_eq!(
        world.render("{% if person.endsOn < as_of %}x{% endif %}"),
        Err(missing(&["endsOn"]))
    );
    let template =
        compile_template("{{ person.middleName | default('') }}", &world.scope()).unwrap();
    assert_eq!(template.render(&world.context()).unwrap(), "");
    assert_eq!(template.fields_used(), [Name::new("middleName")]);
}

#[test]
fn an_unmapped_key_is_reported_with_its_policy() {
    let world = World::new();
    let unmapped = |table: &str, policy| EvalError::Unmapped {
        table: Name::new(table),
        key: "Jörg".to_owned(),
        policy,
    };
    assert_eq!(
        world.render("{{ person.givenName | lookup('ou') }}"),
        Err(unmapped("ou", Unmapped::Hold))
    );
    assert_eq!(
        world.render("{{ person.givenName | lookup('reported') }}"),
        Err(unmapped("reported", Unmapped::Report))
    );
    // Holding outweighs a missing field, and that outweighs a report.
    assert_eq!(
        world.render("{{ person.endsOn }}{{ person.givenName | lookup('ou') }}"),
        Err(unmapped("ou", Unmapped::Hold))
    );
    assert_eq!(
        world.render("{{ person.givenName | lookup('reported') }}{{ person.endsOn }}"),
        Err(missing(&["endsOn"]))
    );
    // `default` is for missing values; what a table lacks, the table's policy settles.
    assert_eq!(
        world.render("{{ person.givenName | lookup('ou') | default('x') }}"),
        Err(unmapped("ou", Unmapped::Hold))
    );
}

#[test]
fn conditions_hold_or_not() {
    let world = World::new();
    for (condition, expected) in [
        ("true", true),
        ("person.inactive", true),
        ("not person.inactive", false),
        ("person.startsOn < as_of", true),
        ("person.startsOn >= '2026-02-01'", false),
        ("'2026-01-31' == person.startsOn", true),
        ("person.startsOn | plus_days(30) > as_of", false),
        ("person.updated == as_of", true),
        ("person.updated < '2026-06-01T23:30:01Z'", true),
        ("person.team == 'blue'", true),
        ("person.team == 'Blue'", false),
        ("person.team in ['red', 'blue']", true),
        ("person.team not in ['red', 'blue']", false),
        ("person.number in [1, 1042]", true),
        ("'LDAP' in person.skills", true),
        ("'Dev' in person.department", true),
        ("person.number > 1000 and person.number < 2000", true),
        ("person.middleName is defined", false),
        ("person.middleName is not defined", true),
        ("person.middleName is undefined", true),
        (
            "person.middleName is defined and person.middleName == 'x'",
            false,
        ),
        ("person.inactive or person.endsOn < as_of", true),
        ("person.endsOn | default('9999-12-31') < as_of", false),
        ("person.givenName is startingwith('Jö')", true),
        ("person.phone is matching('^\\\\+44 ')", true),
        ("person.surname | length == 14", true),
    ] {
        assert_eq!(world.holds(condition), Ok(expected), "{condition}");
    }
    for condition in [
        "person.middleName == 'x'",
        "not person.middleName == 'x'",
        "person.inactive and person.middleName == 'x'",
        "person.middleName in ['x']",
    ] {
        assert_eq!(
            world.holds(condition),
            Err(missing(&["middleName"])),
            "{condition}"
        );
    }
}

#[test]
fn runaway_growth_fails_and_says_so() {
    let world = World::new();
    let grow = format!(
        "{{{{ 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'{} }}}}",
        "|replace('a', 'aaaaaaaaaaaaaaaaaaaa')".repeat(20)
    );
    for template in [
        grow.as_str(),
        "{{ 'x' | pad_left(99999999999) }}",
        "{{ 9223372036854775807 + 1 }}",
        "{{ 1 // 0 }}",
        "{{ 1 % 0 }}",
        "{{ person.surname | int }}",
        "{{ person.startsOn | plus_days(9999999999999) }}",
    ] {
        assert!(
            matches!(world.render(template), Err(EvalError::Failed { .. })),
            "{template}"
        );
    }
}

#[test]
fn what_is_used_is_known() {
    let world = World::new();
    let template = compile_template(
        "{{ person.surname }}{{ person.department | lookup('ou') }}{{ person.surname }}",
        &world.scope(),
    )
    .unwrap();
    assert_eq!(
        template.fields_used(),
        ["department", "surname"].map(Name::new)
    );
    assert_eq!(template.tables_used(), [Name::new("ou")]);
    assert_eq!(template.literal(), None);
    let literal = compile_template("fix{{ 'ed' }}", &world.scope()).unwrap();
    assert_eq!(literal.literal(), Some("fixed"));
    fn shared<T: Send + Sync>(_: &T) {}
    shared(&template);
}

#[test]
fn records_are_read_leniently() {
    let endpoints = BTreeSet::from(["users".to_owned()]);
    let scope = Scope::Record {
        endpoints: &endpoints,
    };
    let row = serde_json::json!({
        "id": 18.0, "firstname": "Ana", "surname": null, "inactive": false, "flag": "False", "other1": "",
        "site": {"name": "Leeds"}, "departments": [{"name": "IT"}],
        "customfields": [{"name": "CFgrade", "value": 3, "display": "Senior"}, {"name": "CFempty"}],
    });
    let parts = [("users", &row)];
    let record = Record { parts: &parts };
    let value = |text: &str| {
        compile_expression(text, &scope)
            .unwrap_or_else(|errors| panic!("{text}: {errors:?}"))
            .evaluate(&record)
            .unwrap()
            .map(std::borrow::Cow::into_owned)
    };
    use serde_json::json;
    for (text, expected) in [
        ("users.firstname", Some(json!("Ana"))),
        ("users.surname", None),
        ("users.nothing", None),
        ("users.site.name", Some(json!("Leeds"))),
        ("users.departments[0].name", Some(json!("IT"))),
        ("customField('CFgrade')", Some(json!(3))),
        ("customField('CFempty')", None),
        ("customField('CFother')", None),
        ("users.firstname | upper", Some(json!("ANA"))),
        ("users.surname | upper", None),
        ("users.surname or users.firstname", Some(json!("Ana"))),
        ("users.surname | default('x')", Some(json!("x"))),
        ("users.inactive and users.firstname", Some(json!(false))),
        ("users.id and users.firstname", Some(json!("Ana"))),
        ("users.id ~ '-' ~ users.firstname", Some(json!("18-Ana"))),
        (
            "users.firstname if users.id == 18 else 'nobody'",
            Some(json!("Ana")),
        ),
    ] {
        assert_eq!(value(text), expected, "{text}");
    }
    for (condition, expected) in [
        ("not users.isserviceaccount and not users.is_prospect", true),
        ("users.inactive", false),
        ("users.flag", false),
        ("users.firstname", true),
        ("users.other1", false),
        ("customField('CFgrade') == '3'", true),
        ("customField('CFgrade') == 3", true),
        ("customField('CFgrade') in [3, 4]", true),
        ("users.nothing == 'x'", false),
        ("users.nothing != 'x'", true),
        ("users.nothing < 1", false),
        ("users.surname is defined", false),
        ("users.id == 18", true),
        ("users.id > 17", true),
    ] {
        let compiled = compile_condition(condition, &scope)
            .unwrap_or_else(|errors| panic!("{condition}: {errors:?}"));
        assert_eq!(
            compiled.holds_for_record(&record),
            Ok(expected),
            "{condition}"
        );
    }
    let expression = compile_expression("users.other1 or customField('CFx')", &scope).unwrap();
    assert_eq!(
        expression.members_used(),
        [("users".to_owned(), "other1".to_owned())]
    );
    assert_eq!(expression.custom_fields_used(), ["CFx"]);
    for (text, code) in [
        ("user.firstname", "language-unknown-variable"),
        ("users", "language-type"),
        ("as_of", "language-unknown-variable"),
        ("person.x", "language-unknown-variable"),
        ("users.x | lookup('ou')", "language-not-allowed"),
        ("users.x | filetime", "language-not-allowed"),
        ("customFeild('CFx')", "language-unknown-function"),
        ("customField(users.x)", "language-arguments"),
    ] {
        let errors = compile_expression(text, &scope).unwrap_err();
        assert_eq!(errors[0].code, code, "{text}");
    }
}
