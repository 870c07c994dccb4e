//! Files that references name: secrets and certificates.
//!
//! Knows neither documents nor places. Invariants: nothing but a regular file is opened, so that no pipe is waited for
//! and no device read; at most one byte more than the bound is read, whatever the file's length is said to be; no
//! message holds what is in a file.

use std::io::Read as _;
use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::SecretString;
use zeroize::Zeroizing;

/// Largest secret file, in bytes. Private keys are the longest secrets, and have a few thousand.
pub(super) const LARGEST_SECRET: u64 = 64 << 10;
/// Largest file of certificates, in bytes. Whole bundles of authorities have a few hundred thousand.
pub(super) const LARGEST_CERTIFICATES: u64 = 1 << 20;

/// Byte order mark of UTF-8, which some editors write.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// What a regular file holds, up to a bound. Links to regular files are followed.
pub(super) fn read(path: &Path, most: u64) -> std::io::Result<Zeroizing<Vec<u8>>> {
    // Before opening: that of a pipe waits for a writer.
    regular(&std::fs::metadata(path)?)?;
    let file = std::fs::File::open(path)?;
    regular(&file.metadata()?)?;
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        let most = most >> 10;
        return Err(std::io::Error::other(format!(
            "it is larger than {most} KiB"
        )));
    }
    Ok(bytes)
}

fn regular(facts: &std::fs::Metadata) -> std::io::Result<()> {
    if facts.is_file() {
        return Ok(());
    }
    Err(std::io::Error::other(if facts.is_dir() {
        "it is a folder"
    } else {
        "it is a pipe or a device, not a regular file"
    }))
}

/// The secret of a file that holds one line.
pub(super) fn one_line(bytes: &[u8]) -> Result<SecretString, &'static str> {
    let text = text(bytes)?;
    let mut lines = text.split(['\n', '\r']);
    let first = lines.next().unwrap_or_default();
    if lines.any(|line| !line.trim().is_empty()) {
        return Err("holds more than one line; it must hold nothing but the secret");
    }
    if first.trim().is_empty() {
        return Err("is empty");
    }
    Ok(SecretString::from(first))
}

/// The secret of a file that may hold several lines.
pub(super) fn lines(bytes: &[u8]) -> Result<SecretString, &'static str> {
    let text = text(bytes)?;
    if text.trim().is_empty() {
        return Err("is empty");
    }
    Ok(SecretString::from(text))
}

fn text(bytes: &[u8]) -> Result<&str, &'static str> {
    let bytes = bytes.strip_prefix(MARK).unwrap_or(bytes);
    // UTF-16 of Latin letters is full of them; PowerShell writes it where nobody says otherwise.
    if bytes.contains(&0) || bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err("is not text in UTF-8 (UTF-16, perhaps); save it as UTF-8");
    }
    std::str::from_utf8(bytes).map_err(|_| "is not text in UTF-8; save it as UTF-8")
}

/// What keeps a file from being one of certificates that can be used.
pub(super) fn certificate_fault(pem: &[u8]) -> Option<String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        match certificate.map(|certificate| roots.add(certificate)) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                return Some(format!("holds a certificate that cannot be used: {error}"));
            }
            Err(error) => return Some(format!("is not in PEM form: {error}")),
        }
    }
    roots.is_empty().then(|| {
        "holds no certificate; it must hold PEM blocks that begin with `-----BEGIN CERTIFICATE-----`"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn a_secret_is_the_one_line_of_its_file() {
        for (bytes, secret) in [
            (&b"s3cret"[..], "s3cret"),
            (b"s3cret\n", "s3cret"),
            (b"s3cret\r\n", "s3cret"),
            (b"s3cret\n\n", "s3cret"),
            (b"\xef\xbb\xbfs3cret\r\n", "s3cret"),
            (b" s3 cret \n", " s3 cret "),
        ] {
            assert_eq!(one_line(bytes).unwrap().expose_secret(), secret);
        }
        for (bytes, why) in [
            (&b"s3cret\nother"[..], "more than one line"),
            (b"s3cret\rother", "more than one line"),
            (b"\ns3cret\n", "more than one line"),
            (b"", "empty"),
            (b"\xef\xbb\xbf\n", "empty"),
            (b" \n", "empty"),
            (b"s\x00e\x00", "UTF-16"),
            (b"\xff\xfes\x00", "UTF-16"),
            (b"s\xe9cret", "not text in UTF-8"),
        ] {
            let found = one_line(bytes).unwrap_err();
            assert!(found.contains(why), "{bytes:?}: {found}");
        }
        assert_eq!(lines(b"a\nb\n").unwrap().expose_secret(), "a\nb\n");
    }

    #[cfg(unix)]
    #[test]
    fn nothing_but_a_regular_file_is_read_and_no_more_than_the_bound() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        std::fs::write(&path, "12345678").unwrap();
        assert_eq!(&**read(&path, 8).unwrap(), b"12345678");
        let error = read(&path, 7).unwrap_err().to_string();
        assert!(error.contains("larger"), "{error}");
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(read(&link, 8).is_ok());
        for (path, why) in [(Path::new("/dev/zero"), "device"), (dir.path(), "folder")] {
            let error = read(path, 8).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
        // A kernel file whose length is said to be 0.
        if Path::new("/proc/self/status").exists() {
            assert!(read(Path::new("/proc/self/status"), 8).is_err());
        }
    }

    #[test]
    fn a_file_of_certificates_holds_some() {
        assert!(certificate_fault(b"").unwrap().contains("no certificate"));
        assert!(
            certificate_fault(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
                .unwrap()
                .contains("no certificate")
        );
        let garbage = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(
            certificate_fault(garbage)
                .unwrap()
                .contains("cannot be used")
        );
    }
}
