//! The fuzz targets without a fuzzer: their seeds replayed, among them inputs that once made something crash, and
//! seeds with a few things changed.

use halosync::fuzzing;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::schema::files_below;

use crate::support::root;

const TARGETS: [&str; 5] = [
    "configuration",
    "distinguished_name",
    "language",
    "response",
    "xml_response",
];

/// Files by name.
type Files = Vec<(String, Vec<u8>)>;

fn run(target: &str, bytes: &[u8], others: &[(String, Vec<u8>)]) {
    match target {
        "configuration" => fuzzing::configuration(bytes, others),
        "distinguished_name" => fuzzing::distinguished_name(bytes),
        "language" => fuzzing::language(bytes),
        "response" => fuzzing::response(bytes),
        "xml_response" => fuzzing::xml_response(bytes),
        other => panic!("{other} is a target this test does not know"),
    }
}

/// What stands around a fuzzed configuration file.
fn others() -> Files {
    files_below(&root().join("tests/schema/valid/complete"))
        .into_iter()
        .collect()
}

fn seeds(target: &str) -> Files {
    files_below(&root().join("fuzz/seeds").join(target))
        .into_iter()
        .collect()
}

#[test]
fn no_seed_of_the_fuzz_targets_crashes() {
    let others = others();
    let mut targets = Vec::new();
    for entry in std::fs::read_dir(root().join("fuzz/fuzz_targets")).unwrap() {
        let path = entry.unwrap().path();
        let target = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let seeds = seeds(&target);
        assert!(!seeds.is_empty(), "{target} has no seeds");
        for (name, bytes) in seeds {
            println!("{target}/{name}");
            run(&target, &bytes, &others);
        }
        targets.push(target);
    }
    targets.sort();
    assert_eq!(targets, TARGETS);
}

/// The words of the fuzzer's dictionary for the language, which suit the others no less.
fn words() -> Vec<Vec<u8>> {
    let dictionary = std::fs::read_to_string(root().join("fuzz/language.dict")).unwrap();
    let mut words: Vec<Vec<u8>> = dictionary
        .lines()
        .filter_map(|line| line.strip_prefix('"')?.strip_suffix('"'))
        .map(|word| word.as_bytes().to_vec())
        .collect();
    for odd in [
        "\\",
        ",",
        "=",
        "+",
        "\"",
        "#",
        " ",
        "\0",
        "\u{feff}",
        "\u{301}",
        "ß",
        "&a ",
        "*a",
        "\n- ",
        ": ",
        "{",
        "[",
        "]",
        "}",
        "null",
        "-1e999",
        "<a b='c'>",
        "</a>",
        "&amp;",
        "]]>",
    ] {
        words.push(odd.as_bytes().to_vec());
    }
    words
}

#[derive(Debug, Clone)]
enum Change {
    Insert(Index, Index),
    Remove(Index, usize),
    Byte(Index, u8),
    Double(Index, usize),
    Splice(Index, Index),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => (any::<Index>(), any::<Index>()).prop_map(|(at, word)| Change::Insert(at, word)),
        2 => (any::<Index>(), 1..20_usize).prop_map(|(at, count)| Change::Remove(at, count)),
        1 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Change::Byte(at, byte)),
        1 => (any::<Index>(), 1..60_usize).prop_map(|(at, count)| Change::Double(at, count)),
        1 => (any::<Index>(), any::<Index>()).prop_map(|(at, seed)| Change::Splice(at, seed)),
    ]
}

fn changed(
    seed: Index,
    changes: &[Change],
    seeds: &[(String, Vec<u8>)],
    words: &[Vec<u8>],
) -> Vec<u8> {
    let mut bytes = seed.get(seeds).1.clone();
    for change in changes {
        let place = |at: &Index| at.index(bytes.len() + 1);
        match change {
            Change::Insert(at, word) => {
                let at = place(at);
                bytes.splice(at..at, word.get(words).iter().copied());
            }
            Change::Remove(at, count) => {
                let at = place(at);
                let end = (at + count).min(bytes.len());
                bytes.drain(at..end);
            }
            Change::Byte(at, byte) => {
                let at = place(at);
                if let Some(there) = bytes.get_mut(at) {
                    *there = *byte;
                }
            }
            Change::Double(at, count) => {
                let at = place(at);
                let piece = bytes[at..(at + count).min(bytes.len())].to_vec();
                bytes.splice(at..at, piece);
            }
            Change::Splice(at, seed) => {
                let at = place(at);
                let other = &seed.get(seeds).1;
                bytes.truncate(at);
                bytes.extend(&other[at.min(other.len())..]);
            }
        }
    }
    bytes
}

proptest! {
    #[test]
    fn no_change_to_a_seed_makes_a_target_crash(
        target in proptest::sample::select(TARGETS.to_vec()),
        seed in any::<Index>(),
        changes in proptest::collection::vec(change(), 1..8),
    ) {
        static OTHERS: std::sync::LazyLock<Files> = std::sync::LazyLock::new(others);
        static WORDS: std::sync::LazyLock<Vec<Vec<u8>>> = std::sync::LazyLock::new(words);
        static SEEDS: std::sync::LazyLock<Vec<Files>> =
            std::sync::LazyLock::new(|| TARGETS.iter().map(|target| seeds(target)).collect());
        let at = TARGETS.iter().position(|known| *known == target).unwrap();
        let bytes = changed(seed, &changes, &SEEDS[at], &WORDS);
        run(target, &bytes, &OTHERS);
    }
}
