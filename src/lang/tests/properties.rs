//! What holds for any text and any facts.

use proptest::prelude::*;

use super::*;

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
                    "length ~ ''",
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

/// Facts of every type at the edges of what they can be.
fn any_fact(kind: FactType) -> BoxedStrategy<Option<Fact>> {
    let texts = prop_oneof![
        "\\PC{0,12}",
        "[0-9 +.:/-]{1,20}",
        Just("2026-02-29".to_owned()),
        Just("-9223372036854775808".to_owned()),
        Just("ﬃ ß İ ǅ \u{301}\u{5d0}\u{1f600}".to_owned()),
        Just("x".repeat(70_000)),
        Just("é ".repeat(20_000)),
    ];
    let dates = prop_oneof![
        Just(jiff::civil::Date::MIN),
        Just(jiff::civil::Date::MAX),
        Just(date(2024, 2, 29)),
        Just(date(2026, 3, 29)),
    ];
    let moments = prop_oneof![
        Just(jiff::Timestamp::MIN),
        Just(jiff::Timestamp::MAX),
        Just(jiff::Timestamp::UNIX_EPOCH),
    ];
    let fact = match kind {
        FactType::Integer => prop_oneof![
            Just(0),
            Just(1),
            Just(-1),
            Just(i64::MIN),
            Just(i64::MAX),
            any::<i64>()
        ]
        .prop_map(Fact::Integer)
        .boxed(),
        FactType::Boolean => any::<bool>().prop_map(Fact::Boolean).boxed(),
        FactType::Date => dates.prop_map(Fact::Date).boxed(),
        FactType::DateTime => moments.prop_map(Fact::DateTime).boxed(),
        FactType::List => prop::collection::vec(texts, 1..4)
            .prop_map(|items| Fact::List(items.into_iter().map(Into::into).collect()))
            .boxed(),
        _ => texts.prop_map(|text| Fact::Text(text.into())).boxed(),
    };
    prop::option::weighted(0.95, fact).boxed()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    /// Every filter and test, on every type of value, with arguments at the edges: it gives a value of the type that
    /// was promised, or says why there is none; in a distinguished name, too. What it gives is bounded.
    #[test]
    fn every_filter_and_test_is_total(
        which in any::<prop::sample::Index>(),
        field in prop::sample::select(vec!["text", "integer", "boolean", "date", "dateTime", "list"]),
        arguments in prop::collection::vec(prop::sample::select(vec![
            "1", "0", "-1", "9223372036854775807", "-9223372036854775808", "person.integer", "person.text",
            "person.date", "person.dateTime", "'x'", "''", "' '", "'%Y-%m-%d'", "'%d.%m.%Y %H:%M'", "'23:59'", "'GB'",
            "'de'", "'tr'", "'same'", "'(.)(.)?'", "'$1$1'", "['a', 'B']", "{'1': 'one', 'x': person.text}",
            "{1: 'one'}", "{true: 1}", "true", "as_of", "'2026-02-28'", "'national'", "'utf-16'",
        ]), 0..3),
        facts in (
            any_fact(FactType::Text), any_fact(FactType::Integer), any_fact(FactType::Boolean),
            any_fact(FactType::Date), any_fact(FactType::DateTime), any_fact(FactType::List),
        ),
    ) {
        let world = World::new();
        let fields: Vec<_> = [
            ("text", FactType::Text), ("integer", FactType::Integer), ("boolean", FactType::Boolean),
            ("date", FactType::Date), ("dateTime", FactType::DateTime), ("list", FactType::List),
        ].map(|(name, kind)| (Name::new(name), kind)).into();
        let scope = Scope::Person { fields: &fields, tables: &world.names };
        let filters: Vec<&str> = signatures::names(signatures::FILTERS).collect();
        let tests: Vec<&str> = signatures::names(signatures::TESTS).collect();
        let at = which.index(filters.len() + tests.len() + 3);
        let arguments = arguments.join(", ");
        let written = match (filters.get(at), tests.get(at.saturating_sub(filters.len()))) {
            (Some(filter), _) => format!("person.{field} | {filter}({arguments})"),
            (_, Some(test)) => format!("person.{field} is {test}({arguments})"),
            _ => format!("{}(person.{field}, {arguments})", ["coalesce", "max", "min"][which.index(3)]),
        };
        let person = Person {
            key: PersonKey::new("1"),
            in_scope: true,
            facts: [facts.0, facts.1, facts.2, facts.3, facts.4, facts.5].into(),
            faults: Box::default(),
            held: Box::default(),
        };
        let context = PersonContext { person: &person, ..world.context() };
        if let Ok(template) = compile_template(&format!("{{{{ {written} }}}}"), &scope) {
            if let Ok(text) = template.render(&context) {
                prop_assert!(text.len() <= filters::LONGEST, "{written}");
                let again = template.render(&context).unwrap();
                prop_assert_eq!(text, again);
            }
            let _ = template.render_dn(&context);
        }
        if let Ok(condition) = compile_condition(&written, &scope) {
            let _ = condition.holds(&context);
        }
    }

    /// Over records, too, where nothing is known of types beforehand.
    #[test]
    fn every_filter_is_total_over_records(
        which in any::<prop::sample::Index>(),
        row in prop::sample::select(vec![
            "null", "true", "0", "1.5", "18.0", "1e300", "-9223372036854775808", "\"\"", "\"2026-01-31\"",
            "\"9999-12-31T23:59:59Z\"", "\"-9999-01-01T00:00:00Z\"", "\"x\"", "[]", "[1, null, [2], {\"a\": 1}]",
            "{\"a\": 1}", "\"+44 20 7946 0018\"",
        ]),
        arguments in prop::sample::select(vec![
            "", "1", "-9223372036854775808", "users.x", "'x'", "'%Y'", "'%d.%m.%Y'", "'GB'", "'(x)'", "'x', 'y'", "1, 2",
            "{'x': users.x}", "users.x, users.x",
        ]),
    ) {
        let filters: Vec<&str> = signatures::names(signatures::FILTERS).collect();
        let endpoints = BTreeSet::from(["users".to_owned()]);
        let scope = Scope::Record { endpoints: &endpoints };
        let written = format!("users.x | {}({arguments})", filters[which.index(filters.len())]);
        let row: serde_json::Value = serde_json::from_str(&format!("{{\"x\": {row}}}")).unwrap();
        let parts = [("users", &row)];
        let record = Record { parts: &parts };
        if let Ok(expression) = compile_expression(&written, &scope) {
            let _ = expression.evaluate(&record);
        }
        if let Ok(condition) = compile_condition(&written, &scope) {
            let _ = condition.holds_for_record(&record);
        }
    }
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
            faults: Box::default(),
            held: Box::default(),
        };
        let tables = Tables::default();
        let as_of = date(2026, 6, 2).to_zoned(jiff::tz::TimeZone::UTC).unwrap();
        let ours = compiled.render(&PersonContext { person: &person, account: &[], as_of, tables: &tables });

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
        "(\\{\\{|\\}\\}|\\{%|%\\}|if|else|endif|elif|person|\\.|givenName|endsOn|skills|number|as_of|\\||lower|left|mid|lookup|default|split|join|switch|to_date|coalesce|max|item|word|date|plus_months|e164|regex_extract|blank|title|\\(|\\)|'ou'|'de'|1|-|==|<|in|not|and|is|defined|\\[|\\]|,| |ß|'|~|\\+){0,24}",
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
