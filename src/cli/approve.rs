//! `halosync approve`: a person signs a plan's digest.
//!
//! Private keys stay where they are: in the agent, in hardware behind it, or in a file without a passphrase that is
//! read and forgotten.

use std::io::{BufRead as _, IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};

use ssh_key::public::KeyData;
use ssh_key::{PrivateKey, PublicKey};
use zeroize::Zeroizing;

use super::approvals;
use super::args::Approve;
use super::context::Context;
use super::exit::Exit;
use super::failure::Failure;
use super::places::Named;
use super::{files, project};
use crate::approval;
use crate::config::{AllowedSigners, fingerprint, is_usable_key};
use crate::connector::agent::{Agent, AgentError};
use crate::plan::PlanFile;
use crate::render;

/// Where OpenSSH's agent listens on Windows.
#[cfg(windows)]
const WINDOWS_AGENT: &str = r"\\.\pipe\openssh-ssh-agent";

/// Who signs, and with what.
enum Key {
    Here(Box<PrivateKey>),
    InAgent(KeyData),
}

impl Key {
    fn public(&self) -> &KeyData {
        match self {
            Self::Here(key) => key.public_key().key_data(),
            Self::InAgent(key) => key,
        }
    }
}

/// Runs the command.
pub(crate) async fn run(context: &Context, verb: &Approve) -> Result<Exit, Failure> {
    let file = super::show::read(context, &verb.project, &verb.plan)?;
    let project = project::load(context, &verb.project)?;
    super::verify::checks::check_project(&project, &file)?;
    if let Some(path) = &verb.signature {
        Named::new("--signature", path).check_file(Some(&project))?;
        check_name(&verb.plan, path)?;
        files::check_replaceable(path, "BEGIN SSH SIGNATURE")?;
    }
    let signers = signers(&project, &file)?;
    let key = match &verb.key {
        Some(path) => read_key(path)?,
        None => only_key(context, &signers).await?,
    };
    let person = person(context, key.public(), &signers)?;

    context.printer.result(&render::plan_text(
        &file,
        &super::show::text_options(context, false),
    ))?;
    if !verb.yes {
        confirm(context, &file, &person)?;
    }
    let signature = match &key {
        Key::Here(key) => approval::sign(key, &file.digest).map_err(|error| unsigned(&error)),
        Key::InAgent(public) => by_agent(context, public, &file.digest).await,
    }?;
    let path = verb.signature.clone().unwrap_or_else(|| {
        let mut name = verb.plan.clone().into_os_string();
        name.push(format!(".{}.sig", plain(&person)));
        PathBuf::from(name)
    });
    files::check_replaceable(&path, "BEGIN SSH SIGNATURE")?;
    files::write_new(&path, signature.as_bytes())?;
    context.printer.note(&format!(
        "approved {} as {person}: {}",
        file.digest,
        path.display()
    ));
    if !is_beside(&verb.plan, &path) {
        context.printer.note(&format!(
            "it counts once it stands in the folder of {}",
            verb.plan.display()
        ));
    }
    let approvals = approvals::judge(context, &project, &verb.plan, &file)?;
    context.printer.result(&render::approvals_text(
        &approvals.signatures,
        &approvals.requirements,
    ))?;
    Ok(Exit::Success)
}

/// Refuses a name under which nobody would ever find the signature.
fn check_name(plan: &Path, signature: &Path) -> Result<(), Failure> {
    let name = |path: &Path| {
        path.file_name()
            .map(|name| name.to_string_lossy().into_owned())
    };
    let (plan, file) = (
        name(plan).unwrap_or_default(),
        name(signature).unwrap_or_default(),
    );
    if approvals::is_named_like(&plan, &file) {
        return Ok(());
    }
    Err(Failure::new(
        Exit::Usage,
        format!(
            "--signature {}: a signature counts by its name, and of this plan only {plan}.sig and {plan}.….sig do",
            signature.display()
        ),
    )
    .help(format!(
        "name it {plan}.NAME.sig, or leave the option out; nothing was signed"
    )))
}

/// Whether two files stand in one folder.
fn is_beside(one: &Path, other: &Path) -> bool {
    let folder = |file: &Path| std::fs::canonicalize(approvals::folder(file)).ok();
    folder(one).is_some_and(|one| Some(one) == folder(other))
}

/// Everybody whose signature can count for this plan.
fn signers(project: &project::Project, file: &PlanFile) -> Result<AllowedSigners, Failure> {
    let asked = &file.content.approvals;
    let named = |path: &String| asked.is_empty() || asked.iter().any(|one| one.signers == *path);
    let signers: Vec<_> = project
        .config
        .signers
        .iter()
        .filter(|(path, _)| named(path))
        .flat_map(|(_, file)| file.signers.clone())
        .collect();
    if signers.is_empty() {
        return Err(Failure::new(
            Exit::Usage,
            "nothing says whose signatures count: no Guards document names a file of signers",
        )
        .help("write `approvals: {signers: allowed_signers, high: {people: 2}}` into a Guards document (docs/approval.md)"));
    }
    Ok(AllowedSigners { signers })
}

/// Who the key belongs to.
fn person(context: &Context, key: &KeyData, signers: &AllowedSigners) -> Result<String, Failure> {
    if !is_usable_key(key) {
        return Err(Failure::new(
            Exit::Usage,
            format!("plans are not signed with {} keys", key.algorithm()),
        )
        .help("use Ed25519 (`ssh-keygen -t ed25519`), ECDSA over P-256, or one of them kept in hardware (`-t ed25519-sk`)"));
    }
    approval::person_of(key, signers, context.now()).map_err(|why| {
        let shown = fingerprint(key);
        let message = match why {
            approval::Refusal::Unknown => {
                format!("the key {shown} is not one of an allowed signer")
            }
            why => format!("the key {shown} does not count: {why}"),
        };
        Failure::new(Exit::Denied, message)
        .help("have its line added to the file of signers in a reviewed commit, or name another key with --key")
    })
}

/// A key is some kilobytes at most. What comes out of a device may have no end.
const LARGEST_KEY: u64 = 64 * 1024;

fn read_key(path: &Path) -> Result<Key, Failure> {
    let mut text = Zeroizing::new(String::with_capacity(8 * 1024));
    std::fs::File::open(path)
        .and_then(|file| file.take(LARGEST_KEY + 1).read_to_string(&mut text))
        .map_err(|error| Failure::file("read", path, &error))?;
    let wrong = |why: String| {
        Failure::new(Exit::Usage, format!("{}: {why}", path.display())).help(
            "name an OpenSSH private key without a passphrase, or the public key (.pub) of one the agent has",
        )
    };
    if text.len() as u64 > LARGEST_KEY {
        return Err(wrong("it is larger than any key".to_owned()));
    }
    if !text.trim_start().starts_with("-----BEGIN") {
        let key = PublicKey::from_openssh(text.trim())
            .map_err(|error| wrong(format!("this is no public key ({error})")))?;
        return Ok(Key::InAgent(key.key_data().clone()));
    }
    let key = PrivateKey::from_openssh(text.as_bytes()).map_err(|error| match error {
        // OpenSSH writes numbers without leading zeros, and the library that reads them expects all their bytes: of ECDSA keys
        // that is one in 256, and every second one of 521 bits.
        ssh_key::Error::Encoding(_) => wrong(format!(
            "this key cannot be read from its file ({error}); of ECDSA keys OpenSSH writes some shorter than is understood here"
        ))
        .help("add it to the agent (`ssh-add`) and name its public key (.pub), or use an Ed25519 key"),
        error => wrong(format!(
            "this is no private key of OpenSSH's form ({error})"
        )),
    })?;
    // The passphrase is the agent's business, and so is hardware.
    if key.is_encrypted() || approval::is_in_hardware(key.public_key().key_data()) {
        return Ok(Key::InAgent(key.public_key().key_data().clone()));
    }
    Ok(Key::Here(Box::new(key)))
}

#[cfg(unix)]
async fn agent(context: &Context) -> Result<Agent<tokio::net::UnixStream>, Failure> {
    let place = context.environment.get("SSH_AUTH_SOCK").ok_or_else(|| {
        Failure::new(Exit::Usage, "no SSH agent is running: SSH_AUTH_SOCK is not set")
            .help("start one and add the key (`eval $(ssh-agent)`, `ssh-add`), or name a key file with --key")
    })?;
    Agent::connect(place).await.map_err(|error| refused(&error))
}

#[cfg(windows)]
async fn agent(
    context: &Context,
) -> Result<Agent<tokio::net::windows::named_pipe::NamedPipeClient>, Failure> {
    let place = context.environment.get("SSH_AUTH_SOCK");
    Agent::connect(place.map_or(WINDOWS_AGENT, String::as_str))
        .await
        .map_err(|error| refused(&error))
}

/// The one key of the agent that an allowed signer has.
async fn only_key(context: &Context, signers: &AllowedSigners) -> Result<Key, Failure> {
    let keys = agent(context)
        .await?
        .keys()
        .await
        .map_err(|error| refused(&error))?;
    let mut fit = keys
        .into_iter()
        .filter(|key| is_usable_key(key) && signers.of_key(key).next().is_some());
    let first = fit.next().ok_or_else(|| {
        Failure::new(Exit::Denied, "the agent has no key of an allowed signer")
            .help("add it with `ssh-add`, or name a key file with --key")
    })?;
    let others: Vec<String> = fit.map(|key| fingerprint(&key)).collect();
    if others.is_empty() {
        return Ok(Key::InAgent(first));
    }
    let mut failure = Failure::new(Exit::Usage, "the agent has several keys of allowed signers")
        .help("name the public key to use with --key");
    failure.messages.push(fingerprint(&first));
    failure.messages.extend(others);
    Err(failure)
}

async fn by_agent(context: &Context, key: &KeyData, digest: &str) -> Result<String, Failure> {
    let data = approval::to_sign(digest).map_err(|error| unsigned(&error))?;
    if approval::is_in_hardware(key) {
        context.printer.note("touch the security key if it asks");
    }
    let signed = agent(context)
        .await?
        .sign(key, &data)
        .await
        .map_err(|error| refused(&error))?;
    approval::finish(key, signed, digest).map_err(|error| unsigned(&error))
}

fn refused(error: &AgentError) -> Failure {
    let exit = match error {
        AgentError::Refused => Exit::Denied,
        _ => Exit::Unavailable,
    };
    Failure::new(exit, error.to_string())
        .help("`ssh-add -l` shows what the agent has; a key file can be named with --key")
}

fn unsigned(error: &ssh_key::Error) -> Failure {
    Failure::new(
        Exit::Unexpected,
        format!("the plan could not be signed: {error}"),
    )
}

/// Asks whoever sits there.
fn confirm(context: &Context, file: &PlanFile, person: &str) -> Result<(), Failure> {
    let input = std::io::stdin();
    if !input.is_terminal() {
        return Err(Failure::new(
            Exit::Usage,
            "nobody is there to be asked; nothing was signed",
        )
        .help("run it in a terminal, or say --yes after having read the plan"));
    }
    context.printer.complain(&format!(
        "approve {} as {person}? Type yes to sign: ",
        file.digest
    ));
    let mut line = String::new();
    input.lock().read_line(&mut line)?;
    if line.trim().eq_ignore_ascii_case("yes") {
        return Ok(());
    }
    Err(Failure::new(Exit::Usage, "nothing was signed"))
}

/// A name as part of a file's name.
fn plain(person: &str) -> String {
    person
        .chars()
        .map(|character| {
            if character.is_ascii_alphanumeric() || "@._-".contains(character) {
                character
            } else {
                '_'
            }
        })
        .collect()
}
