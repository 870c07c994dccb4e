//! Imports run one way: each room of the pure core uses only the rooms before it, and no edge.

use std::path::{Path, PathBuf};

/// Rooms in order, each with the rooms it may use besides itself. Core rooms may use those before them.
const CORE: &[&str] = &[
    "model",
    "lang",
    "config",
    "snapshot",
    "intake",
    "inventory",
    "lifecycle",
    "mapping",
    "matching",
    "diff",
    "policy",
    "plan",
    "approval",
    "testing",
    "explain",
];

fn allowed(room: &str) -> Vec<&'static str> {
    if let Some(at) = CORE.iter().position(|name| *name == room) {
        return CORE[..=at].to_vec();
    }
    match room {
        "connector" => vec![
            "connector",
            "model",
            "config",
            "intake",
            "inventory",
            "lang",
        ],
        "apply" => vec!["apply", "plan", "connector", "model"],
        "render" => vec![
            "render",
            "plan",
            "approval",
            "testing",
            "explain",
            "model",
            "config",
            "apply",
            "inventory",
        ],
        "sandbox" => vec!["sandbox", "model"],
        // Throws bytes at whatever reads bytes from outside.
        "fuzzing" => vec!["fuzzing", "model", "lang", "config", "intake", "connector"],
        "cli" => [CORE, &["connector", "apply", "render", "sandbox", "cli"]].concat(),
        other => panic!("src/{other} is a room this test does not know; decide what it may use"),
    }
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn rooms_used(text: &str) -> Vec<String> {
    use std::sync::LazyLock;

    use regex::Regex;

    static USED: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\bcrate::(?:\{([^;]*)\}|(\w+))").unwrap());
    static HEAD: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(?:^|,)\s*(\w+)").unwrap());
    let code: String = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .map(|line| format!("{line}\n"))
        .collect();
    let mut rooms = Vec::new();
    for captures in USED.captures_iter(&code) {
        if let Some(one) = captures.get(2) {
            rooms.push(one.as_str().to_owned());
        } else if let Some(group) = captures.get(1) {
            // Only the outermost names of `use crate::{a::{x, y}, b}`.
            let mut depth = 0;
            let outer: String = group
                .as_str()
                .chars()
                .filter(|c| {
                    match c {
                        '{' => depth += 1,
                        '}' => depth -= 1,
                        _ => {}
                    }
                    depth == 0 && *c != '}'
                })
                .collect();
            rooms.extend(HEAD.captures_iter(&outer).map(|found| found[1].to_owned()));
        }
    }
    rooms
}

#[test]
fn imports_run_one_way() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    for entry in std::fs::read_dir(&source).unwrap() {
        let folder = entry.unwrap().path();
        if !folder.is_dir() {
            continue;
        }
        let room = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let allowed = allowed(&room);
        let mut files = Vec::new();
        rust_files(&folder, &mut files);
        assert!(!files.is_empty(), "src/{room} holds no code");
        for file in files {
            let text = std::fs::read_to_string(&file).unwrap();
            for used in rooms_used(&text) {
                if !allowed.contains(&used.as_str()) {
                    let shown = file.strip_prefix(&source).unwrap().display().to_string();
                    wrong.push(format!("{shown} uses crate::{used}"));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "imports against the grain:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn the_pure_core_names_no_edge_crate() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let edge = regex::Regex::new(
        r"\b(tokio|reqwest|ldap3|axum|std::fs|std::net|std::env|std::time::SystemTime|Timestamp::now)\b",
    )
    .unwrap();
    let mut wrong = Vec::new();
    for room in CORE {
        let mut files = Vec::new();
        rust_files(&source.join(room), &mut files);
        for file in files {
            let text = std::fs::read_to_string(&file).unwrap();
            for (number, line) in text.lines().enumerate() {
                let code = line.split("//").next().unwrap_or_default();
                if let Some(found) = edge.find(code) {
                    let shown = file.strip_prefix(&source).unwrap().display().to_string();
                    wrong.push(format!("{shown}:{} names {}", number + 1, found.as_str()));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "the pure core reaches outside:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn the_reader_of_imports_sees_grouped_ones() {
    let text = "use crate::{model::{Dn, Guid}, plan::Plan, apply};\nlet x = crate::cli::run();";
    assert_eq!(rooms_used(text), ["model", "plan", "apply", "cli"]);
}

#[test]
fn exit_codes_are_documented_as_they_are() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/exit-codes.md");
    let page = std::fs::read_to_string(page).unwrap();
    let documented: Vec<(u8, &str)> = page
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| ")?.split(" | ");
            Some((cells.next()?.parse().ok()?, cells.next()?))
        })
        .collect();
    let codes: Vec<(u8, &str)> = halosync::cli::Exit::ALL
        .iter()
        .map(|(exit, meaning)| (*exit as u8, *meaning))
        .collect();
    assert_eq!(documented, codes);
}

#[test]
fn links_between_documents_lead_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let link = regex::Regex::new(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)").unwrap();
    let mut pages = vec![root.join("README.md"), root.join("CONTRIBUTING.md")];
    for folder in ["docs", "examples/acme", "examples/rest"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path);
            }
        }
    }
    let mut dead = Vec::new();
    for page in &pages {
        let text = std::fs::read_to_string(page).unwrap();
        for found in link.captures_iter(&text) {
            let target = page.parent().unwrap().join(&found[1]);
            if !target.exists() {
                let page = page.strip_prefix(root).unwrap().display();
                dead.push(format!("{page}: {}", &found[1]));
            }
        }
    }
    assert!(dead.is_empty(), "links to nowhere:\n{}", dead.join("\n"));
}
