//! A login in a file encrypted with age (<https://age-encryption.org/v1>), ASCII armour.
//!
//! Invariants: mode 0600; written beside its place, flushed, then renamed into it, and the folder flushed; whatever is
//! in the way and no age file is left alone; the identity always is among those who can open it.

use std::any::Any;
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::connector::rest::{StoreError, TokenStore};

/// Larger files are no login.
const LARGEST: u64 = 1 << 20;
/// How an armoured age file begins.
const HEAD: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";
/// How one without armour begins.
const BARE_HEAD: &[u8] = b"age-encryption.org/v1";

/// A login in a file.
pub(in crate::cli) struct AgeFile {
    path: PathBuf,
    identity: age::x25519::Identity,
    recipients: Vec<age::x25519::Recipient>,
}

/// The secret key in what `age-keygen` wrote: comments, and one line of key.
pub(in crate::cli) fn identity(text: &SecretString) -> Result<age::x25519::Identity, &'static str> {
    let mut keys = text
        .expose_secret()
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let key = keys.next().ok_or("holds no key")?;
    if keys.next().is_some() {
        return Err("holds more than one key");
    }
    key.parse()
        .map_err(|_| "is no age secret key (AGE-SECRET-KEY-1…)")
}

impl AgeFile {
    /// A file at `path`, opened by `identity`, and for `others` besides.
    pub(in crate::cli) fn new(
        path: &Path,
        identity: age::x25519::Identity,
        others: Vec<age::x25519::Recipient>,
    ) -> Self {
        let mut recipients = vec![identity.to_public()];
        recipients.extend(others);
        Self {
            // A link is followed once, so that what it points at is replaced and not the link.
            path: fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()),
            identity,
            recipients,
        }
    }

    fn failed(&self, what: &str, error: &std::io::Error) -> StoreError {
        super::failed(&self.path, what, error)
    }

    fn misplaced(&self, why: &str) -> StoreError {
        StoreError::Misplaced(format!(
            "{} {why}; name another place under `tokenStore`",
            self.path.display()
        ))
    }

    fn bytes(&self) -> Result<Option<Vec<u8>>, StoreError> {
        let facts = match fs::metadata(&self.path) {
            Ok(facts) => facts,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.failed("read", &error)),
        };
        if !facts.is_file() {
            return Err(self.misplaced("is not a regular file and is left alone"));
        }
        let mut bytes = Vec::new();
        fs::File::open(&self.path)
            .and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes))
            .map_err(|error| self.failed("read", &error))?;
        let age = bytes.starts_with(HEAD) || bytes.starts_with(BARE_HEAD);
        if !age || bytes.len() as u64 > LARGEST {
            return Err(self.misplaced("is there, is no login, and is left alone"));
        }
        Ok(Some(bytes))
    }

    fn encrypted(&self, text: &SecretString) -> Result<Vec<u8>, StoreError> {
        let broken = |error: &dyn std::fmt::Display| {
            StoreError::Broken(format!("the login cannot be encrypted: {error}"))
        };
        let recipients = self
            .recipients
            .iter()
            .map(|recipient| recipient as &dyn age::Recipient);
        let encryptor =
            age::Encryptor::with_recipients(recipients).map_err(|error| broken(&error))?;
        let mut bytes = Vec::new();
        let armour =
            age::armor::ArmoredWriter::wrap_output(&mut bytes, age::armor::Format::AsciiArmor)
                .map_err(|error| broken(&error))?;
        let mut writer = encryptor
            .wrap_output(armour)
            .map_err(|error| broken(&error))?;
        writer
            .write_all(text.expose_secret().as_bytes())
            .and_then(|()| writer.finish())
            .and_then(age::armor::ArmoredWriter::finish)
            .map_err(|error| broken(&error))?;
        Ok(bytes)
    }

    fn folder(&self) -> &Path {
        match self.path.parent() {
            Some(dir) if !dir.as_os_str().is_empty() => dir,
            _ => Path::new("."),
        }
    }
}

impl TokenStore for AgeFile {
    fn place(&self) -> String {
        self.path.display().to_string()
    }

    fn check(&self) -> Result<(), StoreError> {
        self.bytes()?;
        // Named temporary files are made with mode 0600, and vanish again.
        tempfile::NamedTempFile::new_in(self.folder())
            .map(drop)
            .map_err(|error| self.failed("written", &error))
    }

    fn lock(&self) -> Result<Box<dyn Any + Send>, StoreError> {
        super::lock(&super::lock_beside(&self.path))
    }

    fn load(&self) -> Result<Option<SecretString>, StoreError> {
        let Some(bytes) = self.bytes()? else {
            return Ok(None);
        };
        let plain = age::decrypt(&self.identity, &bytes).map(Zeroizing::new);
        let plain = plain.map_err(|error| {
            let path = self.path.display();
            match error {
                age::DecryptError::NoMatchingKeys | age::DecryptError::DecryptionFailed => {
                    StoreError::Denied(format!(
                        "the login in {path} is not encrypted to the key of `identity` ({}); use the key it was written \
                         with, or delete the file and log in again",
                        self.identity.to_public()
                    ))
                }
                error => StoreError::Misplaced(format!(
                    "the login in {path} is damaged ({error}); delete the file and log in again"
                )),
            }
        })?;
        std::str::from_utf8(&plain)
            .map(|text| Some(SecretString::from(text.to_owned())))
            .map_err(|_| self.misplaced("holds no login"))
    }

    fn save(&self, text: &SecretString) -> Result<(), StoreError> {
        // Refuses to write over anything else.
        self.bytes()?;
        let bytes = self.encrypted(text)?;
        let written = |error: &std::io::Error| self.failed("written", error);
        let mut file =
            tempfile::NamedTempFile::new_in(self.folder()).map_err(|error| written(&error))?;
        file.write_all(&bytes)
            .and_then(|()| file.as_file().sync_all())
            .map_err(|error| written(&error))?;
        file.persist(&self.path)
            .map_err(|error| written(&error.error))?;
        // The new name lasts only once the folder does.
        #[cfg(unix)]
        fs::File::open(self.folder())
            .and_then(|dir| dir.sync_all())
            .map_err(|error| written(&error))?;
        Ok(())
    }

    fn delete(&self) -> Result<bool, StoreError> {
        if self.bytes()?.is_none() {
            return Ok(false);
        }
        fs::remove_file(&self.path).map_err(|error| self.failed("deleted", &error))?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(dir: &Path) -> AgeFile {
        AgeFile::new(
            &dir.join("login.age"),
            age::x25519::Identity::generate(),
            vec![],
        )
    }

    fn secret(text: &str) -> SecretString {
        SecretString::from(text.to_owned())
    }

    #[test]
    fn what_is_saved_comes_back_and_is_not_in_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path());
        assert!(store.load().unwrap().is_none());
        store.check().unwrap();
        store.save(&secret("c4nary-1")).unwrap();
        store.save(&secret("c4nary-2")).unwrap();
        assert_eq!(store.load().unwrap().unwrap().expose_secret(), "c4nary-2");
        let bytes = fs::read(dir.path().join("login.age")).unwrap();
        assert!(!String::from_utf8(bytes).unwrap().contains("c4nary"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let facts = fs::metadata(dir.path().join("login.age")).unwrap();
            assert_eq!(facts.permissions().mode() & 0o777, 0o600);
        }
        assert!(store.delete().unwrap());
        assert!(!store.delete().unwrap());
    }

    #[test]
    fn others_may_open_it_and_a_stranger_may_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("login.age");
        let other = age::x25519::Identity::generate();
        let ours = AgeFile::new(
            &path,
            age::x25519::Identity::generate(),
            vec![other.to_public()],
        );
        ours.save(&secret("text")).unwrap();
        let theirs = AgeFile::new(&path, other, vec![]);
        assert_eq!(theirs.load().unwrap().unwrap().expose_secret(), "text");
        let error = store(dir.path()).load().unwrap_err();
        assert!(matches!(error, StoreError::Denied(_)), "{error}");
        assert!(error.to_string().contains("identity"), "{error}");
    }

    #[test]
    fn nothing_else_is_written_over_or_deleted() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("login.age");
        fs::write(&path, "my notes").unwrap();
        let store = store(dir.path());
        for outcome in [
            store.check().err(),
            store.save(&secret("t")).err(),
            store.delete().err(),
            store.load().err(),
        ] {
            assert!(outcome.unwrap().to_string().contains("left alone"));
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "my notes");
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(store.save(&secret("t")).is_err());
    }

    #[test]
    fn a_store_that_cannot_be_written_says_so_beforehand() {
        let dir = tempfile::tempdir().unwrap();
        let store = AgeFile::new(
            &dir.path().join("missing/login.age"),
            age::x25519::Identity::generate(),
            vec![],
        );
        let error = store.check().unwrap_err().to_string();
        assert_eq!(error.matches("missing/login.age").count(), 1, "{error}");
        assert!(error.contains("make the folder"), "{error}");
    }

    #[test]
    fn keys_are_taken_as_age_keygen_writes_them() {
        let key = age::x25519::Identity::generate();
        let text = key.to_string();
        let written = format!(
            "# created: 2026-11-23T08:00:00Z\n# public key: {}\n{}\n",
            key.to_public(),
            text.expose_secret()
        );
        let read = identity(&secret(&written)).unwrap();
        assert_eq!(read.to_public().to_string(), key.to_public().to_string());
        for wrong in ["", "# nothing", "AGE-SECRET-KEY-1NO", "age1xyz"] {
            let why = identity(&secret(wrong)).err().unwrap();
            assert!(!why.contains("NO"), "{why}");
        }
        let twice = format!("{0}\n{0}", text.expose_secret());
        assert!(identity(&secret(&twice)).is_err());
    }
}
