//! TLS settings of a connection: whom to trust and, for certificate binds, what to show.
//!
//! Must not know LDAP. Keeps: with an authority given, no other is trusted.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use secrecy::ExposeSecret;

use super::{BindSettings, Settings};

/// The client configuration for these settings; on failure what is wrong with them.
pub(super) fn config(settings: &Settings) -> Result<Arc<ClientConfig>, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS cannot be set up: {error}"))?;
    let builder = match &settings.ca_pem {
        Some(pem) => builder.with_root_certificates(roots(pem)?),
        None => {
            let verifier = rustls_platform_verifier::Verifier::new(provider).map_err(|error| {
                format!("the operating system's trusted authorities cannot be read: {error}")
            })?;
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(verifier))
        }
    };
    let config = match &settings.bind {
        BindSettings::Simple { .. } => builder.with_no_client_auth(),
        BindSettings::External {
            certificate_pem,
            key_pem,
        } => {
            let chain = certificates(certificate_pem, "client certificate")?;
            let key = PrivateKeyDer::from_pem_slice(key_pem.expose_secret().as_bytes())
                .map_err(|_| "the client certificate's key is not a PEM private key".to_owned())?;
            builder.with_client_auth_cert(chain, key).map_err(|error| {
                format!("the client certificate and its key do not work together: {error}")
            })?
        }
    };
    Ok(Arc::new(config))
}

/// Notes which version a connection speaks, and nothing else: it is handed secrets only by version 1.2, and drops them.
#[derive(Debug, Default)]
pub(super) struct VersionSeen(Mutex<Option<&'static str>>);

impl VersionSeen {
    /// The same settings, watched.
    pub(super) fn watch(config: &ClientConfig) -> (Arc<ClientConfig>, Arc<Self>) {
        let seen = Arc::new(Self::default());
        let mut watched = config.clone();
        watched.key_log = Arc::<Self>::clone(&seen);
        (Arc::new(watched), seen)
    }

    /// `1.2` or `1.3`, once a connection was made.
    pub(super) fn version(&self) -> Option<&'static str> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, label: &str) {
        // The label of version 1.2 (draft-ietf-tls-keylogfile); every other is of version 1.3.
        let version = if label == "CLIENT_RANDOM" {
            "1.2"
        } else {
            "1.3"
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(version);
    }
}

impl rustls::KeyLog for VersionSeen {
    fn log(&self, label: &str, _client_random: &[u8], _secret: &[u8]) {
        self.note(label);
    }

    fn will_log(&self, label: &str) -> bool {
        self.note(label);
        false
    }
}

fn roots(pem: &[u8]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem, "certificate authority")? {
        roots
            .add(certificate)
            .map_err(|error| format!("the certificate authority cannot be used: {error}"))?;
    }
    Ok(roots)
}

fn certificates(pem: &[u8], what: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("the {what} is not in PEM form: {error}"))?;
    if certificates.is_empty() {
        return Err(format!("the {what} file holds no certificate"));
    }
    Ok(certificates)
}

/// Why a TLS handshake failed, in words that say what to look at.
pub(super) fn explain(error: &std::io::Error) -> String {
    use rustls::{CertificateError as Certificate, Error as Tls};
    let Some(tls) = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<Tls>())
    else {
        return error.to_string();
    };
    match tls {
        Tls::InvalidCertificate(
            Certificate::UnknownIssuer
            | Certificate::BadSignature
            | Certificate::UnknownRevocationStatus,
        ) => format!("its certificate is not from a trusted authority ({tls}); check `tls.ca`"),
        Tls::InvalidCertificate(
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. },
        ) => format!(
            "its certificate does not name this host ({tls}); use the name the certificate has"
        ),
        Tls::InvalidCertificate(Certificate::Expired | Certificate::ExpiredContext { .. }) => {
            format!("its certificate has expired ({tls})")
        }
        Tls::InvalidMessage(_) => format!("it does not speak TLS on this port ({tls})"),
        other => format!("TLS failed: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{certificates, roots};

    #[test]
    fn what_is_not_a_certificate_is_refused() {
        assert!(roots(b"").unwrap_err().contains("holds no certificate"));
        assert!(
            certificates(
                b"-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n",
                "x"
            )
            .unwrap_err()
            .contains("PEM")
        );
        let text = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(roots(text).unwrap_err().contains("cannot be used"));
    }
}
