//! Who a TLS client certificate says the client is.
//!
//! The TLS library has verified the certificate; here only the names are taken out of it (RFC 5280 section 4.1).

use super::ber::{BerError, OCTETS, Reader, SEQUENCE, SET};

/// Names found in a certificate, in the order in which they are tried.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PeerNames {
    /// `id-ms-user-principal-name` of the subject alternative name.
    pub(crate) upn: Option<String>,
    /// `rfc822Name` of the subject alternative name.
    pub(crate) mail: Option<String>,
    /// Common name of the subject.
    pub(crate) common_name: Option<String>,
}

/// DER of 1.3.6.1.4.1.311.20.2.3, 2.5.4.3 and 2.5.29.17.
const UPN: &[u8] = &[0x2b, 6, 1, 4, 1, 0x82, 0x37, 20, 2, 3];
const COMMON_NAME: &[u8] = &[0x55, 4, 3];
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];
const OID: u8 = 6;

pub(crate) fn names(certificate: &[u8]) -> Result<PeerNames, BerError> {
    let mut names = PeerNames::default();
    let mut body = Reader::new(certificate).enter(SEQUENCE)?.enter(SEQUENCE)?;
    body.optional(0xa0)?;
    // Serial number, signature algorithm, issuer, validity.
    for _ in 0..4 {
        body.element()?;
    }
    let mut subject = body.enter(SEQUENCE)?;
    while !subject.is_empty() {
        let mut part = subject.enter(SET)?.enter(SEQUENCE)?;
        if part.expect(OID)? == COMMON_NAME {
            let (_, value) = part.element()?;
            names.common_name = text(value);
        }
    }
    body.element()?;
    while !body.is_empty() {
        let (tag, content) = body.element()?;
        if tag != 0xa3 {
            continue;
        }
        let mut extensions = Reader::new(content).enter(SEQUENCE)?;
        while !extensions.is_empty() {
            let mut extension = extensions.enter(SEQUENCE)?;
            if extension.expect(OID)? != SUBJECT_ALT_NAME {
                continue;
            }
            extension.optional(super::ber::BOOLEAN)?;
            alternative(extension.expect(OCTETS)?, &mut names)?;
        }
    }
    Ok(names)
}

fn alternative(value: &[u8], names: &mut PeerNames) -> Result<(), BerError> {
    let mut list = Reader::new(value).enter(SEQUENCE)?;
    while !list.is_empty() {
        match list.element()? {
            (0xa0, other) => {
                let mut other = Reader::new(other);
                if other.expect(OID)? == UPN {
                    let (_, value) = other.enter(0xa0)?.element()?;
                    names.upn = text(value);
                }
            }
            (0x81, mail) => names.mail = text(mail),
            _ => {}
        }
    }
    Ok(())
}

fn text(bytes: &[u8]) -> Option<String> {
    String::from_utf8(bytes.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::names;
    use crate::sandbox::tls::Authority;
    use proptest::prelude::*;
    use rustls::pki_types::{CertificateDer, pem::PemObject};

    #[test]
    fn the_principal_name_is_found() {
        let authority = Authority::new("test").expect("an authority");
        let identity = authority
            .client("Service Writer", Some("svc@corp.example.test"))
            .expect("a certificate");
        let der = CertificateDer::from_pem_slice(identity.certificate_pem.as_bytes()).expect("pem");
        let found = names(&der).expect("names");
        assert_eq!(found.upn.as_deref(), Some("svc@corp.example.test"));
        assert_eq!(found.common_name.as_deref(), Some("Service Writer"));
        assert_eq!(found.mail, None);
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = names(&bytes);
        }
    }
}
