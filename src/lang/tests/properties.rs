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
            faults: Box::default(),
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
