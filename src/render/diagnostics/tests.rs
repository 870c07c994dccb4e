use super::*;
use crate::model::Location;

fn sources(path: &str, text: &str) -> Sources {
    BTreeMap::from([(path.into(), text.into())])
}

fn fault(path: &str, line: u32, column: u32, length: u32) -> Diagnostic {
    Diagnostic {
        code: "unknown-field",
        severity: Severity::Error,
        message: "`nmae` is not a field here".to_owned(),
        location: Some(Location {
            file: path.into(),
            line,
            column,
        }),
        length,
        help: Some("did you mean `name`?".to_owned()),
    }
}

#[test]
fn text_marks_the_place_and_gives_the_way_out() {
    let text = "kind: Source\nmetadata: {é: ü, nmae: people}\n";
    let out = render(
        &[fault("a.yaml", 2, 19, 4)],
        &sources("a.yaml", text),
        Format::Text,
        false,
    );
    insta::assert_snapshot!(out, @r"
    error[unknown-field]: `nmae` is not a field here
     --> a.yaml:2:19
      |
    2 | metadata: {é: ü, nmae: people}
      |                   ^^^^
      |
      = help: did you mean `name`?
    ");
}

#[test]
fn text_without_a_place_or_a_text() {
    let mut homeless = fault("a.yaml", 1, 1, 1);
    homeless.location = None;
    homeless.severity = Severity::Warning;
    let out = render(
        &[homeless, fault("gone.yaml", 7, 3, 2)],
        &Sources::new(),
        Format::Text,
        false,
    );
    assert!(
        out.starts_with("warning[unknown-field]: `nmae` is not a field here"),
        "{out}"
    );
    assert!(out.contains("gone.yaml:7:"), "{out}");
}

#[test]
fn colour_only_when_asked() {
    let sources = sources("a.yaml", "a: 1\n");
    let one = [fault("a.yaml", 1, 1, 1)];
    assert!(!render(&one, &sources, Format::Text, false).contains('\u{1b}'));
    assert!(render(&one, &sources, Format::Text, true).contains('\u{1b}'));
}

#[test]
fn hostile_texts_command_nobody() {
    let hostile =
        "evil\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}\n::error::owned%0A\r::warning file=x::y";
    let mut one = fault(&format!("a,b:{hostile}.yaml"), 1, 1, 3);
    one.message = hostile.to_owned();
    one.help = Some(hostile.to_owned());
    let path = one.location.as_ref().unwrap().file.clone();
    let sources: Sources = BTreeMap::from([(path, format!("{hostile}\n{hostile}").into())]);
    for format in [Format::Text, Format::Json, Format::Sarif, Format::Github] {
        let out = render(std::slice::from_ref(&one), &sources, format, false);
        for c in ['\u{1b}', '\u{7}', '\u{9b}', '\r'] {
            assert!(!out.contains(c), "{format:?} lets {c:?} through: {out:?}");
        }
        assert!(
            !out.lines().skip(1).any(|line| line.starts_with("::")),
            "{format:?}: {out}"
        );
    }
    let github = render(std::slice::from_ref(&one), &sources, Format::Github, false);
    assert_eq!(github.lines().count(), 1, "{github}");
    let text = render(std::slice::from_ref(&one), &sources, Format::Text, false);
    assert!(!text.contains('\u{202e}'), "{text:?}");
    let json: serde_json::Value =
        serde_json::from_str(&render(&[one], &sources, Format::Json, false)).unwrap();
    assert_eq!(json["diagnostics"][0]["message"], hostile);
}

#[test]
fn github_escapes_as_the_runner_unescapes() {
    let mut one = fault("dir/a,b:c.yaml", 3, 5, 4);
    one.message = "100% wrong: a, b".to_owned();
    one.help = None;
    assert_eq!(
        render(&[one], &Sources::new(), Format::Github, false),
        "::error file=dir/a%2Cb%3Ac.yaml,line=3,col=5,endColumn=8,title=unknown-field::100%25 wrong: a, b\n"
    );
}

#[test]
fn json_is_one_object_with_everything() {
    let out = render(
        &[fault("a.yaml", 2, 1, 4)],
        &Sources::new(),
        Format::Json,
        true,
    );
    let value: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(value["errors"], 1);
    assert_eq!(value["warnings"], 0);
    assert_eq!(
        value["diagnostics"][0],
        serde_json::json!({
            "code": "unknown-field", "severity": "error", "message": "`nmae` is not a field here",
            "file": "a.yaml", "line": 2, "column": 1, "length": 4, "help": "did you mean `name`?"
        })
    );
}

#[test]
fn sarif_has_what_the_standard_requires() {
    let out = render(
        &[fault("my dir/ä.yaml", 2, 1, 4)],
        &Sources::new(),
        Format::Sarif,
        false,
    );
    let value: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(value["version"], "2.1.0");
    let run = &value["runs"][0];
    assert_eq!(run["tool"]["driver"]["name"], "halosync");
    let result = &run["results"][0];
    assert_eq!(result["ruleId"], run["tool"]["driver"]["rules"][0]["id"]);
    assert!(result["message"]["text"].is_string());
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "my%20dir/%C3%A4.yaml");
    assert_eq!(place["region"]["endColumn"], 5);
}

#[test]
fn summaries_count_in_words() {
    let mut warning = fault("a.yaml", 1, 1, 1);
    warning.severity = Severity::Warning;
    let all = [fault("a.yaml", 1, 1, 1), fault("a.yaml", 2, 1, 1), warning];
    assert_eq!(summary(&all, 5), "2 errors, 1 warning in 5 files");
    assert_eq!(summary(&[], 1), "0 errors, 0 warnings in 1 file");
}

#[test]
fn a_very_long_line_is_cut_and_still_marked() {
    let text = format!("{}nmae: x{}", " ".repeat(5000), "y".repeat(5000));
    let out = render(
        &[fault("a.yaml", 1, 5001, 4)],
        &sources("a.yaml", &text),
        Format::Text,
        false,
    );
    assert!(out.contains("nmae"), "{out}");
    assert!(out.len() < 2000, "{} bytes", out.len());
}
