//! What the language promises, as a user meets it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::date;
use proptest::prelude::*;

use super::*;
use crate::model::{Fact, PersonKey};

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
fn escaping_touches_values_and_not_the_text_around_them() {
    let world = World::new();
    let template = compile_template("OU={{ person.department }},DC=x", &world.scope()).unwrap();
    let escape = |value: &str| value.replace('&', "\\&");
    assert_eq!(
        template.render_escaped(&world.context(), &escape).unwrap(),
        "OU=Research \\& Development,DC=x"
    );
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
fn everything_unknown_is_found_before_anybody_is_looked_at() {
    let world = World::new();
    let all = "{{ persn.x }}{{ person.givenname }}{{ person.team | loewr }}{{ person.team | lookup('oo') }}{{ now() }}{% if person.team is odd %}{% endif %}";
    assert_eq!(
        world.faults(all),
        [
            ("language-unknown-variable", "persn"),
            ("language-unknown-field", "givenname"),
            ("language-unknown-filter", "loewr"),
            ("language-unknown-table", "'oo'"),
            ("language-unknown-function", "now"),
            ("language-unknown-test", "odd"),
        ]
    );
    let errors = compile_template(all, &world.scope()).unwrap_err();
    let helps: Vec<_> = errors
        .iter()
        .filter_map(|error| error.help.as_deref())
        .collect();
    assert_eq!(helps[0], "did you mean `person`?");
    assert_eq!(helps[1], "did you mean `givenName`?");
    assert_eq!(helps[2], "did you mean `lower`?");
    assert_eq!(helps[3], "did you mean `ou`?");
    // Also in branches nobody takes, and after text that is not ASCII.
    assert_eq!(
        world.faults("Ünïcödé {% if false %}{{ person.nope }}{% endif %}"),
        [("language-unknown-field", "nope")]
    );
    assert_eq!(
        world.faults("{{ givenName }}"),
        [("language-unknown-variable", "givenName")]
    );
}

#[test]
fn types_are_checked() {
    let world = World::new();
    for (condition, code, marked) in [
        ("person.team", "language-type", "person.team"),
        ("person.team and true", "language-type", "person.team"),
        ("not person.startsOn", "language-type", "person.startsOn"),
        (
            "person.number == '1042'",
            "language-type",
            "person.number == '1042'",
        ),
        (
            "person.inactive == 'true'",
            "language-type",
            "person.inactive == 'true'",
        ),
        (
            "person.startsOn < 'soon'",
            "language-type",
            "person.startsOn < 'soon'",
        ),
        (
            "person.startsOn < 'soon' or true",
            "language-type",
            "person.startsOn < 'soon'",
        ),
        ("person.team < 'x'", "language-type", "person.team < 'x'"),
        (
            "person.skills == 'Rust'",
            "language-type",
            "person.skills == 'Rust'",
        ),
        (
            "person.number in ['1']",
            "language-type",
            "person.number in ['1']",
        ),
        (
            "person.number not in ['1']",
            "language-type",
            "person.number not in ['1']",
        ),
        ("person.skills | upper == 'X'", "language-type", "upper"),
        (
            "person.team | plus_days(1) < as_of",
            "language-type",
            "plus_days",
        ),
        ("person.team | left('1') == 'x'", "language-type", "'1'"),
        (
            "1 < person.number < 3",
            "language-not-allowed",
            "1 < person.number < 3",
        ),
        (
            "person.number / 2 == 1",
            "language-not-allowed",
            "person.number / 2",
        ),
        ("person.team == none", "language-not-allowed", "none"),
        (
            "person.team[0:2] == 'bl'",
            "language-not-allowed",
            "person.team[0:2]",
        ),
        (
            "person.team.upper() == 'B'",
            "language-unknown-function",
            "person.team.upper()",
        ),
        (
            "person.team | latin('xx') == 'b'",
            "language-unknown-locale",
            "'xx'",
        ),
        ("person.team is matching('(')", "language-regex", "'('"),
        (
            "person.team is matching(person.surname)",
            "language-arguments",
            "person.surname",
        ),
        ("person.team | left == 'b'", "language-arguments", "left"),
        (
            "person.team | default(value='b') == 'b'",
            "language-arguments",
            "default",
        ),
        (
            "person.startsOn | date('%Q') == 'b'",
            "language-date-format",
            "'%Q'",
        ),
        (
            "person.startsOn | date('%H') == 'b'",
            "language-date-format",
            "'%H'",
        ),
        ("person == 1", "language-type", "person"),
        ("as_of.year == 1", "language-not-allowed", "year"),
        (
            "customField('CFx') == 1",
            "language-unknown-function",
            "customField",
        ),
        (
            "{{ person.inactive }}",
            "language-syntax",
            "{{ person.inactive }}",
        ),
        ("person.team ==", "language-syntax", "="),
        ("", "language-syntax", ""),
    ] {
        let faults = world.condition_faults(condition);
        assert_eq!(faults[0].0, code, "{condition}: {faults:?}");
        if code != "language-syntax" {
            assert_eq!(faults, [(code, marked)], "{condition}");
        }
    }
}

#[test]
fn only_if_is_a_statement() {
    let world = World::new();
    for template in [
        "{% for x in [1] %}{% endfor %}",
        "{% set x = 1 %}",
        "{% include 'x' %}",
        "{% extends 'x' %}",
        "{% import 'x' as y %}",
        "{% macro m() %}{% endmacro %}",
        "{% block b %}{% endblock %}",
        "{% with x = 1 %}{% endwith %}",
        "{% filter upper %}{% endfilter %}",
        "{% autoescape true %}{% endautoescape %}",
    ] {
        assert_eq!(
            world.faults(template)[0].0,
            "language-not-allowed",
            "{template}"
        );
    }
    assert_eq!(world.faults("{% if true %}")[0].0, "language-syntax");
}

#[test]
fn long_and_deep_texts_are_refused_not_crashed_on() {
    let world = World::new();
    for text in [
        "x".repeat(20_000),
        format!("{{{{ {}1 }}}}", "-".repeat(10_000)),
        format!("{{{{ {}true }}}}", "not ".repeat(3_000)),
        format!("{{{{ {}1{} }}}}", "(".repeat(1_000), ")".repeat(1_000)),
        format!("{{{{ {}1 }}}}", "[".repeat(140)),
        format!("{{{{ 1{} }}}}", "+1".repeat(5_000)),
        format!("{{{{ 'a'{} }}}}", "|upper".repeat(2_000)),
        format!(
            "{{% if true %}}{}{{% endif %}}",
            "{% elif true %}".repeat(1_000)
        ),
        format!(
            "{}{}",
            "{% if true %}".repeat(140),
            "{% endif %}".repeat(140)
        ),
        format!("{{{{ {}1 }}}}", "1 if true else ".repeat(1_000)),
    ] {
        assert_eq!(
            world.faults(&text)[0].0,
            "language-too-long",
            "{}",
            &text[..40]
        );
    }
    // The most that is allowed is no trouble, on a small stack either.
    let deep = format!(
        "{{{{ {}{}1{}{} }}}}",
        "(".repeat(24),
        "-".repeat(300),
        ")".repeat(24),
        "|string".repeat(20)
    );
    let outcome = std::thread::Builder::new()
        .stack_size(2 << 20)
        .spawn(move || World::new().render(&deep))
        .unwrap()
        .join()
        .unwrap();
    assert_eq!(outcome.as_deref(), Ok("1"));
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
        ("customFeild('CFx')", "language-unknown-function"),
        ("customField(users.x)", "language-arguments"),
    ] {
        let errors = compile_expression(text, &scope).unwrap_err();
        assert_eq!(errors[0].code, code, "{text}");
    }
}

/// The reference's examples, run. Each row of its tables reads: name, what it does, example, result.
#[test]
fn the_reference_is_true() {
    let world = World::new();
    let reference = include_str!("../../docs/language.md");
    let code = |cell: &str| {
        cell.trim()
            .strip_prefix('`')?
            .strip_suffix('`')
            .map(|code| code.replace("\\|", "|"))
    };
    let mut shown = BTreeSet::new();
    let mut run = 0;
    for line in reference.lines().filter(|line| line.starts_with('|')) {
        let line = line.replace("\\|", "\u{1}");
        let cells: Vec<String> = line
            .trim_matches('|')
            .split('|')
            .map(|cell| cell.replace('\u{1}', "|"))
            .collect();
        let [name, _, example, result] = cells.as_slice() else {
            continue;
        };
        let (Some(name), Some(example), Some(result)) = (code(name), code(example), code(result))
        else {
            continue;
        };
        shown.insert(
            name.trim_start_matches("is ")
                .split('(')
                .next()
                .unwrap_or_default()
                .to_owned(),
        );
        run += 1;
        let endpoints = BTreeSet::from(["users".to_owned()]);
        if example.contains("{{") || example.contains("{%") {
            assert_eq!(
                world.render(&example).as_deref(),
                Ok(result.as_str()),
                "{example}"
            );
        } else if example.contains("customField") {
            let row = serde_json::json!({"customfields": [{"name": "CFgrade", "value": 3}]});
            let parts = [("users", &row)];
            let record = Record { parts: &parts };
            let scope = Scope::Record {
                endpoints: &endpoints,
            };
            let expression = compile_expression(&example, &scope).unwrap();
            let value = expression.evaluate(&record).unwrap().unwrap();
            assert_eq!(value.to_string(), result, "{example}");
        } else {
            let holds = world.holds(&example).map(|holds| holds.to_string());
            assert_eq!(holds.as_deref(), Ok(result.as_str()), "{example}");
        }
    }
    let all = arguments::FILTERS
        .iter()
        .chain(arguments::TESTS)
        .chain(arguments::FUNCTIONS);
    for name in all {
        assert!(
            shown.contains(*name),
            "docs/language.md has no example of {name}"
        );
    }
    assert!(run > 40, "only {run} examples were found");
    for locale in LOCALES {
        assert!(
            reference.contains(&format!("`{}`", locale.code)),
            "{} is not in docs/language.md",
            locale.code
        );
    }
}

/// Random templates made of the pieces our language shares with minijinja's.
fn shared_language() -> impl Strategy<Value = String> {
    let field = prop::sample::select(vec!["a", "b", "c"]).prop_map(|name| format!("person.{name}"));
    let literal = "[a-zA-Zäöü .,-]{0,6}".prop_map(|text| format!("'{text}'"));
    let leaf = prop_oneof![3 => field, 1 => literal];
    let value = leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            (
                inner.clone(),
                prop::sample::select(vec![
                    "lower",
                    "upper",
                    "trim",
                    "replace('a', 'xy')",
                    "string",
                ])
            )
                .prop_map(|(value, filter)| format!("({value}) | {filter}")),
            (inner.clone(), prop::sample::select(vec!["first", "last"]))
                .prop_map(|(value, filter)| format!("('>' ~ {value} ~ '<') | {filter}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} ~ {b})")),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(a, b, c)| format!("({a} if {b} == {c} else {b})")),
            (inner.clone(), inner.clone(), inner).prop_map(|(a, b, c)| format!(
                "({a} if {b} in [{c}, 'x'] or not {a} != {c} else {c})"
            )),
        ]
    });
    let piece = prop_oneof![
        "[a-z ,=]{0,5}".prop_map(|text| text),
        value.clone().prop_map(|value| format!("{{{{ {value} }}}}")),
        (value.clone(), value.clone(), value).prop_map(|(a, b, c)| format!(
            "{{% if person.a is defined and {a} == {b} %}}{{{{ person.b | default({a}) }}}}{{% else %}}-{{{{ {c} }}}}{{% endif %}}"
        )),
    ];
    prop::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

fn fact_text() -> impl Strategy<Value = Option<String>> {
    prop::option::weighted(
        0.85,
        prop_oneof!["[a-zA-Z ]{1,8}", "\\PC{1,6}", Just("{{ 7*7 }}".to_owned())],
    )
}

proptest! {
    /// What minijinja itself makes of a template, strict about undefined values, is what we make of it; where it
    /// finds a value undefined, so do we.
    #[test]
    fn minijinja_agrees(template in shared_language(), facts in prop::array::uniform3(fact_text())) {
        let fields: Vec<_> = ["a", "b", "c"].map(|name| (Name::new(name), FactType::Text)).into();
        let names = BTreeSet::new();
        let scope = Scope::Person { fields: &fields, tables: &names };
        let compiled = match compile_template(&template, &scope) {
            Ok(compiled) => compiled,
            Err(errors) => {
                prop_assert!(errors.iter().all(|error| error.code == "language-too-long"), "{errors:?}");
                return Ok(());
            }
        };
        let person = Person {
            key: PersonKey::new("1"),
            in_scope: true,
            facts: facts.iter().map(|fact| fact.as_ref().map(|fact| Fact::Text(fact.into()))).collect(),
        };
        let tables = Tables::default();
        let as_of = date(2026, 6, 2).to_zoned(jiff::tz::TimeZone::UTC).unwrap();
        let ours = compiled.render(&PersonContext { person: &person, as_of, tables: &tables });

        let mut environment = minijinja::Environment::new();
        environment.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        let context: BTreeMap<&str, &String> =
            ["a", "b", "c"].into_iter().zip(&facts).filter_map(|(name, fact)| Some((name, fact.as_ref()?))).collect();
        let theirs = environment.render_str(
            &template,
            minijinja::context! { person => minijinja::Value::from_pairs(context.iter().map(|(name, fact)| (*name, fact.as_str()))) },
        );
        match (ours, theirs) {
            (Ok(ours), Ok(theirs)) => prop_assert_eq!(ours.as_str(), theirs.as_str()),
            (Err(EvalError::Missing { .. }), Err(_)) => {}
            (ours, theirs) => prop_assert!(false, "{ours:?} and {theirs:?}"),
        }
    }

    /// Whatever is thrown at it: no panic, and faults that can be shown.
    #[test]
    fn nothing_panics(text in prop_oneof![
        "\\PC{0,60}",
        "(\\{\\{|\\}\\}|\\{%|%\\}|if|else|endif|elif|person|\\.|givenName|endsOn|skills|number|as_of|\\||lower|left|mid|lookup|default|split|join|\\(|\\)|'ou'|'de'|1|-|==|<|in|not|and|is|defined|\\[|\\]|,| |ß|'|~|\\+){0,24}",
    ]) {
        let world = World::new();
        let check = |errors: Vec<LangError>| {
            assert!(!errors.is_empty());
            for error in errors {
                assert!(text.get(error.range.clone()).is_some(), "{error:?}");
                assert!(error.code.starts_with("language-") && !error.message.is_empty());
            }
        };
        match compile_template(&text, &world.scope()) {
            Ok(template) => { let _ = template.render(&world.context()); }
            Err(errors) => check(errors),
        }
        match compile_condition(&text, &world.scope()) {
            Ok(condition) => { let _ = condition.holds(&world.context()); }
            Err(errors) => check(errors),
        }
        let endpoints = BTreeSet::from(["person".to_owned()]);
        let scope = Scope::Record { endpoints: &endpoints };
        let row = serde_json::json!({"givenName": "x", "number": 1.5, "skills": [1, null, {"a": 1}], "endsOn": true});
        let parts = [("person", &row)];
        let record = Record { parts: &parts };
        match compile_expression(&text, &scope) {
            Ok(expression) => { let _ = expression.evaluate(&record); }
            Err(errors) => check(errors),
        }
        if let Ok(condition) = compile_condition(&text, &scope) {
            let _ = condition.holds_for_record(&record);
        }
    }
}
