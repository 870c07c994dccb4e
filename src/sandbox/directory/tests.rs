//! Semantics, without the wire: each case is a row of the tables the real directory is known by.

mod objects;

use super::controls::Controls;
use super::core::{Directory, Principal};
use super::failure::Failure;
use super::password::encode;
use super::view::Lens;
use super::{DirectoryConfig, Edit, NewEntry, ServiceAccount};

const BASE: &str = "DC=corp,DC=example,DC=test";
const PEOPLE: &str = "OU=People,DC=corp,DC=example,DC=test";

struct Lab {
    directory: Directory,
    writer: Principal,
}

fn lab_with(change: impl FnOnce(&mut DirectoryConfig)) -> Lab {
    let mut config = DirectoryConfig {
        units: vec![PEOPLE.to_owned(), format!("OU=Other,{BASE}")],
        accounts: vec![ServiceAccount::writer(
            "svc-write",
            "Wr1te-things",
            &[PEOPLE],
        )],
        ..DirectoryConfig::default()
    };
    change(&mut config);
    let directory = Directory::new(config).expect("a domain");
    let id = directory
        .resolve(&format!("CN=svc-write,CN=Users,{BASE}"), false)
        .expect("the account");
    Lab {
        directory,
        writer: Principal::Account(id),
    }
}

fn lab() -> Lab {
    lab_with(|_| {})
}

fn user(name: &str) -> NewEntry {
    NewEntry::new(&format!("CN={name},{PEOPLE}"), "user").with("sAMAccountName", name)
}

fn dn(name: &str) -> String {
    format!("CN={name},{PEOPLE}")
}

impl Lab {
    fn add(&mut self, entry: &NewEntry) -> Result<(), Failure> {
        self.directory.add(self.writer, true, entry).map(|_| ())
    }

    fn user(&mut self, name: &str) {
        self.add(&user(name)).expect(name);
    }

    fn group(&mut self, name: &str, kind: &str) {
        let entry = NewEntry::new(&dn(name), "group")
            .with("sAMAccountName", name)
            .with("groupType", kind);
        self.add(&entry).expect(name);
    }

    fn modify(&mut self, name: &str, edits: &[Edit]) -> Result<(), Failure> {
        self.modify_with(name, edits, &Controls::default())
    }

    fn modify_with(
        &mut self,
        name: &str,
        edits: &[Edit],
        controls: &Controls,
    ) -> Result<(), Failure> {
        self.directory
            .modify(self.writer, true, name, edits, controls)
            .map(|_| ())
    }

    fn rename(&mut self, name: &str, rdn: &str, parent: Option<&str>) -> Result<(), Failure> {
        self.directory
            .rename(self.writer, name, rdn, true, parent, &Controls::default())
            .map(|_| ())
    }

    fn delete(&mut self, name: &str) -> Result<(), Failure> {
        self.directory
            .delete(self.writer, name, &Controls::default())
            .map(|_| ())
    }

    fn values(&self, name: &str, attribute: &str) -> Vec<String> {
        let id = self.directory.resolve(name, true).expect(name);
        let attribute = self.directory.schema.attribute(attribute).expect(attribute);
        self.directory
            .values_of(id, attribute, Lens::plain(Principal::System))
            .iter()
            .map(|value| String::from_utf8_lossy(value).into_owned())
            .collect()
    }

    fn value(&self, name: &str, attribute: &str) -> String {
        self.values(name, attribute).join("|")
    }
}

#[track_caller]
fn refused<T>(result: Result<T, Failure>, code: u32, win32: u32) {
    match result {
        Ok(_) => panic!("accepted, expected {code} {win32:08X}"),
        Err(failure) => assert_eq!(
            (failure.code, failure.win32),
            (code, win32),
            "{}",
            failure.text
        ),
    }
}

#[test]
fn a_bare_user_gets_the_documented_defaults() {
    let mut lab = lab();
    lab.add(&NewEntry::new(&dn("Bare"), "user")).unwrap();
    let name = dn("Bare");
    for (attribute, value) in [
        ("userAccountControl", "546"),
        ("pwdLastSet", "0"),
        ("accountExpires", "9223372036854775807"),
        ("primaryGroupID", "513"),
        ("sAMAccountType", "805306368"),
        ("name", "Bare"),
        ("cn", "Bare"),
        ("objectClass", "top|person|organizationalPerson|user"),
        ("instanceType", "4"),
    ] {
        assert_eq!(lab.value(&name, attribute), value, "{attribute}");
    }
    assert!(lab.value(&name, "sAMAccountName").starts_with('$'));
    assert_eq!(
        lab.value(&name, "objectCategory"),
        format!("CN=Person,CN=Schema,CN=Configuration,{BASE}")
    );
}

#[test]
fn adds_are_refused_as_documented() {
    let mut lab = lab();
    lab.user("jane");
    let entry = |dn: &str, class: &str| NewEntry::new(dn, class);
    // Same name, another spelling and another case.
    refused(lab.add(&user("JANE")), 68, 0x2071);
    // Accents do not tell names apart (Samba: they do).
    refused(lab.add(&user("Jané")), 68, 0x2071);
    refused(
        lab.add(&user("other").with("unicodeNonsense", "x")),
        16,
        0x57,
    );
    refused(lab.add(&user("other").with("member", PEOPLE)), 65, 0x207d);
    refused(lab.add(&entry(&dn("other"), "nonsense")), 16, 0x57);
    refused(lab.add(&entry(&dn("other"), "person")), 65, 0x2014);
    let bare = NewEntry {
        dn: dn("other"),
        attributes: Vec::new(),
    };
    refused(lab.add(&bare), 65, 0x207b);
    refused(
        lab.add(&entry(&format!("OU=x,{PEOPLE}"), "user")),
        64,
        0x2035,
    );
    refused(
        lab.add(&entry(&format!("CN=x,OU=Nowhere,{PEOPLE}"), "user")),
        32,
        0x208d,
    );
    refused(lab.add(&entry("nonsense", "user")), 34, 0x208f);
    refused(
        lab.add(&entry(&format!("CN=x,{}", dn("jane")), "user")),
        64,
        0x2099,
    );
    refused(
        lab.add(&entry("CN=x,DC=elsewhere,DC=test", "user")),
        10,
        0x202b,
    );
    refused(lab.add(&user(&"n".repeat(65))), 19, 0x2082);
    let two = user("two").with("title", "a").with("title", "b");
    refused(lab.add(&two), 19, 0x2081);
    refused(lab.add(&user("two").with("displayName", "")), 21, 0x200b);
    refused(
        lab.add(&user("two").with("department", &"d".repeat(65))),
        19,
        0x2082,
    );
    refused(
        lab.add(&user("two").with("objectGUID", "0123456789abcdef")),
        19,
        0x20b1,
    );
    refused(lab.add(&user("two").with("memberOf", BASE)), 53, 0x209a);
    refused(
        lab.add(&user("two").with("userAccountControl", "512")),
        53,
        0x52d,
    );
    // What the reading account may not do, nobody without rights may.
    let outside = NewEntry::new(&format!("CN=x,OU=Other,{BASE}"), "user");
    refused(lab.add(&outside), 50, 0x5);
    refused(
        lab.add(&NewEntry::new(
            &format!("OU=x,{PEOPLE}"),
            "organizationalUnit",
        )),
        50,
        0x5,
    );
}

#[test]
fn names_are_unique_where_the_directory_says_so() {
    let mut lab = lab();
    lab.add(&user("jane").with("userPrincipalName", "jane.doe@corp.example.test"))
        .unwrap();
    lab.user("implied");
    let clash = |sam: &str, cn: &str| NewEntry::new(&dn(cn), "user").with("sAMAccountName", sam);
    refused(lab.add(&clash("JANE", "a")), 68, 0x524);
    let upn = |value: &str| user("b").with("userPrincipalName", value);
    refused(lab.add(&upn("Jane.Doe@CORP.example.test")), 19, 0x21c8);
    refused(lab.add(&upn("implied@corp.example.test")), 19, 0x21c8);
    refused(lab.add(&user("jane.doe")), 19, 0x21c8);
    for bad in ["a/b", "a@b*", "x.", " ", &"l".repeat(21)] {
        refused(lab.add(&clash(bad, "c")), 80, 0x523);
    }
    // A group may be longer, and its clash has its own code.
    let group = NewEntry::new(&dn("g"), "group");
    refused(
        lab.add(&group.clone().with("sAMAccountName", "jane")),
        68,
        0x526,
    );
    lab.add(&group.with("sAMAccountName", &"l".repeat(40)))
        .unwrap();
    // The same cn elsewhere is fine; so is what a deleted object had.
    lab.delete(&dn("jane")).unwrap();
    lab.add(&user("jane").with("userPrincipalName", "jane.doe@corp.example.test"))
        .unwrap();
}

#[test]
fn a_modify_is_all_or_nothing() {
    let mut lab = lab();
    lab.add(&user("jane").with("title", "One")).unwrap();
    let usn = lab.directory.store.usn();
    let result = lab.modify(
        &dn("jane"),
        &[
            Edit::replace("department", "R&D"),
            Edit::delete("title", "Two"),
            Edit::add("title", "Three"),
        ],
    );
    refused(result, 16, 0x2085);
    assert_eq!(lab.value(&dn("jane"), "department"), "");
    assert_eq!(lab.directory.store.usn(), usn);
    // Compare and set; the old value is matched without case, the new one keeps its own.
    lab.modify(
        &dn("jane"),
        &[Edit::delete("title", "ONE"), Edit::add("title", "one")],
    )
    .unwrap();
    assert_eq!(lab.value(&dn("jane"), "title"), "one");
    assert!(lab.directory.store.usn() > usn);
    // Nothing changed, nothing counted.
    let usn = lab.directory.store.usn();
    lab.modify(&dn("jane"), &[Edit::replace("title", "one")])
        .unwrap();
    assert_eq!(lab.directory.store.usn(), usn);
}

#[test]
fn modifies_are_refused_as_documented() {
    let mut lab = lab();
    lab.add(&user("jane").with("title", "One").with("description", "d"))
        .unwrap();
    let jane = dn("jane");
    let mut check = |edit: Edit, code, win32| {
        refused(lab.modify(&jane, &[edit]), code, win32);
    };
    check(Edit::add("title", "Two"), 20, 0x2083);
    check(Edit::add("title", "ONE"), 20, 0x2083);
    check(
        Edit::Replace("title".into(), vec![b"a".into(), b"b".into()]),
        20,
        0x200d,
    );
    check(Edit::Delete("mobile".into(), Vec::new()), 16, 0x2084);
    check(Edit::replace("cn", "x"), 67, 0x2016);
    check(Edit::replace("name", "x"), 67, 0x2016);
    check(Edit::replace("nonsense", "x"), 16, 0x57);
    check(Edit::replace("member", BASE), 65, 0x207d);
    check(Edit::replace("memberOf", BASE), 53, 0x209a);
    check(Edit::replace("objectSid", "x"), 53, 0x209a);
    check(
        Edit::replace("whenChanged", "20260101000000.0Z"),
        19,
        0x20b1,
    );
    check(Edit::replace("canonicalName", "x"), 19, 0x211b);
    check(Edit::replace("countryCode", "70000"), 19, 0x2082);
    check(Edit::replace("countryCode", "x"), 21, 0x200b);
    check(Edit::replace("pwdLastSet", "17"), 80, 0x57);
    check(Edit::replace("manager", &dn("nobody")), 19, 0x20b5);
    check(Edit::replace("manager", "no name"), 34, 0x208f);
    check(Edit::add("description", "second"), 20, 0x200d);
    check(Edit::clear("userAccountControl"), 53, 0x2035);
    check(Edit::clear("sAMAccountName"), 53, 0x2035);
    check(
        Edit::Replace("thumbnailPhoto".into(), vec![vec![1; 102_401]]),
        19,
        0x2082,
    );
    let two = vec![jane.clone().into_bytes(), PEOPLE.as_bytes().to_vec()];
    check(Edit::Replace("manager".into(), two), 19, 0x2081);
    // Clearing what is not there by replacing it with nothing is fine.
    lab.modify(&jane, &[Edit::clear("mobile")]).unwrap();
}

#[test]
fn equal_values_of_a_list_are_one_value() {
    let mut lab = lab();
    lab.add(&user("jane").with("proxyAddresses", "smtp:jane@example.test"))
        .unwrap();
    let add = [Edit::add("proxyAddresses", "SMTP:Jane@example.test")];
    // Samba keeps both spellings side by side; AD sees one value twice.
    refused(lab.modify(&dn("jane"), &add), 20, 0x2083);
    let permissive = Controls {
        permissive: true,
        ..Controls::default()
    };
    lab.modify_with(&dn("jane"), &add, &permissive).unwrap();
    let gone = [Edit::delete("proxyAddresses", "smtp:other@example.test")];
    lab.modify_with(&dn("jane"), &gone, &permissive).unwrap();
    assert_eq!(
        lab.value(&dn("jane"), "proxyAddresses"),
        "smtp:jane@example.test"
    );
    // The way to change the primary address: both halves in one modify.
    lab.modify(
        &dn("jane"),
        &[
            Edit::delete("proxyAddresses", "smtp:jane@example.test"),
            Edit::add("proxyAddresses", "SMTP:jane@example.test"),
        ],
    )
    .unwrap();
    assert_eq!(
        lab.value(&dn("jane"), "proxyAddresses"),
        "SMTP:jane@example.test"
    );
}

#[test]
fn control_bits_follow_the_rules() {
    let mut lab = lab();
    lab.user("jane");
    let jane = dn("jane");
    let set = |bits: i64| [Edit::replace("userAccountControl", &bits.to_string())];
    refused(lab.modify(&jane, &set(512)), 53, 0x52d);
    // Computed and unknown bits vanish, a missing type is the normal one.
    lab.modify(&jane, &set(0x10 | 0x40 | 0x4 | 0x80_0000 | 2))
        .unwrap();
    assert_eq!(lab.value(&jane, "userAccountControl"), "514");
    // Without a password only the bit that says it needs none.
    lab.modify(&jane, &set(544)).unwrap();
    // Rights that are not the account's to give.
    refused(lab.modify(&jane, &set(512 | 2 | 0x8_0000)), 50, 0x2098);
    refused(lab.modify(&jane, &set(0x1000)), 53, 0x209a);
    // Password and enabling in one modify.
    lab.modify(
        &jane,
        &[
            Edit::Replace("unicodePwd".into(), vec![encode("Fine-Passw0rd").to_vec()]),
            Edit::replace("userAccountControl", "512"),
            Edit::replace("pwdLastSet", "0"),
        ],
    )
    .unwrap();
    assert_eq!(lab.value(&jane, "userAccountControl"), "512");
    assert_eq!(lab.value(&jane, "pwdLastSet"), "0");
    lab.modify(&jane, &[Edit::replace("pwdLastSet", "-1")])
        .unwrap();
    assert_ne!(lab.value(&jane, "pwdLastSet"), "-1");
    // One bit, by compare and set.
    let flip = |from: &str, to: &str| {
        [
            Edit::delete("userAccountControl", from),
            Edit::add("userAccountControl", to),
        ]
    };
    lab.modify(&jane, &flip("512", "514")).unwrap();
    refused(lab.modify(&jane, &flip("512", "514")), 16, 0x2085);
}

#[test]
fn passwords_obey_seal_form_and_policy() {
    let mut lab = lab();
    lab.user("jane");
    let jane = dn("jane");
    let reset = |value: Vec<u8>| [Edit::Replace("unicodePwd".into(), vec![value])];
    let good = encode("Fine-Passw0rd").to_vec();
    let plain = lab.directory.modify(
        lab.writer,
        false,
        &jane,
        &reset(good.clone()),
        &Controls::default(),
    );
    refused(plain, 53, 0x1f);
    refused(lab.modify(&jane, &reset(b"\"x\"".to_vec())), 53, 0x1f);
    refused(
        lab.modify(&jane, &reset(encode("short1A").to_vec()[..8].to_vec())),
        53,
        0x1f,
    );
    refused(lab.modify(&jane, &reset(encode("abc").to_vec())), 53, 0x52d);
    refused(
        lab.modify(&jane, &reset(encode("Jane-1234").to_vec())),
        53,
        0x52d,
    );
    refused(
        lab.modify(&jane, &[Edit::Add("unicodePwd".into(), vec![good.clone()])]),
        53,
        0x1f,
    );
    refused(
        lab.modify(&jane, &[Edit::Delete("unicodePwd".into(), Vec::new())]),
        53,
        0x1f,
    );
    lab.modify(&jane, &reset(good.clone())).unwrap();
    assert_ne!(lab.value(&jane, "pwdLastSet"), "0");
    let written = |lab: &Lab| {
        let id = lab.directory.resolve(&jane, false).expect("an object");
        lab.directory
            .object(id)
            .password_written
            .map(|(times, ..)| times)
    };
    assert_eq!(written(&lab), Some(1));
    // Whoever may not unexpire passwords makes the owner change it.
    let Principal::Account(writer) = lab.writer else {
        panic!("an account");
    };
    let given = |lab: &mut Lab, may: bool| {
        let rights = lab.directory.delegations.get_mut(&writer).expect("rights");
        rights.may_unexpire = may;
    };
    given(&mut lab, false);
    lab.modify(&jane, &reset(encode("An0ther-One").to_vec()))
        .unwrap();
    assert_eq!(lab.value(&jane, "pwdLastSet"), "0");
    given(&mut lab, true);
    lab.modify(&jane, &reset(good.clone())).unwrap();
    assert_ne!(lab.value(&jane, "pwdLastSet"), "0");
    assert_eq!(written(&lab), Some(3));
    assert_eq!(lab.values(&jane, "unicodePwd"), Vec::<String>::new());
    let change = |old: &str, new: &str| {
        [
            Edit::Delete("unicodePwd".into(), vec![encode(old).to_vec()]),
            Edit::Add("unicodePwd".into(), vec![encode(new).to_vec()]),
        ]
    };
    refused(
        lab.modify(&jane, &change("Wrong-1111", "Next-Passw0rd")),
        19,
        0x56,
    );
    refused(
        lab.modify(&jane, &change("Fine-Passw0rd", "abc")),
        19,
        0x52d,
    );
    lab.modify(&jane, &change("Fine-Passw0rd", "Next-Passw0rd"))
        .unwrap();
    // A change remembers, a reset does not.
    refused(
        lab.modify(&jane, &change("Next-Passw0rd", "Fine-Passw0rd")),
        19,
        0x52d,
    );
    lab.modify(&jane, &reset(good)).unwrap();
    // In the add itself, over a sealed connection.
    let at_once = user("john")
        .with("userAccountControl", "512")
        .with_bytes("unicodePwd", &encode("Fine-Passw0rd"));
    lab.add(&at_once).unwrap();
    let bind = |lab: &mut Lab, password: &str| {
        lab.directory
            .authenticate("CORP\\john", password)
            .map(|_| ())
    };
    bind(&mut lab, "Fine-Passw0rd").unwrap();
    assert!(bind(&mut lab, "fine-passw0rd").is_err());
}
