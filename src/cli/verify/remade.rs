//! Whether a plan is what its recording gives: made once more, from the same reads, with the same options.
//!
//! The other checks find what no plan of this project has. This one finds whatever else was written into a plan: a value
//! that is nobody's, somebody left out, a guard's number. Must not ask the network. It believes the recording, whose
//! digests stand in the plan; who makes up both is found by nobody but the reviewers.

use std::path::Path;

use super::args::Verify;
use super::checks::{Checks, Name, Refusal, some};
use super::configuration;
use crate::cli::applied;
use crate::cli::authorship;
use crate::cli::base;
use crate::cli::commits;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::making::{Making, Origin};
use crate::cli::plan::last_good;
use crate::cli::project::Project;
use crate::cli::reads;
use crate::plan::{self, Inputs, PlanFile};

/// Differences named; the rest is counted.
const NAMED: usize = 10;

/// Plans once more where a recording is named, and compares.
pub(super) fn add(
    context: &Context,
    verb: &Verify,
    project: Result<&Project, &str>,
    file: &PlanFile,
    checks: &mut Checks,
) {
    let Some(from) = &verb.from else {
        return checks.skip(
            Name::Remade,
            "no recording was given to plan from once more (--from)",
        );
    };
    let project = match project {
        Ok(project) => project,
        Err(why) => return checks.skip(Name::Remade, why),
    };
    if configuration::same(project, &file.content).is_err() {
        return checks.skip(
            Name::Remade,
            "the configuration is not the one it was made from, so planning again would give another plan",
        );
    }
    let finding = compare(context, verb, project, from, file).map_err(|mut refusal| {
        // That no plan comes of it is another plan, too.
        if refusal.exit == Exit::Held {
            refusal.exit = Exit::Rejected;
        }
        refusal
    });
    checks.add(Name::Remade, finding);
}

fn compare(
    context: &Context,
    verb: &Verify,
    project: &Project,
    from: &Path,
    file: &PlanFile,
) -> Result<String, Refusal> {
    let content = &file.content;
    let version = env!("CARGO_PKG_VERSION");
    if content.tool_version != version {
        return Err(refusal(
            vec![format!(
                "the plan says that halosync {} made it, and this is {version}, which may plan otherwise",
                content.tool_version
            )],
            "verify it with the version that made it",
        ));
    }
    if content.inputs.undoes.is_some() {
        return Err(refusal(
            vec![
                "the plan says that it undoes another, and such a one is made from a journal"
                    .to_owned(),
            ],
            "make it once more with `halosync undo --journal FILE --from DIR` and compare the digests",
        ));
    }
    named(verb, &content.inputs, content.since.is_some())?;
    let earlier = match &verb.last_good {
        Some(path) => Some(last_good(context, project, path)?),
        None => None,
    };
    let since = applied::load(context, project, &verb.since)?;
    let base = match &content.base {
        Some(against) => Some(base::at(
            context,
            project,
            "the base of the plan",
            &against.commit,
        )?),
        None => None,
    };
    let reads = reads::recorded_against(
        context,
        project,
        &context.current_dir.join(from),
        base.as_ref(),
    )?;
    let (origin, but) = origin(project, content);
    let making = Making {
        project,
        origin,
        reads: &reads,
        last_good: earlier.as_ref(),
        since: since.as_ref(),
        base: base.as_ref(),
        as_of: content.as_of,
        only: content.narrowed.as_ref().map_or(&[], |to| &to.to),
    };
    let again = making.plan(context)?;
    if again.digest == file.digest {
        return Ok(format!(
            "planning once more from {} gives the same, byte for byte{but}",
            from.display()
        ));
    }
    let found = plan::differences(content, &again.content)
        .map_err(|error| Failure::new(Exit::Unexpected, error.to_string()))?;
    let mut found = some(found, NAMED, "differences");
    found.insert(
        0,
        format!(
            "planning once more from {} gives another plan",
            from.display()
        ),
    );
    Err(refusal(
        found,
        "name the recording that was written when the plan was made (`plan --record`); if this is it, find out what made the plan, and plan again",
    ))
}

/// What a plan says it was made with has to be named again.
fn named(verb: &Verify, inputs: &Inputs, since: bool) -> Result<(), Refusal> {
    let wants = [
        (
            inputs.last_good.is_some() && verb.last_good.is_none(),
            "--last-good",
        ),
        (since && verb.since.since.is_none(), "--since"),
    ];
    let missing: Vec<&str> = wants
        .into_iter()
        .filter_map(|(missing, option)| missing.then_some(option))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let options = missing.join(" and ");
    Err(refusal(
        vec![format!(
            "the plan says that it was made with {options}, so it cannot be made once more without"
        )],
        "name what was named then",
    ))
}

/// The commit, its author and whether it was clean, told by the repository and not by the plan; what was not compared,
/// because the repository does not tell, is said. Where the same files are another commit's by now, it is the plan's that
/// counts.
fn origin(project: &Project, plan: &plan::Plan) -> (Origin, &'static str) {
    let inputs = &plan.inputs;
    let here = Origin::of(project);
    if here.commit == inputs.commit && !here.uncommitted {
        return (here, "");
    }
    let told = |uncommitted, author| Origin {
        commit: inputs.commit.clone(),
        author,
        uncommitted,
    };
    let Some(commit) = &inputs.commit else {
        return (
            told(inputs.uncommitted, inputs.author.clone()),
            "; it names no commit, so who wrote its files is not compared",
        );
    };
    if !commits::has(&project.root, commit) {
        return (
            told(inputs.uncommitted, inputs.author.clone()),
            "; not compared: its commit and author, for this repository does not have that commit (fetch with the whole history)",
        );
    }
    let author = commits::author_of(&project.root, commit);
    let files = authorship::files(project, plan);
    let holds = commits::differences(&project.root, commit, &files)
        .is_some_and(|differing| differing.is_empty());
    // That it was not clean only asks for more.
    (told(inputs.uncommitted || !holds, author), "")
}

fn refusal(messages: Vec<String>, help: &str) -> Refusal {
    Refusal {
        messages,
        help: Some(help.to_owned()),
        exit: Exit::Rejected,
    }
}
