use std::collections::BTreeSet;

use super::*;
use crate::connector::rest::EndpointSettings;

#[derive(Default)]
struct Heap(Vec<Value>);

impl Rows for Heap {
    fn next_page(&mut self) {}

    fn push(&mut self, row: Value) {
        self.0.push(row);
    }
}

fn paged(change: impl FnOnce(&mut EndpointSettings)) -> Endpoint {
    let mut settings = EndpointSettings::users();
    change(&mut settings);
    Endpoint::new(
        "s",
        settings,
        &url::Url::parse("https://hr.example.com").unwrap(),
        &[],
        &BTreeSet::from(["users".to_owned()]),
        false,
    )
    .unwrap()
}

fn users() -> Endpoint {
    paged(|_| {})
}

fn page(ids: impl IntoIterator<Item = u64>, total: Option<u64>) -> Page {
    Page {
        rows: ids.into_iter().map(|id| json!({"id": id})).collect(),
        total,
        ..Page::default()
    }
}

#[test]
fn the_list_ends_where_the_total_is_reached() {
    let mut pass = Pass::new(Heap::default());
    assert_eq!(pass.take(page(1..=100, Some(250)), &users()), Next::More);
    assert_eq!(pass.take(page(101..=200, Some(250)), &users()), Next::More);
    assert_eq!(pass.take(page(201..=250, Some(250)), &users()), Next::End);
    assert!(pass.disagreement("people").is_empty());
    assert_eq!(pass.rows_taken.0.len(), 250);
}

#[test]
fn a_short_page_in_the_middle_ends_nothing() {
    let mut pass = Pass::new(Heap::default());
    pass.take(page(1..=100, Some(250)), &users());
    assert_eq!(pass.take(page(101..=130, Some(250)), &users()), Next::More);
    // Nor without a total: only nothing new does.
    let mut pass = Pass::new(Heap::default());
    pass.take(page(1..=100, None), &users());
    assert_eq!(pass.take(page(101..=130, None), &users()), Next::More);
    assert_eq!(pass.take(page([], None), &users()), Next::End);
}

#[test]
fn the_same_page_again_ends_the_list_and_counts_as_no_duplicates() {
    let mut pass = Pass::new(Heap::default());
    pass.take(page(1..=3, None), &users());
    pass.take(page(4..=6, None), &users());
    assert_eq!(pass.take(page(4..=6, None), &users()), Next::End);
    assert_eq!((pass.rows, pass.duplicates), (6, 0));
}

#[test]
fn a_moved_row_is_dropped_and_counted_and_the_read_goes_on() {
    let mut pass = Pass::new(Heap::default());
    pass.take(page(1..=3, Some(6)), &users());
    // Someone was inserted before: the last row of page 1 is now the first of page 2.
    assert_eq!(pass.take(page(3..=5, Some(6)), &users()), Next::More);
    assert_eq!(pass.duplicates, 1);
    assert_eq!(pass.take(page([6], Some(6)), &users()), Next::End);
    assert!(pass.disagreement("people").is_empty());
    assert_eq!((pass.rows, pass.distinct()), (7, 6));
    // The later of the two is the fresher: the sink gets both.
    assert_eq!(pass.rows_taken.0.len(), 7);
}

#[test]
fn a_total_that_changes_while_reading_is_doubted_even_when_the_count_fits() {
    // Someone on page 1 was deleted after it was read: the first row of page 2 slipped onto page 1 and was never
    // seen, yet the count agrees with the new total.
    let mut pass = Pass::new(Heap::default());
    pass.take(page(1..=3, Some(6)), &users());
    pass.take(page(5..=6, Some(5)), &users());
    assert_eq!(pass.distinct(), 5);
    assert_eq!(pass.disagreement("people").len(), 1);
}

#[test]
fn a_row_without_id_is_doubted_and_handed_on() {
    let mut pass = Pass::new(Heap::default());
    pass.take(
        Page {
            rows: vec![json!({"id": 1}), json!({"name": "x"})],
            total: Some(2),
            ..Page::default()
        },
        &users(),
    );
    assert_eq!(pass.rows_taken.0.len(), 2);
    assert_eq!(pass.disagreement("people").len(), 2);
}

#[test]
fn a_total_that_is_no_number_is_never_passed_over() {
    let odd = |what| Page {
        odd_total: Some(what),
        ..page(1..=2, None)
    };
    let ends = paged(|endpoint| {
        endpoint.end_proves = true;
        endpoint.paging = None;
    });
    let mut pass = Pass::new(Heap::default());
    pass.take(odd("a list"), &ends);
    assert!(pass.disagreement("people").is_empty(), "not read again");
    let doubts = pass.doubts("people", &ends);
    assert_eq!(doubts.len(), 1, "{doubts:?}");
    assert!(doubts[0].contains("page 1 has a list"), "{doubts:?}");
    // Nor is one that never came, where the source says that there is one.
    let named = paged(|endpoint| {
        endpoint.end_proves = true;
        endpoint.paging = None;
        endpoint.total = Some("/count".to_owned());
    });
    let mut pass = Pass::new(Heap::default());
    pass.take(page(1..=2, None), &named);
    assert!(pass.doubts("people", &named)[0].contains("/count"));
    let mut pass = Pass::new(Heap::default());
    pass.take(page(1..=2, Some(2)), &named);
    assert!(pass.doubts("people", &named).is_empty());
}

#[test]
fn a_key_that_is_an_attribute_is_told() {
    let mut pass = Pass::new(Heap::default());
    let rows = Page {
        rows: vec![json!({"@id": "7", "Name": "Ann"})],
        ..Page::default()
    };
    pass.take(rows, &users());
    let doubts = pass.disagreement("people");
    assert!(doubts[0].contains("write `key: \"@id\"`"), "{doubts:?}");
}

fn linked(next: Option<&str>, ids: impl IntoIterator<Item = u64>) -> Page {
    Page {
        next: next.map_or(NextPage::None, |next| NextPage::Named(next.to_owned())),
        ..page(ids, None)
    }
}

fn by(by: RepeatBy, end_proves: bool) -> Endpoint {
    paged(|endpoint| {
        endpoint.end_proves = end_proves;
        if let Some(paging) = &mut endpoint.paging {
            paging.by = by;
            paging.next = Some("/next".to_owned());
        }
    })
}

#[test]
fn a_missing_next_page_proves_only_what_the_source_says_it_proves() {
    for end_proves in [false, true] {
        let endpoint = by(RepeatBy::Cursor, end_proves);
        let mut pass = Pass::new(Heap::default());
        assert_eq!(pass.take(linked(Some("b"), 1..=3), &endpoint), Next::More);
        // Filtered after it was cut: empty, and not the last.
        assert_eq!(pass.take(linked(Some("c"), []), &endpoint), Next::More);
        assert_eq!(pass.take(linked(None, 4..=5), &endpoint), Next::End);
        assert_eq!(pass.doubts("people", &endpoint).is_empty(), end_proves);
    }
}

#[test]
fn cursors_that_lead_in_a_circle_prove_nothing() {
    let endpoint = by(RepeatBy::Cursor, true);
    let mut pass = Pass::new(Heap::default());
    pass.take(linked(Some("b"), 1..=3), &endpoint);
    pass.take(linked(Some("c"), 4..=6), &endpoint);
    assert_eq!(pass.take(linked(Some("b"), 7..=9), &endpoint), Next::End);
    assert!(!pass.doubts("people", &endpoint).is_empty());
}

#[test]
fn pages_without_anybody_new_end_at_last() {
    let endpoint = by(RepeatBy::Cursor, true);
    let mut pass = Pass::new(Heap::default());
    pass.take(linked(Some("0"), 1..=3), &endpoint);
    let mut pages = 0;
    while pass.take(linked(Some(&format!("c{pages}")), []), &endpoint) == Next::More {
        pages += 1;
    }
    assert_eq!(pages + 1, MOST_BARREN);
    assert!(!pass.doubts("people", &endpoint).is_empty());
}

#[test]
fn the_page_before_again_proves_nothing() {
    let endpoint = paged(|endpoint| endpoint.end_proves = true);
    let mut pass = Pass::new(Heap::default());
    pass.take(page(1..=3, None), &endpoint);
    assert_eq!(pass.take(page(1..=3, None), &endpoint), Next::End);
    assert!(!pass.doubts("people", &endpoint).is_empty());
    // An empty page is a statement.
    let mut pass = Pass::new(Heap::default());
    pass.take(page(1..=3, None), &endpoint);
    assert_eq!(pass.take(page([], None), &endpoint), Next::End);
    assert!(pass.doubts("people", &endpoint).is_empty());
}

#[test]
fn a_condition_or_a_short_page_ends_a_list_but_never_a_total() {
    let until = paged(|endpoint| {
        if let Some(paging) = &mut endpoint.paging {
            paging.until = Some("page.body.more == false or page.rows == 0".to_owned());
        }
    });
    let mut pass = Pass::new(Heap::default());
    let more = |more: bool, ids: std::ops::RangeInclusive<u64>, total| Page {
        rest: json!({"more": more}),
        ..page(ids, total)
    };
    assert_eq!(pass.take(more(true, 1..=3, None), &until), Next::More);
    assert_eq!(pass.take(more(false, 4..=6, None), &until), Next::End);
    // The condition ends it, and the total says that it ended too early.
    let mut pass = Pass::new(Heap::default());
    assert_eq!(pass.take(more(false, 1..=3, Some(9)), &until), Next::End);
    assert!(!pass.doubts("people", &until).is_empty());
    let short = paged(|endpoint| {
        if let Some(paging) = &mut endpoint.paging {
            paging.short_page_ends = true;
            paging.page_size = 3;
        }
    });
    let mut pass = Pass::new(Heap::default());
    assert_eq!(pass.take(page(1..=3, None), &short), Next::More);
    assert_eq!(pass.take(page(4..=5, None), &short), Next::End);
}
