//! Undo: every golden plan is applied in memory and undone, and what is there then is what was there before.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use halosync::config::Config;
use halosync::model::{DirectorySnapshot, Entry, EntryKind, Guid, Name, Values};
use halosync::plan::{
    Action, Cause, Change, ChangeId, Deed, GuardKind, Held, Only, Plan, PlanFile, UndoInput, lint,
    seal, to_bytes, undo,
};

use super::applied::Directory;
use super::golden::{Case, cases};
use super::{golden_root, plan};

/// Cases whose undo is kept and read.
const KEPT: &[&str] = &[
    "deletion",
    "leaver",
    "manager-chain",
    "merge-addresses",
    "moves",
    "rehire-new",
    "rename-surname",
];

/// A plan that was applied, what a journal would tell of it, and the directory afterwards.
struct Applied {
    plan: PlanFile,
    deeds: HashMap<ChangeId, Deed>,
    directory: Directory,
}

/// Applies a plan and notes what a journal would.
fn applied(plan: &PlanFile, directory: Directory) -> Applied {
    applied_in_part(plan, directory, plan.content.changes.len())
}

/// Applies so many changes of a plan and sends one more, which takes no effect and gets no answer.
fn applied_in_part(plan: &PlanFile, mut directory: Directory, done: usize) -> Applied {
    let mut deeds = HashMap::new();
    directory.apply(plan.content.as_of, &[]);
    for (at, change) in plan.content.changes.iter().enumerate().take(done + 1) {
        let mut before = BTreeMap::new();
        match &change.action {
            Action::Modify { attributes } => {
                for attribute in attributes {
                    let found = directory.texts(&change.object, &attribute.name);
                    before.insert(attribute.name.clone(), found);
                }
            }
            Action::Adopt { attribute, .. } => {
                let found = directory.texts(&change.object, &attribute.name);
                before.insert(attribute.name.clone(), found);
            }
            _ => {}
        }
        if at < done {
            directory.change(change);
        }
        let created = directory.made.get(change.id.0.as_str()).copied();
        deeds.insert(change.id.clone(), Deed { before, created });
    }
    Applied {
        plan: plan.clone(),
        deeds,
        directory,
    }
}

fn undone(config: &Config, applied: &Applied, read: DirectorySnapshot) -> Plan {
    part_undone(config, applied, read, &[])
}

fn part_undone(config: &Config, applied: &Applied, read: DirectorySnapshot, only: &[Only]) -> Plan {
    let words: Vec<String> = only.iter().map(|one| format!("{one:?}")).collect();
    let directories = BTreeMap::from([(Name::new("corp"), read)]);
    undo(UndoInput {
        config,
        undone: &applied.plan,
        deeds: &applied.deeds,
        journal: "sha256:00",
        only,
        words: &words,
        directories: &directories,
        as_of: "2026-11-23T11:00:00Z".parse().unwrap(),
        tool_version: "0.0.0-test",
        commit: None,
        author: None,
        uncommitted: false,
    })
    .unwrap()
}

type Shown = BTreeMap<Guid, (String, BTreeMap<String, Vec<String>>)>;

/// What two reads are compared by: who stands where with which values.
fn shown(read: &DirectorySnapshot) -> Shown {
    let alive = |entry: &&Entry| !matches!(entry.kind, EntryKind::Deleted | EntryKind::Foreign);
    let entries = read.objects.iter().filter(alive);
    entries
        .map(|entry| {
            let attributes = entry.attributes.iter().map(|(id, values): &(_, Values)| {
                let mut values: Vec<String> =
                    values.as_slice().iter().map(ToString::to_string).collect();
                values.sort();
                (read.header.definition(*id).name.clone(), values)
            });
            (entry.guid, (entry.dn.to_string(), attributes.collect()))
        })
        .collect()
}

fn first(case: &Case) -> (PlanFile, Directory) {
    let made = plan(&case.config, &case.people, &case.directory);
    (seal(made), Directory::new(&case.directory))
}

#[test]
fn p6_what_every_plan_does_is_undone() {
    let bless = std::env::var_os("BLESS").is_some();
    let mut whole = 0;
    let mut wrong = Vec::new();
    for case in cases() {
        let (plan, directory) = first(&case);
        let was = shown(&directory.read());
        let mut applied = applied(&plan, directory);
        let back = undone(
            &case.config,
            &applied,
            applied.directory.read_with_deleted(),
        );
        lint(&back).unwrap_or_else(|error| panic!("{}: {error}", case.name));
        let of_undo = |change: &Change| {
            change.cause == Cause::Undo && change.because.text.contains("undo of change c-")
        };
        assert!(back.changes.iter().all(of_undo), "{}", case.name);
        let deletes = |change: &Change| matches!(change.action, Action::Delete { .. });
        assert!(!back.changes.iter().any(deletes), "{}", case.name);
        if KEPT.contains(&case.name.as_str()) {
            let bytes = to_bytes(&seal(back.clone()));
            let path = golden_root().join(&case.name).join("undo.json");
            if bless {
                std::fs::write(&path, &bytes).unwrap();
            } else if std::fs::read(&path).unwrap_or_default() != bytes {
                wrong.push(path.display().to_string());
            }
        }
        // What a guard holds was meant to be held.
        let held: Vec<_> = back.held.iter().map(|held| held.code.as_str()).collect();
        let meant = |code: &&str| code.starts_with("guard-") || *code == "undo-stopped";
        if held.iter().any(meant) {
            continue;
        }
        assert!(held.is_empty(), "{}: {:#?}", case.name, back.held);
        let made: Vec<Guid> = applied
            .deeds
            .values()
            .filter_map(|deed| deed.created)
            .collect();
        applied.directory.apply(back.as_of, &back.changes);
        let mut is = shown(&applied.directory.read());
        for guid in made {
            let (dn, attributes) = is.remove(&guid).unwrap();
            let flags: i64 = attributes["userAccountControl"][0].parse().unwrap();
            assert!(flags & 2 != 0, "{}: {dn} is not shut", case.name);
        }
        for (guid, before) in &was {
            assert_eq!(is.get(guid), Some(before), "{}", case.name);
        }
        assert_eq!(is.len(), was.len(), "{}", case.name);
        whole += 1;
    }
    assert!(whole > 20, "only {whole} were undone whole");
    assert!(wrong.is_empty(), "not as blessed: {wrong:?}");
}

#[test]
fn nothing_is_undone_that_was_not_done_or_is_as_before() {
    for case in cases() {
        let (plan, directory) = first(&case);
        let mut applied = applied(&plan, directory);
        // The journal tells of everything, and the directory is as it was: nothing took, or all was changed back.
        let back = undone(&case.config, &applied, case.directory.clone());
        let creates = |change: &Change| matches!(change.action, Action::Create { .. });
        if !plan.content.changes.iter().any(creates) {
            assert!(
                back.changes.is_empty(),
                "{}: {:#?}",
                case.name,
                back.changes
            );
            let held = back.held.iter().filter(|held| held.code != "undo-gone");
            assert_eq!(held.count(), 0, "{}: {:#?}", case.name, back.held);
        }
        // The journal tells of nothing.
        applied.deeds.clear();
        let back = undone(
            &case.config,
            &applied,
            applied.directory.read_with_deleted(),
        );
        assert!(
            back.changes.is_empty() && back.held.is_empty(),
            "{}",
            case.name
        );
    }
}

/// The same plan comes again after an undo; and the undo of the undo, and of that, go there and back.
#[test]
fn there_and_back_again() {
    let (mut planned, mut chained) = (0, 0);
    for case in cases() {
        let (plan, directory) = first(&case);
        let was = shown(&directory.read());
        let once = applied(&plan, directory);
        let then = shown(&once.directory.read());
        let read = once.directory.read_with_deleted();
        let back = undone(&case.config, &once, read);
        let stays = |change: &Change| {
            matches!(
                change.action,
                Action::Create { .. } | Action::Delete { .. } | Action::ResetPassword {}
            )
        };
        if !back.held.is_empty() || plan.content.changes.iter().any(stays) {
            continue;
        }
        let twice = applied(&seal(back), once.directory);
        assert_eq!(shown(&twice.directory.read()), was, "{}", case.name);
        let again = super::plan(&case.config, &case.people, &twice.directory.read());
        assert_eq!(again.changes, plan.content.changes, "{}", case.name);
        assert_eq!(again.held, plan.content.held, "{}", case.name);
        planned += usize::from(!again.changes.is_empty());
        let read = twice.directory.read_with_deleted();
        let redone = undone(&case.config, &twice, read);
        let undoes = redone.inputs.undoes.as_ref().expect("an undo");
        assert!(undoes.redoes, "{}", case.name);
        let told = |plan: &Plan| {
            plan.warnings
                .iter()
                .any(|one| one.code == "undo-comes-again")
        };
        assert!(!told(&redone), "{}", case.name);
        let held: Vec<_> = redone.held.iter().map(|held| held.code.as_str()).collect();
        if held.iter().any(|code| code.starts_with("guard-")) {
            continue;
        }
        assert!(held.is_empty(), "{}: {:#?}", case.name, redone.held);
        let thrice = applied(&seal(redone), twice.directory);
        assert_eq!(shown(&thrice.directory.read()), then, "{}", case.name);
        let read = thrice.directory.read_with_deleted();
        let last = undone(&case.config, &thrice, read);
        assert_eq!(told(&last), !last.changes.is_empty(), "{}", case.name);
        if last.held.is_empty() {
            let four = applied(&seal(last), thrice.directory);
            assert_eq!(shown(&four.directory.read()), was, "{}", case.name);
            chained += 1;
        }
    }
    assert!(
        planned > 10 && chained > 10,
        "{planned} planned again, {chained} there and back"
    );
}

/// Whatever change an apply was stopped at, and whether that took effect, what was done is undone.
#[test]
fn p6_whatever_part_was_done_is_undone() {
    let mut stopped = 0;
    for case in cases() {
        let (plan, directory) = first(&case);
        let was = shown(&directory.read());
        for done in 0..plan.content.changes.len() {
            let mut applied = applied_in_part(&plan, directory.clone(), done);
            let read = applied.directory.read_with_deleted();
            let back = undone(&case.config, &applied, read);
            lint(&back).unwrap_or_else(|error| panic!("{} at {done}: {error}", case.name));
            let meant =
                |held: &Held| held.code.starts_with("guard-") || held.code == "undo-stopped";
            if back.held.iter().any(meant) {
                continue;
            }
            assert!(
                back.held.is_empty(),
                "{} at {done}: {:#?}",
                case.name,
                back.held
            );
            applied.directory.apply(back.as_of, &back.changes);
            let is = shown(&applied.directory.read());
            for (guid, before) in &was {
                assert_eq!(is.get(guid), Some(before), "{} at {done}", case.name);
            }
            stopped += 1;
        }
    }
    assert!(stopped > 100, "only {stopped}");
}

/// P9: nobody is put where accounts are not managed any more.
#[test]
fn nobody_goes_back_to_a_place_outside_the_managed_scope() {
    let mut held = 0;
    for mut case in cases() {
        let (plan, directory) = first(&case);
        let applied = applied(&plan, directory);
        let moves = plan
            .content
            .changes
            .iter()
            .filter_map(|change| match &change.action {
                Action::Move { before, after, .. } => Some((change, before, after)),
                _ => None,
            });
        for (change, before, after) in moves {
            let document = case.config.directories.values_mut().next().unwrap();
            document.spec.managed.under = vec![after.to_string()];
            let read = applied.directory.read_with_deleted();
            let back = undone(&case.config, &applied, read);
            let there = |change: &Change| matches!(&change.action, Action::Move { after, .. } if after == before);
            assert!(!back.changes.iter().any(there), "{}", case.name);
            let told = |one: &&Held| {
                one.code == "outside-scope"
                    && one.person.as_ref() == Some(&change.person)
                    && one.reason.contains("outside the managed scope now")
            };
            held += back.held.iter().filter(told).count().min(1);
        }
    }
    assert!(held > 2, "only {held}");
}

/// One person's undo after the other's comes to what the whole comes to, tells of nobody else, and counts for the guards what
/// was undone before.
#[test]
fn one_person_after_the_other_is_the_whole() {
    let mut several = 0;
    for case in cases() {
        let (plan, directory) = first(&case);
        let mut applied = applied(&plan, directory);
        let whole = undone(
            &case.config,
            &applied,
            applied.directory.read_with_deleted(),
        );
        if !whole.held.is_empty() {
            continue;
        }
        let mut at_once = applied.directory.clone();
        at_once.apply(whole.as_of, &whole.changes);
        let people: BTreeSet<_> = whole.changes.iter().map(|change| &change.person).collect();
        let limits = |plan: &Plan| -> BTreeMap<String, u64> {
            let limits = plan
                .guards
                .iter()
                .filter(|one| one.kind == GuardKind::Limit);
            let all = limits.filter(|one| one.per.is_none() && one.counted > one.already);
            all.map(|one| (one.guard.clone(), one.counted)).collect()
        };
        let mut last = whole.clone();
        for person in &people {
            let only = [Only::Person {
                source: person.source.clone(),
                key: person.key.clone(),
            }];
            let read = applied.directory.read_with_deleted();
            last = part_undone(&case.config, &applied, read, &only);
            lint(&last).unwrap_or_else(|error| panic!("{}: {error}", case.name));
            assert!(last.held.is_empty(), "{}: {:#?}", case.name, last.held);
            let of_undo = last
                .warnings
                .iter()
                .filter(|one| one.code.starts_with("undo-"));
            let told = of_undo.flat_map(|warning| &warning.examples);
            for told in told {
                let of = |change: &&Change| told.contains(&format!("({})", change.person.key));
                assert!(
                    last.changes.iter().any(|change| of(&change)),
                    "{}: {told}",
                    case.name
                );
            }
            applied.directory.apply(last.as_of, &last.changes);
        }
        several += usize::from(people.len() > 2);
        for (guard, counted) in limits(&last) {
            assert_eq!(
                limits(&whole).get(&guard),
                Some(&counted),
                "{}: {guard}",
                case.name
            );
        }
        assert_eq!(
            shown(&at_once.read()),
            shown(&applied.directory.read()),
            "{}",
            case.name
        );
        let read = applied.directory.read_with_deleted();
        let nothing = undone(&case.config, &applied, read);
        assert!(
            nothing.changes.is_empty(),
            "{}: {:#?}",
            case.name,
            nothing.changes
        );
    }
    assert!(
        several > 5,
        "only {several} undo something of several people"
    );
}

/// P8.
#[test]
fn the_order_of_the_read_does_not_matter() {
    for case in cases() {
        let (plan, directory) = first(&case);
        let applied = applied(&plan, directory);
        let read = applied.directory.read_with_deleted();
        let mut other = read.clone();
        other.objects.reverse();
        let one = to_bytes(&seal(undone(&case.config, &applied, read)));
        let two = to_bytes(&seal(undone(&case.config, &applied, other)));
        assert!(one == two, "{}", case.name);
    }
}

/// Whoever's anchor is gone, nothing tells whose the account is; of everybody else all is undone.
#[test]
fn an_account_without_its_anchor_is_left_alone_and_nobody_else_is() {
    let mut tried = 0;
    for case in cases() {
        let (plan, directory) = first(&case);
        let applied = applied(&plan, directory);
        let read = applied.directory.read_with_deleted();
        let whole = undone(&case.config, &applied, read.clone());
        let theirs = |change: &Change| {
            let object = match &change.action {
                Action::AddMember { member } | Action::RemoveMember { member } => member.clone(),
                _ => change.object.clone(),
            };
            object
                .guid
                .filter(|_| !object.anchor.is_empty())
                .map(|guid| (guid, object))
        };
        let restores = |change: &Change| matches!(change.action, Action::Restore { .. });
        let gives = |change: &Change, anchors: &BTreeMap<String, String>| match &change.action {
            Action::Modify { attributes } => {
                attributes.iter().any(|one| anchors.contains_key(&one.name))
            }
            _ => false,
        };
        let Some((guid, object)) = whole.changes.iter().find_map(theirs) else {
            continue;
        };
        if !whole.held.is_empty()
            || whole
                .changes
                .iter()
                .any(|change| restores(change) || gives(change, &object.anchor))
        {
            continue;
        }
        let mut read = read;
        let anchors: Vec<_> = object
            .anchor
            .keys()
            .map(|name| read.header.attribute(name).unwrap())
            .collect();
        for entry in read.objects.iter_mut().filter(|entry| entry.guid == guid) {
            let kept = entry.attributes.iter();
            let kept = kept.filter(|(id, _)| !anchors.contains(id)).cloned();
            entry.attributes = kept.collect();
        }
        let back = undone(&case.config, &applied, read);
        lint(&back).unwrap_or_else(|error| panic!("{}: {error}", case.name));
        let about = |change: &Change| theirs(change).is_some_and(|(about, _)| about == guid);
        let (mine, others): (Vec<_>, Vec<_>) = whole.changes.iter().partition(|one| about(one));
        assert_eq!(
            back.held
                .iter()
                .filter(|held| held.code == "undo-changed"
                    && held.reason.contains("carries no anchor any more"))
                .count(),
            mine.len(),
            "{}: {:#?}",
            case.name,
            back.held
        );
        if back.held.len() == mine.len() {
            let others: BTreeSet<_> = others.iter().map(|change| &change.id).collect();
            let goes_on: BTreeSet<_> = back.changes.iter().map(|change| &change.id).collect();
            assert_eq!(goes_on, others, "{}", case.name);
            tried += 1;
        }
    }
    assert!(tried > 5, "{tried}");
}
