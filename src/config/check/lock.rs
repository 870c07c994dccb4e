//! The object that keeps applies apart: where it may stand, and what its attribute holds.

use super::attributes::attribute_name;
use super::{Entry, Report};
use crate::config::codes;
use crate::config::diagnostic::quoted;
use crate::config::kinds::ActiveDirectory;
use crate::model::{Dn, Syntax};

const AT: &str = "/spec/lock/attribute";
const OBJECT: &str = "/spec/lock/object";
/// UTF-16 code units of the longest value written.
const LONGEST: i64 = 600;

pub(super) fn check(directory: &Entry<ActiveDirectory>, report: &mut Report) {
    let Some(lock) = &directory.spec.lock else {
        return;
    };
    let doc = &directory.doc;
    let name = lock.attribute.as_str();
    if let Some(known) = attribute_name(doc, AT, name, true, report)
        && (!known.single_valued
            || !matches!(known.syntax, Syntax::Text | Syntax::CaseExactText)
            || known.range_upper.is_some_and(|upper| upper < LONGEST))
    {
        // With several values, two applies could both have it.
        report.error(
            doc,
            AT,
            codes::LOCK_ATTRIBUTE,
            format!(
                "{} does not hold one text of {LONGEST} characters",
                quoted(name)
            ),
            Some("leave it out for `info`".to_owned()),
        );
    }
    match (Dn::parse(&lock.object), Dn::parse(&directory.spec.base)) {
        (Err(error), _) => report.error(
            doc,
            OBJECT,
            codes::BAD_DN,
            format!("this is not a distinguished name: {error}"),
            Some("for example `CN=halosync lock,OU=Groups,DC=corp,DC=example,DC=test`".to_owned()),
        ),
        (Ok(object), Ok(base)) if !object.key().is_at_or_under(&base.key()) => report.error(
            doc,
            OBJECT,
            codes::DN_OUTSIDE_BASE,
            format!("this is not below {}", quoted(&directory.spec.base)),
            None,
        ),
        _ => {}
    }
}
