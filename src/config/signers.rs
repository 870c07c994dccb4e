//! Whose signatures count: OpenSSH's file of allowed signers (ssh-keygen(1), ALLOWED SIGNERS).
//!
//! The same file that `git` and `ssh-keygen -Y verify` read. Knows no plan and no signature.

/// The namespace signatures of plans are made in: one made for anything else does not count.
pub const PLAN_NAMESPACE: &str = "halosync-plan";

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use ssh_key::public::{KeyData, PublicKey};
use ssh_key::{Algorithm, EcdsaCurve, HashAlg};

/// The file, read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AllowedSigners {
    /// A line each.
    pub signers: Vec<AllowedSigner>,
}

/// One line: a key, and who signs with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedSigner {
    /// The first principal without a wildcard: who it is. All keys of one name are one person's.
    pub person: String,
    /// The public key.
    pub key: KeyData,
    /// Patterns of namespaces it may sign in; none for all.
    pub namespaces: Vec<String>,
    /// From when signatures count.
    pub valid_after: Option<Timestamp>,
    /// Until when they count.
    pub valid_before: Option<Timestamp>,
    /// 1-based line.
    pub line: usize,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct SignersFault {
    /// 1-based line.
    pub line: usize,
    /// What.
    pub message: String,
}

impl AllowedSigners {
    /// Reads the file.
    ///
    /// # Errors
    /// Every line that nobody could understand.
    pub fn parse(text: &str) -> Result<Self, Vec<SignersFault>> {
        let mut signers = Vec::new();
        let mut faults = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let written = line.trim();
            if written.is_empty() || written.starts_with('#') {
                continue;
            }
            match signer(written, at + 1) {
                Ok(found) => signers.push(found),
                Err(message) => faults.push(SignersFault {
                    line: at + 1,
                    message,
                }),
            }
        }
        if faults.is_empty() {
            Ok(Self { signers })
        } else {
            Err(faults)
        }
    }

    /// The lines that speak of a key.
    pub fn of_key<'s>(&'s self, key: &'s KeyData) -> impl Iterator<Item = &'s AllowedSigner> {
        self.signers.iter().filter(move |signer| signer.key == *key)
    }
}

impl AllowedSigner {
    /// Whether the key can sign here: Ed25519 and ECDSA over NIST P-256, kept in hardware or not.
    pub fn is_usable(&self) -> bool {
        is_usable(&self.key)
    }

    /// Whether it may sign in this namespace.
    pub fn signs_in(&self, namespace: &str) -> bool {
        self.namespaces.is_empty()
            || self
                .namespaces
                .iter()
                .any(|pattern| matches_pattern(pattern, namespace))
    }
}

/// Whether signatures of a key can be made and checked here.
pub fn is_usable(key: &KeyData) -> bool {
    matches!(
        key.algorithm(),
        Algorithm::Ed25519
            | Algorithm::SkEd25519
            | Algorithm::SkEcdsaSha2NistP256
            | Algorithm::Ecdsa {
                curve: EcdsaCurve::NistP256
            }
    )
}

/// `SHA256:…`, as `ssh-keygen -l` shows it.
pub fn fingerprint(key: &KeyData) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}

/// OpenSSH's patterns (ssh_config(5), PATTERNS): `*` for any characters, `?` for one. Linear in text times stars.
pub fn matches_pattern(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut of) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while of < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, of));
                at += 1;
            }
            Some(found) if *found == '?' || *found == text[of] => {
                at += 1;
                of += 1;
            }
            _ => {
                let Some((back, from)) = star else {
                    return false;
                };
                star = Some((back, from + 1));
                at = back + 1;
                of = from + 1;
            }
        }
    }
    pattern[at..].iter().all(|rest| *rest == '*')
}

fn signer(line: &str, number: usize) -> Result<AllowedSigner, String> {
    let (principals, rest) = word(line)?;
    let person = principals
        .split(',')
        .map(str::trim)
        .find(|name| !name.is_empty() && !name.contains(['*', '?', '!']))
        .ok_or("no principal without a wildcard: nobody could tell whose signature it is")?
        .to_owned();
    let mut signer = AllowedSigner {
        person,
        key: KeyData::Ed25519(ssh_key::public::Ed25519PublicKey([0; 32])),
        namespaces: Vec::new(),
        valid_after: None,
        valid_before: None,
        line: number,
    };
    let (first, after) = word(rest)?;
    let key = if is_key_type(&first) {
        rest
    } else {
        options(&first, &mut signer)?;
        after
    };
    signer.key = PublicKey::from_openssh(key.trim())
        .map_err(|error| format!("no public key as OpenSSH writes it ({error})"))?
        .key_data()
        .clone();
    Ok(signer)
}

fn is_key_type(word: &str) -> bool {
    ["ssh-", "ecdsa-", "sk-ssh-", "sk-ecdsa-"]
        .iter()
        .any(|start| word.starts_with(start))
}

/// The first word and what follows. White space within double quotes is part of the word, as are the quotes but where
/// they enclose all of it.
fn word(text: &str) -> Result<(String, &str), String> {
    let text = text.trim_start();
    let mut quoted = false;
    let end = text
        .char_indices()
        .find(|(_, character)| {
            quoted ^= *character == '"';
            character.is_whitespace() && !quoted
        })
        .map_or(text.len(), |(at, _)| at);
    if quoted {
        return Err("a quotation mark is not closed".to_owned());
    }
    let (word, rest) = text.split_at(end);
    if word.is_empty() {
        return Err("a principal, a key type and a key are expected".to_owned());
    }
    let inner = word
        .strip_prefix('"')
        .and_then(|word| word.strip_suffix('"'));
    Ok((inner.unwrap_or(word).to_owned(), rest))
}

fn options(written: &str, signer: &mut AllowedSigner) -> Result<(), String> {
    let mut quoted = false;
    let parts = written.split(|character| {
        quoted ^= character == '"';
        character == ',' && !quoted
    });
    for part in parts {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let value = value.trim_matches('"');
        match name.to_ascii_lowercase().as_str() {
            "namespaces" => {
                signer.namespaces = value.split(',').map(str::to_owned).collect();
            }
            "valid-after" => signer.valid_after = Some(moment(value)?),
            "valid-before" => signer.valid_before = Some(moment(value)?),
            "cert-authority" => {
                return Err("certificate authorities are not supported: name each key".to_owned());
            }
            _ => return Err(format!("{name:?} is neither an option nor a key type")),
        }
    }
    Ok(())
}

/// `20261231`, `202612312359` or `20261231235900`, each with or without `Z`. Taken as UTC either way, so that it means
/// the same on every machine.
fn moment(text: &str) -> Result<Timestamp, String> {
    let digits = text.strip_suffix(['Z', 'z']).unwrap_or(text);
    let wrong = || format!("{text:?} is no date such as 20261231");
    if !matches!(digits.len(), 8 | 12 | 14) {
        return Err(wrong());
    }
    DateTime::strptime("%Y%m%d%H%M%S", format!("{digits:0<14}"))
        .and_then(|moment| moment.to_zoned(TimeZone::UTC))
        .map(|moment| moment.timestamp())
        .map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti jane";

    fn one(line: &str) -> AllowedSigner {
        let mut parsed = AllowedSigners::parse(line).unwrap();
        assert_eq!(parsed.signers.len(), 1);
        parsed.signers.remove(0)
    }

    #[test]
    fn lines_are_read_as_openssh_reads_them() {
        let plain = one(&format!("# who\n\njane@example.com {KEY}\n"));
        assert_eq!((plain.person.as_str(), plain.line), ("jane@example.com", 3));
        assert!(plain.is_usable() && plain.signs_in("anything"));
        let full = one(&format!(
            "*@example.com,jane@example.com namespaces=\"git,halosync-*\",valid-after=20260101Z,valid-before=\"202612312359\" {KEY}"
        ));
        assert_eq!(full.person, "jane@example.com");
        assert!(full.signs_in("halosync-plan") && !full.signs_in("file"));
        assert_eq!(
            full.valid_after.unwrap().to_string(),
            "2026-01-01T00:00:00Z"
        );
        assert_eq!(
            full.valid_before.unwrap().to_string(),
            "2026-12-31T23:59:00Z"
        );
        let quoted = one(&format!("\"jane doe,jane@example.com\" {KEY}"));
        assert_eq!(quoted.person, "jane doe");
    }

    #[test]
    fn every_line_that_is_wrong_is_told() {
        let text = format!(
            "jane@example.com\n*@example.com {KEY}\nsam@example.com cert-authority {KEY}\n\
             sam@example.com ssh-ed25519 AAAA\nsam@example.com sudo=yes {KEY}\n\
             sam@example.com valid-before=tomorrow {KEY}\n\"sam {KEY}\nsam@example.com valid-after=20269931 {KEY}"
        );
        let faults = AllowedSigners::parse(&text).unwrap_err();
        let lines: Vec<usize> = faults.iter().map(|fault| fault.line).collect();
        assert_eq!(lines, [1, 2, 3, 4, 5, 6, 7, 8], "{faults:?}");
    }

    #[test]
    fn patterns_match_as_openssh_says() {
        for (pattern, text, fits) in [
            ("*@example.com", "jane@example.com", true),
            ("*@example.com", "jane@example.com.evil.test", false),
            ("j?ne*", "jane@example.com", true),
            ("jane", "jan", false),
            ("*", "", true),
            ("a*b*c", "aXbYbc", true),
        ] {
            assert_eq!(matches_pattern(pattern, text), fits, "{pattern} {text}");
        }
    }
}
