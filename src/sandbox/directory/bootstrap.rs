//! A new domain: partitions, containers, built-in groups, schema objects, service accounts.

use std::collections::HashMap;

use secrecy::ExposeSecret;

use super::classes::Category;
use super::config::DirectoryConfig;
use super::core::{Delegation, Directory, Landmarks, Principal, Random};
use super::failure::Failure;
use super::schema::{AttrId, Origin, Schema};
use super::sid::Sid;
use super::store::{Attributes, Link, NewObject, ObjectId, Store, rdn_of};
use super::write::NewEntry;
use crate::model::Dn;

/// Global security group.
const GLOBAL: &str = "-2147483646";
/// Universal security group.
const UNIVERSAL: &str = "-2147483640";
/// Built-in domain local security group.
const BUILTIN: &str = "-2147483643";

impl Directory {
    /// A domain as it is right after its first controller was set up, with the accounts and units of `config`.
    ///
    /// # Errors
    /// When a unit or an account of `config` is not acceptable to the directory itself.
    pub(crate) fn new(config: DirectoryConfig) -> Result<Self, Failure> {
        let root = Dn::parse(&config.base()).map_err(|_| Failure::bad_name(&config.base()))?;
        let others = config.other_domains.clone();
        let mut directory = Self::in_forest(config, &root)?;
        for (domain, number) in others.into_iter().zip(1..) {
            let config = DirectoryConfig {
                domain,
                accounts: Vec::new(),
                units: Vec::new(),
                other_domains: Vec::new(),
                // Identities are never those of the first domain.
                seed: directory.config.seed.wrapping_add(number << 32),
                ..directory.config.clone()
            };
            directory.others.push(Self::in_forest(config, &root)?);
        }
        Ok(directory)
    }

    /// One domain of the forest whose configuration and schema stand below `root`.
    fn in_forest(config: DirectoryConfig, root: &Dn) -> Result<Self, Failure> {
        let mut random = Random(config.seed);
        let part = |random: &mut Random| u32::try_from(random.next() >> 33).unwrap_or(1);
        let domain_sid = Sid::new(
            5,
            &[21, part(&mut random), part(&mut random), part(&mut random)],
        );
        let base = Dn::parse(&config.base()).map_err(|_| Failure::bad_name(&config.base()))?;
        let nowhere = ObjectId(0);
        let mut directory = Self {
            schema: Schema::new(config.extended_schema),
            store: Store::new(),
            marks: Landmarks {
                domain: nowhere,
                configuration: nowhere,
                schema: nowhere,
                deleted: nowhere,
                users: nowhere,
                domain_admins: nowhere,
            },
            delegations: HashMap::new(),
            invocation: random.guid(),
            domain_sid,
            partitions: Vec::new(),
            others: Vec::new(),
            next_rid: 1103,
            random,
            steps: 0,
            config,
        };
        directory.lay_partitions(&base, root);
        directory.lay_accounts();
        directory.lay_configuration();
        directory.lay_schema();
        directory.lay_service_accounts()?;
        Ok(directory)
    }

    /// Inserts without any check.
    fn lay(
        &mut self,
        parent: Option<ObjectId>,
        class: &str,
        name: &str,
        sid: Option<Sid>,
        attributes: &[(&str, &str)],
    ) -> ObjectId {
        let class = self
            .schema
            .class_named(class)
            .unwrap_or_else(|| unreachable!("{class} is in the tables"));
        let (rdn, name): (Box<str>, Box<str>) = if parent.is_some() {
            let (rdn, _) = rdn_of(&self.schema.class(class).row.rdn.to_ascii_uppercase(), name)
                .unwrap_or_else(|| unreachable!("{name} can be a name"));
            (rdn, name.into())
        } else {
            let label = name.split(['=', ',']).nth(1).unwrap_or_default();
            (name.into(), label.into())
        };
        let mut stored = Attributes::new();
        for (attribute, value) in attributes {
            let Some(id) = self.schema.attribute(attribute) else {
                unreachable!("{attribute} is in the tables")
            };
            stored
                .entry(id)
                .or_default()
                .push(value.as_bytes().to_vec().into());
        }
        let new = NewObject {
            parent,
            rdn,
            name,
            class,
            sid,
            attributes: stored,
            guid: self.random.guid(),
        };
        let now = self.now();
        self.store.insert(&self.schema, new, now)
    }

    fn link(&mut self, source: ObjectId, attribute: &str, target: ObjectId) {
        if let Some(attribute) = self.schema.attribute(attribute) {
            self.store.add_link(Link {
                source,
                attribute,
                target,
            });
        }
    }

    fn octets(&mut self, id: ObjectId, attribute: &str, value: Vec<u8>) {
        if let Some(attribute) = self.schema.attribute(attribute) {
            let mut attributes = self.store.attributes(id);
            attributes.insert(attribute, vec![value.into()]);
            self.store.set_attributes(&self.schema, id, attributes);
        }
    }

    fn lay_partitions(&mut self, base: &Dn, root: &Dn) {
        let policy = self.config.password_policy;
        let base_text = base.as_str();
        let domain = self.lay(
            None,
            "domainDNS",
            base_text,
            Some(self.domain_sid.clone()),
            &[
                ("minPwdLength", &policy.min_length.to_string()),
                ("pwdHistoryLength", &policy.history.to_string()),
                ("pwdProperties", if policy.complexity { "1" } else { "0" }),
                ("lockoutThreshold", &policy.lockout_threshold.to_string()),
                ("lockoutDuration", "-18000000000"),
                ("maxPwdAge", "-9223372036854775808"),
                ("minPwdAge", "0"),
                ("msDS-Behavior-Version", "7"),
                ("isCriticalSystemObject", "TRUE"),
            ],
        );
        let configuration = self.lay(
            None,
            "configuration",
            &format!("CN=Configuration,{}", root.as_str()),
            None,
            &[],
        );
        let schema = self.lay(
            None,
            "dMD",
            &format!("CN=Schema,CN=Configuration,{}", root.as_str()),
            None,
            &[("objectVersion", "88")],
        );
        self.marks.domain = domain;
        self.marks.configuration = configuration;
        self.marks.schema = schema;
        self.partitions = [domain, configuration, schema]
            .into_iter()
            .filter_map(|id| Some((Dn::parse(&self.object(id).rdn).ok()?.key(), id)))
            .collect();
        let critical = ("isCriticalSystemObject", "TRUE");
        let hidden = ("showInAdvancedViewOnly", "TRUE");
        for (class, name) in [
            ("container", "Users"),
            ("container", "Computers"),
            ("organizationalUnit", "Domain Controllers"),
            ("builtinDomain", "Builtin"),
            ("container", "Deleted Objects"),
            ("lostAndFound", "LostAndFound"),
            ("container", "System"),
            ("container", "ForeignSecurityPrincipals"),
            ("container", "Program Data"),
            ("container", "Managed Service Accounts"),
        ] {
            let shown = matches!(name, "Users" | "Computers" | "Domain Controllers");
            let attributes: &[_] = if shown {
                &[critical]
            } else {
                &[critical, hidden]
            };
            let id = self.lay(Some(domain), class, name, None, attributes);
            match name {
                "Users" => self.marks.users = id,
                "Deleted Objects" => self.marks.deleted = id,
                _ => {}
            }
        }
    }

    fn lay_accounts(&mut self) {
        let users = self.marks.users;
        let group = |this: &mut Self, name: &str, rid: u32, kind: &str, admin: bool| {
            let mut attributes = vec![
                ("sAMAccountName", name),
                ("groupType", kind),
                ("isCriticalSystemObject", "TRUE"),
            ];
            if admin {
                attributes.push(("adminCount", "1"));
            }
            let sid = this.domain_sid.child(rid);
            this.lay(Some(users), "group", name, Some(sid), &attributes)
        };
        let admins = group(self, "Domain Admins", 512, GLOBAL, true);
        group(self, "Domain Users", 513, GLOBAL, false);
        group(self, "Domain Guests", 514, GLOBAL, false);
        group(self, "Domain Computers", 515, GLOBAL, false);
        group(self, "Domain Controllers", 516, GLOBAL, true);
        let schema_admins = group(self, "Schema Admins", 518, UNIVERSAL, true);
        let enterprise = group(self, "Enterprise Admins", 519, UNIVERSAL, true);
        group(self, "Protected Users", 525, GLOBAL, false);
        self.marks.domain_admins = admins;
        let builtin = self.store.child(self.marks.domain, "cn=builtin");
        for (name, rid) in [
            ("Administrators", 544),
            ("Users", 545),
            ("Account Operators", 548),
        ] {
            let mut attributes = vec![
                ("sAMAccountName", name),
                ("groupType", BUILTIN),
                ("isCriticalSystemObject", "TRUE"),
            ];
            if rid != 545 {
                attributes.push(("adminCount", "1"));
            }
            let id = self.lay(
                builtin,
                "group",
                name,
                Some(Sid::new(5, &[32, rid])),
                &attributes,
            );
            if rid == 544 {
                self.link(id, "member", admins);
                self.link(id, "member", enterprise);
            }
        }
        for (name, rid, uac, primary) in [
            ("Administrator", 500, "66048", "513"),
            ("Guest", 501, "66082", "514"),
            ("krbtgt", 502, "514", "513"),
        ] {
            let mut attributes = account_defaults(name, uac, primary);
            attributes.push(("isCriticalSystemObject", "TRUE"));
            if rid != 501 {
                attributes.push(("adminCount", "1"));
            }
            let sid = self.domain_sid.child(rid);
            let id = self.lay(Some(users), "user", name, Some(sid), &attributes);
            if rid == 500 {
                for target in [admins, schema_admins, enterprise] {
                    self.link(target, "member", id);
                }
                let password = self.config.administrator_password.clone();
                self.store_password(id, password.expose_secret());
            }
        }
        let controllers = self.store.child(self.marks.domain, "ou=domain controllers");
        let host = format!("dc1.{}", self.config.domain);
        let mut attributes = account_defaults("DC1$", "532480", "516");
        attributes.push(("dNSHostName", &host));
        attributes.push(("isCriticalSystemObject", "TRUE"));
        attributes.push(("operatingSystem", "halosync sandbox"));
        let sid = self.domain_sid.child(1000);
        self.lay(controllers, "computer", "DC1", Some(sid), &attributes);
    }

    fn lay_configuration(&mut self) {
        let top = self.marks.configuration;
        let hidden = &[("showInAdvancedViewOnly", "TRUE")];
        let partitions = self.lay(
            Some(top),
            "crossRefContainer",
            "Partitions",
            None,
            &[("msDS-Behavior-Version", "7")],
        );
        let (netbios, domain) = (self.config.netbios(), self.config.domain.clone());
        let cross = self.lay(
            Some(partitions),
            "crossRef",
            &netbios.clone(),
            None,
            &[
                ("nETBIOSName", &netbios),
                ("dnsRoot", &domain),
                ("systemFlags", "3"),
            ],
        );
        self.link(cross, "nCName", self.marks.domain);
        let services = self.lay(Some(top), "container", "Services", None, hidden);
        let windows = self.lay(Some(services), "container", "Windows NT", None, hidden);
        let service = self.lay(
            Some(windows),
            "nTDSService",
            "Directory Service",
            None,
            &[
                ("tombstoneLifetime", "180"),
                ("msDS-DeletedObjectLifetime", "180"),
            ],
        );
        let features = self.lay(
            Some(service),
            "container",
            "Optional Features",
            None,
            hidden,
        );
        let feature = self.lay(
            Some(features),
            "msDS-OptionalFeature",
            "Recycle Bin Feature",
            None,
            &[],
        );
        let guid = crate::model::Guid::parse("766ddcd8-acd0-445e-f3b9-a7f9b6744f2a");
        self.octets(
            feature,
            "msDS-OptionalFeatureGUID",
            guid.map(|guid| guid.to_wire().to_vec()).unwrap_or_default(),
        );
        if self.config.recycle_bin {
            self.link(partitions, "msDS-EnabledFeature", feature);
        }
        let sites = self.lay(Some(top), "sitesContainer", "Sites", None, &[]);
        let site = self.lay(Some(sites), "site", "Default-First-Site-Name", None, &[]);
        let servers = self.lay(Some(site), "serversContainer", "Servers", None, &[]);
        let host = format!("dc1.{domain}");
        let server = self.lay(
            Some(servers),
            "server",
            "DC1",
            None,
            &[("dNSHostName", &host)],
        );
        let settings = self.lay(
            Some(server),
            "nTDSDSA",
            "NTDS Settings",
            None,
            &[("msDS-Behavior-Version", "7")],
        );
        let invocation = self.invocation.to_wire().to_vec();
        self.octets(settings, "invocationId", invocation);
    }

    fn lay_schema(&mut self) {
        let top = self.marks.schema;
        self.lay(Some(top), "subSchema", "Aggregate", None, &[]);
        let attributes: Vec<_> = self
            .schema
            .attributes()
            .map(|(id, def)| (id, def.clone()))
            .collect();
        let truth = |value: bool| if value { "TRUE" } else { "FALSE" };
        for (id, def) in attributes {
            let (syntax, om) = def.kind.schema();
            let oid = attribute_oid(id);
            let system_only = matches!(
                def.origin,
                Origin::System
                    | Origin::Sam
                    | Origin::BackLink
                    | Origin::Virtual
                    | Origin::Constructed
            );
            let constructed = def.origin == Origin::Constructed;
            let mut rows = vec![
                ("lDAPDisplayName", def.name.clone()),
                ("adminDisplayName", def.name.clone()),
                ("attributeID", oid),
                ("attributeSyntax", syntax.to_owned()),
                ("oMSyntax", om.to_owned()),
                ("isSingleValued", truth(def.single).to_owned()),
                ("systemOnly", truth(system_only).to_owned()),
                ("searchFlags", u8::from(def.indexed).to_string()),
                ("showInAdvancedViewOnly", "TRUE".to_owned()),
            ];
            if constructed {
                // FLAG_ATTR_IS_CONSTRUCTED beside FLAG_SCHEMA_BASE_OBJECT.
                rows.push(("systemFlags", "20".to_owned()));
            } else {
                rows.push(("systemFlags", "16".to_owned()));
            }
            rows.extend(def.lower.map(|n| ("rangeLower", n.to_string())));
            rows.extend(def.upper.map(|n| ("rangeUpper", n.to_string())));
            if def.in_catalog {
                rows.push(("isMemberOfPartialAttributeSet", "TRUE".to_owned()));
            }
            rows.extend(def.link.map(|n| ("linkID", n.to_string())));
            let rows: Vec<(&str, &str)> = rows
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .collect();
            let object = self.lay(Some(top), "attributeSchema", &def.name, None, &rows);
            let guid = self.random.guid().to_wire().to_vec();
            self.octets(object, "schemaIDGUID", guid);
        }
        let classes: Vec<_> = self.schema.classes().map(|class| class.row).collect();
        let mut laid = Vec::new();
        for (at, row) in classes.iter().enumerate() {
            let oid = class_oid(at);
            let category = match row.category {
                Category::Structural => "1",
                Category::Abstract => "2",
                Category::Auxiliary => "3",
            };
            let mut rows = vec![
                ("lDAPDisplayName", row.name),
                ("adminDisplayName", row.cn),
                ("governsID", oid.as_str()),
                ("subClassOf", row.superior),
                ("objectClassCategory", category),
                ("rDNAttID", row.rdn),
                ("systemOnly", truth(!row.creatable)),
                ("systemFlags", "16"),
            ];
            let class = self
                .schema
                .class_named(row.name)
                .map(|id| self.schema.class(id).clone());
            // What a class really takes, inheritance and auxiliary classes included: reading one object is enough.
            let allowed: Vec<String> = class
                .iter()
                .flat_map(|class| class.allowed.difference(&class.required))
                .map(|&id| self.schema.def(id).name.clone())
                .collect();
            rows.extend(
                allowed
                    .iter()
                    .map(|name| ("systemMayContain", name.as_str())),
            );
            rows.extend(row.must.iter().map(|name| ("systemMustContain", *name)));
            rows.extend(
                row.parents
                    .iter()
                    .map(|name| ("systemPossSuperiors", *name)),
            );
            rows.extend(
                row.auxiliary
                    .iter()
                    .map(|name| ("systemAuxiliaryClass", *name)),
            );
            let object = self.lay(Some(top), "classSchema", row.cn, None, &rows);
            let guid = self.random.guid().to_wire().to_vec();
            self.octets(object, "schemaIDGUID", guid);
            laid.push((object, row.object_category));
        }
        for (object, category) in laid {
            let key = format!("cn={}", category.to_lowercase());
            if let Some(target) = self.store.child(top, &key) {
                self.link(object, "defaultObjectCategory", target);
            }
        }
    }

    fn lay_service_accounts(&mut self) -> Result<(), Failure> {
        for unit in self.config.units.clone() {
            self.add_unit(&unit)?;
        }
        for account in self.config.accounts.clone() {
            let name = account.name.clone();
            let users = self.store.dn(self.marks.users);
            let users = Dn::parse(&users).map_err(|_| Failure::bad_name(&users))?;
            let upn = format!("{name}@{}", self.config.domain);
            let entry = NewEntry::new(users.child("CN", &name).as_str(), "user")
                .with("sAMAccountName", &name)
                .with("userPrincipalName", &upn)
                .with("userAccountControl", "66082")
                .with("description", "service account");
            let id = self.add(Principal::System, true, &entry)?;
            self.store_password(id, account.password.expose_secret());
            let mut attributes = self.store.attributes(id);
            attributes.insert(self.schema.known.uac, vec![b"66048".to_vec().into()]);
            self.store.set_attributes(&self.schema, id, attributes);
            let places = account
                .writes_under
                .iter()
                .map(|place| self.resolve(place, false))
                .collect::<Result<Vec<_>, _>>()?;
            self.delegations.insert(
                id,
                Delegation {
                    places,
                    reads_deleted: account.reads_deleted,
                    may_restore: account.may_restore,
                    may_unexpire: account.may_unexpire,
                },
            );
        }
        Ok(())
    }

    /// Makes an organizational unit, and those above it that are missing.
    pub(crate) fn add_unit(&mut self, name: &str) -> Result<ObjectId, Failure> {
        if let Ok(found) = self.resolve(name, false) {
            return Ok(found);
        }
        let dn = Dn::parse(name).map_err(|_| Failure::bad_name(name))?;
        if let Some(parent) = dn.parent() {
            self.add_unit(parent.as_str())?;
        }
        self.add(
            Principal::System,
            true,
            &NewEntry::new(name, "organizationalUnit"),
        )
    }
}

fn account_defaults<'a>(
    name: &'a str,
    uac: &'a str,
    primary: &'a str,
) -> Vec<(&'static str, &'a str)> {
    vec![
        ("sAMAccountName", name),
        ("userAccountControl", uac),
        ("primaryGroupID", primary),
        ("accountExpires", "9223372036854775807"),
        ("pwdLastSet", "0"),
        ("badPwdCount", "0"),
        ("badPasswordTime", "0"),
        ("codePage", "0"),
        ("countryCode", "0"),
        ("lastLogoff", "0"),
        ("lastLogon", "0"),
        ("logonCount", "0"),
    ]
}

/// A stand-in number from the arc reserved for documentation (RFC 5612).
pub(crate) fn attribute_oid(id: AttrId) -> String {
    format!("1.3.6.1.4.1.32473.1.{}", id.0 + 1)
}

/// The same for classes.
pub(crate) fn class_oid(at: usize) -> String {
    format!("1.3.6.1.4.1.32473.2.{}", at + 1)
}
