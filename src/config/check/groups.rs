//! `kind: Groups`.

use std::collections::HashMap;

use super::directory::{self, Use};
use super::{Context, Report};
use crate::config::codes;
use crate::config::kinds::GroupMode;
use crate::config::yaml::join;
use crate::model::{Dn, DnKey, Location};

pub(super) fn check(context: &Context<'_>, report: &mut Report) {
    let mut modes: HashMap<(&str, &str, DnKey), (GroupMode, Location)> = HashMap::new();
    for groups in &context.set.groups {
        let doc = &groups.doc;
        let people = context.people(&groups.spec.source);
        for (index, rule) in groups.spec.rules.iter().enumerate() {
            let pointer = join("/spec/rules", &index.to_string());
            let at = join(&pointer, "group");
            if let Some(people) = people {
                let template = people.template(doc, &at, report);
                directory::target_name(
                    doc,
                    &at,
                    template.as_ref(),
                    context.directory(&groups.spec.target),
                    Use::Group,
                    report,
                );
                if rule.when.is_some() {
                    people.condition(doc, &join(&pointer, "when"), report);
                }
            }
            let Ok(name) = Dn::parse(&rule.group) else {
                continue;
            };
            // Rules for people of one source say nothing of those of another.
            let key = (
                groups.spec.source.as_str(),
                groups.spec.target.as_str(),
                name.key(),
            );
            let here = doc.value_place(&at).location;
            match modes.get(&key) {
                Some((mode, first)) if *mode != rule.mode => report.warn(
                    doc,
                    &at,
                    codes::CONFLICTING_GROUP_MODES,
                    "this group is `managed` by one rule and `additive` by another",
                    Some(format!(
                        "`managed` wins: people whom neither rule names are taken out; the other rule is at {first}, say the same in both"
                    )),
                ),
                Some(_) => {}
                None => {
                    modes.insert(key, (rule.mode, here));
                }
            }
        }
    }
}
