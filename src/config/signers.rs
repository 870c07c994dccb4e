//! Whose signatures count: OpenSSH's file of allowed signers (ssh-keygen(1), ALLOWED SIGNERS).
//!
//! The same file that `git` and `ssh-keygen -Y verify` read. Knows no plan and no signature.
//!
//! Invariant: a line that OpenSSH refuses is refused here, too (sshsig.c, `sshsigopt_parse`), or a reviewer who tries the
//! file with OpenSSH's programs learns something else than what counts.

mod people;

/// The namespace signatures of plans are made in: one made for anything else does not count.
pub const PLAN_NAMESPACE: &str = "halosync-plan";

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use ssh_key::public::{KeyData, PublicKey};
use ssh_key::{Algorithm, EcdsaCurve, HashAlg};

pub use people::{PersonIndex, SignerPeople};

/// The file, read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AllowedSigners {
    /// A line each.
    pub signers: Vec<AllowedSigner>,
}

/// One line: a key, and who signs with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedSigner {
    /// The first principal without a wildcard: how the line calls who it is.
    pub person: String,
    /// All principals, patterns among them.
    pub names: Vec<String>,
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
        self.namespaces.is_empty() || matches_list(&self.namespaces, namespace)
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

/// A list of OpenSSH's patterns (ssh_config(5), PATTERNS): one must match, and none of those that begin with `!`.
fn matches_list(patterns: &[String], text: &str) -> bool {
    let mut found = false;
    for pattern in patterns {
        match pattern.strip_prefix('!') {
            Some(negated) if matches_pattern(negated, text) => return false,
            Some(_) => {}
            None => found |= matches_pattern(pattern, text),
        }
    }
    found
}

/// Whether a principal is a name, and no pattern.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && !name.contains(['*', '?', '!'])
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
    let names: Vec<String> = principals
        .split(',')
        .map(|name| name.trim().to_owned())
        .collect();
    let person = names
        .iter()
        .find(|name| is_plain(name) && matches_list(&names, name))
        .ok_or("no principal without a wildcard: nobody could tell whose signature it is")?
        .clone();
    let mut signer = AllowedSigner {
        person,
        names,
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
    let more = ["namespaces=", "valid-", "cert-authority"];
    if more
        .iter()
        .any(|option| key.trim_start().to_ascii_lowercase().starts_with(option))
    {
        return Err(
            "options stand in one word: write a comma between them, and no space".to_owned(),
        );
    }
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
    let mut namespaces = None;
    for part in parts {
        let (name, value) = part
            .split_once('=')
            .map_or((part, None), |(name, value)| (name, Some(value)));
        let twice = |written: bool| match written {
            true => Err(format!("{name:?} stands there twice: write it once")),
            false => Ok(()),
        };
        match (name.to_ascii_lowercase().as_str(), value) {
            ("namespaces", Some(value)) => {
                twice(namespaces.is_some())?;
                let patterns = in_quotes(name, value)?.split(',').map(str::to_owned);
                namespaces = Some(patterns.collect());
            }
            ("valid-after", Some(value)) => {
                twice(signer.valid_after.is_some())?;
                signer.valid_after = Some(moment(in_quotes(name, value)?)?);
            }
            ("valid-before", Some(value)) => {
                twice(signer.valid_before.is_some())?;
                signer.valid_before = Some(moment(in_quotes(name, value)?)?);
            }
            ("cert-authority", _) => {
                return Err("certificate authorities are not supported: name each key".to_owned());
            }
            ("namespaces" | "valid-after" | "valid-before", None) => {
                return Err(format!("{name} has no value: write {name}=\"…\""));
            }
            _ => return Err(format!("{name:?} is neither an option nor a key type")),
        }
    }
    signer.namespaces = namespaces.unwrap_or_default();
    match (signer.valid_after, signer.valid_before) {
        (Some(after), Some(before)) if before <= after => {
            Err("valid-before is not after valid-after: the line would never count".to_owned())
        }
        _ => Ok(()),
    }
}

/// A value without its quotation marks. OpenSSH takes none without.
fn in_quotes<'v>(name: &str, value: &'v str) -> Result<&'v str, String> {
    value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'))
        .filter(|value| !value.contains(['"', '\\']))
        .ok_or_else(|| {
            format!("the value of {name} stands in no quotation marks: write {name}=\"…\"")
        })
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
            "*@example.com,jane@example.com namespaces=\"git,halosync-*\",valid-after=\"20260101Z\",valid-before=\"202612312359\" {KEY}"
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
        let wrong = [
            "jane@example.com",
            "*@example.com KEY",
            "jane@example.com,!jane@example.com KEY",
            "sam@example.com cert-authority KEY",
            "sam@example.com ssh-ed25519 AAAA",
            "sam@example.com sudo=\"yes\" KEY",
            "sam@example.com valid-before=\"tomorrow\" KEY",
            "sam@example.com valid-before=20271231 KEY",
            "sam@example.com valid-before KEY",
            "sam@example.com namespaces=\"a\"b\"\" KEY",
            "\"sam KEY",
            "sam@example.com valid-after=\"20269931\" KEY",
            "sam@example.com valid-before=\"20200101\",valid-before=\"20300101\" KEY",
            "sam@example.com valid-after=\"20200101\",Valid-After=\"20200101\" KEY",
            "sam@example.com namespaces=\"git\",namespaces=\"halosync-plan\" KEY",
            "sam@example.com namespaces=\"git\" namespaces=\"halosync-plan\" KEY",
            "sam@example.com valid-after=\"20300101\",valid-before=\"20300101\" KEY",
            "sam@example.com namespaces=\"git\", KEY",
        ];
        let faults = AllowedSigners::parse(&wrong.join("\n").replace("KEY", KEY)).unwrap_err();
        let lines: Vec<usize> = faults.iter().map(|fault| fault.line).collect();
        let all: Vec<usize> = (1..=wrong.len()).collect();
        assert_eq!(lines, all, "{faults:?}");
    }

    #[test]
    fn a_negated_pattern_refuses_whatever_else_matches() {
        for (namespaces, fits) in [
            ("*,!halosync-plan", false),
            ("!halosync-plan,*", false),
            ("!git,*", true),
            ("!git", false),
            ("", false),
            ("git, halosync-plan", false),
            ("HALOSYNC-PLAN", false),
        ] {
            let line = one(&format!("jane namespaces=\"{namespaces}\" {KEY}"));
            assert_eq!(line.signs_in(PLAN_NAMESPACE), fits, "{namespaces}");
        }
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
