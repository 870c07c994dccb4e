//! A plan that was touched anywhere is refused, and nothing panics.

use std::path::Path;

use halosync::plan::{PlanFile, read, seal, to_bytes};

use super::Desk;

fn golden(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name)
        .join("plan.json");
    std::fs::read(path).unwrap()
}

/// Numbers that look random and are the same each time (SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % limit as u64).unwrap()
    }
}

#[test]
fn p1_a_thousand_places_flipped_inserted_and_deleted_are_refused() {
    let plan = golden("leaver");
    assert!(read(&plan).is_ok());
    let mut numbers = Numbers(5);
    for _ in 0..1000 {
        let at = numbers.below(plan.len());
        let bit = 1_u8 << numbers.below(8);
        let byte = u8::try_from(numbers.below(256)).unwrap();
        let mut flipped = plan.clone();
        flipped[at] ^= bit;
        let mut inserted = plan.clone();
        inserted.insert(at, byte);
        let mut deleted = plan.clone();
        deleted.remove(at);
        for (how, touched) in [("flip", flipped), ("insert", inserted), ("delete", deleted)] {
            if touched == plan {
                continue;
            }
            assert!(read(&touched).is_err(), "{how} at byte {at}");
        }
    }
}

#[test]
fn p1_the_same_content_written_otherwise_is_refused() {
    let plan = golden("leaver");
    let text = String::from_utf8(plan.clone()).unwrap();
    let value: serde_json::Value = serde_json::from_slice(&plan).unwrap();
    // Keys in the order of the alphabet, no white space, other white space, other spellings of numbers and texts.
    let mut others = vec![
        serde_json::to_vec_pretty(&value).unwrap(),
        serde_json::to_vec(&value).unwrap(),
        text.replace("  ", "\t").into_bytes(),
        text.replace('\n', "\r\n").into_bytes(),
        format!("\u{feff}{text}").into_bytes(),
        text.trim_end().as_bytes().to_vec(),
        format!("{text}\n").into_bytes(),
        format!("{text}{text}").into_bytes(),
        text.replacen("acme", "\\u0061cme", 1).into_bytes(),
        text.replacen("\"content\": {", "\"content\": {\"project\": \"acme\",", 1)
            .into_bytes(),
    ];
    let people = format!("\"people\": {}", value["content"]["counts"]["people"]);
    for spelling in [
        "{}.0", "{}e0", "{}E+0", "+{}", "0{}", "-{}", "{}.5", "\"{}\"",
    ] {
        let number = value["content"]["counts"]["people"].to_string();
        let other = format!("\"people\": {}", spelling.replace("{}", &number));
        assert!(text.contains(&people));
        others.push(text.replacen(&people, &other, 1).into_bytes());
    }
    for other in others {
        assert_ne!(other, plan);
        assert!(
            read(&other).is_err(),
            "{}",
            String::from_utf8_lossy(&other[..80.min(other.len())])
        );
    }
}

#[test]
fn p1_parts_of_two_plans_make_no_plan() {
    let (one, other) = (golden("leaver"), golden("joiner"));
    let (one, other) = (read(&one).unwrap(), read(&other).unwrap());
    let swapped = PlanFile {
        digest: other.digest.clone(),
        ..one.clone()
    };
    assert!(read(&to_bytes(&swapped)).is_err());
    let mut mixed = one.clone();
    mixed.content.changes = other.content.changes.clone();
    assert!(read(&to_bytes(&mixed)).is_err());
    mixed.content = one.content.clone();
    mixed.content.changes.reverse();
    assert!(read(&to_bytes(&mixed)).is_err());
    // What is sealed anew is another plan: whoever approved the first has not approved this.
    let mut content = one.content.clone();
    content.changes.pop();
    assert_ne!(seal(content).digest, one.digest);
}

/// A sample of it all through the binary.
#[tokio::test]
async fn p1_touched_plans_are_refused_by_every_command() {
    let desk = Desk::new("leaver", 0).await;
    let plan = std::fs::read(desk.path().join("plan.json")).unwrap();
    let mut numbers = Numbers(7);
    for number in 0..12 {
        let at = numbers.below(plan.len());
        let mut touched = plan.clone();
        match number % 3 {
            0 => touched[at] ^= 1,
            1 => touched.insert(at, b' '),
            _ => {
                touched.remove(at);
            }
        }
        std::fs::write(desk.path().join("plan.json"), touched).unwrap();
        for command in ["apply", "verify", "show"] {
            let run = desk.run(&[command, "plan.json"]).await.expect(6);
            assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
        }
    }
}
