//! The whole way with the real binary: validate, plan, show, apply, plan again.
//!
//! Every case runs twice, against the embedded directory and against a real Samba AD domain controller, with the same
//! expectations. HaloITSM is the simulator in both.

mod cases;
mod lab;
mod site;

use lab::Lab;

/// Defines each case for both directories.
macro_rules! on_both {
    ($($case:ident),* $(,)?) => {
        mod embedded {
            // A second domain takes a second controller, which Samba has not here.
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn names_of_another_domain_are_not_given() {
                let lab = super::Lab::embedded().await;
                super::cases::names_of_another_domain_are_not_given(lab).await;
            }
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::cases::$case(super::Lab::embedded().await).await;
            })*
        }
        mod samba {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::cases::$case(super::Lab::samba().await).await;
            })*
        }
    };
}

on_both!(
    joiners_with_managers_and_groups,
    movers_change_attributes_name_place_and_groups,
    movers_overlap_until_a_day_the_plan_names,
    leavers_are_disabled_and_moved,
    leavers_lose_their_password_and_keep_what_the_state_keeps,
    groups_are_named_three_ways_and_privileged_ones_are_refused,
    returners_are_enabled,
    adoption_writes_the_anchor_only,
    conflicts_skip_the_object_and_nothing_else,
    hostile_names_survive_the_whole_way,
    a_short_read_removes_nothing,
    protected_accounts_are_never_touched,
    secrets_appear_nowhere,
    merged_values_stand_beside_those_of_others,
    a_template_gives_and_takes_back,
    names_are_unique_among_all_addresses,
    names_of_the_forest_come_from_the_global_catalog,
    names_given_are_kept,
    surnames_change_and_old_addresses_stay,
    long_texts_and_pictures_are_written_as_planned,
    a_department_that_vanishes_waits_until_somebody_waives_it,
    two_in_five_people_fewer_take_nothing_from_anybody,
    probing_shows_the_directory_and_nobody_in_it,
);
