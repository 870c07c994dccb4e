//! What holds whatever a row is.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{acme, fact_of, intake, take};
use crate::model::Fact;

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        "\\PC{0,12}".prop_map(Value::from),
        "[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}:[0-9]{2})?"
            .prop_map(Value::from),
        "&(#x?[0-9a-fA-F]{0,8}|[a-z]{0,6});?".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("name|value|id", inner, 0..3).prop_map(|map| json!(map)),
        ]
    })
}

proptest! {
    /// Whatever a row holds: no panic, every row accounted for, and facts as [`Fact`] promises them.
    #[test]
    fn every_row_is_a_person_or_a_reason(rows in prop::collection::vec((any_json(), any_json()), 0..6)) {
        let intake = intake(json!({"fields": {
            "a": {"from": "users.v"}, "b": {"from": "users.v", "type": "integer"}, "c": {"from": "users.v", "type": "boolean"},
            "d": {"from": "users.v", "type": "date"}, "e": {"from": "users.v", "type": "dateTime"}, "f": {"from": "users.v", "type": "list"},
        }}));
        // One type at a time is enough to be rejected, so each value is tried alone as well.
        for (_, value) in &rows {
            for fact_type in ["text", "integer", "boolean", "date", "dateTime", "list"] {
                match fact_of(fact_type, value) {
                    Ok(Some(Fact::Text(text))) => {
                        prop_assert!(!text.is_empty());
                        prop_assert_eq!(text.trim(), text.as_str());
                        // Taken again, nothing changes, unless an entity was written about an entity.
                        if !text.contains('&') {
                            let again = fact_of("text", &json!(text.as_str()));
                            prop_assert_eq!(again, Ok(Some(Fact::Text(text))));
                        }
                    }
                    Ok(Some(Fact::List(items))) => prop_assert!(!items.is_empty() && items.iter().all(|item| !item.is_empty())),
                    _ => {}
                }
            }
        }
        let raw: Vec<Value> = rows.into_iter().map(|(id, value)| json!({"id": id, "v": value})).collect();
        let taken = take(&intake, &raw);
        prop_assert_eq!(taken.rows as usize, raw.len());
        let nameless = taken.rejected.iter().filter(|row| row.row.starts_with("page")).count();
        prop_assert_eq!(taken.people.len() + taken.rejected.len() - nameless, taken.distinct as usize);
        prop_assert!(taken.people.iter().all(|person| person.facts.len() == taken.fields.len()));
    }

    /// The order of rows does not matter as long as ids differ (P8).
    #[test]
    fn order_does_not_matter(ids in prop::collection::hash_set(-50i64..2000, 0..12), seed in any::<u64>()) {
        let intake = acme();
        let row = |id: &i64| json!({"id": *id as f64, "firstname": format!("N{id}")});
        let rows: Vec<Value> = ids.iter().map(row).collect();
        let mut shuffled = rows.clone();
        let mut state = seed | 1;
        for at in (1..shuffled.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            shuffled.swap(at, (state >> 33) as usize % (at + 1));
        }
        let (one, other) = (take(&intake, &rows), take(&intake, &shuffled));
        prop_assert_eq!(&one.people, &other.people);
        prop_assert!(one.people.is_sorted_by(|a, b| a.key.natural_cmp(&b.key).is_lt()));
    }
}
