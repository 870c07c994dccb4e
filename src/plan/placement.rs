//! Where one person's account stands: by their state, a template or the mapping.
//!
//! Keeps that an account is moved only to a place that is there and in scope, and to where leavers stand only with
//! proof that the person has left.

use super::draft::Draft;
use super::evaluate::Evaluation;
use super::places::Places;
use crate::config::kinds;
use crate::lifecycle::Formula;
use crate::mapping::Problem;

impl Evaluation<'_, '_, '_> {
    pub(super) fn placement(&mut self, places: &mut Places) -> Result<(), Draft> {
        let target = self.target;
        let state = target.state(self.subject);
        let mapping = target.mapping(self.subject);
        let composition = target.composition(self.subject)?;
        let stays = self.entry.is_some()
            && state.placement.is_none()
            && mapping.placement_when == kinds::PlacementWhen::OnCreate;
        if stays {
            return Ok(());
        }
        if let (None, Some(field)) = (&state.placement, &composition.placement_blind) {
            if self.entry.is_none() {
                return Err(Draft::not_delivered("the placement", field));
            }
            return Ok(());
        }
        let formula: &Formula = match &state.placement {
            Some(formula) => formula,
            None => self
                .template_place(&composition.placement)?
                .unwrap_or(&mapping.placement),
        };
        if let Some(field) = &formula.blind {
            if self.entry.is_none() {
                return Err(Draft::not_delivered("the placement", field).rule(formula.rule));
            }
            return Ok(());
        }
        let text = formula.template.render_dn(self.context).map_err(|error| {
            Draft::problem("the placement", &Problem::of(error)).rule(formula.rule)
        })?;
        let place = places.find(&text, &target.index, &target.scope);
        let Some(object) = self.subject.account() else {
            let place = place.map_err(|draft| draft.rule(formula.rule))?;
            self.outcome.place = Some((place, formula.rule));
            return Ok(());
        };
        match place {
            Err(draft) => self
                .outcome
                .partial
                .push(draft.rule(formula.rule).accounts(vec![object]).partial()),
            Ok(place) => {
                let here = target.index.key(object).as_str().split_once(',');
                if here.is_some_and(|(_, parent)| parent == target.index.key(place).as_str()) {
                    return Ok(());
                }
                if !state.enabled && state.placement.is_some() && !self.may_take() {
                    self.unproven("moving the account", formula.rule);
                } else if !self.stays_there(place, formula.rule) {
                    self.outcome.place = Some((place, formula.rule));
                }
            }
        }
        Ok(())
    }
}
