//! The two directories, and HaloITSM.

use halosync::sandbox::halo::{Fault, HaloPerson, HaloSim, On, SimConfig};

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
        _keep: Box::new(controller),
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
        _keep: Box::new(sim),
    }
}

/// HaloITSM with the people of a case.
pub(super) struct Halo {
    sim: HaloSim,
}

impl Halo {
    pub(super) async fn start(secret: &str) -> Self {
        let sim = HaloSim::start(SimConfig {
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

    /// From now on the claimed total is off by this many.
    pub(super) fn claim(&self, more: i64) {
        let state = self.sim.state();
        state.clear_faults();
        if more != 0 {
            state.fault_from(On::Api, 1, Fault::WrongRecordCount(more));
        }
    }
}
