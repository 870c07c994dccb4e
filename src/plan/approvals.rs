//! Whose signatures a plan needs, as its guards say.

use super::{ApprovalAsked, Plan, Risk, RuleIndex};
use crate::config::Config;
use crate::model::{Location, Name};

/// What a plan asks for, and what this configuration asks for besides. Anybody can write a plan that asks for nothing and
/// give it a digest; the configuration it is applied with is the reviewed one.
pub fn approvals_with(plan: &Plan, config: &Config) -> Vec<ApprovalAsked> {
    let mut all = plan.approvals.clone();
    for target in plan.targets.keys() {
        // Nobody looks up the rule of a requirement that stands in no plan.
        let own = asked(config, target, &mut |_, _| RuleIndex(u32::MAX));
        let others = own.into_iter().filter(|own| {
            let same = |known: &ApprovalAsked| ApprovalAsked {
                rule: own.rule,
                ..known.clone()
            };
            !plan.approvals.iter().any(|known| same(known) == *own)
        });
        all.extend(others);
    }
    all
}

/// What a target's guards ask for each class of risk. Of several documents each must be satisfied.
pub(super) fn asked(
    config: &Config,
    target: &Name,
    rule: &mut dyn FnMut(Location, String) -> RuleIndex,
) -> Vec<ApprovalAsked> {
    const RISKS: [Risk; 4] = [Risk::Low, Risk::Medium, Risk::High, Risk::Irreversible];
    let documents = config
        .guards
        .values()
        .filter(|guards| guards.spec.target == target.as_str());
    let mut all = Vec::new();
    for document in documents {
        let Some(approvals) = &document.spec.approvals else {
            continue;
        };
        let place = document.positions.value("/spec/approvals");
        let rule = rule(place, format!("approvals: {}", approvals.signers));
        for (risk, (_, asked)) in RISKS.into_iter().zip(approvals.classes()) {
            if let Some(asked) = asked.filter(|asked| asked.people > 0) {
                all.push(ApprovalAsked {
                    target: target.clone(),
                    risk,
                    people: asked.people,
                    from: asked.from.clone(),
                    author: asked.author,
                    signers: approvals.signers.clone(),
                    rule,
                });
            }
        }
    }
    all
}
