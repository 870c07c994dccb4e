//! What a recording carries on from those before it, of accounts its own plan did not judge.
//!
//! Keeps that it is used only as it was written: the plan of the recording has its digest.

use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::applied::{altered, line};
use super::context::Context;
use super::failure::Failure;
use super::project::Project;
use super::recording::Staged;
use super::sealed::{self, Keys};
use crate::plan::{Carried, PlanFile};

/// Format of what is carried.
pub(super) const FORMAT: &str = "halosync/carried/v1";
pub(super) const FILE: &str = "carried.jsonl";

/// First line.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Head {
    format: String,
}

/// What is carried, as it is written.
pub(crate) struct Text(String);

impl Text {
    /// Nothing where nothing is carried.
    pub(crate) fn new(carried: &[Carried]) -> Result<Option<Self>, Failure> {
        if carried.is_empty() {
            return Ok(None);
        }
        let mut lines = line(&Head {
            format: FORMAT.to_owned(),
        })?;
        for one in carried {
            lines.push_str(&line(one)?);
        }
        Ok(Some(Self(lines)))
    }

    /// What the plan says of it.
    pub(crate) fn digest(&self) -> String {
        hex::encode(Sha256::digest(self.0.as_bytes()))
    }
}

/// Adds it to a recording; without, takes away what an earlier recording had there.
pub(super) fn record(recording: &mut Staged<'_>, text: Option<&Text>) -> Result<(), Failure> {
    match text {
        Some(text) => recording.add(FILE, |out| out.write_all(text.0.as_bytes())),
        None => {
            recording.without(FILE);
            Ok(())
        }
    }
}

/// Reads it from a recording.
pub(super) fn load(
    context: &Context,
    project: &Project,
    dir: &Path,
    plan: &PlanFile,
) -> Result<Vec<Carried>, Failure> {
    let since = plan.content.since.as_ref();
    let Some(digest) = since.and_then(|since| since.carried.as_ref()) else {
        return Ok(Vec::new());
    };
    let path = dir.join(FILE);
    let text = Text(sealed::read_text(context, Keys::Of(project), &path)?);
    if text.digest() != *digest {
        return Err(altered(&path, "this is not what the plan was made with"));
    }
    let mut lines = text.0.lines();
    let head = lines.next().map(serde_json::from_str::<Head>);
    if !matches!(&head, Some(Ok(head)) if head.format == FORMAT) {
        return Err(altered(&path, &format!("it is not of the format {FORMAT}")));
    }
    let each = lines.enumerate().map(|(at, line)| {
        serde_json::from_str(line)
            .map_err(|error| altered(&path, &format!("line {}: {error}", at + 2)))
    });
    each.collect()
}
