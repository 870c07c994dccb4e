//! The pages that explain the language must not rot: their examples are run.

use super::*;
use crate::lang::signatures::{FILTERS, FUNCTIONS, TESTS, names};

/// An example of a page: what it is about, what is written, what comes out.
struct Example {
    name: String,
    written: String,
    result: String,
}

/// The rows of a page's tables that hold an example: name, what it does, example, result, each of them but the second
/// as code. A result in italics is not compared: `*held*` says that the person is held.
fn examples(page: &str) -> Vec<Example> {
    let code = |cell: &str| {
        cell.trim()
            .strip_prefix('`')?
            .strip_suffix('`')
            .map(|code| code.replace("\\|", "|"))
    };
    page.lines()
        .filter(|line| line.starts_with('|'))
        .filter_map(|line| {
            let line = line.replace("\\|", "\u{1}");
            let cells: Vec<String> = line
                .trim_matches('|')
                .split('|')
                .map(|cell| cell.replace('\u{1}', "|"))
                .collect();
            let [name, _, example, result] = cells.as_slice() else {
                return None;
            };
            let result = match result.trim() {
                "*held*" => "*held*".to_owned(),
                "*empty*" => String::new(),
                _ => code(result)?,
            };
            Some(Example {
                name: code(name)?,
                written: code(example)?,
                result,
            })
        })
        .collect()
}

/// What is wrong with an example.
fn fault(world: &World, example: &Example) -> Option<String> {
    let Example {
        written, result, ..
    } = example;
    let outcome = if written.contains("{{") || written.contains("{%") {
        match compile_template(written, &world.scope()) {
            Ok(template) => template
                .render(&world.context())
                .map(|text| text.to_string()),
            Err(errors) => return Some(format!("{written}: {errors:?}")),
        }
    } else if written.contains("users.") || written.contains("customField") {
        let endpoints = BTreeSet::from(["users".to_owned()]);
        let row = serde_json::json!({
            "customfields": [{"name": "CFgrade", "value": 3}],
            "firstname": "Ana",
            "startdate": "31/01/2026",
        });
        let parts = [("users", &row)];
        let record = Record { parts: &parts };
        let scope = Scope::Record {
            endpoints: &endpoints,
        };
        let expression = compile_expression(written, &scope)
            .unwrap_or_else(|errors| panic!("{written}: {errors:?}"));
        expression.evaluate(&record).map(|value| {
            let value = value.unwrap();
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned)
        })
    } else {
        world.holds(written).map(|holds| holds.to_string())
    };
    match (result.as_str(), outcome) {
        ("*held*", Err(_)) => None,
        (result, Ok(given)) if given == result => None,
        (result, given) => Some(format!("{written}: {given:?} instead of {result}")),
    }
}

/// The reference's examples, run; and nothing there is lacks one.
#[test]
fn the_reference_is_true() {
    let world = World::new();
    let reference = include_str!("../../../docs/mapping.md");
    let examples = examples(reference);
    let faults: Vec<String> = examples
        .iter()
        .filter_map(|example| fault(&world, example))
        .collect();
    assert_eq!(faults, Vec::<String>::new());
    let shown = |name: &str, test: bool| {
        examples.iter().any(|example| {
            let head = example.name.split('(').next().unwrap_or_default();
            match head.strip_prefix("is ") {
                Some(head) => test && head == name,
                None => !test && head == name,
            }
        })
    };
    for (name, test) in names(FILTERS)
        .chain(names(FUNCTIONS))
        .map(|name| (name, false))
        .chain(names(TESTS).map(|name| (name, true)))
    {
        assert!(
            shown(name, test),
            "docs/mapping.md has no example of {}{name}",
            if test { "is " } else { "" }
        );
    }
    assert!(examples.len() > 100, "only {} examples", examples.len());
    for locale in LOCALES {
        assert!(
            reference.contains(&format!("`{}`", locale.code)),
            "{} is not in docs/mapping.md",
            locale.code
        );
    }
}

/// The cookbook's examples, run; and none of Entra's functions is forgotten.
#[test]
fn the_cookbook_is_true() {
    let world = World::new();
    let cookbook = include_str!("../../../docs/cookbook.md");
    let examples = examples(cookbook);
    let faults: Vec<String> = examples
        .iter()
        .filter_map(|example| fault(&world, example))
        .collect();
    assert_eq!(faults, Vec::<String>::new());
    assert!(examples.len() > 80, "only {} examples", examples.len());
    // In the order of "Reference for writing expressions for attribute mappings in Microsoft Entra ID".
    let of_entra = "Append AppRoleAssignmentsComplex BitAnd CBool CDate Coalesce ConvertToBase64 ConvertToUTF8Hex Count \
        CStr DateAdd DateDiff DateFromNum FormatDateTime Guid IgnoreFlowIfNullOrEmpty IIF InStr IsNull IsNullOrEmpty \
        IsPresent IsString Item Join Left Mid NormalizeDiacritics Not Now NumFromDate PCase RandomString Redact \
        RemoveDuplicates Replace SelectUniqueValue SingleAppRoleAssignment Split StripSpaces Switch ToLower ToUpper Word";
    let forgotten: Vec<&str> = of_entra
        .split_whitespace()
        .filter(|name| !cookbook.contains(&format!("| `{name}(")))
        .collect();
    assert_eq!(forgotten, Vec::<&str>::new());
}
