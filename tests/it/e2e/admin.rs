//! The directory of a laboratory, by an administrator's hand.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, Mod, Scope, SearchEntry};

use super::lab::{Account, BASE, Lab, Site, write_project};

impl Lab {
    /// The full name of something below the domain.
    pub(super) fn dn(&self, place: &str) -> String {
        format!("{place},{BASE}")
    }

    pub(super) fn domain(&self) -> &'static str {
        "corp.example.test"
    }

    async fn add(&self, dn: &str, attributes: Vec<(&str, HashSet<&str>)>) {
        let result = self
            .admin
            .clone()
            .add(dn, attributes)
            .await
            .expect("an answer");
        // Some sites come with places of their own.
        assert!(matches!(result.rc, 0 | 68), "{dn}: {result}");
    }

    pub(super) async fn add_place(&self, place: &str) {
        self.add(
            &self.dn(place),
            vec![("objectClass", HashSet::from(["top", "organizationalUnit"]))],
        )
        .await;
    }

    pub(super) async fn add_group(&self, name: &str) {
        let dn = self.dn(&format!("CN={name},OU=Groups"));
        self.add(
            &dn,
            vec![
                ("objectClass", HashSet::from(["top", "group"])),
                ("sAMAccountName", HashSet::from([name])),
            ],
        )
        .await;
    }

    /// An enabled account that was there before halosync.
    pub(super) async fn add_account(&self, name: &str, place: &str, attributes: &[(&str, &str)]) {
        let dn = self.dn(&format!("CN={name},{place}"));
        // PASSWD_NOTREQD lets an account be enabled without a password.
        let mut all = vec![
            (
                "objectClass",
                HashSet::from(["top", "person", "organizationalPerson", "user"]),
            ),
            ("userAccountControl", HashSet::from(["544"])),
        ];
        all.extend(
            attributes
                .iter()
                .map(|(name, value)| (*name, HashSet::from([*value]))),
        );
        self.add(&dn, all).await;
    }

    /// Sets an attribute of the account of a person, as an administrator would.
    pub(super) async fn set(&self, employee: &str, attribute: &str, values: &[&str]) {
        let account = self.account(employee).await.expect("an account");
        let change = Mod::Replace(attribute, values.iter().copied().collect());
        self.admin
            .clone()
            .modify(&account.dn, vec![change])
            .await
            .and_then(ldap3::LdapResult::success)
            .expect("the administrator may");
    }

    /// Sets an attribute of a group, as an administrator would.
    pub(super) async fn set_group(&self, name: &str, attribute: &str, values: &[&str]) {
        let dn = self.dn(&format!("CN={name},OU=Groups"));
        let change = Mod::Replace(attribute, values.iter().copied().collect());
        self.admin
            .clone()
            .modify(&dn, vec![change])
            .await
            .and_then(ldap3::LdapResult::success)
            .expect("the administrator may");
    }

    /// Deletes the account of a person, as an administrator would.
    pub(super) async fn delete(&self, employee: &str) {
        let account = self.account(employee).await.expect("an account");
        self.admin
            .clone()
            .delete(&account.dn)
            .await
            .and_then(ldap3::LdapResult::success)
            .expect("the administrator may");
    }

    /// Moves a user by its account name, as an administrator would.
    pub(super) async fn move_user(&self, name: &str, place: &str) {
        let user = self.user(name).await;
        let rdn = user.dn.split_once(',').expect("a parent").0.to_owned();
        let place = self.dn(place);
        self.admin
            .clone()
            .modifydn(&user.dn, &rdn, true, Some(&place))
            .await
            .and_then(ldap3::LdapResult::success)
            .expect("the administrator may");
    }

    /// Gives a user another name by its account name, as an administrator would.
    pub(super) async fn rename_user(&self, name: &str, cn: &str) {
        let user = self.user(name).await;
        let rdn = format!("CN={cn}");
        self.admin
            .clone()
            .modifydn(&user.dn, &rdn, true, None)
            .await
            .and_then(ldap3::LdapResult::success)
            .expect("the administrator may");
    }

    /// Sets an attribute of a user by its account name, as an administrator would.
    pub(super) async fn set_user(&self, name: &str, attribute: &str, value: &str) {
        let user = self.user(name).await;
        let change = Mod::Replace(attribute, HashSet::from([value]));
        self.admin
            .clone()
            .modify(&user.dn, vec![change])
            .await
            .and_then(ldap3::LdapResult::success)
            .expect("the administrator may");
    }

    /// The account with this account name.
    pub(super) async fn user(&self, name: &str) -> Account {
        let filter = format!("(&(objectClass=user)(sAMAccountName={name}))");
        let mut found = self.find(&filter).await;
        assert_eq!(found.len(), 1, "{name}: {found:?}");
        found.remove(0)
    }

    /// The account with an employee number, whoever has it.
    pub(super) async fn anchored(&self, employee: &str) -> Account {
        self.account(employee).await.expect("an account")
    }

    /// From now on the account that reads (`READ`) or writes (`WRITE`) signs in under this name.
    pub(super) fn sign_in(&mut self, what: &str, user: &str) {
        let name = format!("CORP_{what}_USER");
        self.environment.insert(name, user.to_owned());
    }

    /// From now on the program reads and writes as the administrator, who sees deleted objects and brings them back.
    pub(super) fn sign_in_as_administrator(&mut self) {
        self.read_as_administrator();
        let (user, password) = self.site.admin.clone();
        self.sign_in("WRITE", &user);
        self.environment
            .insert("CORP_WRITE_PASSWORD".to_owned(), password);
    }

    /// Nobody in HaloITSM, no account below `OU=People`, nobody in a group, and the project as it was.
    pub(super) async fn empty(&mut self) {
        self.halo.clear();
        self.people.lock().expect("not poisoned").clear();
        let mut ldap = self.admin.clone();
        let people = self.dn("OU=People");
        for account in self.find("(objectClass=user)").await {
            if account.dn.ends_with(&people) {
                let deleted = ldap.delete(&account.dn).await;
                deleted
                    .and_then(ldap3::LdapResult::success)
                    .expect("the administrator may");
            }
        }
        for entry in std::fs::read_dir(self.dir.path()).expect("readable") {
            let path = entry.expect("readable").path();
            if path.file_name().is_some_and(|name| name != "ca.pem") && path.is_file() {
                std::fs::remove_file(path).expect("removable");
            }
        }
        write_project(self.dir.path(), &self.identity.to_public().to_string());
        let users = [
            ("READ", self.site.read.0.clone()),
            ("WRITE", self.site.write.0.clone()),
        ];
        for (what, user) in users {
            self.sign_in(what, &user);
        }
    }

    /// As [`Self::empty`], with groups nobody is in.
    pub(super) async fn start_over(&mut self) {
        self.empty().await;
        for group in ["Sales", "Research", "Everyone"] {
            self.set_group(group, "member", &[]).await;
        }
    }

    pub(super) async fn find(&self, filter: &str) -> Vec<Account> {
        find(&self.admin, filter).await
    }

    /// The account with an employee number; several fail the test.
    pub(super) async fn account(&self, employee: &str) -> Option<Account> {
        let mut found = self
            .find(&format!("(&(objectClass=user)(employeeID={employee}))"))
            .await;
        assert!(found.len() < 2, "two accounts of {employee}: {found:?}");
        found.pop()
    }

    /// The object with this name.
    pub(super) async fn named(&self, place: &str) -> Option<Account> {
        let dn = self.dn(place);
        self.find(&format!("(distinguishedName={dn})")).await.pop()
    }

    /// Puts something below the account of a person.
    pub(super) async fn add_below(&self, employee: &str, class: &str, name: &str) -> String {
        let account = self.account(employee).await.expect("an account");
        let dn = format!("CN={name},{}", account.dn);
        self.add(&dn, vec![("objectClass", HashSet::from([class]))])
            .await;
        dn
    }

    /// Deletes something by its name.
    pub(super) async fn delete_named(&self, dn: &str) {
        let result = self.admin.clone().delete(dn).await;
        result
            .and_then(ldap3::LdapResult::success)
            .expect("the administrator may");
    }

    /// The values of an attribute of a group.
    pub(super) async fn group_values(&self, group: &str, attribute: &str) -> Vec<String> {
        let found = self.named(&format!("CN={group},OU=Groups")).await;
        found.expect("the group").values(attribute)
    }

    /// The members of a group, sorted.
    pub(super) async fn members(&self, group: &str) -> Vec<String> {
        let found = self
            .find(&format!("(&(objectClass=group)(sAMAccountName={group}))"))
            .await;
        assert_eq!(found.len(), 1, "{found:?}");
        found[0].values("member")
    }
}

/// Whatever of the domain the filter describes.
pub(super) async fn find(admin: &Ldap, filter: &str) -> Vec<Account> {
    let mut ldap = admin.clone();
    let (entries, _) = ldap
        .search(BASE, Scope::Subtree, filter, vec!["*"])
        .await
        .expect("an answer")
        .success()
        .expect("success");
    entries
        .into_iter()
        .filter(|entry| !entry.is_ref())
        .map(|entry| {
            let entry = SearchEntry::construct(entry);
            // Bytes that are not UTF-8 stand apart.
            let bytes: Vec<(String, Vec<String>)> = entry
                .bin_attrs
                .iter()
                .map(|(name, values)| {
                    use base64::Engine as _;
                    let engine = &base64::engine::general_purpose::STANDARD;
                    let values = values.iter().map(|value| engine.encode(value));
                    (format!("{};bytes", name.to_lowercase()), values.collect())
                })
                .collect();
            let attributes = entry.attrs.into_iter().map(|(name, mut values)| {
                values.sort();
                (name.to_lowercase(), values)
            });
            Account {
                dn: entry.dn,
                attributes: attributes.chain(bytes).collect(),
            }
        })
        .collect()
}

pub(super) async fn connect(site: &Site) -> Ldap {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in rustls::pki_types::pem::PemObject::pem_slice_iter(site.ca_pem.as_bytes()) {
        roots
            .add(certificate.expect("a certificate"))
            .expect("a usable certificate");
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("protocol versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let settings = LdapConnSettings::new()
        .set_conn_timeout(Duration::from_secs(10))
        .set_config(Arc::new(tls));
    let (connection, mut ldap) = LdapConnAsync::with_settings(settings, &site.url)
        .await
        .expect("a connection");
    ldap3::drive!(connection);
    ldap.simple_bind(&site.admin.0, &site.admin.1)
        .await
        .and_then(ldap3::LdapResult::success)
        .expect("the administrator binds");
    ldap
}
