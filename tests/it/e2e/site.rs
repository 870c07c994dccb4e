//! The two directories, and HaloITSM.

use halosync::sandbox::halo::{ErrorShape, Fault, HaloPerson, HaloSim, On, SimConfig, SimSite};

use super::lab::Site;
use crate::directory::lab::{EMBEDDED_ADMIN, embedded_directory};
use crate::samba::{self, SambaDc};

/// A real domain controller.
pub(super) async fn samba() -> Site {
    let controller = SambaDc::start().await;
    let own = |(user, password): (&str, &str)| (user.to_owned(), password.to_owned());
    Site {
        url: format!("ldaps://{}", controller.address()),
        ca_pem: controller.authority().pem(),
        read: own(samba::READER),
        write: own(samba::WRITER),
        admin: own(samba::ADMIN),
        catalog: None,
        forest: None,
        keep: Box::new(controller),
    }
}

/// The embedded directory.
pub(super) async fn embedded() -> Site {
    let sim = embedded_directory().await;
    let own = |(user, password): (&str, &str)| (user.to_owned(), password.to_owned());
    Site {
        url: sim.ldaps_url(),
        ca_pem: sim.ca_pem().to_owned(),
        read: own(samba::READER),
        write: own(samba::WRITER),
        admin: own(EMBEDDED_ADMIN),
        catalog: Some(sim.catalog_url()),
        forest: Some(sim.state()),
        keep: Box::new(sim),
    }
}

/// A site of another client.
pub(super) const ELSEWHERE: i64 = 99;
const OTHER_CLIENT: i64 = 13;

/// HaloITSM with the people of a case.
pub(super) struct Halo {
    sim: HaloSim,
}

impl Halo {
    pub(super) async fn start(secret: &str) -> Self {
        let mut sites = SimConfig::default().sites;
        sites.push(SimSite {
            client_id: OTHER_CLIENT,
            ..SimSite::new(ELSEWHERE, "Elsewhere")
        });
        let sim = HaloSim::start(SimConfig {
            sites,
            client_id: "halosync".to_owned(),
            client_secret: secret.to_owned(),
            tenant: None,
            limiter: None,
            retry_after: false,
            ..SimConfig::default()
        })
        .await
        .expect("a port");
        Self { sim }
    }

    pub(super) fn resource_server(&self) -> String {
        self.sim.resource_server().to_string()
    }

    pub(super) fn authorisation_server(&self) -> String {
        self.sim.authorisation_server().to_string()
    }

    /// Adds or replaces a person.
    pub(super) fn put(&self, person: HaloPerson) {
        self.sim.state().put(person);
    }

    /// Deletes a person.
    pub(super) fn remove(&self, number: u32) {
        self.sim.state().remove(i64::from(number));
    }

    /// Deletes everybody; everything works again.
    pub(super) fn clear(&self) {
        let state = self.sim.state();
        state.clear_faults();
        state.hide_client(OTHER_CLIENT, false);
        for id in state.ids() {
            if id < 1_000_000 {
                state.remove(id);
            }
        }
    }

    /// From this request on, counted from now, every answer is an error.
    pub(super) fn fail_from(&self, request: u64) {
        let state = self.sim.state();
        state.clear_faults();
        let fault = Fault::Status(500, ErrorShape::Plain, "oops".to_owned());
        state.fault_from(On::Api, request, fault);
    }

    /// Hides the people of the other client, or shows them again.
    pub(super) fn hide(&self, hidden: bool) {
        self.sim.state().hide_client(OTHER_CLIENT, hidden);
    }

    /// From now on the claimed total is off by this many.
    pub(super) fn claim(&self, more: i64) {
        let state = self.sim.state();
        state.clear_faults();
        if more != 0 {
            state.fault_from(On::Api, 1, Fault::WrongRecordCount(more));
        }
    }
}
