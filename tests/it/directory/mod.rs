//! The LDAP connector against directories: every test here runs on each kind of directory there is.
//!
//! A test is an async function of a [`Lab`], named once in `every_test!`.

mod bind;
mod deletion;
pub(crate) mod lab;
mod names;
mod read;
mod write;

pub(crate) use lab::Lab;

/// A module with one `#[tokio::test]` per test, each with a fresh directory from `Lab::$start`.
macro_rules! every_test {
    ($module:ident, $start:ident) => {
        every_test! {
            $module, $start:
            bind::wrong_credentials_are_denied_in_words,
            bind::an_unknown_authority_is_not_trusted,
            bind::start_tls_protects_the_plain_port,
            bind::a_client_certificate_signs_in_or_is_refused_cleanly,
            bind::servers_are_tried_in_order_and_the_pinned_one_only,
            bind::another_base_is_refused,
            bind::a_clock_of_another_day_is_refused,
            read::identity_and_account_are_known,
            read::the_schema_is_the_servers_own,
            read::users_come_whole_whatever_the_page_size,
            read::octets_come_as_base64,
            read::every_taken_name_is_seen,
            read::what_protects_a_group_is_seen,
            read::members_come_in_parts,
            read::deleted_names_are_seen,
            read::a_read_through_a_cut_connection_fails_and_the_next_works,
            names::hostile_names_make_the_round_trip,
            write::compare_and_set_conflicts_when_something_moved,
            write::names_in_use_conflict,
            write::what_the_server_never_accepts_is_invalid,
            write::rights_end_where_the_delegation_ends,
            names::members_are_added_and_removed_idempotently,
            names::objects_are_renamed_and_moved,
            write::passwords_are_set_and_policy_is_said,
            write::octets_are_written_from_base64,
            write::an_unanswered_write_is_unknown_and_the_next_goes_on,
            write::many_writes_share_few_connections,
            write::objects_read_together_are_told_apart,
            write::whoever_carries_a_value_is_found,
            deletion::what_matters_before_a_deletion_is_read,
            deletion::one_object_is_deleted_and_no_tree,
            deletion::a_restored_account_is_disabled_since_its_return,
            deletion::a_leaver_is_deleted_when_disabled_long_enough
        }
    };
    ($module:ident, $start:ident: $($room:ident::$test:ident),+) => {
        mod $module {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$room::$test(super::Lab::$start().await).await;
                }
            )+
        }
    };
}

every_test!(on_samba, samba);
every_test!(on_embedded, embedded);
