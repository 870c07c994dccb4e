//! Who approved a plan: signatures over its digest, and whether they are enough.
//!
//! A signature is OpenSSH's (PROTOCOL.sshsig), detached, in a file beside the plan; what is signed is the digest and a
//! line break, so that `jq -r .digest plan.json | ssh-keygen -Y verify …` says the same. Pure: files, agents and clocks
//! are others' business.
//!
//! Invariant: whoever signs twice, also with two keys or under two names, is one person.

mod judge;

use ssh_key::public::{KeyData, PublicKey};
use ssh_key::{Algorithm, HashAlg, LineEnding, PrivateKey, Signature, SshSig};

pub use judge::{Authorship, Requirement, judge};

use crate::config::{AllowedSigners, fingerprint, is_usable_key};

pub use crate::config::PLAN_NAMESPACE as NAMESPACE;

/// What is signed.
pub fn message(digest: &str) -> Vec<u8> {
    format!("{digest}\n").into_bytes()
}

/// What stands beside a plan under the name of a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Name of the file.
    pub file: String,
    /// What it holds, or why that cannot be read.
    pub bytes: Result<Vec<u8>, String>,
}

/// One file with a signature, and what it is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// Name of the file.
    pub file: String,
    /// Fingerprint of the key (`SHA256:…`), when the file holds a signature at all.
    pub key: Option<String>,
    /// Whose it is, or why it does not count.
    pub verdict: Result<String, Refusal>,
}

/// Why a signature does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There are no bytes to look at.
    #[error("{0}")]
    NoFile(String),
    /// It was made with a certificate.
    #[error(
        "it was made with an SSH certificate, and those are not taken: sign with the key itself, whose line stands among the allowed signers"
    )]
    Certificate,
    /// The file is something else.
    #[error("this is no OpenSSH signature: {0}")]
    NoSignature(String),
    /// The key is of a kind that is not checked here.
    #[error("signatures with {0} keys are not accepted: use Ed25519 or ECDSA over P-256")]
    Unsupported(String),
    /// It was made for another purpose.
    #[error("it was made in namespace {0:?}, not in {NAMESPACE:?}")]
    Namespace(String),
    /// It is not of this plan.
    #[error("it does not fit this plan: it is of another one, or was altered")]
    OtherPlan,
    /// Nobody allowed has the key.
    #[error("the key is not among the allowed signers")]
    Unknown,
    /// The key may sign, but not this.
    #[error("{0} may not sign plans: the line of the allowed signers names other namespaces")]
    OtherNamespace(String),
    /// The line does not count yet, or not any more.
    #[error("{0} is not an allowed signer at this time")]
    NotNow(String),
}

/// Says of each signature whose it is, or why it does not count.
pub fn read(
    files: &[Found],
    digest: &str,
    signers: &AllowedSigners,
    now: jiff::Timestamp,
) -> Vec<Approval> {
    files
        .iter()
        .map(|found| {
            let parsed = match &found.bytes {
                Ok(bytes) => parse(bytes),
                Err(why) => Err(Refusal::NoFile(why.clone())),
            };
            Approval {
                file: found.file.clone(),
                key: parsed
                    .as_ref()
                    .ok()
                    .map(|sig| fingerprint(sig.public_key())),
                verdict: parsed.and_then(|signature| whose(&signature, digest, signers, now)),
            }
        })
        .collect()
}

/// A signature file. What no signature covers (lengths, version, what stands around it) must be as it is written by
/// everybody, or a file could be changed without anybody noticing.
fn parse(bytes: &[u8]) -> Result<SshSig, Refusal> {
    let wrong = |why: &str| Refusal::NoSignature(why.to_owned());
    let signature = SshSig::from_pem(bytes).map_err(|error| match is_by_certificate(bytes) {
        true => Refusal::Certificate,
        false => Refusal::NoSignature(error.to_string()),
    })?;
    let written = signature.to_pem(LineEnding::LF);
    let written = written.map_err(|error| Refusal::NoSignature(error.to_string()))?;
    let text = std::str::from_utf8(bytes).map_err(|_| wrong("it is not text"))?;
    if signature.version() != SshSig::VERSION
        || !text.split_whitespace().eq(written.split_whitespace())
    {
        return Err(wrong("it is not as OpenSSH writes it"));
    }
    Ok(signature)
}

/// Whether the key in a signature file is a certificate: its kind is then the first text after `SSHSIG` and the version
/// (PROTOCOL.sshsig), and ends so (PROTOCOL.certkeys).
fn is_by_certificate(bytes: &[u8]) -> bool {
    use base64::Engine as _;
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    let lines = text.lines().map(str::trim);
    let body: String = lines.filter(|line| !line.starts_with('-')).collect();
    let Ok(blob) = base64::engine::general_purpose::STANDARD.decode(body) else {
        return false;
    };
    // "SSHSIG", the version, the length of the key, the length of its kind.
    let kind = blob.strip_prefix(b"SSHSIG").and_then(|rest| {
        let (length, rest) = rest.get(8..)?.split_first_chunk::<4>()?;
        rest.get(..usize::try_from(u32::from_be_bytes(*length)).ok()?)
    });
    kind.is_some_and(|kind| kind.ends_with(b"-cert-v01@openssh.com"))
}

fn whose(
    signature: &SshSig,
    digest: &str,
    signers: &AllowedSigners,
    now: jiff::Timestamp,
) -> Result<String, Refusal> {
    let key = signature.public_key();
    if !is_usable_key(key) {
        return Err(Refusal::Unsupported(key.algorithm().to_string()));
    }
    if signature.namespace() != NAMESPACE {
        return Err(Refusal::Namespace(signature.namespace().to_owned()));
    }
    PublicKey::from(key.clone())
        .verify(NAMESPACE, &message(digest), signature)
        .map_err(|_| Refusal::OtherPlan)?;
    person_of(key, signers, now)
}

/// Whose key it is, if that person may sign plans now; else why not.
///
/// # Errors
/// [`Refusal::Unknown`], [`Refusal::NotNow`] or [`Refusal::OtherNamespace`].
pub fn person_of(
    key: &KeyData,
    signers: &AllowedSigners,
    now: jiff::Timestamp,
) -> Result<String, Refusal> {
    let mut why = Refusal::Unknown;
    for signer in signers.of_key(key) {
        let early = signer.valid_after.is_some_and(|from| now < from);
        let late = signer.valid_before.is_some_and(|until| now >= until);
        if early || late {
            why = Refusal::NotNow(signer.person.clone());
        } else if !signer.signs_in(NAMESPACE) {
            why = Refusal::OtherNamespace(signer.person.clone());
        } else {
            return Ok(signer.person.clone());
        }
    }
    Err(why)
}

/// Signs a plan's digest with a key that is at hand.
///
/// # Errors
/// The key cannot sign: it is locked, kept in hardware, or of an unknown kind.
pub fn sign(key: &PrivateKey, digest: &str) -> Result<String, ssh_key::Error> {
    key.sign(NAMESPACE, HashAlg::Sha512, &message(digest))?
        .to_pem(LineEnding::LF)
}

/// What somebody else (an agent) must sign, so that [`finish`] can make a signature of it.
///
/// # Errors
/// Never for a digest as plans have it.
pub fn to_sign(digest: &str) -> Result<Vec<u8>, ssh_key::Error> {
    SshSig::signed_data(NAMESPACE, HashAlg::Sha512, &message(digest))
}

/// Makes a signature file of what an agent signed.
///
/// # Errors
/// The signature is not one of the key.
pub fn finish(key: &KeyData, signed: Signature, digest: &str) -> Result<String, ssh_key::Error> {
    let signature = SshSig::new(key.clone(), NAMESPACE, HashAlg::Sha512, signed)?;
    PublicKey::from(key.clone()).verify(NAMESPACE, &message(digest), &signature)?;
    signature.to_pem(LineEnding::LF)
}

/// Whether a key can only sign where it lives.
pub fn is_in_hardware(key: &KeyData) -> bool {
    matches!(
        key.algorithm(),
        Algorithm::SkEd25519 | Algorithm::SkEcdsaSha2NistP256
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000001";

    fn key(seed: u8) -> PrivateKey {
        let pair = ssh_key::private::Ed25519Keypair::from_seed(&[seed; 32]);
        PrivateKey::from(pair)
    }

    fn line(person: &str, options: &str, key: &PrivateKey) -> String {
        format!(
            "{person} {options} {}\n",
            key.public_key().to_openssh().unwrap()
        )
    }

    fn verdict(signature: &str, digest: &str, signers: &str) -> Result<String, Refusal> {
        let signers = AllowedSigners::parse(signers).unwrap();
        let files = [Found {
            file: "plan.json.a.sig".to_owned(),
            bytes: Ok(signature.as_bytes().to_vec()),
        }];
        let now = "2026-11-27T08:00:00Z".parse().unwrap();
        read(&files, digest, &signers, now).remove(0).verdict
    }

    #[test]
    fn a_signature_counts_for_its_plan_its_purpose_and_its_time() {
        let (jane, sam) = (key(1), key(2));
        let signed = sign(&jane, DIGEST).unwrap();
        let allowed = line("jane@example.com", "", &jane);
        assert_eq!(
            verdict(&signed, DIGEST, &allowed).unwrap(),
            "jane@example.com"
        );
        let other = DIGEST.replace('1', "2");
        assert_eq!(verdict(&signed, &other, &allowed), Err(Refusal::OtherPlan));
        let others = line("sam@example.com", "", &sam);
        assert_eq!(verdict(&signed, DIGEST, &others), Err(Refusal::Unknown));
        for (options, found) in [
            (
                "valid-before=\"20261127\"",
                Refusal::NotNow("jane@example.com".into()),
            ),
            (
                "valid-after=\"20261128\"",
                Refusal::NotNow("jane@example.com".into()),
            ),
            (
                "namespaces=\"git\"",
                Refusal::OtherNamespace("jane@example.com".into()),
            ),
            (
                "namespaces=\"*,!halosync-plan\"",
                Refusal::OtherNamespace("jane@example.com".into()),
            ),
        ] {
            let allowed = line("jane@example.com", options, &jane);
            assert_eq!(verdict(&signed, DIGEST, &allowed), Err(found), "{options}");
            // A second line that fits is enough.
            let both = allowed + &line("jane@example.com", "namespaces=\"halosync-*\"", &jane);
            assert!(verdict(&signed, DIGEST, &both).is_ok());
        }
        let foreign = jane.sign("git", HashAlg::Sha512, &message(DIGEST)).unwrap();
        assert_eq!(
            verdict(&foreign.to_pem(LineEnding::LF).unwrap(), DIGEST, &allowed),
            Err(Refusal::Namespace("git".into()))
        );
        assert!(matches!(
            verdict("no", DIGEST, &allowed),
            Err(Refusal::NoSignature(_))
        ));
    }

    #[test]
    fn every_altered_character_of_a_signature_is_noticed() {
        let jane = key(1);
        let signed = sign(&jane, DIGEST).unwrap();
        let allowed = line("jane@example.com", "", &jane);
        let body = signed.find('\n').unwrap() + 1..signed.rfind("-----END").unwrap();
        for at in body {
            let mut bytes = signed.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(bytes).unwrap();
            assert!(
                verdict(&altered, DIGEST, &allowed).is_err(),
                "{at}: {altered}"
            );
        }
    }

    #[test]
    fn what_an_agent_signs_is_the_same() {
        let jane = key(1);
        let whole = SshSig::from_pem(sign(&jane, DIGEST).unwrap()).unwrap();
        let signed = whole.signature().clone();
        let file = finish(jane.public_key().key_data(), signed.clone(), DIGEST).unwrap();
        assert_eq!(file, sign(&jane, DIGEST).unwrap());
        let sam = key(2);
        assert!(finish(sam.public_key().key_data(), signed, DIGEST).is_err());
    }
}
