//! The reference must not rot.

use super::*;

/// The reference's examples, run. Each row of its tables reads: name, what it does, example, result.
#[test]
fn the_reference_is_true() {
    let world = World::new();
    let reference = include_str!("../../../docs/language.md");
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
