//! Names: fields of a person, members of records, and what was probably meant when there is no such thing.

use std::collections::BTreeSet;
use std::ops::Range;

use minijinja::machinery::ast;

use super::Scope;
use super::compile::{Compiler, Type, Typed, WRONG, offsets, range};
use super::ir::{Expr, Step};
use super::names::closest;
use crate::model::{FactType, Name};

impl Compiler<'_> {
    /// `person.FIELD`, `as_of`, `ENDPOINT.member.member`.
    pub(super) fn path(&mut self, tree: &ast::Expr<'_>) -> Typed {
        let mut steps = Vec::new();
        let mut inner = tree;
        let root = loop {
            match inner {
                ast::Expr::Var(root) => break root,
                ast::Expr::GetAttr(attribute) => {
                    let end = attribute.span().end_offset as usize;
                    let name = end.saturating_sub(attribute.name.len())..end;
                    steps.push((Step::Member(attribute.name.into()), name));
                    inner = &attribute.expr;
                }
                ast::Expr::GetItem(item) => {
                    let place = offsets(item.subscript_expr.span());
                    let ast::Expr::Const(constant) = &item.subscript_expr else {
                        return self.not_allowed(
                            place,
                            "only a written name or number may stand in brackets",
                            "name the field itself",
                        );
                    };
                    if let Some(name) = constant.value.as_str() {
                        steps.push((Step::Member(name.into()), place));
                    } else if let Ok(number) = usize::try_from(constant.value.clone()) {
                        steps.push((Step::Item(number), place));
                    } else {
                        return self.not_allowed(
                            place,
                            "only a written name or number may stand in brackets",
                            "name the field itself",
                        );
                    }
                    inner = &item.expr;
                }
                other => {
                    return self.not_allowed(
                        range(tree),
                        "only `person` and records have members",
                        &format!(
                            "`{}` has none; use a filter",
                            self.written(other).to_owned()
                        ),
                    );
                }
            }
        };
        steps.reverse();
        let place = offsets(root.span());
        match *self.scope {
            Scope::Person { fields, .. } => self.person_path(root.id, place, &steps, fields),
            Scope::Record { endpoints } => self.record_path(root.id, place, steps, endpoints),
        }
    }

    fn person_path(
        &mut self,
        root: &str,
        place: Range<usize>,
        steps: &[(Step, Range<usize>)],
        fields: &[(Name, FactType)],
    ) -> Typed {
        match (root, steps) {
            ("as_of", []) => (Expr::AsOf, Type::Date),
            ("person", [(Step::Member(name), place)]) => self.field(name, place.clone(), fields),
            ("account", [(Step::Member(name), place)]) if speaks_of_account(fields) => {
                self.account(name, place.clone(), fields)
            }
            ("account", [_, (_, second), ..]) if speaks_of_account(fields) => self.not_allowed(
                second.clone(),
                "an attribute has no members",
                "use filters such as `first`, `word(n)` or `split`",
            ),
            ("account", []) if speaks_of_account(fields) => self.error(
                "language-type",
                place,
                "`account` alone is not a value",
                Some("name an attribute: `account.mail`".to_owned()),
            ),
            ("account", _) => self.error(
                "language-unknown-variable",
                place,
                "the account is not known here",
                Some(
                    "only rules for attributes in a `Mapping` or `Template` speak of `account.ATTRIBUTE`; write what \
                     it is computed from, `person.FIELD`"
                        .to_owned(),
                ),
            ),
            ("person", []) => self.error(
                "language-type",
                place,
                "`person` alone is not a value",
                Some("name a field: `person.FIELD`".to_owned()),
            ),
            ("person", [(Step::Member(name), first), (_, second), ..]) => {
                self.field(name, first.clone(), fields);
                self.not_allowed(
                    second.clone(),
                    "a field has no members",
                    "use filters such as `first`, `word(n)` or `split`",
                )
            }
            ("person" | "as_of", [(_, place), ..]) => self.not_allowed(
                place.clone(),
                "only `person` has members",
                "name a field: `person.FIELD`",
            ),
            _ => {
                let help = if fields.iter().any(|(name, _)| name.as_str() == root) {
                    Some(format!("write `person.{root}`"))
                } else {
                    closest(root, ["person", "as_of"]).map(|near| format!("did you mean `{near}`?"))
                };
                self.error(
                    "language-unknown-variable",
                    place,
                    format!("there is no `{root}` here"),
                    help.or_else(|| Some("there are `person` and `as_of`".to_owned())),
                )
            }
        }
    }

    fn field(&mut self, name: &str, place: Range<usize>, fields: &[(Name, FactType)]) -> Typed {
        let found = fields
            .iter()
            .enumerate()
            .find(|(_, (field, _))| field.as_str() == name)
            .and_then(|(slot, (field, kind))| Some((u16::try_from(slot).ok()?, field, *kind)));
        let Some((slot, field, kind)) = found else {
            let declared = fields.iter().map(|(field, _)| field.as_str());
            let near = closest(name, declared.filter(|field| !field.contains('.')));
            return self.error(
                "language-unknown-field",
                place,
                format!("the source declares no field `{name}`"),
                Some(match near {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "declare it under `person.fields` of the source".to_owned(),
                }),
            );
        };
        let known = self.slots.iter().position(|known| *known == slot);
        let index = known.unwrap_or_else(|| {
            self.slots.push(slot);
            self.fields.push(field.clone());
            self.slots.len() - 1
        });
        match u16::try_from(index) {
            Ok(index) => (Expr::Field(index), Type::of_fact(kind)),
            Err(_) => WRONG,
        }
    }

    /// An attribute of the person's account. It stands behind the declared fields under a name no field can have, so
    /// that a text that speaks of it is computed like any other.
    fn account(&mut self, name: &str, place: Range<usize>, fields: &[(Name, FactType)]) -> Typed {
        let mut known = fields
            .iter()
            .filter_map(|(field, _)| field.as_str().strip_prefix(ACCOUNT));
        if let Some(found) = known.clone().find(|known| known.eq_ignore_ascii_case(name)) {
            return self.field(&format!("{ACCOUNT}{found}"), place, fields);
        }
        let help = match closest(name, known.clone()) {
            Some(near) => Some(format!("did you mean `{near}`?")),
            None => known
                .next()
                .map(|one| format!("for example `account.{one}`")),
        };
        self.error(
            "language-unknown-field",
            place,
            format!("no rule beside this one gives `{name}` of the account"),
            help.or_else(|| Some("add a rule for it to the mapping".to_owned())),
        )
    }

    fn record_path(
        &mut self,
        root: &str,
        place: Range<usize>,
        steps: Vec<(Step, Range<usize>)>,
        endpoints: &BTreeSet<String>,
    ) -> Typed {
        if !endpoints.contains(root) {
            let near = closest(root, endpoints.iter().map(String::as_str));
            return self.error(
                "language-unknown-variable",
                place,
                format!("there is no endpoint `{root}`"),
                Some(match near {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!(
                        "there are {}",
                        endpoints
                            .iter()
                            .map(String::as_str)
                            .collect::<Vec<_>>()
                            .join(", ")
                    ),
                }),
            );
        }
        let Some((Step::Member(member), _)) = steps.first() else {
            return self.error(
                "language-type",
                place,
                format!("`{root}` alone is not a value"),
                Some(format!("name a member: `{root}.MEMBER`")),
            );
        };
        self.members.insert((root.to_owned(), member.to_string()));
        (
            Expr::Member {
                endpoint: root.into(),
                path: steps.into_iter().map(|(step, _)| step).collect(),
            },
            Type::Any,
        )
    }
}

/// How the names of an account's attributes begin among the fields of a scope.
pub const ACCOUNT: &str = "account.";

fn speaks_of_account(fields: &[(Name, FactType)]) -> bool {
    // They come last.
    fields
        .last()
        .is_some_and(|(field, _)| field.as_str().starts_with(ACCOUNT))
}
