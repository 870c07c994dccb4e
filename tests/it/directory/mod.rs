//! The LDAP connector against directories: every test here runs on each kind of directory there is.
//!
//! A test is an async function of a [`Lab`], named once in `on_every_directory!`.

mod bind;
mod lab;
mod read;
mod write;

pub(crate) use lab::Lab;

/// One `#[tokio::test]` per test and directory.
macro_rules! on_every_directory {
    ($($room:ident: $($test:ident),+;)+) => {
        mod on_samba {
            $($(
                #[tokio::test]
                async fn $test() {
                    super::$room::$test(super::Lab::samba().await).await;
                }
            )+)+
        }
    };
}

on_every_directory! {
    bind:
        wrong_credentials_are_denied_in_words,
        an_unknown_authority_is_not_trusted,
        start_tls_protects_the_plain_port,
        a_client_certificate_signs_in_or_is_refused_cleanly,
        servers_are_tried_in_order_and_the_pinned_one_only,
        another_base_is_refused;
    read:
        identity_and_account_are_known,
        the_schema_is_the_servers_own,
        users_come_whole_whatever_the_page_size,
        octets_come_as_base64,
        every_taken_name_is_seen,
        members_come_in_parts,
        deleted_names_are_seen,
        a_read_through_a_cut_connection_fails_and_the_next_works;
    write:
        hostile_names_make_the_round_trip,
        compare_and_set_conflicts_when_something_moved,
        names_in_use_conflict,
        what_the_server_never_accepts_is_invalid,
        rights_end_where_the_delegation_ends,
        members_are_added_and_removed_idempotently,
        objects_are_renamed_and_moved,
        passwords_are_set_and_policy_is_said,
        octets_are_written_from_base64,
        an_unanswered_write_is_unknown_and_the_next_goes_on,
        many_writes_share_few_connections;
}
