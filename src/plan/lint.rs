//! Whether a plan holds together. A plan this program made always does; one that does not was made elsewhere, and
//! nothing of it is applied.

use hashbrown::{HashMap, HashSet};

use super::{
    Action, AttributeChange, Change, ChangeId, ObjectRef, Plan, PlanValue, RuleIndex, UnitId,
};
use crate::model::Name;

/// What does not hold together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Inconsistency {
    /// Two changes with one id.
    #[error("change {id} stands twice")]
    DuplicateId {
        /// The id.
        id: String,
    },
    /// A change needs one that is not there, or comes later.
    #[error("change {id} needs {needs}, which does not stand before it")]
    Dependency {
        /// The change.
        id: String,
        /// What it needs.
        needs: String,
    },
    /// A rule that is not in the table.
    #[error("rule {index} is not in the table of {rules}")]
    Rule {
        /// The index.
        index: u32,
        /// Length of the table.
        rules: usize,
    },
    /// An object that is neither existing nor made here, or both.
    #[error("{dn} must have either a guid or the create that makes it")]
    Object {
        /// Its name.
        dn: String,
    },
    /// An object said to be made by a change that creates nothing, or is not waited for.
    #[error(
        "change {id} speaks of an object made by {by}, which it does not wait for or which creates nothing"
    )]
    MadeBy {
        /// The change.
        id: String,
        /// The supposed create.
        by: String,
    },
    /// A change for a target the plan is not for.
    #[error("change {id} is for target {target}, which the plan does not name")]
    Target {
        /// The change.
        id: String,
        /// The target.
        target: String,
    },
    /// An attribute twice in one change, or out of order.
    #[error("change {id}: attributes are not sorted, each once ({attribute})")]
    Attributes {
        /// The change.
        id: String,
        /// The attribute.
        attribute: String,
    },
    /// A part of a move that is for somebody else, or a removal that does not wait for an addition of the move.
    #[error("change {id} does not fit the move {unit}: {why}")]
    Unit {
        /// The change.
        id: String,
        /// The move.
        unit: String,
        /// What is wrong.
        why: &'static str,
    },
    /// A plan that ends before it begins.
    #[error("the plan is valid until before it was made")]
    Validity,
}

/// Checks a plan.
///
/// # Errors
/// The first thing that does not hold together.
pub fn lint(plan: &Plan) -> Result<(), Inconsistency> {
    if plan.not_after <= plan.as_of {
        return Err(Inconsistency::Validity);
    }
    let mut before: HashSet<&str> = HashSet::with_capacity(plan.changes.len());
    let mut creates: HashSet<&str> = HashSet::new();
    for change in &plan.changes {
        let id = change.id.0.as_str();
        if !plan.targets.contains_key(&change.target) {
            return Err(Inconsistency::Target {
                id: id.to_owned(),
                target: change.target.to_string(),
            });
        }
        for needed in &change.depends_on {
            if !before.contains(needed.0.as_str()) {
                return Err(Inconsistency::Dependency {
                    id: id.to_owned(),
                    needs: needed.0.to_string(),
                });
            }
        }
        check(plan, change, &creates)?;
        if !before.insert(id) {
            return Err(Inconsistency::DuplicateId { id: id.to_owned() });
        }
        if matches!(change.action, Action::Create { .. }) {
            creates.insert(id);
        }
    }
    units(plan)?;
    for outcome in plan.inputs.people.values().flat_map(|read| &read.quality) {
        rule(plan, outcome.rule)?;
    }
    for entry in &plan.calendar {
        rule(plan, entry.rule)?;
        if let Some(account) = &entry.account {
            whole(account)?;
        }
        for group in &entry.groups {
            whole(group)?;
        }
    }
    let guards = plan.guards.iter().map(|outcome| outcome.rule);
    for index in guards.chain(plan.waivers.iter().map(|waiver| waiver.rule)) {
        rule(plan, index)?;
    }
    for held in &plan.held {
        if let Some(index) = held.rule {
            rule(plan, index)?;
        }
        for account in &held.accounts {
            whole(account)?;
        }
    }
    Ok(())
}

/// Moves are whole: of one account, and left only after everything is entered.
fn units(plan: &Plan) -> Result<(), Inconsistency> {
    /// A move so far.
    struct Unit<'p> {
        target: &'p Name,
        account: &'p ObjectRef,
        entered: Vec<&'p ChangeId>,
    }
    let mut units: HashMap<&UnitId, Unit<'_>> = HashMap::new();
    for change in &plan.changes {
        let Some(id) = &change.unit else { continue };
        let wrong = |why| Inconsistency::Unit {
            id: change.id.0.to_string(),
            unit: id.0.to_string(),
            why,
        };
        let account = match &change.action {
            Action::AddMember { member } | Action::RemoveMember { member } => member,
            Action::Modify { .. } => &change.object,
            _ => return Err(wrong("only memberships and the stamp belong to one")),
        };
        let unit = units.entry(id).or_insert_with(|| Unit {
            target: &change.target,
            account,
            entered: Vec::new(),
        });
        if *unit.target != change.target || *unit.account != *account {
            return Err(wrong("it is about another account"));
        }
        match &change.action {
            Action::AddMember { .. } => unit.entered.push(&change.id),
            Action::RemoveMember { .. } => {
                let needs: HashSet<&ChangeId> = change.depends_on.iter().collect();
                if !unit.entered.iter().all(|entered| needs.contains(*entered)) {
                    return Err(wrong("it does not wait for every addition"));
                }
            }
            _ => {}
        }
    }
    // An addition behind a removal was not waited for.
    let mut left: HashSet<&UnitId> = HashSet::new();
    for change in &plan.changes {
        match (&change.unit, &change.action) {
            (Some(unit), Action::RemoveMember { .. }) => {
                left.insert(unit);
            }
            (Some(unit), Action::AddMember { .. }) if left.contains(unit) => {
                return Err(Inconsistency::Unit {
                    id: change.id.0.to_string(),
                    unit: unit.0.to_string(),
                    why: "a group is left before it",
                });
            }
            _ => {}
        }
    }
    Ok(())
}

fn check(plan: &Plan, change: &Change, creates: &HashSet<&str>) -> Result<(), Inconsistency> {
    rule(plan, change.because.rule)?;
    whole(&change.object)?;
    let own = matches!(change.action, Action::Create { .. }).then_some(change.id.0.as_str());
    made(change, &change.object, creates, own)?;
    match &change.action {
        Action::Create { attributes, .. } | Action::Modify { attributes } => {
            if let Action::Create {
                replaces: Some(former),
                ..
            } = &change.action
            {
                whole(former)?;
            }
            for pair in attributes.windows(2) {
                if let [one, next] = pair
                    && one.name.to_ascii_lowercase() >= next.name.to_ascii_lowercase()
                {
                    return Err(Inconsistency::Attributes {
                        id: change.id.0.to_string(),
                        attribute: next.name.clone(),
                    });
                }
            }
            for attribute in attributes {
                check_attribute(plan, change, attribute, creates)?;
            }
        }
        Action::Adopt { attribute, .. } => check_attribute(plan, change, attribute, creates)?,
        Action::Rename { rule: index, .. } | Action::Move { rule: index, .. } => {
            rule(plan, *index)?;
        }
        Action::AddMember { member } | Action::RemoveMember { member } => {
            whole(member)?;
            made(change, member, creates, None)?;
        }
        Action::Enable { .. }
        | Action::Disable {}
        | Action::ResetPassword {}
        | Action::Delete { .. }
        | Action::Restore { .. } => {}
    }
    Ok(())
}

fn check_attribute(
    plan: &Plan,
    change: &Change,
    attribute: &AttributeChange,
    creates: &HashSet<&str>,
) -> Result<(), Inconsistency> {
    rule(plan, attribute.rule)?;
    for value in attribute.before.iter().chain(&attribute.after) {
        if let PlanValue::Object(object) = value {
            whole(object)?;
            made(change, object, creates, None)?;
        }
    }
    Ok(())
}

fn rule(plan: &Plan, index: RuleIndex) -> Result<(), Inconsistency> {
    if (index.0 as usize) < plan.rules.len() {
        Ok(())
    } else {
        Err(Inconsistency::Rule {
            index: index.0,
            rules: plan.rules.len(),
        })
    }
}

fn whole(object: &ObjectRef) -> Result<(), Inconsistency> {
    if object.guid.is_some() == object.created_by.is_some() {
        return Err(Inconsistency::Object {
            dn: object.dn.spoken(),
        });
    }
    Ok(())
}

fn made(
    change: &Change,
    object: &ObjectRef,
    creates: &HashSet<&str>,
    own: Option<&str>,
) -> Result<(), Inconsistency> {
    let Some(by) = &object.created_by else {
        return Ok(());
    };
    let by = by.0.as_str();
    let waits = creates.contains(by) && change.depends_on.iter().any(|needed| needed.0 == by);
    if waits || own == Some(by) {
        return Ok(());
    }
    Err(Inconsistency::MadeBy {
        id: change.id.0.to_string(),
        by: by.to_owned(),
    })
}
