//! The seeds of the fuzz targets, replayed: among them are the inputs that once made something crash.

use std::path::Path;

use halosync::fuzzing;

use crate::schema::files_below;

#[test]
fn no_seed_of_the_fuzz_targets_crashes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let others: Vec<(String, Vec<u8>)> = files_below(&root.join("tests/schema/valid/complete"))
        .into_iter()
        .collect();
    let mut targets = 0;
    for entry in std::fs::read_dir(root.join("fuzz/fuzz_targets")).unwrap() {
        let path = entry.unwrap().path();
        let target = path.file_stem().unwrap().to_str().unwrap();
        let run: &dyn Fn(&[u8]) = match target {
            "configuration" => &|bytes| fuzzing::configuration(bytes, &others),
            "distinguished_name" => &fuzzing::distinguished_name,
            "language" => &fuzzing::language,
            "response" => &fuzzing::response,
            other => panic!("{other} is a target this test does not know"),
        };
        let seeds = files_below(&root.join("fuzz/seeds").join(target));
        assert!(!seeds.is_empty(), "{target} has no seeds");
        for (name, bytes) in seeds {
            println!("{target}/{name}");
            run(&bytes);
        }
        targets += 1;
    }
    assert_eq!(targets, 4);
}
