//! What is found before anybody is looked at, and where it is marked.

use super::World;
use crate::lang::compile_template;

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

/// A brace too few gives a text nobody meant; a brace by itself is one.
#[test]
fn halves_of_expressions_are_slips() {
    let world = World::new();
    for (template, marked) in [
        ("{ person.team }}", "{ person"),
        ("a {person.team} b", "{person"),
        ("{ team | lower }", "{ team"),
        ("{ team }", "{ team"),
        ("{{ person.team }}}}", "}}"),
        ("x %}", "%}"),
    ] {
        assert_eq!(
            world.faults(template),
            [("language-syntax", marked)],
            "{template}"
        );
    }
    for fine in [
        "{1b4e28ba-2fa1-11d2-883f-0016d3cca427}",
        "a { b",
        "{{ '}}' }}",
        "{x}",
        "{{ person.team }} }",
    ] {
        assert!(compile_template(fine, &world.scope()).is_ok(), "{fine}");
    }
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
        (
            "person.phone | e164('uk') == ''",
            "language-unknown-region",
            "'uk'",
        ),
        (
            "person.phone is phone('ZZ')",
            "language-unknown-region",
            "'ZZ'",
        ),
        (
            "person.phone | phone('GB', 'x') == ''",
            "language-arguments",
            "'x'",
        ),
        (
            "person.team | base64('latin-1') == ''",
            "language-arguments",
            "'latin-1'",
        ),
        (
            "person.team | title('of') == ''",
            "language-arguments",
            "'of'",
        ),
        (
            "person.team | title([1]) == ''",
            "language-arguments",
            "[1]",
        ),
        (
            "person.team | switch('a', 'b') == ''",
            "language-arguments",
            "'a'",
        ),
        (
            "person.team | switch({'a': 1, 'a': 2}) == 1",
            "language-arguments",
            "'a'",
        ),
        ("person.team | switch({1: 'a'}) == ''", "language-type", "1"),
        (
            "person.team | switch({person.team: 'a'}) == ''",
            "language-arguments",
            "person.team",
        ),
        (
            "person.team | switch({}) == 'a'",
            "language-arguments",
            "{}",
        ),
        (
            "person.team | regex_replace('(a)', '$2') == ''",
            "language-regex",
            "'$2'",
        ),
        (
            "person.team | regex_extract('(a)', 2) == ''",
            "language-regex",
            "2",
        ),
        (
            "person.team | regex_extract('(a)', 'b') == ''",
            "language-regex",
            "'b'",
        ),
        (
            "person.team | to_date('%d.%m.') < as_of",
            "language-date-format",
            "'%d.%m.'",
        ),
        (
            "person.team | to_datetime('%Y-%m-%d') < as_of",
            "language-date-format",
            "'%Y-%m-%d'",
        ),
        ("person.team is date('%H')", "language-date-format", "'%H'"),
        (
            "person.startsOn | at('25:00') < as_of",
            "language-date-format",
            "'25:00'",
        ),
        (
            "person.startsOn | days_until('soon') < 1",
            "language-type",
            "'soon'",
        ),
        ("person.startsOn | days_until(1) < 1", "language-type", "1"),
        ("person.team | year == 2026", "language-type", "year"),
        ("person.team | item(1) == 'b'", "language-type", "item"),
        ("person.team | bit_and(1) == 1", "language-type", "bit_and"),
        (
            "person.skills is containing('R')",
            "language-type",
            "containing",
        ),
        ("max(person.team, 'x') == 'x'", "language-type", "max"),
        ("max(person.startsOn, 1) == 'x'", "language-type", "max"),
        ("coalesce() == 'x'", "language-arguments", "coalesce"),
        (
            "upper(person.team) == 'x'",
            "language-unknown-function",
            "upper",
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
fn what_cannot_be_read_has_a_way_out() {
    let world = World::new();
    for (template, expected) in [
        ("{{ person.team }", "with `}}`"),
        ("{{ 'a\" }}", "close the quotes"),
        ("{{ person.team | }}", "name a filter"),
        ("{% if person.contractor }x{% endif %}", "with `%}`"),
        ("{% if person.contractor %}x", "endif"),
        ("{{ (person.team }}", "bracket"),
        ("{{ person.team person.team }}", "filters after"),
    ] {
        let errors = compile_template(template, &world.scope()).unwrap_err();
        let help = errors[0].help.as_deref().unwrap_or_default();
        assert!(help.contains(expected), "{template}: {help}");
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
