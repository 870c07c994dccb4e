//! Every code under which somebody is held or a reviewer warned, with the way out. `docs/held.md` lists them.

/// A stable code and what settles it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// Kebab-case, never renamed.
    pub code: &'static str,
    /// What settles it, for reviewers.
    pub help: &'static str,
}

macro_rules! codes {
    ($(#[$doc:meta])* $module:ident $list:ident { $($name:ident $code:literal $help:literal;)* }) => {
        $(#[$doc])*
        pub mod $module {
            use super::Code;
            $(
                #[doc = concat!("`", $code, "`: ", $help, ".")]
                pub const $name: Code = Code { code: $code, help: $help };
            )*
        }
        $(#[$doc])*
        pub const $list: &[Code] = &[$($module::$name),*];
    };
}

codes! {
    /// Why nothing, or not everything, is done for somebody.
    held HELD {
        ABSENT "absent" "decide what becomes of the account; nothing is removed because a person is missing from a read";
        ACCOUNT_UNFINISHED "account-unfinished" "set a password and clear PASSWD_NOTREQD by hand, and undo again; or leave it: a plan that enables the account gives it an initial password";
        ADOPTION_UNPROVEN "adoption-unproven" "read again; an account is adopted on a read that is proven complete, or when a Links document names it";
        AMBIGUOUS_MAPPING "ambiguous-mapping" "make the mappings' appliesTo conditions exclude each other";
        AMBIGUOUS_MATCH "ambiguous-match" "write the anchor to the right account, or remove the value from the others";
        ANCHORED_ELSEWHERE "anchored-elsewhere" "correct the anchor of the account, or the value that recognises it";
        ANCHOR_LOST "anchor-lost" "write the anchor back into the account; or let a Links document say whose it is, or under forbidden that it is not this person's, who then gets another";
        ANCHOR_TAKEN "anchor-taken" "write the anchor of whoever had the account back into it; or let a Links document say that it is this person's now";
        ATTRIBUTE_READ_ONLY "attribute-read-only" "take the rule out, or say ifUnknown: warn in it";
        ATTRIBUTE_UNKNOWN "attribute-unknown" "extend the directory's schema, or say ifUnknown: warn in the rule";
        BAD_VALUE "bad-value" "correct the value in HaloITSM or the template";
        CANNOT_CLEAR "cannot-clear" "use empty: leave or empty: hold, this attribute cannot be without a value";
        CONFLICTING_RULES "conflicting-rules" "give the templates different priorities, make their conditions exclude each other, or let them say the same";
        CONTESTED_ACCOUNT "contested-account" "write the anchor of the right person to the account";
        DELETE_CHILDREN "delete-children" "see what stands below the account, and delete or move it by hand; a plan deletes nothing with an account";
        DELETE_CLAIMED "delete-claimed" "settle whose account it is: correct the anchor, or say so in a Links document";
        DELETE_EXCEPTION "delete-exception" "wait until the exception is over, or take it out; nobody with an exception is deleted";
        DELETE_PRIVILEGED "delete-privileged" "take the account out of the group by hand, and plan again";
        DELETE_PROTECTED "delete-protected" "take the protection from accidental deletion off, or let the reading account see it";
        DELETE_RECYCLE_BIN "delete-recycle-bin" "switch the Recycle Bin on, or say withoutRecycleBin: true in the stage";
        DELETE_SERVICE "delete-service" "find out what signs in with the account; take its servicePrincipalName and its trust away when nothing does";
        DELETE_TOO_EARLY "delete-too-early" "nothing; the account is deleted when it has been disabled long enough";
        DELETE_UNDATED "delete-undated" "let the reading account see replPropertyMetaData, and read the directory again with this configuration";
        DIRECTORY_UNPROVEN "directory-unproven" "read the directory again; without a whole read nothing is planned";
        DRIFT_ASK "drift-ask" "correct the value in HaloITSM or the rule, write the wanted value back by hand, name a member that is to stay in `keep`, let an exception spare the attribute, or change what drift says of it";
        DRIFT_UNDETERMINED "drift-undetermined" "plan with --since and the recording of the last plan applied (and --last-apply with the report of its apply); where that does not tell, write the wanted value by hand, correct the value in HaloITSM or the rule, or change what drift says of it";
        DUPLICATE_ADDRESS "duplicate-address" "give the account another address in the rule, or take the address off the other object";
        DUPLICATE_ANCHOR "duplicate-anchor" "give each of these people a value of their own in HaloITSM";
        DUPLICATE_VALUE "duplicate-value" "give each of these people a value of their own in HaloITSM";
        EXCEPTION_EXPIRED "exception-expired" "take the exception out, or give it a new last day";
        EXCLUSIVE_OTHERS "exclusive-others" "take them out by hand, or name them in the rule's keep; only accounts whose people the read has are taken out";
        EXEMPT "exempt" "nothing, while the exception is meant; take it out to let the rules decide again";
        FIELD_NOT_DELIVERED "field-not-delivered" "make HaloITSM deliver the field, or take it out of the rule";
        FORBIDDEN_MATCH "forbidden-match" "take the anchor off the account, or the forbidden match out of the Links document";
        GROUP_AMBIGUOUS "group-ambiguous" "name the group by its distinguished name or its objectGUID";
        GROUP_MISSING "group-missing" "create the group, or correct its name in the rule";
        GROUP_UNREAD "group-unread" "read the directory again with this configuration";
        GUARD_BREAK_GLASS "guard-break-glass" "change the account by hand; no plan changes accounts kept for emergencies";
        GUARD_LIMIT "guard-limit" "see to what brings this about, or let it pass once with a Waiver";
        GUARD_MINIMUM_MEMBERS "guard-minimum-members" "give the group other enabled members first, and plan again";
        INACTIVE "inactive" "decide what becomes of the account, or correct the record in HaloITSM; nothing is changed while the person is inactive";
        INACTIVE_ENABLED "inactive-enabled" "add a state for inactive people before the one that takes them, or correct the record in HaloITSM";
        INVALID_VALUE "invalid-value" "correct the value in HaloITSM, or say how it is written with the field's type, format or none";
        JOIN_DUPLICATE "join-duplicate" "leave one record of the endpoint with this key, or correct the key; duplicate: report lets the person go on without";
        JOIN_UNKNOWN "join-unknown" "find out why the system answers with something else than the record asked for; nothing is known of it, so nobody goes on without";
        JOIN_UNMATCHED "join-unmatched" "add the record the key leads to, or correct the key; unmatched: report lets the person go on without";
        KEEP_UNKNOWN "keep-unknown" "correct the name in the rule's keep, or take it out; until then nobody leaves the group";
        LINK_CONTRADICTED "link-contradicted" "take the anchor off the account that carries it, or correct the link";
        LINK_UNRESOLVED "link-unresolved" "correct the account in the link, or take the link out";
        MISSING_VALUE "missing-value" "fill in the field in HaloITSM, or say in the rule what an empty value means";
        MOVE_INCOMPLETE "move-incomplete" "settle what keeps them out of the new group, or correct the rule; until then they stay in the old ones";
        NAME_TAKEN "name-taken" "free the name, add formats to the rule, or allow numbered names";
        NAME_UNPROVEN "name-unproven" "have the attribute put into the global catalog, or say within: domain";
        NO_PASSWORD_RECIPIENTS "no-password-recipients" "name in initialPasswords of the project who may open the file with initial passwords";
        NO_STATE "no-state" "add a state whose condition holds for this person";
        NO_USABLE_NAME "no-usable-name" "add a format that gives this person a name";
        OUTSIDE_SCOPE "outside-scope" "correct the placement, or add the place to the managed scope";
        OVERLAP_UNCLEAR "overlap-unclear" "correct the date in HaloITSM, or overlap.until of the Groups document; until then they stay in the group";
        PLACE_MISSING "place-missing" "create the organizational unit, or correct the placement";
        PRIMARY_ADDRESS "primary-address" "let one rule give one SMTP: address, or correct the addresses of the account";
        PRIVILEGED_GROUP "privileged-group" "take the rule out, or name the group in privileged of the Groups document when its members are to be kept by rule";
        PROTECTED "protected" "change the account by hand; protected accounts are never touched";
        PROTECTED_GROUP "protected-group" "add the group's place to groupsUnder, or take the rule out; protected groups are never touched";
        QUALITY "quality" "correct the value in HaloITSM, or the rule";
        REMOVAL_AFTER_ADOPTION "removal-after-adoption" "apply this plan and plan again; an account that was only recognised now loses nothing yet";
        REMOVAL_UNPROVEN "removal-unproven" "read again; removals wait for a read that is proven complete";
        RETURN_REVIEW "return-review" "name the old account in a Links document: under links to give it back, under forbidden to have a new one made";
        RULE_FAILED "rule-failed" "correct the value in HaloITSM or the rule";
        SAME_PERSON_ACCOUNTS "same-person-accounts" "say in a Links document which account is the person's; the others are left as they are";
        SAME_PERSON_UNCLEAR "same-person-unclear" "add a condition to prefer that tells the records apart, or correct them in HaloITSM";
        SAME_PERSON_UNPROVEN "same-person-unproven" "read again; another record of the person, with an account, may be in the part that is missing";
        SAME_PERSON_VANISHED "same-person-vanished" "let a Links document say that the account is this person's, or under forbidden that it is not; or bring the record back in HaloITSM";
        STAMP_UNREADABLE "stamp-unreadable" "correct or clear the attribute that carries the stamp; nobody else may write it";
        STOP_UNREACHED "stop-unreached" "disable the account by hand now, then settle why it cannot be found";
        UNDO_CHANGED "undo-changed" "see who wrote it and why; set it by hand where the former value is the right one";
        UNDO_GONE "undo-gone" "see what became of the object; what was in it before stands in the journal";
        UNDO_IMPOSSIBLE "undo-impossible" "decide by hand what becomes of the account";
        UNDO_STOPPED "undo-stopped" "take the exception out first, where the person is to have access again; or leave them out of the undo";
        UNDO_WAITS "undo-waits" "settle first what it waits for, and make the undo again";
        UNKNOWN_TIME_ZONE "unknown-time-zone" "correct the value in HaloITSM, or give its IANA name in a table";
        UNMANAGED_MATCH "unmanaged-match" "move the account into the managed scope, or take the value that recognises it off it";
        UNMAPPED_VALUE "unmapped-value" "add the key to the table, or say what an unmapped key means";
        VALUE_TOO_LONG "value-too-long" "shorten the value in HaloITSM or in the template, or let the rule cut it (tooLong: truncate)";
    }
}

codes! {
    /// What a reviewer should know besides.
    warning WARNINGS {
        ABSENT "absent" "accounts whose people were not in the read";
        ABSENT_NOT_JUDGED "absent-not-judged" "the read is unproven or has rejected rows, so nobody is called absent";
        ATTRIBUTE_READ_ONLY "attribute-read-only" "the directory's schema lets nobody write an attribute, its rules were left out; take them out";
        BECOMES_PRIVILEGED "becomes-privileged" "people enter a privileged group; the directory marks their accounts, and they are not managed any more, also when the people leave";
        BREAK_GLASS_DISABLED "break-glass-disabled" "an account kept for emergencies is disabled, so it would be of no use";
        BREAK_GLASS_NOT_FOUND "break-glass-not-found" "an account kept for emergencies does not exist in the read; correct or remove its name";
        EXCEPTION_EXPIRES_SOON "exception-expires-soon" "exceptions whose last day is near";
        EXCEPTION_UNKNOWN_PERSON "exception-unknown-person" "exceptions of people whom the read does not have";
        FIELD_NOT_DELIVERED "field-not-delivered" "a rule was left out because no row of the read had the field";
        GROUP_UNIDENTIFIED "group-unidentified" "nothing in a group rule's name sets its groups apart from others, so a group is left to itself once nobody belongs there";
        INACTIVE "inactive" "enabled accounts whose people the source calls inactive, left as they are";
        JOIN_DUPLICATE "join-duplicate" "several records of an endpoint have the same key, so none of them belongs to anybody";
        JOIN_UNMATCHED "join-unmatched" "people whose key no record of an endpoint has";
        JOIN_UNUSED "join-unused" "records of an endpoint that belong to nobody";
        LINK_UNKNOWN_PERSON "link-unknown-person" "links of people whom the read does not have";
        MANAGED_NOT_FOUND "managed-not-found" "a place of the managed scope does not exist in the read, so nothing below it is managed";
        MINIMUM_NOT_MET "minimum-not-met" "a group has fewer enabled members than it must; nothing is taken from it";
        NO_GUARDS "no-guards" "no Guards document limits what one plan may do to a target";
        NO_PASSWORD_RECIPIENTS "no-password-recipients" "accounts are to be created and nobody is named who may open the file with initial passwords";
        NOT_EXECUTED "not-executed" "states say something of a service that nothing acts on yet; it is not done";
        NOT_IN_CATALOG "not-in-catalog" "the global catalog lacks an attribute, so a name in it is alone in its own domain and perhaps not in the forest";
        NOT_MAPPED "not-mapped" "accounts of people to whom no mapping applies";
        OUT_OF_SCOPE "out-of-scope" "accounts of people the source's include leaves out";
        PASSWORD_NOT_REQUIRED "password-not-required" "enabled accounts of which no password is required (PASSWD_NOTREQD), so that they may have none; set one and clear the bit by hand";
        PRIVILEGED_NOT_FOUND "privileged-not-found" "a privileged group that rules are allowed to change does not exist in the read, or is not privileged; correct or remove the name";
        PROTECTED_NOT_FOUND "protected-not-found" "a protected name does not exist in the read, so it protects nothing; correct or remove it";
        QUALITY "quality" "values that are not as a rule of the source asks, of people for whom everything goes on";
        REFERENCE_CIRCLE "reference-circle" "people are, by way of others, their own manager; the references are written as the source has them";
        REFERENCE_UNRESOLVED "reference-unresolved" "a reference to a person without a known account was left as it is";
        REJECTED_ROWS "rejected-rows" "rows of the read that could not become people";
        REMOVALS_HELD "removals-held" "the read is not proven complete, so every removal waits";
        RESET_UNDATED "reset-undated" "pwdLastSet is 0 and the reading account does not see replPropertyMetaData; let it, or reset these passwords by hand and give the writing account Unexpire-Password";
        SECONDARY_ACCOUNT "secondary-account" "accounts that carry the anchor of a secondary record of somebody who has another account; nothing is done with them, take the anchor off or delete them by hand";
        STAGES_UNCOUNTED "stages-uncounted" "people are in a state without a date since when, and the target keeps no stamps; name an attribute for them (stamp), or fill in the date";
        STAMP_BEFORE_ACCOUNT "stamp-before-account" "a stamp says that something began before there was the account; it is counted from now";
        STAMP_FOREIGN "stamp-foreign" "the attribute of stamps carries something else; choose one nobody else writes";
        UNCOVERED_VALUE "uncovered-value" "people have values that no template or condition speaks of; add a rule, or leave it if that is meant";
        UNDO_ALREADY "undo-already" "changes that were written and are as before again";
        UNDO_COMES_AGAIN "undo-comes-again" "the next plan does again what is undone, as long as rules and data ask for it";
        UNDO_CREATED "undo-created" "accounts that were made stay, disabled; an undo deletes nothing";
        UNDO_LOST "undo-lost" "accounts come back from their tombstones, and not everything comes back with them";
        UNDO_NOT_DONE "undo-not-done" "changes of the plan that were never written, so that nothing of them is undone";
        UNDO_PASSWORD "undo-password" "passwords that were replaced do not come back";
        UNKNOWN_ATTRIBUTE "unknown-attribute" "the directory's schema lacks an attribute, its rules were left out";
        UNMAPPED_VALUE "unmapped-value" "people have values that a table has no row for; add rows, or say in the table what such a value means";
        WAIVER_EXPIRED "waiver-expired" "a waiver has expired and releases nothing; remove it, or decide anew";
        WAIVER_EXPIRES_SOON "waiver-expires-soon" "a waiver's last day is near";
    }
}
