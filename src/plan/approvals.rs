//! Whose signatures a plan needs, as its guards say.

use super::changes::index;
use super::{ApprovalAsked, Risk};
use crate::config::Config;
use crate::lifecycle::RuleBook;
use crate::model::Name;

/// What a target's guards ask for each class of risk. Of several documents each must be satisfied.
pub(super) fn asked(config: &Config, target: &Name, book: &mut RuleBook) -> Vec<ApprovalAsked> {
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
        let rule = index(book.add(place, format!("approvals: {}", approvals.signers)));
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
