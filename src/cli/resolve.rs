//! Turns references in documents into values: environment variables, secret files, certificates.
//!
//! Every missing one is reported, not just the first. Secret values go straight into [`SecretString`] and are never
//! part of a message.

mod authorisation;
mod files;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;
use url::Url;
use zeroize::Zeroizing;

use super::exit::Exit;
use super::failure::Failure;
use crate::config::kinds::{self, SecretRef, Setting};
use crate::config::{Document, Positions};
use crate::connector::{ldap, rest};
use crate::model::Dn;

/// Resolves the references of one project.
pub(crate) struct Resolver<'a> {
    environment: &'a HashMap<String, String>,
    root: &'a Path,
    problems: Vec<String>,
}

impl<'a> Resolver<'a> {
    /// For a project at `root`.
    pub(crate) fn new(environment: &'a HashMap<String, String>, root: &'a Path) -> Self {
        Self {
            environment,
            root,
            problems: Vec::new(),
        }
    }

    /// Fails with everything that could not be resolved.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        if self.problems.is_empty() {
            return Ok(());
        }
        Err(Failure {
            exit: Exit::InvalidConfiguration,
            messages: self.problems,
            help: Some(
                "set the variables in the environment of this command, or correct the files named"
                    .to_owned(),
            ),
        })
    }

    fn variable(&mut self, name: &str, place: &str) -> Option<String> {
        match self.environment.get(name) {
            Some(value) if !value.is_empty() => Some(value.clone()),
            Some(_) => {
                self.problems
                    .push(format!("environment variable {name} is empty ({place})"));
                None
            }
            None => {
                self.problems
                    .push(format!("environment variable {name} is not set ({place})"));
                None
            }
        }
    }

    fn setting(&mut self, setting: &Setting, place: &str) -> Option<String> {
        match setting {
            Setting::Literal(value) => Some(value.clone()),
            Setting::Environment(from) => self.variable(&from.env, place),
        }
    }

    fn file(&mut self, path: &str, most: u64, place: &str) -> Option<Zeroizing<Vec<u8>>> {
        let path: PathBuf = self.root.join(path);
        match files::read(&path, most) {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                self.problems.push(format!(
                    "cannot read {}: {} ({place})",
                    path.display(),
                    super::failure::why(&error)
                ));
                None
            }
        }
    }

    /// A secret of one line.
    fn secret(&mut self, secret: &SecretRef, place: &str) -> Option<SecretString> {
        self.secret_as(secret, files::one_line, place)
    }

    /// A secret that may have several lines, as keys have.
    pub(crate) fn secret_lines(&mut self, secret: &SecretRef, place: &str) -> Option<SecretString> {
        self.secret_as(secret, files::lines, place)
    }

    fn secret_as(
        &mut self,
        secret: &SecretRef,
        take: fn(&[u8]) -> Result<SecretString, &'static str>,
        place: &str,
    ) -> Option<SecretString> {
        match secret {
            SecretRef::Env(name) => {
                let value = self.variable(name, place).map(Zeroizing::new)?;
                match take(value.as_bytes()) {
                    Ok(secret) => Some(secret),
                    Err(why) => {
                        self.problems
                            .push(format!("environment variable {name} {why} ({place})"));
                        None
                    }
                }
            }
            SecretRef::File(path) => {
                let bytes = self.file(path, files::LARGEST_SECRET, place)?;
                match take(&bytes) {
                    Ok(secret) => Some(secret),
                    Err(why) => {
                        self.problems
                            .push(format!("secret file {path} {why} ({place})"));
                        None
                    }
                }
            }
        }
    }

    fn url(&mut self, setting: &Setting, schemes: &[&str], place: &str) -> Option<Url> {
        let text = self.setting(setting, place)?;
        match Url::parse(&text) {
            Ok(url) if schemes.contains(&url.scheme()) && url.has_host() => Some(url),
            Ok(_) => {
                self.problems.push(format!(
                    "{:?} is not an address of the form {}://host ({place})",
                    without_credentials(&text),
                    schemes.join(":// or ")
                ));
                None
            }
            Err(error) => {
                self.problems.push(format!(
                    "{:?} is not an address: {error} ({place})",
                    without_credentials(&text)
                ));
                None
            }
        }
    }

    /// Settings of a HaloITSM reader.
    pub(crate) fn source(
        &mut self,
        source: &Document<kinds::Source>,
        clock: super::context::Clock,
    ) -> Option<rest::Settings> {
        let spec = &source.spec;
        let at = |pointer: &str| place(&source.positions, pointer);
        let addresses = self.addresses(source);
        let ca_pem = self.certificates(spec.ca.as_ref(), &at("/spec/ca"));
        let authorisation = self.authorisation(source, addresses.as_ref());
        let people = spec.person.key.split('.').next().unwrap_or_default();
        let endpoint = match spec.endpoints.get(people) {
            Some(endpoint) => self.endpoint(source, people, endpoint),
            None => Some(rest::EndpointSettings::users()),
        };
        let others: Vec<_> = spec
            .joined_in_order()
            .into_iter()
            .filter_map(|name| Some((name, spec.endpoints.get(name)?)))
            .map(|(name, endpoint)| self.endpoint(source, name, endpoint))
            .collect();
        let joining = rest::Joining {
            endpoints: others.into_iter().collect::<Option<_>>()?,
            include: spec.person.include.clone(),
            credentials_to: spec
                .credentials_to
                .iter()
                .filter_map(|server| Url::parse(server).ok())
                .collect(),
            parallel: spec.rate_limit.parallel,
            ..rest::Joining::default()
        };
        let addresses = addresses?;
        Some(rest::Settings {
            name: source.name.clone(),
            halo: spec.preset == Some(kinds::Preset::Haloitsm),
            resource_server: addresses.resource_server,
            authorisation: authorisation?,
            tenant: addresses.tenant,
            ca_pem: ca_pem?,
            rate_requests: spec.rate_limit.requests,
            rate_window: Duration::from_secs(u64::from(spec.rate_limit.per_seconds)),
            endpoint: endpoint?,
            joining,
            sentinels: spec
                .completeness
                .sentinels
                .iter()
                .map(ToString::to_string)
                .collect(),
            floor: spec.completeness.floor,
            patience: rest::Settings::PATIENCE,
            request_timeout: rest::Settings::REQUEST_TIMEOUT,
            clock,
            run: rest::RunSettings::default(),
        })
    }

    fn endpoint(
        &mut self,
        source: &Document<kinds::Source>,
        name: &str,
        endpoint: &kinds::Endpoint,
    ) -> Option<rest::EndpointSettings> {
        let spec = &source.spec;
        let headers: Vec<_> = endpoint
            .headers
            .iter()
            .map(|(header, value)| {
                let pointer = format!("/spec/endpoints/{name}/headers/{header}");
                let value = self.setting(value, &place(&source.positions, &pointer))?;
                Some((header.clone(), without_line_break(&value)))
            })
            .collect();
        let join = spec.join.iter().find(|join| join.endpoint == name);
        Some(rest::EndpointSettings::new(
            name,
            endpoint,
            headers.into_iter().collect::<Option<_>>()?,
            join,
            spec.preset,
        ))
    }

    /// Settings of a directory connection.
    pub(crate) fn directory(
        &mut self,
        directory: &Document<kinds::ActiveDirectory>,
        bind: Access,
    ) -> Option<ldap::Settings> {
        let spec = &directory.spec;
        let at = |pointer: &str| place(&directory.positions, pointer);
        let schemes: &[&str] = if spec.tls.start_tls {
            &["ldap"]
        } else {
            &["ldaps"]
        };
        let servers: Vec<Option<Url>> = spec
            .servers
            .iter()
            .enumerate()
            .map(|(index, server)| {
                self.url(server, schemes, &at(&format!("/spec/servers/{index}")))
            })
            .collect();
        let catalogs: Vec<Option<Url>> = match (&bind, &spec.global_catalog) {
            (Access::Read, Some(catalog)) if !catalog.servers.is_empty() => catalog
                .servers
                .iter()
                .enumerate()
                .map(|(index, server)| {
                    let place = at(&format!("/spec/globalCatalog/servers/{index}"));
                    self.url(server, schemes, &place)
                })
                .collect(),
            (Access::Read, Some(_)) => servers.clone(),
            _ => Vec::new(),
        };
        let explicit = spec
            .global_catalog
            .as_ref()
            .is_some_and(|catalog| !catalog.servers.is_empty());
        let catalogs = catalogs
            .into_iter()
            .map(|url| catalog_port(url?, explicit))
            .collect::<Option<Vec<Url>>>();
        let ca_pem = self.certificates(spec.tls.ca.as_ref(), &at("/spec/tls/ca"));
        let (section, bind) = match bind {
            Access::Read => ("read", &spec.read),
            Access::Write => ("write", &spec.write),
        };
        let bind_from;
        let bind = match bind {
            kinds::Bind::Simple { user, password } => {
                let user = self.setting(user, &at(&format!("/spec/{section}/simple/user")));
                let place = at(&format!("/spec/{section}/simple/password"));
                bind_from = Some(format!(
                    "the password comes from {}",
                    from(password, &place)
                ));
                let password = self.secret(password, &place);
                ldap::BindSettings::Simple {
                    user: user?,
                    password: password?,
                }
            }
            kinds::Bind::External { certificate, key } => {
                let where_ = at(&format!("/spec/{section}/external/certificate"));
                let path = self.setting(certificate, &where_)?;
                let certificate_pem = self.certificate_file(&path, &origin(certificate, &where_));
                let place = at(&format!("/spec/{section}/external/key"));
                let key_pem = self.secret_lines(key, &place);
                bind_from = Some(format!("the certificate comes from {where_}"));
                ldap::BindSettings::External {
                    certificate_pem: certificate_pem?,
                    key_pem: key_pem?,
                }
            }
        };
        Some(ldap::Settings {
            name: directory.name.clone(),
            servers: servers.into_iter().collect::<Option<_>>()?,
            start_tls: spec.tls.start_tls,
            ca_pem: ca_pem?,
            bind,
            bind_from,
            base: Dn::parse(&spec.base).ok()?,
            page_size: spec.page_size,
            catalogs: catalogs?,
            timeout: Duration::from_secs(120),
            pinned: None,
            now: None,
        })
    }

    /// The outer `None` is a problem, the inner one that the operating system's store is used.
    #[expect(
        clippy::option_option,
        reason = "absent and unusable are different answers"
    )]
    fn certificates(&mut self, file: Option<&Setting>, place: &str) -> Option<Option<Vec<u8>>> {
        let Some(file) = file else { return Some(None) };
        let path = self.setting(file, place)?;
        self.certificate_file(&path, &origin(file, place)).map(Some)
    }

    /// A file of certificates, looked at here because here it is known who names it.
    fn certificate_file(&mut self, path: &str, place: &str) -> Option<Vec<u8>> {
        let pem = self.file(path, files::LARGEST_CERTIFICATES, place)?;
        if let Some(why) = files::certificate_fault(&pem) {
            self.problems
                .push(format!("certificate file {path} {why} ({place})"));
            return None;
        }
        Some(pem.to_vec())
    }
}

/// Which of a directory's two binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// For planning.
    Read,
    /// For applying.
    Write,
}

/// An address, or what was to be one, without user and password before the host (RFC 3986 section 3.2.1).
fn without_credentials(text: &str) -> String {
    let Some((before, host)) = text.rsplit_once('@') else {
        return text.to_owned();
    };
    let scheme = before.find("//").map_or("", |at| &before[..at + 2]);
    format!("{scheme}…@{host}")
}

/// A secret as people meant it: shells and editors end text with a line break.
fn without_line_break(text: &str) -> SecretString {
    let text = text.strip_suffix('\n').unwrap_or(text);
    SecretString::from(text.strip_suffix('\r').unwrap_or(text))
}

/// Where a setting comes from, as far as more than its place is needed to mend it.
fn origin(setting: &Setting, place: &str) -> String {
    match setting {
        Setting::Literal(_) => place.to_owned(),
        Setting::Environment(from) => format!("environment variable {}, {place}", from.env),
    }
}

/// Where a secret comes from, for messages about what a system made of it.
fn from(secret: &SecretRef, place: &str) -> String {
    match secret {
        SecretRef::Env(name) => format!("environment variable {name} ({place})"),
        SecretRef::File(path) => format!("file {path} ({place})"),
    }
}

fn place(positions: &Positions, pointer: &str) -> String {
    positions.value(pointer).to_string()
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// The address of a global catalog: the port written, else the one global catalogs have ([MS-ADTS] 5.1.1). That of a
/// domain controller is not kept.
fn catalog_port(mut url: Url, keep: bool) -> Option<Url> {
    if !(keep && url.port().is_some()) {
        let port = if url.scheme() == "ldaps" { 3269 } else { 3268 };
        url.set_port(Some(port)).ok()?;
    }
    Some(url)
}

#[cfg(test)]
mod tests {
    #[test]
    fn passwords_in_addresses_are_not_repeated() {
        for (text, shown) in [
            (
                "https://admin:S3cret@host:99999/api",
                "https://…@host:99999/api",
            ),
            ("admin:S3cr@et@host", "…@host"),
            ("ldaps://dc1.example.com", "ldaps://dc1.example.com"),
        ] {
            assert_eq!(super::without_credentials(text), shown);
        }
    }
}
