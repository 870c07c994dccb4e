//! `--only`: from a reviewer's words to the people and objects a plan is narrowed to.
//!
//! Must not know how the plan is made. Invariant: a word means one person or object, or the command ends.

use super::exit::Exit;
use super::failure::Failure;
use super::plan::{input, refusal};
use super::project::Project;
use super::reads::Reads;
use crate::explain::{self, Who};
use crate::model::Dn;
use crate::plan::{self, Only, PlanFile};

/// The plan with nothing but what was asked for.
pub(crate) fn narrowed(
    project: &Project,
    reads: &Reads,
    words: &[String],
    file: PlanFile,
) -> Result<PlanFile, Failure> {
    let mut only = Vec::with_capacity(words.len());
    for word in words {
        only.push(match Dn::parse(word.trim()) {
            Ok(dn) => {
                let key = dn.key();
                let known = reads
                    .directories
                    .values()
                    .flat_map(|read| &read.objects)
                    .any(|object| object.dn.key() == key);
                if !known {
                    return Err(Failure::new(
                        Exit::Usage,
                        format!("--only {word}: no directory has this object"),
                    )
                    .help("correct the distinguished name"));
                }
                Only::Object(dn)
            }
            Err(_) => {
                let found = explain::find(&project.config, &reads.people, &reads.directories, word)
                    .map_err(|error| {
                        Failure::new(Exit::Usage, format!("--only {word}: {error}")).help(
                            "name a person by key, SOURCE/KEY or a unique value, anything else by distinguished name",
                        )
                    })?;
                match found {
                    // Nothing is planned for another record than the one that counts.
                    Who::Person { source, key } => {
                        let as_of = file.content.as_of;
                        let input = input(project, &project.config, reads, None, as_of);
                        let records = plan::records_of(&input, &source, &key).map_err(refusal)?;
                        Only::Person {
                            key: records.map_or(key, |records| records.primary.key),
                            source,
                        }
                    }
                    Who::Account { target, guid } => {
                        let objects = &reads.directories[&target].objects;
                        let found = objects.iter().find(|object| object.guid == guid);
                        match found {
                            Some(object) => Only::Object(object.dn.clone()),
                            None => continue,
                        }
                    }
                }
            }
        });
    }
    let mut content = file.content;
    plan::narrow(&mut content, &only, words.to_vec());
    Ok(plan::seal(content))
}

/// A failure that names nobody, where nobody is to be named: what people are called is in the messages after the first,
/// and what an ambiguous word may mean is in the only one.
pub(crate) fn concealed(failure: Failure, redact: bool) -> Failure {
    if !redact {
        return failure;
    }
    let mut failure = failure;
    match failure.exit {
        Exit::Held => failure.messages.truncate(1),
        Exit::Usage => {
            failure.messages =
                vec!["--only: a word names nothing, or more than one person or account".to_owned()];
        }
        _ => return failure,
    }
    let help = failure.help.take().unwrap_or_default();
    failure.help(format!(
        "{help} (names are not shown where plans are sealed; --clear shows them)"
    ))
}
