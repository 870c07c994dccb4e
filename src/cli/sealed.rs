//! Files encrypted to a project's recipients: plans, recordings and reports, with age
//! (<https://age-encryption.org/v1>) and ASCII armour.
//!
//! Must not know what stands in a file; a plan's digest is that of its clear content. Invariants: the clear content is
//! never on disk, not even for a moment; a file is recognised by how it begins, never by its name; a message holds
//! neither a secret key nor anything of the content.

use std::io::{self, Read as _, Write};
use std::path::Path;

use secrecy::{ExposeSecret as _, SecretString};

use super::args::ProjectArgs;
use super::context::Context;
use super::exit::Exit;
use super::failure::Failure;
use super::project::{self, Project};
use super::resolve::Resolver;
use crate::config::kinds::SecretRef;
use crate::plan;

/// How an armoured age file begins.
const HEAD: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";
/// How one without armour begins.
const BARE_HEAD: &[u8] = b"age-encryption.org/v1";
/// Most bytes of content. age does not compress: no file holds more than it has bytes.
const MOST: u64 = plan::SIZE_LIMIT as u64;
/// Most bytes of a file with that content: armour writes 64 characters and a line break for every 48 bytes.
const MOST_SEALED: u64 = MOST + MOST / 2;
/// Where the identity is named when no option names it.
pub(crate) const IDENTITY_VARIABLE: &str = "HALOSYNC_IDENTITY_FILE";

/// Encrypts to a project's recipients.
pub(crate) struct Seal {
    recipients: Vec<age::x25519::Recipient>,
}

/// Where an identity may be declared besides the command line.
#[derive(Clone, Copy)]
pub(crate) enum Keys<'a> {
    /// In the project at this place, if there is one.
    At(&'a ProjectArgs),
    /// In this project.
    Of(&'a Project),
}

impl Seal {
    /// For a project that declares sealing.
    pub(crate) fn of(project: &Project) -> Result<Option<Self>, Failure> {
        let Some(sealing) = &project.config.project.spec.sealing else {
            return Ok(None);
        };
        let recipients = sealing.recipients.iter().map(|text| {
            text.parse().map_err(|why: &str| {
                let message = format!("{text:?} is not an age recipient: {why}");
                Failure::new(Exit::InvalidConfiguration, message)
            })
        });
        Ok(Some(Self {
            recipients: recipients.collect::<Result<_, _>>()?,
        }))
    }

    /// To how many it encrypts, in words.
    pub(crate) fn to(&self) -> String {
        match self.recipients.len() {
            1 => "1 recipient".to_owned(),
            number => format!("{number} recipients"),
        }
    }

    /// Writes encrypted what `write` writes in clear.
    pub(crate) fn stream<W: Write>(
        &self,
        out: W,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<W> {
        let recipients = self.recipients.iter();
        let encryptor =
            age::Encryptor::with_recipients(recipients.map(|one| one as &dyn age::Recipient))
                .map_err(io::Error::other)?;
        let armour = age::armor::ArmoredWriter::wrap_output(out, age::armor::Format::AsciiArmor)?;
        let mut sealed = encryptor.wrap_output(armour)?;
        write(&mut sealed)?;
        sealed.finish()?.finish()
    }

    /// The encrypted form. Two of the same content differ.
    pub(crate) fn bytes(&self, clear: &[u8]) -> Result<Vec<u8>, Failure> {
        let room = Vec::with_capacity(clear.len() + clear.len() / 2 + 1024);
        self.stream(room, |out| out.write_all(clear))
            .map_err(|error| {
                Failure::new(Exit::Unexpected, format!("cannot be encrypted: {error}"))
            })
    }
}

/// The content as it is to be written: encrypted when there is whom to encrypt to.
pub(crate) fn written(seal: Option<&Seal>, clear: Vec<u8>) -> Result<Vec<u8>, Failure> {
    match seal {
        Some(seal) => seal.bytes(&clear),
        None => Ok(clear),
    }
}

/// Whether bytes are those of an age file.
fn is_sealed(bytes: &[u8]) -> bool {
    bytes.starts_with(HEAD) || bytes.starts_with(BARE_HEAD)
}

/// Whether a file is encrypted. One that cannot be read is not.
pub(crate) fn is_sealed_file(path: &Path) -> bool {
    let mut head = Vec::new();
    let most = HEAD.len() as u64;
    let read = std::fs::File::open(path).and_then(|file| file.take(most).read_to_end(&mut head));
    read.is_ok() && is_sealed(&head)
}

/// What a file holds in clear, decrypted when it is encrypted.
///
/// # Errors
/// When it cannot be read, nothing names an identity, the identity is not one it is encrypted to, or it is not as it was
/// written.
pub(crate) fn read(context: &Context, keys: Keys<'_>, path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MOST_SEALED + 1).read_to_end(&mut bytes))
        .map_err(|error| Failure::file("read", path, &error))?;
    opened(context, keys, path, bytes)
}

/// What bytes of a file hold in clear, decrypted when they are encrypted.
///
/// # Errors
/// As for [`read`].
pub(crate) fn opened(
    context: &Context,
    keys: Keys<'_>,
    path: &Path,
    bytes: Vec<u8>,
) -> Result<Vec<u8>, Failure> {
    if !is_sealed(&bytes) {
        return Ok(bytes);
    }
    if bytes.len() as u64 > MOST_SEALED {
        return Err(Failure::new(
            Exit::Rejected,
            format!(
                "{}: it is larger than anything halosync seals",
                path.display()
            ),
        ));
    }
    let identities = identities(context, keys, path)?;
    open(&bytes, &identities, path)
}

/// As [`read`], of text.
pub(crate) fn read_text(context: &Context, keys: Keys<'_>, path: &Path) -> Result<String, Failure> {
    String::from_utf8(read(context, keys, path)?).map_err(|_| {
        let error = io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8");
        Failure::file("read", path, &error)
    })
}

fn open(
    bytes: &[u8],
    identities: &[age::x25519::Identity],
    path: &Path,
) -> Result<Vec<u8>, Failure> {
    let shown = path.display();
    let damaged = |why: &dyn std::fmt::Display| {
        Failure::new(
            Exit::Rejected,
            format!("{shown}: it is sealed, and not as it was written: {why}"),
        )
        .help("get the file again from where it was kept, or make the plan again")
    };
    let decryptor = age::Decryptor::new(age::armor::ArmoredReader::new(bytes))
        .map_err(|error| damaged(&error))?;
    let given = identities.iter().map(|one| one as &dyn age::Identity);
    let mut reader = decryptor.decrypt(given).map_err(|error| match error {
        age::DecryptError::NoMatchingKeys => {
            let ours: Vec<String> = identities
                .iter()
                .map(|one| one.to_public().to_string())
                .collect();
            Failure::new(
                Exit::Denied,
                format!("{shown}: it is sealed, and not to the key at hand ({})", ours.join(", ")),
            )
            .help("an age file does not tell whose keys open it: see `sealing.recipients` in the halosync.yaml of the commit the plan was made from, and name the file of one of these keys with --identity")
        }
        error => damaged(&error),
    })?;
    let mut clear = Vec::with_capacity(bytes.len() / 4 * 3);
    (&mut reader)
        .take(MOST + 1)
        .read_to_end(&mut clear)
        .map_err(|error| damaged(&error))?;
    Ok(clear)
}

/// The secret keys at hand.
fn identities(
    context: &Context,
    keys: Keys<'_>,
    path: &Path,
) -> Result<Vec<age::x25519::Identity>, Failure> {
    let of_project = |project: &crate::config::Config| {
        let sealing = project.project.spec.sealing.as_ref();
        sealing.and_then(|sealing| sealing.identity.clone())
    };
    let (secret, root, place) = match (&context.identity, keys) {
        (Some(file), _) => (
            Some(SecretRef::File(file.clone())),
            context.current_dir.clone(),
            "the identity",
        ),
        (None, Keys::Of(project)) => (
            of_project(&project.config),
            project.root.clone(),
            "sealing.identity",
        ),
        (None, Keys::At(arguments)) => match project::open(context, arguments) {
            Ok(workspace) => {
                let root = workspace.root.clone();
                let config = workspace.load().config;
                (
                    config.as_ref().and_then(of_project),
                    root,
                    "sealing.identity",
                )
            }
            Err(_) => (None, context.current_dir.clone(), ""),
        },
    };
    let Some(secret) = secret else {
        return Err(Failure::new(
            Exit::Usage,
            format!("{}: it is sealed, and no secret key is at hand to open it", path.display()),
        )
        .help(format!("name the file with the age secret key (AGE-SECRET-KEY-1…) with --identity or {IDENTITY_VARIABLE}, or declare `sealing.identity` in halosync.yaml; whose keys open it stands in `sealing.recipients`, not in the file")));
    };
    keys_in(context, &secret, &root, place)
}

/// Whether the identity that was named for this run, if one was, is a file with keys: told before anything is read.
///
/// # Errors
/// When it is missing, cannot be read, or holds none.
pub(crate) fn check_identity(context: &Context) -> Result<(), Failure> {
    let Some(file) = &context.identity else {
        return Ok(());
    };
    // Said before anything repeats it.
    if file.to_ascii_uppercase().contains("AGE-SECRET-KEY-") || file.contains("-----BEGIN") {
        return Err(Failure::new(
            Exit::Usage,
            format!("--identity or {IDENTITY_VARIABLE} holds a secret key, and the name of a file is wanted"),
        )
        .help("write the key into a file only you can read, and name that file; take the key for known to whoever saw the command line"));
    }
    let secret = SecretRef::File(file.clone());
    keys_in(context, &secret, &context.current_dir, "the identity").map(drop)
}

/// The secret keys a reference leads to.
fn keys_in(
    context: &Context,
    secret: &SecretRef,
    root: &Path,
    place: &str,
) -> Result<Vec<age::x25519::Identity>, Failure> {
    let mut resolver = Resolver::new(&context.environment, root);
    let text = resolver.secret_lines(secret, place);
    // A file that was named for this run is a matter of the command line, one the project names of the project.
    let named = context.identity.is_some();
    if let Err(failure) = resolver.finish() {
        return Err(match named {
            true => Failure {
                exit: Exit::Usage,
                ..failure
            }
            .help(format!(
                "name the file with the age secret key, as `age-keygen` writes it, with --identity or {IDENTITY_VARIABLE}"
            )),
            false => failure,
        });
    }
    text.map_or_else(|| Ok(Vec::new()), |text| parse(&text))
        .map_err(|why| {
            let exit = match named {
                true => Exit::Usage,
                false => Exit::InvalidConfiguration,
            };
            match secret {
                SecretRef::File(file) if named => Failure::new(
                    exit,
                    format!("{file}: {why} ({place})"),
                )
                .help(format!(
                    "name a file as `age-keygen` writes it with --identity or {IDENTITY_VARIABLE}"
                )),
                _ => Failure::new(exit, format!("{place}: {why}"))
                    .help("it is to be a file as `age-keygen` writes it"),
            }
        })
}

/// The keys in what `age-keygen` wrote: comments, and a key per line.
fn parse(text: &SecretString) -> Result<Vec<age::x25519::Identity>, &'static str> {
    let lines = text.expose_secret().lines().map(str::trim);
    let keys = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    // Never the parser's own words: they may quote the key.
    let keys: Vec<_> = keys
        .map(|key| {
            key.parse()
                .map_err(|_| "a line is no age secret key (AGE-SECRET-KEY-1…)")
        })
        .collect::<Result<_, _>>()?;
    if keys.is_empty() {
        return Err("it holds no key");
    }
    Ok(keys)
}

/// Refuses to write over anything but an earlier file of the same sort. What a sealed one is shows only opened: it may
/// be the passwords of an apply, or a login.
pub(crate) fn check_replaceable(
    context: &Context,
    keys: Keys<'_>,
    path: &Path,
    begins: &str,
) -> Result<(), Failure> {
    let regular = std::fs::symlink_metadata(path).is_ok_and(|facts| facts.is_file());
    if !(regular && is_sealed_file(path)) {
        return super::files::check_replaceable(path, begins);
    }
    let refuse = |why: String| {
        Err(
            Failure::new(Exit::Usage, format!("{} {why}", path.display()))
                .help("name another file, or remove this one; nothing was written"),
        )
    };
    match read(context, keys, path) {
        Ok(clear) => {
            let head = clear.get(..200).unwrap_or(&clear);
            if String::from_utf8_lossy(head).contains(begins) {
                return Ok(());
            }
            refuse("exists and is something else; it is not overwritten".to_owned())
        }
        Err(_) => refuse(
            "exists and is encrypted; what it holds cannot be told, so it is not overwritten"
                .to_owned(),
        ),
    }
}
