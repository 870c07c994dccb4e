//! The whole way with the real binary: validate, plan, show, apply, plan again.
//!
//! Every case runs twice, against the embedded directory and against a real Samba AD domain controller, with the same
//! expectations. HaloITSM is the simulator in both.

mod admin;
mod cases;
mod deletion;
mod drift;
mod drift_asked;
mod drift_moves;
mod drift_owners;
mod failures;
mod forged;
mod lab;
mod leaving;
mod locks;
mod policies;
mod proof;
mod records;
mod sealing;
mod site;
mod undo;
mod undo_demo;

use lab::Lab;

/// Defines each case for both directories.
macro_rules! on_both {
    ($($case:ident),* $(,)?) => {
        mod embedded {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn nobody_is_named_and_everything_works() {
                let lab = super::Lab::embedded().await;
                super::sealing::nobody_is_named_and_everything_works(lab).await;
            }
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn one_apply_at_a_time_whatever_the_machine() {
                let lab = super::Lab::embedded().await;
                super::locks::one_apply_at_a_time_whatever_the_machine(lab).await;
            }
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn the_first_lock_is_kept_while_the_second_is_waited_for() {
                let lab = super::Lab::embedded().await;
                super::locks::the_first_lock_is_kept_while_the_second_is_waited_for(lab).await;
            }
            #[cfg(unix)]
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn a_recording_is_its_owners_alone() {
                let lab = super::Lab::embedded().await;
                super::cases::a_recording_is_its_owners_alone(lab).await;
            }
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn an_earlier_report_is_not_written_over() {
                let lab = super::Lab::embedded().await;
                super::cases::an_earlier_report_is_not_written_over(lab).await;
            }
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn edits_are_told_from_other_changes() {
                super::drift::edits_are_told_from_other_changes(super::Lab::embedded().await).await;
            }
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn edits_are_accepted_and_asked_about() {
                super::drift::edits_are_accepted_and_asked_about(super::Lab::embedded().await).await;
            }
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn memberships_are_accepted_and_asked_about() {
                let lab = super::Lab::embedded().await;
                super::drift::memberships_are_accepted_and_asked_about(lab).await;
            }
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn what_waited_for_a_recording_is_made() {
                super::drift::what_waited_for_a_recording_is_made(super::Lab::embedded().await).await;
            }
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn a_plan_without_changes_is_a_link_of_the_chain() {
                super::drift::a_plan_without_changes_is_a_link_of_the_chain(super::Lab::embedded().await).await;
            }
            // A second domain takes a second controller, which Samba has not here.
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn names_of_another_domain_are_not_given() {
                let lab = super::Lab::embedded().await;
                super::cases::names_of_another_domain_are_not_given(lab).await;
            }
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn leavers_are_deleted_last_of_all_and_only_with_proof() {
                let lab = super::Lab::embedded().await;
                super::deletion::leavers_are_deleted_last_of_all_and_only_with_proof(lab).await;
            }
            // A real controller has no clock to be told that months have passed.
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn leavers_are_deleted_when_disabled_long_enough() {
                let lab = super::Lab::embedded().await;
                super::deletion::leavers_are_deleted_when_disabled_long_enough(lab).await;
            }
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn an_edited_journal_is_refused_wherever_it_is_read() {
                let lab = super::Lab::embedded().await;
                super::cases::an_edited_journal_is_refused_wherever_it_is_read(lab).await;
            }
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn no_file_but_a_journal_is_taken_for_one() {
                super::cases::no_file_but_a_journal_is_taken_for_one(super::Lab::embedded().await).await;
            }
            // Samba enables such an account all the same.
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn an_account_that_never_got_a_password_is_refused_for_that() {
                let lab = super::Lab::embedded().await;
                super::cases::an_account_that_never_got_a_password_is_refused_for_that(lab).await;
            }
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn what_cannot_be_undone_is_refused() {
                let lab = super::Lab::embedded().await;
                super::undo::what_cannot_be_undone_is_refused(lab).await;
            }
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::cases::$case(super::Lab::embedded().await).await;
            })*
        }
        mod samba {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn nobody_is_named_and_everything_works() {
                let lab = super::Lab::samba().await;
                super::sealing::nobody_is_named_and_everything_works(lab).await;
            }
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn one_apply_at_a_time_whatever_the_machine() {
                let lab = super::Lab::samba().await;
                super::locks::one_apply_at_a_time_whatever_the_machine(lab).await;
            }
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn edits_are_told_from_other_changes() {
                super::drift::edits_are_told_from_other_changes(super::Lab::samba().await).await;
            }
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn edits_are_accepted_and_asked_about() {
                super::drift::edits_are_accepted_and_asked_about(super::Lab::samba().await).await;
            }
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn memberships_are_accepted_and_asked_about() {
                let lab = super::Lab::samba().await;
                super::drift::memberships_are_accepted_and_asked_about(lab).await;
            }
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn what_waited_for_a_recording_is_made() {
                super::drift::what_waited_for_a_recording_is_made(super::Lab::samba().await).await;
            }
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn leavers_are_deleted_last_of_all_and_only_with_proof() {
                let lab = super::Lab::samba().await;
                super::deletion::leavers_are_deleted_last_of_all_and_only_with_proof(lab).await;
            }
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
    whoever_is_hired_again_gets_a_new_account,
    a_contractor_who_becomes_an_employee_keeps_the_account,
    adoption_writes_the_anchor_only,
    conflicts_skip_the_object_and_nothing_else,
    hostile_names_survive_the_whole_way,
    a_short_read_removes_nothing,
    protected_accounts_are_never_touched,
    secrets_appear_nowhere,
    merged_values_stand_beside_those_of_others,
    a_template_gives_and_takes_back,
    names_are_unique_among_all_addresses,
    names_given_are_kept_when_nobody_listens,
    names_of_the_forest_come_from_the_global_catalog,
    names_given_are_kept,
    surnames_change_and_old_addresses_stay,
    long_texts_and_pictures_are_written_as_planned,
    a_department_that_vanishes_waits_until_somebody_waives_it,
    two_in_five_people_fewer_take_nothing_from_anybody,
    probing_shows_the_directory_and_nobody_in_it,
    an_account_left_half_made_is_finished_by_the_next_plan,
);

/// Undoing, on both.
macro_rules! undo_on_both {
    ($($case:ident),* $(,)?) => {
        mod undo_embedded {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::undo::$case(super::Lab::embedded().await).await;
            })*
        }
        mod undo_samba {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::undo::$case(super::Lab::samba().await).await;
            })*
        }
    };
}

undo_on_both!(
    whom_an_exception_stops_gets_nothing_back,
    a_part_is_judged_by_itself_and_with_what_was_undone_before,
    everything_comes_back_but_what_is_named,
    the_plan_undone_is_not_overwritten,
    what_others_changed_since_stays,
    what_others_gave_a_new_account_stays,
    only_what_was_done_is_undone,
    exceptions_keep_what_an_undo_would_bring_back,
    deleted_accounts_come_back,
    nobody_comes_back_beside_their_new_account,
    what_no_rule_names_any_more_comes_back_for_whoever_answers,
);

/// Forged plans, on both.
macro_rules! forged_on_both {
    ($($case:ident),* $(,)?) => {
        mod forged_embedded {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::forged::$case(super::Lab::embedded().await).await;
            })*
        }
        mod forged_samba {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::forged::$case(super::Lab::samba().await).await;
            })*
        }
    };
}

forged_on_both!(
    no_account_is_written_for_somebody_else,
    nobody_gets_an_anchor_that_another_account_has_by_now,
    what_became_another_since_is_left_alone,
    words_for_an_account_are_no_proof,
);

/// Defines each case of the failure catalogue for the embedded directory, and for Samba a test for each part of the
/// catalogue: its cases share one domain controller, emptied in between.
macro_rules! catalogue {
    ($($part:ident { $($module:ident::$case:ident),* $(,)? })*) => {
        mod failures_embedded {
            $($(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::$module::$case(&mut super::Lab::embedded().await).await;
            })*)*
        }
        mod failures_samba {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $part() {
                let mut lab = super::Lab::samba().await;
                $(
                    println!("{}", stringify!($case));
                    super::$module::$case(&mut lab).await;
                    lab.empty().await;
                )*
            })*
        }
    };
}

catalogue!(
    the_read {
        failures::zero_people_with_status_200,
        failures::page_one_of_three_then_status_500,
        failures::forty_percent_fewer_people,
        failures::wrong_agent_rights_giving_a_short_list,
    }
    people {
        failures::a_scope_of_three_people_all_leaving,
        failures::a_person_renamed,
        failures::a_person_rehired_with_the_old_account_disabled,
        failures::two_people_with_one_name,
        failures::one_account_matching_two_people,
        failures::a_group_emptied_by_a_rule_typo,
    }
    days {
        failures::the_last_day_at_23_59_in_auckland_and_in_honolulu,
        failures::nights_when_clocks_change,
        failures::the_29th_of_february,
        policies::stamps_are_written_once_and_cleared,
        policies::missing_people_become_leavers,
    }
    exceptions_and_hard_stops {
        policies::exceptions_exempt_set_and_stop,
        policies::other_fields_are_compared_with_those_before,
        policies::the_last_enabled_member_stays,
        policies::who_is_renamed_is_renamed_whole,
        failures::the_service_account_in_the_removal_set,
    }
);

/// What recordings tell of accounts, on both.
macro_rules! owners_on_both {
    ($($case:ident),* $(,)?) => {
        mod owners_embedded {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::drift_owners::$case(super::Lab::embedded().await).await;
            })*
        }
        mod owners_samba {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::drift_owners::$case(super::Lab::samba().await).await;
            })*
        }
    };
}

owners_on_both!(
    anchors_that_are_gone_make_no_second_account,
    a_leaver_without_anchor_is_told,
    a_vanished_record_makes_no_second_account,
    an_overwritten_anchor_is_not_absence,
    nobody_is_given_an_account_by_writing_their_anchor_over_another,
    a_recording_is_replaced_by_a_plan_only,
    edits_beside_a_wiped_anchor_are_asked_about,
);

/// What is asked about, on both.
macro_rules! asked_on_both {
    ($($case:ident),* $(,)?) => {
        mod asked_embedded {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::drift_asked::$case(super::Lab::embedded().await).await;
            })*
        }
        mod asked_samba {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::drift_asked::$case(super::Lab::samba().await).await;
            })*
        }
    };
}

asked_on_both!(
    whoever_wants_to_be_asked_is,
    whoever_wants_to_be_asked_is_after_an_adoption,
    whatever_is_accepted_stays,
    whatever_is_reverted_is_written_back,
    an_account_edited_while_its_person_is_away_is_asked_about,
    what_is_carried_on_is_bound_by_the_plan,
    what_the_last_apply_did_not_do_is_told_apart,
    what_the_last_plan_held_is_told_apart,
);

/// Edits beside overlaps and exceptions, on both.
macro_rules! moves_on_both {
    ($($case:ident),* $(,)?) => {
        mod drift_moves_embedded {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::drift_moves::$case(super::Lab::embedded().await).await;
            })*
        }
        mod drift_moves_samba {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::drift_moves::$case(super::Lab::samba().await).await;
            })*
        }
    };
}

moves_on_both!(
    a_question_outlasts_moves,
    who_ends_an_overlap_does_not_edit_its_stamp,
    nothing_is_left_while_a_question_is_open,
    an_overlap_hides_no_edit,
    a_question_outlasts_exceptions,
);
