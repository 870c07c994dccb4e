//! Initial passwords: made here, handed to the directory, and kept nowhere but in a file encrypted to the plan's
//! recipients (P4).
//!
//! Invariant: a password is on disk, encrypted, before the directory is asked to set it, so that no interruption
//! loses one that is in force.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rand::seq::{IndexedRandom, SliceRandom};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::plan::{ChangeId, PasswordPolicy, PlanFile};

/// Passwords per file. A file is written anew for each password in it, so this bounds the work for many.
const PER_FILE: usize = 100;
/// What the name of a file not yet finished ends in.
const DRAFT: &str = ".draft";
/// Shorter ones are not made, whatever a policy says.
const SHORTEST: usize = 8;
// Without characters that look like others (I l 1 | O 0) and without quotes, backslash, comma, semicolon and space,
// which suffer on the way through spreadsheets and shells.
const CLASSES: [&[u8]; 4] = [
    b"ABCDEFGHJKLMNPQRSTUVWXYZ",
    b"abcdefghijkmnopqrstuvwxyz",
    b"23456789",
    b"!#%*+-.:=?@_",
];

/// Why initial passwords cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// A recipient is not an age X25519 public key.
    #[error("{recipient:?} is not an age recipient (age1…): {message}")]
    Recipient {
        /// As in the plan.
        recipient: String,
        /// What is wrong.
        message: String,
    },
    /// Encryption failed.
    #[error("initial passwords cannot be encrypted: {message}")]
    Encryption {
        /// What happened.
        message: String,
    },
    /// The folder does not take files.
    #[error("the folder {} for initial passwords cannot be used: {cause}", path.display())]
    Folder {
        /// Which folder.
        path: PathBuf,
        /// The cause, told already.
        cause: std::io::Error,
    },
    /// The file cannot be written.
    #[error("the file {} with initial passwords cannot be written", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
}

/// A password just made. `Debug` does not show it.
#[derive(Debug, Clone)]
pub struct NewPassword {
    /// The `create` it belongs to.
    pub change: ChangeId,
    /// `sAMAccountName`, or the relative name where the plan sets none.
    pub account: String,
    /// Name of the account.
    pub dn: String,
    /// When it was made. Of several for one account the latest holds.
    pub at: jiff::Timestamp,
    /// The password.
    pub password: SecretString,
}

/// Keeps initial passwords for the people who hand them out.
pub trait PasswordSink: Send + Sync {
    /// Keeps a password. Returns when it would survive whatever comes next. Blocks on the disk.
    ///
    /// # Errors
    /// When it cannot be kept; it must not be used then.
    fn keep(&self, password: NewPassword) -> Result<(), PasswordError>;

    /// Marks a password kept before as void: another one is in force on the account. Blocks on the disk.
    ///
    /// # Errors
    /// When it cannot be marked.
    fn withdraw(&self, password: NewPassword) -> Result<(), PasswordError>;

    /// Makes sure, before anything is written to a directory, that passwords can be kept. Blocks on the disk.
    ///
    /// # Errors
    /// When they cannot.
    fn prepare(&self) -> Result<(), PasswordError> {
        Ok(())
    }

    /// Files written so far.
    fn files(&self) -> Vec<PathBuf>;
}

/// Files `passwords-<plan digest>-<n>.age` in a folder: age (<https://age-encryption.org/v1>), ASCII armour, inside
/// JSON Lines with `account`, `dn`, `password`, `at` and `change`, and `"void": true` where another password came to
/// be in force. Each apply begins new files, of at most a hundred passwords each.
pub struct AgeFiles {
    folder: PathBuf,
    stem: String,
    recipients: Vec<age::x25519::Recipient>,
    state: Mutex<AgeState>,
}

#[derive(Default)]
struct AgeState {
    /// Each with whether it is void.
    current: Vec<(NewPassword, bool)>,
    files: Vec<PathBuf>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PasswordLine<'a> {
    account: &'a str,
    dn: &'a str,
    password: &'a str,
    at: jiff::Timestamp,
    change: &'a ChangeId,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    void: bool,
}

impl AgeFiles {
    /// For a plan's recipients; `None` when the plan names none. Nothing is written before the first password.
    ///
    /// # Errors
    /// When a recipient is not one.
    pub fn for_plan(plan: &PlanFile, folder: &Path) -> Result<Option<Self>, PasswordError> {
        Self::for_recipients(&plan.content.password_recipients, &plan.digest, folder)
    }

    fn for_recipients(
        recipients: &[String],
        digest: &str,
        folder: &Path,
    ) -> Result<Option<Self>, PasswordError> {
        let recipients = recipients
            .iter()
            .map(|text| {
                text.parse()
                    .map_err(|message: &str| PasswordError::Recipient {
                        recipient: text.clone(),
                        message: message.to_owned(),
                    })
            })
            .collect::<Result<Vec<_>, _>>()?;
        let short: String = digest
            .trim_start_matches("sha256:")
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .take(12)
            .collect();
        Ok((!recipients.is_empty()).then(|| Self {
            folder: folder.to_owned(),
            stem: format!("passwords-{short}"),
            recipients,
            state: Mutex::default(),
        }))
    }

    fn encrypt(&self, passwords: &[(NewPassword, bool)]) -> Result<Vec<u8>, PasswordError> {
        let failed = |message: String| PasswordError::Encryption { message };
        // Room for everything at once: a buffer that grows leaves copies behind.
        let room = passwords
            .iter()
            .map(|(one, _)| 6 * (one.account.len() + one.dn.len() + one.change.0.len()) + 1024)
            .sum();
        let mut plain = Zeroizing::new(Vec::with_capacity(room));
        for (one, void) in passwords {
            let line = PasswordLine {
                account: &one.account,
                dn: &one.dn,
                password: one.password.expose_secret(),
                at: one.at,
                change: &one.change,
                void: *void,
            };
            serde_json::to_writer(&mut *plain, &line).map_err(|error| failed(error.to_string()))?;
            plain.push(b'\n');
        }
        let recipients = self
            .recipients
            .iter()
            .map(|recipient| recipient as &dyn age::Recipient);
        let encryptor = age::Encryptor::with_recipients(recipients)
            .map_err(|error| failed(error.to_string()))?;
        let written = (|| {
            let armour =
                age::armor::ArmoredWriter::wrap_output(Vec::new(), age::armor::Format::AsciiArmor)?;
            let mut out = encryptor.wrap_output(armour)?;
            out.write_all(&plain)?;
            out.finish()?.finish()
        })();
        written.map_err(|error| failed(error.to_string()))
    }

    /// Takes the first free number. The empty file reserves it against another apply in the same folder.
    fn next_file(&self) -> Result<PathBuf, PasswordError> {
        let mut number = 1_u32;
        loop {
            let path = self.folder.join(format!("{}-{number}.age", self.stem));
            let mut options = std::fs::File::options();
            options.write(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            match options.open(&path) {
                Ok(_) => return Ok(path),
                Err(error)
                    if error.kind() == std::io::ErrorKind::AlreadyExists && number < u32::MAX =>
                {
                    number += 1;
                }
                Err(source) => return Err(PasswordError::Io { path, source }),
            }
        }
    }

    fn replace(&self, path: &Path, bytes: &[u8]) -> Result<(), PasswordError> {
        let written = (|| {
            let mut file = self.draft()?;
            file.write_all(bytes)?;
            file.as_file().sync_all()?;
            file.persist(path).map_err(|error| error.error)?;
            #[cfg(unix)]
            std::fs::File::open(&self.folder)?.sync_all()?;
            Ok(())
        })();
        written.map_err(|source| PasswordError::Io {
            path: path.to_owned(),
            source,
        })
    }
}

impl AgeFiles {
    /// What the names of files begin with that are not yet what they are to become.
    fn draft_prefix(&self) -> String {
        format!(".{}-", self.stem)
    }

    /// An empty file, to take its final name once it is whole. The lock tells it from one whose writer has died.
    fn draft(&self) -> std::io::Result<tempfile::NamedTempFile> {
        // Made with mode 0600 by the crate.
        let file = tempfile::Builder::new()
            .prefix(&self.draft_prefix())
            .suffix(DRAFT)
            .tempfile_in(&self.folder)?;
        // Where files cannot be locked, drafts of the dead stay.
        let _ = file.as_file().try_lock();
        Ok(file)
    }

    /// Removes what a killed apply of the same plan left. One that another apply is just writing stays.
    fn remove_stale_drafts(&self) -> std::io::Result<()> {
        let prefix = self.draft_prefix();
        for entry in std::fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if !(name.starts_with(&prefix) && name.ends_with(DRAFT)) {
                continue;
            }
            let path = entry.path();
            // An empty one may be new and not locked yet, and holds nothing. Not to get rid of one is no reason to stop.
            let stale = entry
                .metadata()
                .is_ok_and(|found| found.is_file() && found.len() > 0)
                && std::fs::File::open(&path).is_ok_and(|file| file.try_lock().is_ok());
            if stale {
                let _ = std::fs::remove_file(path);
            }
        }
        Ok(())
    }

    fn append(&self, password: NewPassword, void: bool) -> Result<(), PasswordError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.current.len() >= PER_FILE {
            state.current.clear();
        }
        let path = match state.files.last() {
            Some(path) if !state.current.is_empty() => path.clone(),
            _ => {
                let path = self.next_file()?;
                state.files.push(path.clone());
                path
            }
        };
        state.current.push((password, void));
        let kept = self
            .encrypt(&state.current)
            .and_then(|bytes| self.replace(&path, &bytes));
        if kept.is_err() {
            state.current.pop();
            if state.current.is_empty() {
                // Only the reservation stands there; should it stay, it is an empty file.
                state.files.pop();
                let _ = std::fs::remove_file(&path);
            }
        }
        kept
    }
}

impl PasswordSink for AgeFiles {
    fn keep(&self, password: NewPassword) -> Result<(), PasswordError> {
        self.append(password, false)
    }

    fn prepare(&self) -> Result<(), PasswordError> {
        let probed = (|| {
            self.remove_stale_drafts()?;
            let mut probe = self.draft()?;
            probe.write_all(b"probe")?;
            probe.as_file().sync_all()?;
            probe.close()
        })();
        probed.map_err(|cause| PasswordError::Folder {
            path: self.folder.clone(),
            cause,
        })
    }

    fn withdraw(&self, password: NewPassword) -> Result<(), PasswordError> {
        {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let kept = state.current.iter().rposition(|(one, _)| {
                one.change == password.change
                    && one.password.expose_secret() == password.password.expose_secret()
            });
            if let (Some(at), Some(path)) = (kept, state.files.last().cloned()) {
                state.current[at].1 = true;
                return self
                    .encrypt(&state.current)
                    .and_then(|bytes| self.replace(&path, &bytes));
            }
        }
        // Its file is full and closed: a line further on says it.
        self.append(password, true)
    }

    fn files(&self) -> Vec<PathBuf> {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .files
            .clone()
    }
}

/// Makes a password with upper and lower case, digits and symbols, none of them easily mistaken for another.
///
/// Active Directory's complexity rule also refuses a password that holds the account name or a word of the display
/// name of three characters or more; `names` are those texts, and a password that happens to hold such a word is
/// thrown away.
pub(super) fn generate(
    policy: PasswordPolicy,
    names: &[&str],
    random: &mut impl rand::CryptoRng,
) -> SecretString {
    let words: Vec<String> = names
        .iter()
        .flat_map(|name| {
            let parts = name.split([',', '.', '-', '_', ' ', '#', '\t']);
            parts.chain(std::iter::once(*name))
        })
        .filter(|word| word.chars().count() >= 3)
        .map(str::to_lowercase)
        .collect();
    let length = usize::from(policy.length).max(SHORTEST);
    let all: Vec<u8> = CLASSES.concat();
    loop {
        let mut password = Zeroizing::new(Vec::with_capacity(length));
        let draws = CLASSES
            .iter()
            .copied()
            .chain(std::iter::repeat(all.as_slice()))
            .take(length);
        for class in draws {
            password.extend(class.choose(random).copied());
        }
        password.shuffle(random);
        let Ok(text) = std::str::from_utf8(&password) else {
            continue;
        };
        // What a spreadsheet would take for a formula.
        if text.starts_with(['=', '+', '-', '@']) {
            continue;
        }
        let folded = Zeroizing::new(text.to_lowercase());
        if !words.iter().any(|word| folded.contains(word.as_str())) {
            return SecretString::from(text.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use secrecy::{ExposeSecret, SecretString};

    use super::{AgeFiles, NewPassword, PER_FILE, PasswordError, PasswordSink, generate};
    use crate::plan::{ChangeId, PasswordPolicy};

    fn policy(length: u8) -> PasswordPolicy {
        PasswordPolicy {
            length,
            must_change: true,
        }
    }

    #[test]
    fn passwords_have_all_classes_and_no_lookalikes() {
        let mut random = rand::rngs::StdRng::seed_from_u64(7);
        let mut seen = std::collections::HashSet::new();
        for length in [0, 8, 9, 16, 20, 255] {
            for _ in 0..300 {
                let secret = generate(policy(length), &[], &mut random);
                let text = secret.expose_secret();
                assert_eq!(text.len(), usize::from(length).max(8));
                assert!(text.contains(|c: char| c.is_ascii_uppercase()));
                assert!(text.contains(|c: char| c.is_ascii_lowercase()));
                assert!(text.contains(|c: char| c.is_ascii_digit()));
                assert!(text.contains(|c: char| c.is_ascii_punctuation()));
                assert!(!text.contains(['I', 'l', '1', '|', 'O', '0', '"', '\\', ' ']));
                assert!(!text.starts_with(['=', '+', '-', '@']));
                assert!(seen.insert(text.to_owned()), "made twice");
            }
        }
    }

    #[test]
    fn passwords_hold_no_word_of_the_name() {
        let mut random = rand::rngs::StdRng::seed_from_u64(7);
        // Short words, so that chance would produce them.
        let names = ["abc", "Doe-xyz Ka"];
        for _ in 0..3000 {
            let secret = generate(policy(250), &names, &mut random);
            let folded = secret.expose_secret().to_lowercase();
            for word in ["abc", "doe", "xyz"] {
                assert!(!folded.contains(word), "{word}");
            }
        }
    }

    fn entry(n: usize) -> NewPassword {
        NewPassword {
            change: ChangeId(format!("create-{n}").into()),
            account: format!("user{n}"),
            dn: format!("CN=User \"{n}\",DC=example,DC=test"),
            at: jiff::Timestamp::UNIX_EPOCH,
            password: SecretString::from(format!("Canary!{n}")),
        }
    }

    fn files(folder: &std::path::Path, recipients: &[age::x25519::Recipient]) -> AgeFiles {
        AgeFiles {
            folder: folder.to_owned(),
            stem: "passwords-abc".to_owned(),
            recipients: recipients.to_vec(),
            state: Default::default(),
        }
    }

    fn open(path: &std::path::Path, identity: &age::x25519::Identity) -> String {
        use std::io::Read;
        let bytes = std::fs::read(path).expect("reads");
        assert!(bytes.starts_with(b"-----BEGIN AGE ENCRYPTED FILE-----"));
        let armour = age::armor::ArmoredReader::new(bytes.as_slice());
        let mut reader = age::Decryptor::new(armour)
            .expect("an age file")
            .decrypt(std::iter::once(identity as &dyn age::Identity))
            .expect("for us");
        let mut text = String::new();
        reader.read_to_string(&mut text).expect("whole");
        text
    }

    #[test]
    fn p4_each_recipient_can_open_and_nobody_can_read_without() {
        let folder = tempfile::tempdir().expect("a folder");
        let identities = [
            age::x25519::Identity::generate(),
            age::x25519::Identity::generate(),
        ];
        let recipients = identities.each_ref().map(|identity| identity.to_public());
        let sink = files(folder.path(), &recipients);
        assert!(sink.files().is_empty());
        sink.keep(entry(1)).expect("kept");
        sink.keep(entry(2)).expect("kept");
        let written = sink.files();
        assert_eq!(written, [folder.path().join("passwords-abc-1.age")]);
        for identity in &identities {
            let text = open(&written[0], identity);
            assert_eq!(text.lines().count(), 2);
            assert!(text.contains(r#""password":"Canary!2""#), "{text}");
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(&written[0]).expect("there").permissions();
            assert_eq!(mode.mode() & 0o777, 0o600);
        }
        // No leftovers, and nothing readable in the folder or in `Debug`.
        let names: Vec<_> = std::fs::read_dir(folder.path()).expect("lists").collect();
        assert_eq!(names.len(), 1);
        let raw = std::fs::read(&written[0]).expect("reads");
        assert!(!String::from_utf8_lossy(&raw).contains("Canary"));
        assert!(!format!("{:?}", entry(1)).contains("Canary"));

        // Another apply of the same plan does not touch the first one's file.
        let again = files(folder.path(), &recipients);
        again.keep(entry(3)).expect("kept");
        assert_eq!(again.files(), [folder.path().join("passwords-abc-2.age")]);
        assert_eq!(open(&written[0], &identities[0]).lines().count(), 2);
    }

    #[test]
    fn a_folder_is_tried_before_it_is_needed_and_drafts_of_the_dead_go() {
        let folder = tempfile::tempdir().expect("a folder");
        let identity = age::x25519::Identity::generate();
        let recipients = [identity.to_public()];
        let stale = folder.path().join(".passwords-abc-x1y2z3.draft");
        let other = folder.path().join(".passwords-def-x1y2z3.draft");
        for path in [&stale, &other] {
            std::fs::write(path, "half").expect("writes");
        }
        let sink = files(folder.path(), &recipients);
        let mut alive = sink.draft().expect("a draft");
        std::io::Write::write_all(&mut alive, b"half").expect("writes");
        sink.prepare().expect("usable");
        assert!(!stale.exists() && other.exists() && alive.path().exists());
        let left = std::fs::read_dir(folder.path()).expect("lists").count();
        assert_eq!(left, 2, "the probe is gone");

        for path in [folder.path().join("gone"), other] {
            let error = files(&path, &recipients)
                .prepare()
                .expect_err("not a folder");
            assert!(error.to_string().contains("os error"), "{error}");
        }
    }

    #[test]
    fn a_void_password_says_so_wherever_it_stands() {
        let folder = tempfile::tempdir().expect("a folder");
        let identity = age::x25519::Identity::generate();
        let sink = files(folder.path(), &[identity.to_public()]);
        for n in 0..=PER_FILE {
            sink.keep(entry(n)).expect("kept");
        }
        sink.withdraw(entry(PER_FILE)).expect("marked");
        sink.withdraw(entry(3)).expect("marked");
        let last = open(&sink.files()[1], &identity);
        let lines: Vec<&str> = last.lines().collect();
        assert_eq!(lines.len(), 2, "{last}");
        assert!(lines[0].contains(r#""change":"create-100","void":true"#));
        assert!(lines[1].contains(r#""change":"create-3","void":true"#));
    }

    #[test]
    fn many_passwords_go_into_several_files() {
        let folder = tempfile::tempdir().expect("a folder");
        let identity = age::x25519::Identity::generate();
        let sink = files(folder.path(), &[identity.to_public()]);
        for n in 0..=PER_FILE {
            sink.keep(entry(n)).expect("kept");
        }
        let lines: Vec<usize> = sink
            .files()
            .iter()
            .map(|path| open(path, &identity).lines().count())
            .collect();
        assert_eq!(lines, [PER_FILE, 1]);
    }

    #[test]
    fn what_is_not_a_recipient_is_refused_before_anything_is_written() {
        for (text, fine) in [
            (
                age::x25519::Identity::generate().to_public().to_string(),
                true,
            ),
            ("age1nonsense".to_owned(), false),
            ("ssh-ed25519 AAAA".to_owned(), false),
            (String::new(), false),
        ] {
            let made = AgeFiles::for_recipients(
                std::slice::from_ref(&text),
                "sha256:0123456789abcdef",
                std::path::Path::new("."),
            );
            match made {
                Ok(sink) => {
                    assert!(fine, "{text}");
                    let sink = sink.expect("one recipient");
                    assert_eq!(sink.stem, "passwords-0123456789ab");
                }
                Err(error) => assert!(!fine, "{text}: {error}"),
            }
        }
        let none = AgeFiles::for_recipients(&[], "sha256:0", std::path::Path::new("."));
        assert!(none.expect("no recipients is no error").is_none());
    }

    #[test]
    fn a_folder_that_is_gone_is_an_error_and_keeps_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let identity = age::x25519::Identity::generate();
        let sink = files(&folder.path().join("gone"), &[identity.to_public()]);
        assert!(matches!(sink.keep(entry(1)), Err(PasswordError::Io { .. })));
        assert!(sink.files().is_empty());
    }
}
