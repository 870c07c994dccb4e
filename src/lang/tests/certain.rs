//! What fails whoever it is for, and what only might.

use proptest::prelude::*;

use super::*;

fn told(template: &str) -> (Option<String>, Vec<String>) {
    let world = World::new();
    let template = compile_template(template, &world.scope())
        .unwrap_or_else(|errors| panic!("{template}: {errors:?}"));
    let failures = template.failures(&world.tables);
    (
        failures.always.map(|error| error.to_string()),
        failures.reached.iter().map(EvalError::to_string).collect(),
    )
}

fn always(template: &str) -> String {
    match told(template) {
        (Some(error), reached) if reached.is_empty() => error,
        other => panic!("{template}: {other:?}"),
    }
}

fn reached(template: &str) -> String {
    match told(template) {
        (None, reached) if reached.len() == 1 => reached[0].clone(),
        other => panic!("{template}: {other:?}"),
    }
}

#[test]
fn what_fails_whoever_it_is_for_is_known() {
    for template in [
        "{{ 7 // 0 }}",
        "CN={{ person.team }}{{ 7 // 0 }}",
        "{{ person.team ~ ('x' | upper) ~ (1 % (2 - 2)) }}",
        "{{ person.number // 0 }}",
        "{{ person.number % (3 - 3) }}",
        "{{ person.team | left(1 // 0) }}",
        "{{ 1 // 0 if person.contractor else 2 // 0 }}",
        "{% if person.contractor %}a{{ 1 // 0 }}{% else %}{{ 2 // 0 }}{% endif %}",
        "{% if 1 // 0 == 1 and person.contractor %}a{% endif %}",
        "{{ 1 // 0 if true else person.number }}",
        "{{ person.team | switch({'blue': 1 // 0}, 2 // 0) }}",
        "{{ max(person.number, 1 // 0) }}",
    ] {
        assert!(
            always(template).starts_with("a division by zero"),
            "{template}"
        );
    }
    assert_eq!(
        always("{{ person.team }}-{{ 'Sales' | lookup('ou') }}"),
        "\"Sales\" is not in table ou"
    );
    assert_eq!(
        always("{{ 'Sales' | lookup('ou') | default(person.team) }}"),
        "\"Sales\" is not in table ou"
    );
    assert_eq!(
        always("{{ person.startsOn | plus_days(-99999999) }}"),
        "any date and -99999999 days is beyond the calendar; for an account that never expires, give accountExpires the date itself or `never`"
    );
    assert_eq!(
        always("{{ 'green' | switch({'blue': person.team}) }}"),
        "\"green\" is not among what `switch` names"
    );
    assert_eq!(
        always("{{ person.team ~ ('2026-02-30' | to_date) }}"),
        always("{{ '2026-02-30' | to_date }}")
    );
}

#[test]
fn a_branch_that_fails_is_told_as_one() {
    for template in [
        "{{ person.number if person.contractor else 1 // 0 }}",
        "{% if person.contractor %}{{ 1 // 0 }}{% endif %}",
        "{% if person.contractor and 1 // 0 == 1 %}a{% endif %}",
        "{{ person.middleName | default((1 // 0) | string) }}",
        "{{ person.team | switch({'blue': 1 // 0}, 1) }}",
        // Whoever has one fails, and others get the text.
        "{{ person.team | left(1 // 0) | default('x') }}",
    ] {
        assert!(
            reached(template).starts_with("a division by zero"),
            "{template}"
        );
    }
}

#[test]
fn what_may_give_a_value_is_left_alone() {
    for template in [
        "",
        "{{ person.team }}",
        "{{ 6 // 2 }}",
        "{{ person.number // person.number }}",
        "{{ person.team | int }}",
        // Nobody ever gets there.
        "{{ person.team if true else 1 // 0 }}",
        "{% if false %}{{ 1 // 0 }}{{ person.team }}{% endif %}",
        "{{ 'x' | default((person.number // 0) | string) }}",
        "{{ 'blue' | switch({'blue': person.team, 'red': (1 // 0) | string}) }}",
        // The table says what such a key means.
        "{{ 'Sales' | lookup('reported') }}{{ 'Sales' | lookup('same') }}{{ 'Sales' | lookup('other') }}",
        "{{ 'Research & Development' | lookup('ou') }}",
        "{{ person.startsOn | plus_days(99999) }}",
        // The day, and the time zone, decide.
        "{{ 1 // (as_of | days_until('2026-01-01' | to_date)) }}",
        "{{ 1 // (('2026-01-01T12:00:00Z' | to_datetime | date('%H') | int) - 12) }}",
        "{{ 1 // (('2026-01-01T23:59:00Z' | to_datetime | day) - 1) }}",
    ] {
        assert_eq!(told(template), (None, Vec::new()), "{template}");
    }
    // Rows nobody knows decide anything.
    let world = World::new();
    let template = compile_template("{{ 'Sales' | lookup('ou') }}", &world.scope()).unwrap();
    assert_eq!(template.failures(&Tables::default()), Failures::default());
}

#[test]
fn conditions_and_records_are_judged_in_the_same_way() {
    let world = World::new();
    let condition = |text: &str| {
        let condition = compile_condition(text, &world.scope()).unwrap();
        condition.failures(&world.tables).always.is_some()
    };
    assert!(condition("person.number > 1 // 0"));
    assert!(condition("not ('x' | lookup('ou') == person.team)"));
    assert!(!condition("person.contractor and person.number > 1"));
    // Asked whether there is a value, nobody without one comes as far as the division.
    assert!(!condition("(person.number // 0) is defined"));
    let endpoints = BTreeSet::from(["users".to_owned()]);
    let record = |text: &str| {
        let scope = Scope::Record {
            endpoints: &endpoints,
        };
        let expression = compile_expression(text, &scope).unwrap();
        expression.failures().always.is_some()
    };
    assert!(record("7 // 0"));
    assert!(record("users.a ~ (7 // 0)"));
    // What is absent stays absent, whatever would be done to it.
    assert!(!record("users.a | left(7 // 0)"));
    assert!(!record("users.a | int"));
}

/// Expressions of whole numbers, some of which fail.
fn numbers() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "0",
        "1",
        "2",
        "person.number",
        "person.other",
        "('x' | int)",
        "('3' | int)",
        "('a' | lookup('t') | int)",
        "('b' | lookup('t') | int)",
        "(as_of | day)",
    ])
    .prop_map(str::to_owned);
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            (
                inner.clone(),
                prop::sample::select(vec!["+", "-", "*", "//", "%"]),
                inner.clone()
            )
                .prop_map(|(a, sign, b)| format!("({a} {sign} {b})")),
            (inner.clone(), inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(a, b, c, d)| format!("({a} if {b} == {c} else {d})")),
            (inner.clone(), inner.clone(), inner.clone(), inner.clone()).prop_map(
                |(a, b, c, d)| format!("({a} if {b} > 1 and {c} > 1 or {d} == 2 else 1)")
            ),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} | default({b}))")),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(a, b, c)| format!("({a} | switch({{1: {b}}}, {c}))")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("max({a}, {b})")),
            (inner.clone(), inner.clone(), inner).prop_map(|(a, b, c)| format!(
                "(({a} if ({b} is defined) else {c}) | string | left(2) | int)"
            )),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, ..ProptestConfig::default() })]

    /// Never a false alarm: what is called failing fails for everybody, whatever the facts, the day and the zone.
    #[test]
    fn nothing_that_fails_for_certain_gives_anybody_a_value(
        pieces in prop::collection::vec(numbers(), 1..3),
        one in prop::option::of(-2_i64..4),
        other in prop::option::of(-2_i64..4),
        day in 0_i64..60,
        zone in prop::sample::select(vec!["UTC", "Pacific/Kiritimati", "America/Los_Angeles", "Asia/Kathmandu"]),
    ) {
        let fields = [
            (Name::new("number"), FactType::Integer),
            (Name::new("other"), FactType::Integer),
        ];
        let table = TableData {
            rows: BTreeMap::from([("a".to_owned(), "1".to_owned())]),
            case_sensitive: false,
            unmapped: Unmapped::Hold,
        };
        let tables = Tables::new(BTreeMap::from([(Name::new("t"), table)]));
        let names = BTreeSet::from([Name::new("t")]);
        let scope = Scope::Person { fields: &fields, tables: &names };
        let text: String = pieces.iter().map(|piece| format!("{{{{ {piece} }}}}")).collect();
        let template = compile_template(&text, &scope).unwrap();
        let failures = template.failures(&tables);
        let person = Person {
            key: PersonKey::new("1"),
            in_scope: true,
            facts: [one.map(Fact::Integer), other.map(Fact::Integer)].into(),
            faults: Box::default(),
            held: Box::default(),
        };
        let as_of = jiff::Timestamp::from_second(day * 86_400 + 7_200).unwrap();
        let context = PersonContext {
            person: &person,
            account: &[],
            as_of: as_of.in_tz(zone).unwrap(),
            tables: &tables,
        };
        if failures.always.is_some() {
            let found = template.render(&context);
            prop_assert!(found.is_err(), "{text} gives {found:?}, and {failures:?}");
        }
        // What fails without a word from anybody is always known.
        if one.is_some() && other.is_some() && !text.contains("person") && !text.contains("as_of") {
            prop_assert_eq!(template.render(&context).is_err(), failures.always.is_some(), "{}", text);
        }
    }
}
