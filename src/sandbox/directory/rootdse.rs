//! The entry without a name: what the server says of itself ([MS-ADTS] 3.1.1.3.2).

use super::ber::Writer;
use super::controls::SUPPORTED;
use super::core::Directory;
use super::message::{STARTTLS, Search, WHO_AM_I, write_attribute, write_entry};
use super::value::generalized_time;

impl Directory {
    pub(crate) fn root_dse(&self, search: &Search<'_>, out: &mut Writer, id: i64) {
        let domain = self.store.dn(self.marks.domain);
        let configuration = self.store.dn(self.marks.configuration);
        let schema = self.store.dn(self.marks.schema);
        let server =
            format!("CN=DC1,CN=Servers,CN=Default-First-Site-Name,CN=Sites,{configuration}");
        let one = |value: String| vec![value];
        let list = |values: &[&str]| values.iter().map(|&v| v.to_owned()).collect();
        let dns = &self.config.domain;
        let attributes: Vec<(&str, Vec<String>)> = vec![
            (
                "currentTime",
                one(generalized_time(
                    self.config.tells.unwrap_or_else(|| self.now()),
                )),
            ),
            ("subschemaSubentry", one(format!("CN=Aggregate,{schema}"))),
            ("dsServiceName", one(format!("CN=NTDS Settings,{server}"))),
            (
                "namingContexts",
                vec![domain.clone(), configuration.clone(), schema.clone()],
            ),
            ("defaultNamingContext", one(domain.clone())),
            ("schemaNamingContext", one(schema.clone())),
            ("configurationNamingContext", one(configuration)),
            ("rootDomainNamingContext", one(domain)),
            ("supportedControl", list(SUPPORTED)),
            ("supportedLDAPVersion", list(&["3", "2"])),
            (
                "supportedLDAPPolicies",
                list(&[
                    "MaxPageSize",
                    "MaxValRange",
                    "MaxReceiveBuffer",
                    "MaxConnIdleTime",
                ]),
            ),
            ("highestCommittedUSN", one(self.store.usn().to_string())),
            ("supportedSASLMechanisms", list(&["EXTERNAL"])),
            ("dnsHostName", one(format!("dc1.{dns}"))),
            (
                "ldapServiceName",
                one(format!("{dns}:dc1$@{}", dns.to_uppercase())),
            ),
            ("serverName", one(server)),
            (
                "supportedCapabilities",
                list(&[
                    "1.2.840.113556.1.4.800",
                    "1.2.840.113556.1.4.1670",
                    "1.2.840.113556.1.4.1791",
                    "1.2.840.113556.1.4.1935",
                    "1.2.840.113556.1.4.2080",
                    "1.2.840.113556.1.4.2237",
                ]),
            ),
            ("supportedExtension", list(&[STARTTLS, WHO_AM_I])),
            ("isSynchronized", list(&["TRUE"])),
            ("isGlobalCatalogReady", list(&["TRUE"])),
            ("domainFunctionality", list(&["7"])),
            ("forestFunctionality", list(&["7"])),
            ("domainControllerFunctionality", list(&["7"])),
        ];
        let wanted = |name: &str| {
            search.attributes.is_empty()
                || search
                    .attributes
                    .iter()
                    .any(|w| *w == "*" || *w == "+" || w.eq_ignore_ascii_case(name))
        };
        write_entry(out, id, "", |out| {
            for (name, values) in &attributes {
                if wanted(name) {
                    let values = if search.types_only { &[][..] } else { values };
                    write_attribute(out, name, values.iter().map(String::as_bytes));
                }
            }
        });
    }
}
