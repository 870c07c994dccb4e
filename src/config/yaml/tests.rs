use super::*;

fn read_text(text: &str) -> FileRead {
    read(&"a.yaml".into(), text.as_bytes())
}

fn only(text: &str) -> Doc {
    let mut read = read_text(text);
    assert_eq!(read.diagnostics, [], "{text}");
    assert_eq!(read.docs.len(), 1);
    read.docs.remove(0)
}

/// `code line:column+length` of all diagnostics.
fn faults(text: &str) -> Vec<String> {
    let read = read_text(text);
    read.diagnostics.iter().map(shown).collect()
}

fn shown(diagnostic: &Diagnostic) -> String {
    let at = diagnostic.location.as_ref().unwrap();
    format!(
        "{} {}:{}+{}",
        diagnostic.code, at.line, at.column, diagnostic.length
    )
}

fn spot(place: Place) -> (u32, u32, u32) {
    (place.location.line, place.location.column, place.length)
}

#[test]
fn scalars_people_write_keep_their_meaning() {
    let doc = only(
        "a: yes\nb: 0123\nc: 1_000\nd: on\ne: 12:30\nf: 2026-01-01\ng: true\nh: 5\ni: ~\nj: '7'\n10: x\n",
    );
    assert_eq!(
        doc.value,
        serde_json::json!({
            "a": "yes", "b": "0123", "c": "1_000", "d": "on", "e": "12:30", "f": "2026-01-01",
            "g": true, "h": 5, "i": null, "j": "7", "10": "x"
        })
    );
}

#[test]
fn every_key_and_value_knows_its_place() {
    let doc = only("é: [ä, 'bb']\nm:\n  k: \"v\\u00e9\"\n");
    assert_eq!(spot(doc.key_place("/é")), (1, 1, 1));
    assert_eq!(spot(doc.value_place("/é/1")), (1, 8, 4));
    assert_eq!(spot(doc.value_place("/m")), (2, 1, 1));
    assert_eq!(spot(doc.value_place("/m/k")), (3, 6, 9));
    assert_eq!(spot(doc.key_place("/m/absent")), (2, 1, 1));
    assert_eq!(spot(doc.place_within("/m/k", 1..3)), (3, 8, 6));
}

#[test]
fn places_within_folded_and_aliased_texts() {
    let doc = only("t: >-\n  one\n  {{ person.x }}\nu: &a 'it''s {{ y }}'\nw: *a\n");
    let text = doc.text("/t").unwrap();
    let at = text.find("person").unwrap();
    assert_eq!(spot(doc.place_within("/t", at..at + 8)), (3, 6, 8));
    let at = doc.text("/u").unwrap().find('y').unwrap();
    assert_eq!(spot(doc.place_within("/u", at..at + 1)), (4, 17, 1));
    assert_eq!(spot(doc.place_within("/w", at..at + 1)), (5, 4, 2));
}

#[test]
fn documents_empty_ones_and_byte_order_marks() {
    assert_eq!(read_text("\u{feff}a: 1\n---\n---\nb: 2\n").docs.len(), 2);
    for nothing in ["", "# only\n", "---\n", "\u{feff}"] {
        let read = read_text(nothing);
        assert!(
            read.docs.is_empty() && read.diagnostics.is_empty(),
            "{nothing:?}"
        );
    }
    assert_eq!(faults("\u{feff}a: 1\na: 2\n"), ["duplicate-key 2:1+1"]);
}

#[test]
fn all_duplicates_are_reported_and_merges_are_none() {
    assert_eq!(
        faults("a: 1\nb: {c: 1, c: 2}\na: 2\na: 3\n"),
        [
            "duplicate-key 2:11+1",
            "duplicate-key 3:1+1",
            "duplicate-key 4:1+1"
        ]
    );
    let doc = only("x: &x {c: 1, d: 2}\ny:\n  <<: *x\n  d: 3\n");
    assert_eq!(doc.value["y"], serde_json::json!({"c": 1, "d": 3}));
}

#[test]
fn what_no_reader_can_make_sense_of_is_one_fault() {
    assert_eq!(faults("a:\n\tb: 1\n"), ["yaml-syntax 2:2+1"]);
    assert_eq!(faults("a: \"abc\nb: c\n"), ["yaml-syntax 1:4+1"]);
    assert_eq!(faults("a: !foo 1\n"), ["yaml-syntax 1:9+1"]);
    assert_eq!(faults("a: *nope\n"), ["yaml-syntax 1:4+1"]);
    assert_eq!(faults("a: &r [*r]\n"), ["alias-expansion 1:8+2"]);
    let tab = &read_text("a:\n\tb: 1\n").diagnostics[0];
    assert!(tab.help.as_deref().unwrap().contains("never tabs"));
}

#[test]
fn readers_that_disagree_ask_for_quotes() {
    assert_eq!(
        faults("a: .inf\nb: [1, 0o17]\n0x10: k\n"),
        ["readers-disagree 1:4+4", "readers-disagree 3:1+4"]
    );
    assert_eq!(
        faults("b: [1, 123456789012345678901234567890]\n"),
        ["readers-disagree 1:8+30"]
    );
}

#[test]
fn halves_of_surrogate_pairs_are_named() {
    for text in [
        r#"a: "\ud83d\ude00""#,
        r#"a: ["x", "b \uD83D\uDE00"]"#,
        r#"{"a": "\ud83d\ude00"}"#,
    ] {
        let found = &read_text(&format!("{text}\n")).diagnostics;
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        let help = found[0].help.as_deref().unwrap();
        assert!(
            help.contains("write the character itself"),
            "{text}: {help}"
        );
    }
    let other = &read_text("a: .inf\n").diagnostics[0];
    assert_eq!(other.help.as_deref(), Some("put it in quotes"));
}

#[test]
fn bytes_that_are_not_utf8_are_located() {
    let latin = read(&"a.yaml".into(), b"a: b\nname: Jos\xe9\n");
    assert_eq!(shown(&latin.diagnostics[0]), "not-utf8 2:10+1");
    assert!(latin.diagnostics[0].message.contains("0xe9"));
    let utf16 = read(&"a.yaml".into(), b"\xff\xfea\0:\0");
    assert!(
        utf16.diagnostics[0]
            .help
            .as_deref()
            .unwrap()
            .contains("UTF-16")
    );
}

#[test]
fn a_file_may_have_thousands_of_documents() {
    let many = read_text(&"---\na: 1\n".repeat(3_000));
    assert_eq!((many.docs.len(), many.diagnostics.len()), (3_000, 0));
}

#[test]
fn bombs_are_refused_quickly() {
    let started = std::time::Instant::now();
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let previous = format!("*a{}", level - 1);
        laughs.push_str(&format!(
            "a{level}: &a{level} [{}]\n",
            vec![previous; 9].join(", ")
        ));
    }
    assert!(faults(&laughs)[0].starts_with("alias-expansion"));
    for depth in [30, 300, 5000] {
        let deep = read_text(&format!("{}x{}", "[".repeat(depth), "]".repeat(depth)));
        assert!(
            shown(&deep.diagnostics[0]).starts_with("nested-too-deep 1:"),
            "{:?}",
            deep.diagnostics
        );
    }
    let deep: String = (0..200)
        .map(|level| format!("{}a:\n", " ".repeat(level)))
        .collect();
    assert!(
        faults(&deep)[0].starts_with("nested-too-deep"),
        "{:?}",
        faults(&deep)
    );
    let large = vec![b'a'; 50 * 1024 * 1024];
    let read = read(&"a.yaml".into(), &large);
    assert_eq!(shown(&read.diagnostics[0]), "file-too-large 1:1+1");
    assert!(started.elapsed() < std::time::Duration::from_secs(5));
}
