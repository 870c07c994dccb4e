//! The embedded directory through a real LDAP client, over TLS.

mod trouble;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use halosync::sandbox::directory::{
    DirectoryConfig, DirectorySim, OperationKind, ServiceAccount, encode_password,
};
use ldap3::adapters::{Adapter, EntriesOnly, PagedResults};
use ldap3::controls::RawControl;
use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, Mod, Scope, SearchEntry, SearchOptions};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

const BASE: &str = "DC=corp,DC=example,DC=test";
const PEOPLE: &str = "OU=People,DC=corp,DC=example,DC=test";
const PASSWORD: &str = "Wr1te-things";

fn config() -> DirectoryConfig {
    DirectoryConfig {
        units: vec![PEOPLE.to_owned()],
        accounts: vec![
            ServiceAccount::reader("svc-read", PASSWORD),
            ServiceAccount::writer("svc-write", PASSWORD, &[PEOPLE]),
        ],
        record_writes: true,
        ..DirectoryConfig::default()
    }
}

async fn start() -> DirectorySim {
    DirectorySim::start(config()).await.unwrap()
}

fn tls(sim: &DirectorySim, client: Option<(&str, &str)>) -> Arc<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(sim.ca_pem().as_bytes()).unwrap())
        .unwrap();
    let builder = rustls::ClientConfig::builder_with_provider(Arc::new(
        rustls::crypto::ring::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_root_certificates(roots);
    Arc::new(match client {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => builder
            .with_client_auth_cert(
                vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()],
                PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
            )
            .unwrap(),
    })
}

async fn connect(url: &str, settings: LdapConnSettings) -> Ldap {
    let settings = settings.set_conn_timeout(Duration::from_secs(10));
    let (connection, ldap) = LdapConnAsync::with_settings(settings, url).await.unwrap();
    ldap3::drive!(connection);
    ldap
}

async fn open(sim: &DirectorySim) -> Ldap {
    let settings = LdapConnSettings::new().set_config(tls(sim, None));
    connect(&sim.ldaps_url(), settings).await
}

async fn bound(sim: &DirectorySim, account: &str) -> Ldap {
    let mut ldap = open(sim).await;
    ldap.simple_bind(&format!("{account}@corp.example.test"), PASSWORD)
        .await
        .unwrap()
        .success()
        .unwrap();
    ldap
}

fn text(value: &str) -> HashSet<Vec<u8>> {
    HashSet::from([value.as_bytes().to_vec()])
}

fn pair(name: &str, value: &str) -> (Vec<u8>, HashSet<Vec<u8>>) {
    (name.as_bytes().to_vec(), text(value))
}

async fn add_user(ldap: &mut Ldap, name: &str) -> u32 {
    let dn = format!("CN={name},{PEOPLE}");
    ldap.add(
        &dn,
        vec![pair("objectClass", "user"), pair("sAMAccountName", name)],
    )
    .await
    .unwrap()
    .rc
}

/// One page after the other, entries only.
async fn read_all(
    ldap: &mut Ldap,
    page: i32,
    filter: &str,
    attributes: &[&str],
) -> Vec<SearchEntry> {
    let adapters: Vec<Box<dyn Adapter<'_, &str, &[&str]>>> = vec![
        Box::new(EntriesOnly::new()),
        Box::new(PagedResults::new(page)),
    ];
    let mut stream = ldap
        .streaming_search_with(adapters, PEOPLE, Scope::Subtree, filter, attributes)
        .await
        .unwrap();
    let mut found = Vec::new();
    while let Some(entry) = stream.next().await.unwrap() {
        found.push(SearchEntry::construct(entry));
    }
    stream.finish().await.success().unwrap();
    found
}

async fn search(
    ldap: &mut Ldap,
    base: &str,
    scope: Scope,
    filter: &str,
    attributes: &[&str],
) -> (Vec<SearchEntry>, u32) {
    let result = ldap.search(base, scope, filter, attributes).await.unwrap();
    let entries = result.0.into_iter().filter(|entry| !entry.is_ref());
    (entries.map(SearchEntry::construct).collect(), result.1.rc)
}

/// A control without a value, critical.
fn control(suffix: &str) -> RawControl {
    RawControl {
        ctype: format!("1.2.840.113556.1.4.{suffix}"),
        crit: true,
        val: None,
    }
}

#[tokio::test]
async fn the_root_tells_what_the_server_is() {
    let sim = start().await;
    // Without a bind this and nothing else can be read.
    let mut ldap = open(&sim).await;
    let (entries, rc) = search(&mut ldap, "", Scope::Base, "(objectClass=*)", &["*", "+"]).await;
    assert_eq!(rc, 0);
    let root = &entries[0].attrs;
    assert_eq!(root["defaultNamingContext"], [BASE]);
    assert_eq!(root["dnsHostName"], ["dc1.corp.example.test"]);
    assert_eq!(root["isSynchronized"], ["TRUE"]);
    for suffix in ["319", "417", "801", "805", "1339", "1413"] {
        let oid = format!("1.2.840.113556.1.4.{suffix}");
        assert!(root["supportedControl"].contains(&oid), "{oid}");
    }
    let usn: u64 = root["highestCommittedUSN"][0].parse().unwrap();
    assert_eq!(usn, sim.state().usn());
    let (entries, rc) = search(&mut ldap, BASE, Scope::Base, "(objectClass=*)", &[]).await;
    assert_eq!((entries.len(), rc), (0, 1));

    let mut ldap = bound(&sim, "svc-read").await;
    let (entries, _) = search(
        &mut ldap,
        BASE,
        Scope::Base,
        "(objectClass=*)",
        &["objectGUID", "objectSid", "wellKnownObjects"],
    )
    .await;
    assert_eq!(entries[0].attrs["wellKnownObjects"].len(), 6);
    let schema = &root["schemaNamingContext"][0];
    let (entries, _) = search(
        &mut ldap,
        schema,
        Scope::OneLevel,
        "(&(objectClass=attributeSchema)(lDAPDisplayName=department))",
        &[
            "attributeSyntax",
            "isSingleValued",
            "rangeLower",
            "rangeUpper",
            "systemOnly",
        ],
    )
    .await;
    let department = &entries[0].attrs;
    assert_eq!(department["attributeSyntax"], ["2.5.5.12"]);
    assert_eq!(department["isSingleValued"], ["TRUE"]);
    assert_eq!(department["rangeUpper"], ["64"]);
    assert_eq!(department["systemOnly"], ["FALSE"]);
    // Constructed attributes are marked so.
    let (entries, _) = search(
        &mut ldap,
        schema,
        Scope::OneLevel,
        "(&(objectClass=attributeSchema)(systemFlags:1.2.840.113556.1.4.803:=4))",
        &["lDAPDisplayName"],
    )
    .await;
    let names: Vec<&str> = entries
        .iter()
        .map(|entry| entry.attrs["lDAPDisplayName"][0].as_str())
        .collect();
    assert!(names.contains(&"canonicalName") && !names.contains(&"memberOf"));
    let (entries, _) = search(
        &mut ldap,
        &root["subschemaSubentry"][0],
        Scope::Base,
        "(objectClass=subSchema)",
        &["attributeTypes", "objectClasses"],
    )
    .await;
    assert!(
        entries[0].attrs["objectClasses"]
            .iter()
            .any(|c| c.contains("NAME 'user'"))
    );
    sim.stop().await;
}

#[tokio::test]
async fn every_way_in_leads_to_the_same_account() {
    let sim = start().await;
    let mut ldap = bound(&sim, "svc-write").await;
    let who = async |ldap: &mut Ldap| {
        let (exop, _) = ldap
            .extended(ldap3::exop::WhoAmI)
            .await
            .unwrap()
            .success()
            .unwrap();
        String::from_utf8(exop.val.unwrap_or_default()).unwrap()
    };
    assert_eq!(who(&mut ldap).await, "u:CORP\\svc-write");

    let settings = LdapConnSettings::new()
        .set_config(tls(&sim, None))
        .set_starttls(true);
    let mut started = connect(&sim.ldap_url(), settings.clone()).await;
    started
        .simple_bind("CORP\\svc-write", PASSWORD)
        .await
        .unwrap()
        .success()
        .unwrap();
    assert_eq!(who(&mut started).await, "u:CORP\\svc-write");
    started
        .simple_bind(&format!("cn=SVC-write, cn=users,{BASE}"), PASSWORD)
        .await
        .unwrap()
        .success()
        .unwrap();

    let identity = sim.client_certificate("svc-write").unwrap();
    let settings = LdapConnSettings::new().set_config(tls(
        &sim,
        Some((&identity.certificate_pem, &identity.key_pem)),
    ));
    let mut certified = connect(&sim.ldaps_url(), settings.clone()).await;
    assert_eq!(who(&mut certified).await, "");
    certified
        .sasl_external_bind()
        .await
        .unwrap()
        .success()
        .unwrap();
    assert_eq!(who(&mut certified).await, "u:CORP\\svc-write");
    let settings = settings.set_starttls(true);
    let mut certified = connect(&sim.ldap_url(), settings).await;
    certified
        .sasl_external_bind()
        .await
        .unwrap()
        .success()
        .unwrap();

    // Without a certificate there is nobody to be; plain connections may not bind at all.
    assert_eq!(ldap.sasl_external_bind().await.unwrap().rc, 49);
    let mut plain = connect(&sim.ldap_url(), LdapConnSettings::new()).await;
    let refused = plain
        .simple_bind("CORP\\svc-write", PASSWORD)
        .await
        .unwrap();
    assert_eq!(refused.rc, 8);
    assert!(
        refused.text.starts_with("00002028: LdapErr"),
        "{}",
        refused.text
    );
    let refused = ldap.simple_bind("CORP\\svc-write", "wrong").await.unwrap();
    assert_eq!(refused.rc, 49);
    assert!(
        refused.text.starts_with("80090308: LdapErr"),
        "{}",
        refused.text
    );
    assert!(refused.text.contains("data 52e,"), "{}", refused.text);
    // The trap: a name without a password is a success that means nobody.
    assert_eq!(ldap.simple_bind("CORP\\svc-write", "").await.unwrap().rc, 0);
    assert_eq!(who(&mut ldap).await, "");
    sim.stop().await;
}

#[tokio::test]
async fn an_account_goes_through_its_life() {
    let sim = start().await;
    let mut ldap = bound(&sim, "svc-write").await;
    let dn = format!("CN=Jane Doe,{PEOPLE}");
    let created = ldap
        .add(
            &dn,
            vec![
                pair("objectClass", "user"),
                pair("sAMAccountName", "jdoe"),
                pair("userAccountControl", "514"),
                pair("displayName", "Jane Doe"),
                pair("employeeID", "E1042"),
            ],
        )
        .await
        .unwrap();
    assert_eq!(created.rc, 0, "{}", created.text);
    let (entries, _) = search(
        &mut ldap,
        &dn,
        Scope::Base,
        "(objectClass=*)",
        &["objectGUID"],
    )
    .await;
    let entry = &entries[0];
    let guid = entry
        .bin_attrs
        .get("objectGUID")
        .map(|values| values[0].clone())
        .unwrap_or_else(|| entry.attrs["objectGUID"][0].clone().into_bytes());
    let by_guid = format!("<GUID={}>", hex::encode(&guid));

    let password = HashSet::from([encode_password("Fine-Passw0rd").to_vec()]);
    let key = |name: &str| name.as_bytes().to_vec();
    ldap.modify(&by_guid, vec![Mod::Replace(key("unicodePwd"), password)])
        .await
        .unwrap()
        .success()
        .unwrap();
    ldap.modify(
        &by_guid,
        vec![
            Mod::Delete(key("userAccountControl"), text("514")),
            Mod::Add(key("userAccountControl"), text("512")),
        ],
    )
    .await
    .unwrap()
    .success()
    .unwrap();
    let stale = ldap
        .modify(
            &by_guid,
            vec![
                Mod::Delete(key("userAccountControl"), text("514")),
                Mod::Add(key("userAccountControl"), text("512")),
            ],
        )
        .await
        .unwrap();
    assert_eq!(stale.rc, 16);
    assert!(stale.text.starts_with("00002085: AtrErr"), "{}", stale.text);

    let mut jane = open(&sim).await;
    jane.simple_bind("CORP\\jdoe", "Fine-Passw0rd")
        .await
        .unwrap()
        .success()
        .unwrap();
    let denied = jane
        .modify(&dn, vec![Mod::Replace(key("title"), text("Queen"))])
        .await
        .unwrap();
    assert_eq!(denied.rc, 50);

    ldap.modifydn(&by_guid, "CN=Doe\\, Jane", true, None)
        .await
        .unwrap()
        .success()
        .unwrap();
    assert_eq!(
        sim.state().values(&by_guid, "distinguishedName"),
        [format!("CN=Doe\\, Jane,{PEOPLE}")]
    );
    ldap.delete(&by_guid).await.unwrap().success().unwrap();
    let (entries, rc) = search(&mut ldap, &by_guid, Scope::Base, "(objectClass=*)", &["cn"]).await;
    assert_eq!((entries.len(), rc), (0, 32));
    ldap.with_controls(control("417"));
    let (entries, _) = search(&mut ldap, &by_guid, Scope::Base, "(objectClass=*)", &["*"]).await;
    assert_eq!(entries[0].attrs["isDeleted"], ["TRUE"]);
    assert_eq!(entries[0].attrs["sAMAccountName"], ["jdoe"]);
    ldap.with_controls(control("417"));
    ldap.modify(
        &by_guid,
        vec![
            Mod::Delete(key("isDeleted"), HashSet::new()),
            Mod::Replace(key("distinguishedName"), text(&dn)),
        ],
    )
    .await
    .unwrap()
    .success()
    .unwrap();
    assert_eq!(sim.state().values(&dn, "employeeID"), ["E1042"]);

    let counters = sim.state().counters();
    assert_eq!(counters.operations[&OperationKind::Add], 1);
    assert_eq!(counters.operations[&OperationKind::Modify], 5);
    assert_eq!(counters.writes(), 8);
    let writes = sim.state().writes();
    assert_eq!(writes.len(), 8);
    assert_eq!(writes[1].attributes, ["unicodePwd"]);
    assert_eq!(writes[3].code, 16);
    assert_eq!(writes[0].by, "CORP\\svc-write");
    sim.stop().await;
}

#[tokio::test]
async fn filters_and_attributes_select() {
    let sim = start().await;
    let state = sim.state();
    let user =
        |name: &str, attributes: &[(&str, &str)]| state.add_user(PEOPLE, name, attributes).unwrap();
    let guid = user(
        "Jane Doe",
        &[
            ("sAMAccountName", "jdoe"),
            ("sn", "Doe"),
            ("mail", "j@x.test"),
        ],
    );
    user(
        "John Roe",
        &[
            ("sAMAccountName", "jroe"),
            ("sn", "Röe"),
            ("userAccountControl", "546"),
        ],
    );
    state
        .add_group(PEOPLE, "inner", &[&format!("CN=Jane Doe,{PEOPLE}")])
        .unwrap();
    state
        .add_group(PEOPLE, "outer", &[&format!("CN=inner,{PEOPLE}")])
        .unwrap();
    let mut ldap = bound(&sim, "svc-read").await;
    let raw: String = guid
        .to_wire()
        .iter()
        .map(|byte| format!("\\{byte:02x}"))
        .collect();
    let sid = "(objectSid=S-1-5-32-544)";
    for (filter, expected) in [
        ("(sAMAccountName=JDOE)".to_owned(), &["Jane Doe"][..]),
        ("(sn=roe)".to_owned(), &["John Roe"]),
        (
            "(&(objectCategory=person)(objectClass=user))".to_owned(),
            &["Jane Doe", "John Roe"],
        ),
        (
            "(objectCategory=user)".to_owned(),
            &["Jane Doe", "John Roe"],
        ),
        ("(objectClass=group)".to_owned(), &["inner", "outer"]),
        (format!("(objectGUID={raw})"), &["Jane Doe"]),
        (
            "(!(mail=*))".to_owned(),
            &["John Roe", "inner", "outer", "People"],
        ),
        ("(|(sn=do*)(cn=*ute*))".to_owned(), &["Jane Doe", "outer"]),
        ("(mail~=J@X.test)".to_owned(), &["Jane Doe"]),
        (
            "(userAccountControl:1.2.840.113556.1.4.803:=2)".to_owned(),
            &["John Roe"],
        ),
        (
            "(userAccountControl:1.2.840.113556.1.4.804:=3)".to_owned(),
            &["John Roe"],
        ),
        (format!("(memberOf=CN=inner,{PEOPLE})"), &["Jane Doe"]),
        (
            format!("(memberOf:1.2.840.113556.1.4.1941:=CN=outer,{PEOPLE})"),
            &["Jane Doe", "inner"],
        ),
        (
            format!("(member:1.2.840.113556.1.4.1941:=CN=Jane Doe,{PEOPLE})"),
            &["inner", "outer"],
        ),
        (
            format!("(distinguishedName=cn=jane doe,{PEOPLE})"),
            &["Jane Doe"],
        ),
        // Neither an unknown attribute nor its negation is true.
        ("(nonsense=1)".to_owned(), &[]),
        ("(!(nonsense=1))".to_owned(), &[]),
        ("(|(nonsense=1)(sn=Doe))".to_owned(), &["Jane Doe"]),
        ("(anr=jane)".to_owned(), &["Jane Doe"]),
        (
            "(sAMAccountType>=805306368)".to_owned(),
            &["Jane Doe", "John Roe"],
        ),
        (sid.to_owned(), &[]),
    ] {
        let (entries, rc) = search(&mut ldap, PEOPLE, Scope::Subtree, &filter, &["name"]).await;
        assert_eq!(rc, 0, "{filter}");
        let found: HashSet<&str> = entries
            .iter()
            .map(|e| e.attrs["name"][0].as_str())
            .collect();
        assert_eq!(found, expected.iter().copied().collect(), "{filter}");
    }
    let (entries, _) = search(&mut ldap, BASE, Scope::Subtree, sid, &["name"]).await;
    assert_eq!(entries[0].attrs["name"], ["Administrators"]);

    let dn = format!("CN=Jane Doe,{PEOPLE}");
    let (entries, _) = search(&mut ldap, &dn, Scope::Base, "(cn=*)", &["1.1"]).await;
    assert!(entries[0].attrs.is_empty() && entries[0].bin_attrs.is_empty());
    let (entries, _) = search(&mut ldap, &dn, Scope::Base, "(cn=*)", &[]).await;
    let names = &entries[0].attrs;
    assert!(names.contains_key("memberOf") && names.contains_key("whenCreated"));
    assert!(
        !names.contains_key("canonicalName"),
        "constructed only on request"
    );
    let constructed = ["canonicalName", "tokenGroups", "allowedAttributesEffective"];
    let (entries, _) = search(&mut ldap, &dn, Scope::Base, "(cn=*)", &constructed).await;
    assert_eq!(
        entries[0].attrs["canonicalName"],
        ["corp.example.test/People/Jane Doe"]
    );
    assert!(!entries[0].attrs.contains_key("allowedAttributesEffective"));
    let mut writer = bound(&sim, "svc-write").await;
    let (entries, _) = search(&mut writer, &dn, Scope::Base, "(cn=*)", &constructed).await;
    assert!(entries[0].attrs["allowedAttributesEffective"].contains(&"department".to_owned()));

    let well_known = format!("<WKGUID=a9d1ca15768811d1aded00c04fd8d5cd,{BASE}>");
    let (entries, _) = search(&mut ldap, &well_known, Scope::Base, "(cn=*)", &["name"]).await;
    assert_eq!(entries[0].attrs["name"], ["Users"]);
    for (base, rc) in [
        (format!("CN=nobody,{PEOPLE}"), 32),
        ("DC=else,DC=test".to_owned(), 10),
        ("no name".to_owned(), 34),
    ] {
        let result = ldap
            .search(&base, Scope::Base, "(cn=*)", vec!["cn"])
            .await
            .unwrap();
        assert_eq!(result.1.rc, rc, "{base}");
        if rc == 32 {
            assert_eq!(result.1.matched, PEOPLE);
            assert!(result.1.text.starts_with("0000208D: NameErr"));
        }
    }
    // A critical control nobody knows.
    ldap.with_controls(RawControl {
        ctype: "1.3.6.1.1.12".to_owned(),
        crit: true,
        val: None,
    });
    let (_, rc) = search(&mut ldap, PEOPLE, Scope::Base, "(cn=*)", &[]).await;
    assert_eq!(rc, 12);
    sim.stop().await;
}

#[tokio::test]
async fn reading_much_needs_pages_and_ranges() {
    let sim = start().await;
    let state = sim.state();
    let names: Vec<String> = (0..3100).map(|n| format!("user{n:04}")).collect();
    for name in &names {
        state
            .add_user(PEOPLE, name, &[("sAMAccountName", name)])
            .unwrap();
    }
    let members: Vec<String> = names.iter().map(|n| format!("CN={n},{PEOPLE}")).collect();
    let members: Vec<&str> = members.iter().map(String::as_str).collect();
    state.add_group(PEOPLE, "everyone", &members).unwrap();
    let mut ldap = bound(&sim, "svc-read").await;
    let users = "(objectCategory=person)";
    // Samba gives all of them; AD gives a part and says so.
    let (entries, rc) = search(&mut ldap, PEOPLE, Scope::Subtree, users, &["cn"]).await;
    assert_eq!((entries.len(), rc), (1000, 4));
    let mut limited = ldap.clone();
    limited.with_search_options(SearchOptions::new().sizelimit(7));
    let (entries, rc) = search(&mut limited, PEOPLE, Scope::Subtree, users, &["cn"]).await;
    assert_eq!((entries.len(), rc), (7, 4));
    for page in [1, 137, 1000, 5000] {
        let wanted = if page == 1 { "(cn=user000*)" } else { users };
        let found = read_all(&mut ldap, page, wanted, &["cn"]).await;
        let distinct: HashSet<&str> = found.iter().map(|e| e.attrs["cn"][0].as_str()).collect();
        assert_eq!(found.len(), distinct.len());
        assert_eq!(
            found.len(),
            if page == 1 { 10 } else { 3100 },
            "pages of {page}"
        );
    }

    let group = format!("CN=everyone,{PEOPLE}");
    let mut seen = HashSet::new();
    let mut ask = "member".to_owned();
    let mut rounds = 0;
    loop {
        rounds += 1;
        let (entries, _) = search(&mut ldap, &group, Scope::Base, "(cn=*)", &[&ask]).await;
        let attrs = &entries[0].attrs;
        if rounds == 1 {
            assert!(
                attrs["member"].is_empty(),
                "an empty list stands beside the range"
            );
        }
        let (name, values) = attrs
            .iter()
            .find(|(name, _)| name.contains(";range="))
            .unwrap();
        seen.extend(values.iter().cloned());
        let (_, last) = name.rsplit_once('-').unwrap();
        if last == "*" {
            break;
        }
        ask = format!("member;range={}-*", last.parse::<usize>().unwrap() + 1);
    }
    assert_eq!((seen.len(), rounds), (3100, 3));
    sim.stop().await;
}
