//! Edits of every kind beside an anchor that is kept, taken off or written over, through several plans: what is to be asked
//! about is asked about until somebody answers, whatever is known of the account on the way.

use serde_json::Value;

use super::drift_owners::{apply, by_anchor_only, held, kinds, plan};
use super::lab::{Joiner, Lab};

/// What an administrator edits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edit {
    Title,
    Phone,
    Expiry,
    Disabled,
    Moved,
    DisabledAndMoved,
    /// Names have no policy: they are always written back.
    DisabledAndRenamed,
    TakenOut,
    PutIn,
}

const EDITS: [Edit; 9] = [
    Edit::Title,
    Edit::Phone,
    Edit::Expiry,
    Edit::Disabled,
    Edit::Moved,
    Edit::DisabledAndMoved,
    Edit::DisabledAndRenamed,
    Edit::TakenOut,
    Edit::PutIn,
];

/// What becomes of the anchor besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Anchor {
    Kept,
    Wiped,
    Overwritten,
}

/// One of those who are edited.
#[derive(Debug, Clone, Copy)]
struct Edited {
    number: u32,
    edit: Edit,
    anchor: Anchor,
}

impl Edited {
    fn all() -> Vec<Self> {
        let anchors = [Anchor::Kept, Anchor::Wiped, Anchor::Overwritten];
        let each = EDITS
            .into_iter()
            .flat_map(|edit| anchors.map(|anchor| (edit, anchor)));
        each.zip(11..)
            .map(|((edit, anchor), number)| Self {
                number,
                edit,
                anchor,
            })
            .collect()
    }

    /// The account's name, which nobody edits.
    fn name(self) -> String {
        format!("po{}", self.number)
    }

    fn joiner(self) -> Joiner {
        let mut joiner = Joiner::new(self.number, "Pat", &format!("O{}", self.number))
            .phone("+44 20 7946 0001")
            .department("Sales");
        joiner.ends_on = Some("2099-06-30".to_owned());
        joiner
    }

    async fn disable(self, lab: &Lab) {
        let account = lab.user(&self.name()).await;
        let flags = account.one("userAccountControl").parse::<u32>();
        let flags = flags.expect("a number") | 2;
        lab.set_user(&self.name(), "userAccountControl", &flags.to_string())
            .await;
    }

    /// The attributes; groups are edited for all at once.
    async fn edit(self, lab: &Lab) {
        let name = self.name();
        match self.edit {
            Edit::Title => lab.set_user(&name, "title", "Wizard").await,
            Edit::Phone => lab.set_user(&name, "telephoneNumber", "+1").await,
            Edit::Expiry => lab.set_user(&name, "accountExpires", "0").await,
            Edit::Disabled => self.disable(lab).await,
            Edit::Moved => lab.move_user(&name, "OU=Research,OU=People").await,
            Edit::DisabledAndMoved => {
                self.disable(lab).await;
                lab.move_user(&name, "OU=Research,OU=People").await;
            }
            Edit::DisabledAndRenamed => {
                self.disable(lab).await;
                lab.rename_user(&name, &format!("Nobody {}", self.number))
                    .await;
            }
            Edit::TakenOut | Edit::PutIn => {}
        }
        let number = self.number.to_string();
        match self.anchor {
            Anchor::Kept => {}
            Anchor::Wiped => lab.set(&number, "employeeID", &[]).await,
            Anchor::Overwritten => {
                lab.set(&number, "employeeID", &[&format!("x{number}")])
                    .await
            }
        }
    }

    /// Whether the edit stands in the directory.
    async fn stands(self, lab: &Lab) -> bool {
        let account = lab.user(&self.name()).await;
        let moved = account.dn.contains("OU=Research,");
        let is_in = async |group: &str| lab.members(group).await.contains(&account.dn);
        match self.edit {
            Edit::Title => account.one("title") == "Wizard",
            Edit::Phone => account.one("telephoneNumber") == "+1",
            Edit::Expiry => account.one("accountExpires") == "0",
            Edit::Disabled | Edit::DisabledAndRenamed => !account.enabled(),
            Edit::Moved => moved,
            Edit::DisabledAndMoved => moved && !account.enabled(),
            Edit::TakenOut => !is_in("Sales").await,
            Edit::PutIn => is_in("Research").await,
        }
    }
}

/// A project in which everything that can be said of edits is this.
fn says(lab: &Lab, policy: &str) {
    let mapping = lab.read("employees.yaml").replace(
        "  attributes:\n",
        &format!(
            "  drift: {{attributes: {policy}, placement: {policy}, disabled: {policy}}}\n  attributes:\n    accountExpires: {{value: \"{{{{ person.endsOn }}}}\", empty: leave}}\n"
        ),
    );
    lab.write("employees.yaml", &mapping);
    let groups = lab.read("groups.yaml");
    let rules = format!("  drift: {policy}\n  rules:");
    lab.write("groups.yaml", &groups.replace("  rules:", &rules));
}

async fn edit_all(lab: &Lab, all: &[Edited]) {
    let mut sales = Vec::new();
    let mut research = Vec::new();
    for one in all {
        one.edit(lab).await;
        let dn = lab.user(&one.name()).await.dn;
        match one.edit {
            Edit::TakenOut => {}
            Edit::PutIn => {
                sales.push(dn.clone());
                research.push(dn);
            }
            _ => sales.push(dn),
        }
    }
    let sales: Vec<&str> = sales.iter().map(String::as_str).collect();
    let research: Vec<&str> = research.iter().map(String::as_str).collect();
    lab.set_group("Sales", "member", &sales).await;
    lab.set_group("Research", "member", &research).await;
}

async fn write_anchors_back(lab: &Lab, all: &[Edited]) {
    for one in all.iter().filter(|one| one.anchor != Anchor::Kept) {
        lab.set_user(&one.name(), "employeeID", &one.number.to_string())
            .await;
    }
}

async fn assert_stand(lab: &Lab, all: &[Edited], when: &str) {
    let mut lost = Vec::new();
    for one in all {
        if !one.stands(lab).await {
            lost.push(one);
        }
    }
    assert!(
        lost.is_empty(),
        "{when}: written over without an answer: {lost:?}"
    );
}

/// Whoever of these is not held under `code`.
fn not_held<'e>(plan: &Value, all: &'e [Edited], code: &str) -> Vec<&'e Edited> {
    let held = held(plan);
    let is_held = |one: &&Edited| {
        let label = format!("Pat O{}", one.number);
        held.iter().any(|(who, why)| *who == label && why == code)
    };
    all.iter().filter(|one| !is_held(one)).collect()
}

/// Recordings one after the other, each of the one before.
struct Chain<'l> {
    lab: &'l Lab,
    last: String,
    reported: bool,
    number: u32,
}

impl Chain<'_> {
    fn since(&self) -> Vec<String> {
        let mut since = vec!["--since".to_owned(), self.last.clone()];
        if self.reported {
            since.extend([
                "--last-apply".to_owned(),
                format!("{}.report.json", self.last),
            ]);
        }
        since
    }

    async fn next(&mut self, applies: bool) -> Value {
        self.number += 1;
        let recording = format!("r{}", self.number);
        let since = self.since();
        let mut since: Vec<&str> = since.iter().map(String::as_str).collect();
        let made = if applies {
            apply(self.lab, &recording, &since).await
        } else {
            since.extend(["--record", &recording]);
            plan(self.lab, &format!("{recording}.plan.json"), &since).await
        };
        self.last = recording;
        self.reported = applies && self.number.is_multiple_of(2);
        made
    }
}

/// Through several plans in which accounts are not recognised, the anchors written back, and several more.
async fn through_plans(lab: &Lab, all: &[Edited], policy: &str) -> String {
    for one in all {
        lab.hire(one.joiner());
    }
    apply(lab, "r0", &[]).await;
    let mut chain = Chain {
        lab,
        last: "r0".to_owned(),
        reported: true,
        number: 0,
    };
    // The accounts are only made by this plan; the chain goes on from one that found them.
    assert!(kinds(&chain.next(true).await).is_empty());
    edit_all(lab, all).await;
    for applies in [true, false, true] {
        let made = chain.next(applies).await;
        assert!(!kinds(&made).contains(&"create"), "a second account");
        if policy != "revert" {
            assert_stand(lab, all, &format!("{} with anchors gone", chain.last)).await;
        }
    }
    write_anchors_back(lab, all).await;
    for applies in [false, true, true, true] {
        let made = chain.next(applies).await;
        if policy == "ask" {
            let lost = not_held(&made, all, "drift-ask");
            assert!(lost.is_empty(), "{}: not asked about: {lost:?}", chain.last);
        }
        if policy != "revert" {
            assert_stand(lab, all, &chain.last).await;
        }
    }
    chain.last
}

/// P10: with `ask` nothing anybody edited is written over, however the account got lost on the way, until somebody answers.
pub(super) async fn whoever_wants_to_be_asked_is(lab: Lab) {
    says(&lab, "ask");
    by_anchor_only(&lab);
    let all = Edited::all();
    let last = through_plans(&lab, &all, "ask").await;
    // A plan without the recording knows nothing, and neither does whoever plans from it.
    let blind = apply(&lab, "blind", &[]).await;
    let lost = not_held(&blind, &all, "drift-undetermined");
    assert!(lost.is_empty(), "{lost:?}");
    for recording in ["after1", "after2"] {
        let since = if recording == "after1" {
            "blind"
        } else {
            "after1"
        };
        let made = apply(&lab, recording, &["--since", since]).await;
        let lost = not_held(&made, &all, "drift-undetermined");
        assert!(lost.is_empty(), "{recording}: {lost:?}");
        assert_stand(&lab, &all, recording).await;
    }
    let drift = lab.run(&["drift", "--since", "after2"]).await.expect(2);
    drift.assert_tells(&[
        "No edit is proven",
        "the account is disabled, written 20",
        " · held until somebody settles it",
    ]);
    // From the one before it they are edits still.
    let made = plan(&lab, "again.json", &["--since", &last]).await;
    let lost = not_held(&made, &all, "drift-ask");
    assert!(lost.is_empty(), "{lost:?}");
    // An answer: the rules say that they are written back.
    let mapping = lab.read("employees.yaml");
    let answered = mapping.replace("disabled: ask", "disabled: revert");
    lab.write("employees.yaml", &answered);
    apply(&lab, "answered", &["--since", "after2"]).await;
    for one in all.iter().filter(|one| one.edit == Edit::Disabled) {
        assert!(lab.user(&one.name()).await.enabled(), "{one:?}");
    }
}

/// The same where another value recognises the accounts, so that their anchors are given back by a plan.
pub(super) async fn whoever_wants_to_be_asked_is_after_an_adoption(lab: Lab) {
    says(&lab, "ask");
    let all = Edited::all();
    through_plans(&lab, &all, "ask").await;
    // Nor is an account enabled that is only recognised, by a plan that knows nothing of it.
    let one = all
        .iter()
        .find(|one| one.edit == Edit::Disabled)
        .expect("one");
    lab.set(&one.number.to_string(), "employeeID", &[]).await;
    for recording in ["blind", "after1", "after2"] {
        let since: &[&str] = match recording {
            "blind" => &[],
            "after1" => &["--since", "blind"],
            _ => &["--since", "after1"],
        };
        let made = apply(&lab, recording, since).await;
        assert!(!kinds(&made).contains(&"enable"), "{recording}");
        assert_stand(&lab, &all, recording).await;
    }
}

/// Accepted edits stay as long as what is wanted does.
pub(super) async fn whatever_is_accepted_stays(lab: Lab) {
    says(&lab, "accept");
    by_anchor_only(&lab);
    let all = Edited::all();
    let last = through_plans(&lab, &all, "accept").await;
    let made = plan(&lab, "last.json", &["--since", &last]).await;
    assert_eq!(held(&made), []);
    let titles: Vec<&Edited> = all.iter().filter(|one| one.edit == Edit::Title).collect();
    for one in &titles {
        lab.edit(one.number, |person| person.title = "Director".into());
    }
    apply(&lab, "changed", &["--since", &last]).await;
    for one in titles {
        assert_eq!(lab.user(&one.name()).await.one("title"), "Director");
    }
}

/// Where nothing is said everything is written back once the account is known again.
pub(super) async fn whatever_is_reverted_is_written_back(lab: Lab) {
    says(&lab, "revert");
    by_anchor_only(&lab);
    let all = Edited::all();
    let last = through_plans(&lab, &all, "revert").await;
    let made = plan(&lab, "last.json", &["--since", &last]).await;
    assert_eq!(held(&made), []);
    assert!(kinds(&made).is_empty(), "{:?}", kinds(&made));
    for one in &all {
        assert!(!one.stands(&lab).await, "{one:?}");
    }
}

/// Whoever is out of scope or out of the source while somebody disables their account is asked about when they are back.
pub(super) async fn an_account_edited_while_its_person_is_away_is_asked_about(lab: Lab) {
    says(&lab, "ask");
    for (number, given, surname) in [(1, "Jane", "Doe"), (2, "Otto", "Ott"), (3, "Ann", "Lee")] {
        lab.hire(Joiner::new(number, given, surname));
    }
    apply(&lab, "r0", &[]).await;
    apply(&lab, "r1", &["--since", "r0"]).await;
    lab.fire(1);
    // Nobody knows what Otto should have.
    lab.edit(2, |otto| otto.department = String::new());
    apply(&lab, "r2", &["--since", "r1"]).await;
    let disable = async |number: &str| {
        let account = lab.account(number).await.expect("an account");
        let flags = account.one("userAccountControl").parse::<u32>();
        let flags = (flags.expect("a number") | 2).to_string();
        lab.set(number, "userAccountControl", &[&flags]).await;
    };
    disable("1").await;
    disable("2").await;
    apply(&lab, "r3", &["--since", "r2"]).await;
    lab.hire(Joiner::new(1, "Jane", "Doe"));
    lab.edit(2, |otto| {
        otto.department = "Sales".into();
        otto.title = "Director".into();
    });
    let mut since = "r3";
    for recording in ["r4", "r5", "r6"] {
        let made = apply(&lab, recording, &["--since", since]).await;
        let asked = [("Jane Doe", "drift-ask"), ("Otto Ott", "drift-ask")];
        let asked = asked.map(|(who, code)| (who.to_owned(), code.to_owned()));
        assert_eq!(held(&made), asked, "{recording}");
        since = recording;
    }
    let account = async |number: &str| lab.account(number).await.expect("an account");
    assert!(!account("1").await.enabled() && !account("2").await.enabled());
    // What nobody edited goes on as ever.
    assert_eq!(account("2").await.one("title"), "Director");
}

/// What is carried on is used only as it was written.
pub(super) async fn what_is_carried_on_is_bound_by_the_plan(lab: Lab) {
    says(&lab, "ask");
    by_anchor_only(&lab);
    lab.hire(Joiner::new(1, "Jane", "Doe"));
    lab.hire(Joiner::new(2, "Otto", "Ott"));
    apply(&lab, "r0", &[]).await;
    apply(&lab, "r1", &["--since", "r0"]).await;
    lab.set("1", "employeeID", &[]).await;
    apply(&lab, "r2", &["--since", "r1"]).await;
    let carried = lab.read("r2/carried.jsonl");
    assert!(carried.starts_with("{\"format\":\"halosync/carried/v1\"}\n"));
    lab.write("r2/carried.jsonl", &carried.replace("Engineer", "Wizard"));
    let altered = lab.run(&["plan", "--since", "r2"]).await.expect(6);
    assert!(
        altered.stderr.contains("carried.jsonl"),
        "{}",
        altered.stderr
    );
    lab.write("r2/carried.jsonl", &carried);
    // Once it is judged again nothing is carried, and what an earlier recording had there is gone.
    lab.set_user("jdoe", "employeeID", "1").await;
    let again = ["--since", "r2", "--record", "r1"];
    plan(&lab, "r1.json", &again).await;
    assert!(!lab.dir.path().join("r1/carried.jsonl").exists());
    let again = ["--since", "r1", "--record", "r2"];
    plan(&lab, "r2.json", &again).await;
    assert!(!lab.dir.path().join("r2/carried.jsonl").exists());
}

/// What the last plan was to change and its apply did not is no change in the source and no edit; what changed since is.
pub(super) async fn what_the_last_apply_did_not_do_is_told_apart(lab: Lab) {
    for (number, given, surname) in [(1, "Jane", "Doe"), (2, "Otto", "Ott"), (3, "Ann", "Lee")] {
        lab.hire(Joiner::new(number, given, surname));
    }
    apply(&lab, "r0", &[]).await;
    for number in [1, 2] {
        lab.edit(number, |person| person.title = "Manager".into());
    }
    plan(&lab, "r1.plan.json", &["--record", "r1", "--since", "r0"]).await;
    let one = [
        "apply",
        "r1.plan.json",
        "--max-changes",
        "1",
        "--report",
        "r1.report.json",
    ];
    lab.run(&[&one[..], &["--journal", "r1.jsonl"]].concat())
        .await
        .expect(4);
    let done = lab.account("1").await.expect("an account").one("title") == "Manager";
    let (done, open) = match done {
        true => ("1", "Otto Ott (2)"),
        false => ("2", "Jane Doe (1)"),
    };
    lab.edit(3, |ann| ann.title = "Director".into());
    // Somebody puts back what was written.
    lab.set(done, "title", &["Engineer"]).await;
    let since = ["drift", "--since", "r1"];
    let told = [&since[..], &["--last-apply", "r1.report.json"]].concat();
    lab.run(&told).await.expect(2).assert_tells(&[
        "1 edit in the directory · 1 planned by the last plan and not applied · 1 from the source since the last apply",
        &format!("{open}  title: found \"Engineer\", wanted \"Manager\" · the apply left it out"),
        "1 difference of title: Ann Lee (3)",
    ]);
    // The journal tells the same of what was written and what was refused.
    let told = [&since[..], &["--last-apply", "r1.jsonl"]].concat();
    lab.run(&told).await.expect(2).assert_tells(&[
        "1 edit in the directory · 1 planned by the last plan and not applied · 1 from the source since the last apply",
        &format!("{open}  title: found \"Engineer\", wanted \"Manager\" · the apply did not do it"),
    ]);
    // Without either nobody knows.
    let told = lab.run(&since).await.expect(2);
    told.assert_tells(&[
        "No edit is proven · 2 undetermined · 1 from the source since the last apply",
        &format!("{open}  title: found \"Engineer\", wanted \"Manager\""),
        " · the last plan was to change it",
    ]);
}

/// What the last plan held is no change since, once it goes through.
pub(super) async fn what_the_last_plan_held_is_told_apart(lab: Lab) {
    lab.hire(Joiner::new(1, "Jane", "Doe"));
    lab.hire(Joiner::new(2, "Otto", "Ott"));
    apply(&lab, "r0", &[]).await;
    apply(&lab, "r1", &["--since", "r0"]).await;
    lab.write(
        "guards.yaml",
        "apiVersion: halosync/v1\nkind: Guards\nmetadata: {name: corp}\nspec:\n  target: corp\n  limits:\n    - {name: titles, actions: [modify], attribute: title, max: 0, onBreach: holdClass}\n",
    );
    lab.edit(1, |jane| jane.title = "Director".into());
    let made = ["plan", "--out", "r2.plan.json", "--record", "r2"];
    lab.run(&[&made[..], &["--since", "r1"]].concat())
        .await
        .expect(3)
        .assert_tells(&["limit titles: 1 of 2 would be changed in title, 0 allowed"]);
    lab.edit(2, |otto| otto.title = "Clerk".into());
    let drift = ["drift", "--since", "r2"];
    lab.run(&drift).await.expect(0).assert_tells(&[
        "No drift · 1 held by the last plan · 1 from the source since the last apply",
        "Held by the last plan, and edited by nobody since (1)",
        "1 difference of title: Jane Doe (1)",
        "Changed in the source since the last apply (1)",
        "1 difference of title: Otto Ott (2)",
    ]);
    // What somebody edits meanwhile is an edit.
    lab.set("1", "title", &["Wizard"]).await;
    lab.run(&drift).await.expect(2).assert_tells(&[
        "1 edit in the directory · 1 from the source since the last apply",
        "Jane Doe (1)  title: found \"Wizard\", wanted \"Director\"",
    ]);
}
