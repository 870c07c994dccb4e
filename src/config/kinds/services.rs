//! What becomes of a person's mailbox, licences and the like in a state: declared and checked, and not acted on yet.

use serde::{Deserialize, Serialize};

/// What is to become of services beside the account. Checked wholly, and told in every plan as not done: nothing acts on
/// it yet.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Services {
    /// Licences that are taken away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licences: Option<Licences>,
    /// The mailbox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mailbox: Option<Mailbox>,
    /// What whoever writes to the person is answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_reply: Option<AutoReply>,
    /// The photo in address lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub photo: Option<Photo>,
    /// Lync or Skype for Business.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lync: Option<Lync>,
    /// The home folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home_folder: Option<HomeFolder>,
    /// Names of scripts that are run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scripts: Vec<String>,
}

/// Licences that are taken away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Licences {
    /// `all`, or the names (SKU part numbers) of some.
    pub remove: RemovedLicences,
    /// Names of licences that stay, with `remove: all`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keep: Vec<String>,
}

/// Which licences.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum RemovedLicences {
    /// All of them.
    All(All),
    /// Those with these names.
    Some(Vec<String>),
}

/// The word for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum All {
    /// All of them.
    All,
}

/// What becomes of a mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Mailbox {
    /// Whether it becomes a shared one, which needs no licence up to a size.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub convert_to_shared: bool,
    /// Template of the address mail goes on to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forward_to: Option<String>,
    /// Whether mail that goes on stays in the mailbox as well.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keep_copy: bool,
    /// Templates of the addresses of those who get full access.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub full_access: Vec<String>,
}

/// What whoever writes is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AutoReply {
    /// Template of the answer to people of the organisation.
    pub internal: String,
    /// Template of the answer to everyone else. Without, they are not answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<String>,
    /// Template of the last day on which anybody is answered. Without, there is no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

/// What becomes of the photo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Photo {
    /// It stays.
    Keep,
    /// It is removed.
    Remove,
}

/// What becomes of Lync or Skype for Business.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Lync {
    /// It stays as it is.
    Keep,
    /// The person is disabled there.
    Disable,
}

/// What becomes of the home folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum HomeFolder {
    /// It stays.
    Keep,
    /// It goes to this place, a template of a path.
    ArchiveTo(String),
}

impl Services {
    /// The members that say something, by the name a document uses.
    pub fn members(&self) -> impl Iterator<Item = &'static str> {
        [
            ("licences", self.licences.is_some()),
            ("mailbox", self.mailbox.is_some()),
            ("autoReply", self.auto_reply.is_some()),
            (
                "photo",
                self.photo.is_some_and(|photo| photo == Photo::Remove),
            ),
            ("lync", self.lync.is_some_and(|lync| lync == Lync::Disable)),
            (
                "homeFolder",
                matches!(self.home_folder, Some(HomeFolder::ArchiveTo(_))),
            ),
            ("scripts", !self.scripts.is_empty()),
        ]
        .into_iter()
        .filter_map(|(name, says)| says.then_some(name))
    }

    /// Pointers to its templates, below itself.
    pub fn templates(&self) -> Vec<String> {
        let mut found = Vec::new();
        if let Some(mailbox) = &self.mailbox {
            found.extend(
                mailbox
                    .forward_to
                    .iter()
                    .map(|_| "/mailbox/forwardTo".to_owned()),
            );
            let access = mailbox.full_access.iter().enumerate();
            found.extend(access.map(|(at, _)| format!("/mailbox/fullAccess/{at}")));
        }
        if let Some(reply) = &self.auto_reply {
            found.push("/autoReply/internal".to_owned());
            found.extend(
                reply
                    .external
                    .iter()
                    .map(|_| "/autoReply/external".to_owned()),
            );
            found.extend(reply.until.iter().map(|_| "/autoReply/until".to_owned()));
        }
        if let Some(HomeFolder::ArchiveTo(_)) = &self.home_folder {
            found.push("/homeFolder/archiveTo".to_owned());
        }
        found
    }
}
