//! The shapes of the configuration documents, one module per kind: plain serde types that mirror the YAML and from
//! which the JSON Schemas are generated. Their doc comments are the schema's descriptions, so they speak to users.
//!
//! Nothing here is validated beyond its type; see [`super::Config`] for documents that have been.

mod active_directory;
mod drift;
mod exceptions;
mod groups;
mod guards;
mod lifecycle;
mod links;
mod mapping;
mod mapping_test;
mod naming;
mod project;
mod services;
mod shared;
mod source;
mod table;
mod template;

pub use active_directory::{
    ActiveDirectory, Bind, GlobalCatalog, ManagedScope, StampAttribute, Tls,
};
pub use drift::{Drift, DriftPolicy};
pub use exceptions::{Everything, Exception, Exceptions, Exempt};
pub use groups::{GroupMode, GroupRule, Groups, LONGEST_OVERLAP, Overlap};
pub use guards::{
    ActionClass, ApprovalRule, Approvals, Guards, Limit, LimitName, MinimumMembers, OnBreach, Per,
    Share, Waiver,
};
pub use lifecycle::{
    AbsentLeaver, AbsentPolicy, AccountState, Deletion, GroupsInState, InactivePolicy,
    InactiveRule, InactiveThen, Lifecycle, Never, OutOfScopePolicy, PasswordInState, Returning,
    ReturningAccount, Stage, StageAccount, State, Step,
};
pub use links::{Link, Links};
pub use mapping::{
    Adoption, Anchor, AttributeRule, AttributeSpec, Empty, InitialPassword, Mapping, Match,
    PlacementWhen, When,
};
pub use mapping_test::{
    AccountFate, Expectation, ExpectedGroups, ExpectedHeld, GivenAccount, GivenDirectory,
    GivenFact, GivenValue, GroupsAmong, HeldReason, MappingTest, OtherPerson, PersonReference,
};
pub use naming::{IfUnknown, OnRename, RenamePolicy, TooLong, UniqueSpec, Within};
pub(crate) use project::default_include;
pub use project::{InitialPasswords, PlanSettings, Project, Sealing};
pub use services::{
    All, AutoReply, HomeFolder, Licences, Lync, Mailbox, Photo, RemovedLicences, Services,
};
pub use shared::{FromEnvironment, PersonId, SecretRef, Setting};
pub use source::{
    AnswerType, ApiKey, Auth, Basic, Bearer, Body, CacheRule, ClientAuthentication,
    CompletenessRules, Controls, DateFormats, Dates, Endpoint, Entities, FieldSpec, FileStore,
    Grant, ImageKind, Invalid, Join, JoinTrouble, KeyPlace, KeyringStore, KeysOf, LastGood,
    LocalPart, MaxFall, Method, NoAuth, Normalise, OAuth2, OneOf, Parameter, ParameterPlace, Parts,
    PersonSpec, Preset, QualityRule, QueryValue, RateLimit, Repeat, RepeatBy, Required, SamePerson,
    Severity, Source, TokenRequest, TokenStore, Unique, Whitespace,
};
pub use table::{CsvFile, Table, Unmapped};
pub use template::{OnLeave, Template};
