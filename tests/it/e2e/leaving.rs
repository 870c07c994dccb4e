//! Leavers and what becomes of their accounts: the rules of all cases that delete somebody, and a way to have it happen
//! on a controller that cannot be told that months have passed.

use std::collections::BTreeMap;
use std::sync::Arc;

use halosync::apply::{self, Journal, Options, Verdict};
use halosync::connector::ldap::{BindSettings, LdapWriter, Settings};
use halosync::model::{Dn, Name};

use super::lab::{BASE, Lab};

/// Without a limit nothing that deletes is taken at all.
pub(super) const GUARDS: &str = "apiVersion: halosync/v1
kind: Guards
metadata: {name: corp}
spec:
  target: corp
  limits:
    - {name: deletions, actions: [delete], max: 2, onBreach: holdClass}
";

/// Leavers by their last day: what happens that day besides disabling and moving, and on which terms they are deleted in
/// the end.
pub(super) fn lifecycle(first: &str, deleted: Option<&str>) -> String {
    let deleted = deleted.map_or_else(String::new, |terms| {
        format!("        - {{after: 90d, account: {{delete: {{{terms}}}}}}}\n")
    });
    format!(
        "apiVersion: halosync/v1
kind: Lifecycle
metadata: {{name: employees}}
spec:
  source: people
  target: corp
  states:
    - name: leaver
      when: person.endsOn is defined
      since: \"{{{{ person.endsOn }}}}\"
      reason: \"last day was {{{{ person.endsOn }}}}\"
      stages:
        - after: 0d
          account: {{enabled: false, placement: \"OU=Leavers,OU=People,DC=corp,DC=example,DC=test\", {first}}}
{deleted}    - name: active
      account: {{enabled: true}}
  inactive: never
  absent: report
  outOfScope: report
"
    )
}

/// The day so many days from now, as people write one.
pub(super) fn in_days(days: i64) -> String {
    let later = crate::support::now() + jiff::SignedDuration::from_hours(24 * days);
    later.strftime("%Y-%m-%d").to_string()
}

/// The plan for a day on which whoever is disabled has been for long enough, as if it were for today.
pub(super) async fn plan_of_later(lab: &Lab) {
    lab.plan_ahead(&in_days(40)).await.expect(0);
    let mut plan = lab.last_plan().content;
    let reads = plan.inputs.directories.values().map(|read| read.read_at);
    let people = plan.inputs.people.values().map(|read| read.read_at);
    plan.as_of = reads.chain(people).max().expect("a read");
    plan.not_after = plan.as_of + jiff::SignedDuration::from_hours(24);
    lab.replace_plan(&halosync::plan::seal(plan));
}

/// Applies the last plan with what the library checks of it. The program, which knows the project, refuses to delete accounts
/// so soon after they were disabled, and a real controller notes when that was.
pub(super) async fn apply_without_the_project(lab: &Lab) {
    let file = lab.last_plan();
    let (user, password) = lab.site.admin.clone();
    let settings = Settings {
        name: Name::new("corp"),
        servers: vec![lab.site.url.parse().expect("an address")],
        start_tls: false,
        ca_pem: Some(lab.site.ca_pem.clone().into_bytes()),
        bind: BindSettings::Simple {
            user,
            password: password.into(),
        },
        bind_from: None,
        base: Dn::parse(BASE).expect("a name"),
        page_size: 500,
        catalogs: Vec::new(),
        timeout: std::time::Duration::from_secs(30),
        pinned: None,
        now: None,
    };
    let writer = LdapWriter::connect(settings, 1)
        .await
        .expect("a connection");
    let writers = BTreeMap::from([(Name::new("corp"), writer)]);
    let now = file.content.as_of;
    let short: String = file
        .digest
        .trim_start_matches("sha256:")
        .chars()
        .take(12)
        .collect();
    let journal = lab.dir.path().join(lab.plan_file());
    let journal = journal.with_extension(format!("{short}.journal.jsonl"));
    let journal = Journal::open(&journal, &file.digest, "0.0.0-test", now).expect("a journal");
    let options = Options::new(Arc::new(move || now));
    let outcome = apply::run(&file, &writers, &journal, None, &options, &())
        .await
        .expect("the plan is accepted");
    assert_eq!(outcome.verdict, Verdict::Applied, "{outcome:#?}");
}
