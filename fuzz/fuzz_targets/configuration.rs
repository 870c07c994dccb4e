#![no_main]

use std::path::Path;
use std::sync::LazyLock;

/// The complete valid sample, whose documents those of the fuzzed file take the place of.
static OTHERS: LazyLock<Vec<(String, Vec<u8>)>> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/schema/valid/complete");
    let mut files = Vec::new();
    collect(&root, &root, &mut files);
    assert!(!files.is_empty(), "the sample is part of the repository");
    files
});

fn collect(root: &Path, folder: &Path, files: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(root, &path, files);
        } else if let (Ok(name), Ok(bytes)) = (path.strip_prefix(root), std::fs::read(&path)) {
            files.push((name.to_string_lossy().into_owned(), bytes));
        }
    }
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| halosync::fuzzing::configuration(bytes, &OTHERS));
