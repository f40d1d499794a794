//! What every store promises: one suite of cases, run on each kind of store.

mod accepting;
mod changing;
mod claiming;
mod concurrent;
mod contending;
mod counters;
mod dead_letters;
mod doubting;
mod erasing;
mod failing;
mod journal;
mod listing;
mod nodes;
mod partitions;
mod refusals;
mod retention;
mod sharing;
mod types;
mod world;

use self::world::World;

/// Runs cases on both stores, and those that only one of them can have on that.
macro_rules! conformance {
    (both { $($both:tt)+ } sqlite { $($sqlite:tt)+ } $(postgres { $($postgres:tt)+ })?) => {
        mod sqlite {
            cases! { sqlite $($both)+ }
            cases! { sqlite $($sqlite)+ }
        }
        mod postgres {
            cases! { postgres $($both)+ }
            $(cases! { postgres $($postgres)+ })?
        }
    };
}

/// Makes a test of each case.
macro_rules! cases {
    ($store:ident $($module:ident: $($case:ident),+ $(,)?;)+) => {
        $($(
            #[tokio::test]
            async fn $case() {
                super::$module::$case(super::World::$store().await).await;
            }
        )+)+
    };
}

conformance! {
    both {
        failing:
            an_endpoint_fails_from_its_first_failure_on_until_an_attempt_succeeds,
            what_a_group_of_attempts_says_counts_in_the_order_of_their_beginnings,
            an_endpoint_that_fails_for_too_long_is_disabled_and_says_why,
            an_endpoint_that_is_changed_by_its_owner_begins_anew;
        accepting:
            a_stored_unit_is_there_with_all_that_belongs_to_it,
            the_same_event_is_a_duplicate_and_another_one_under_its_key_a_conflict,
            a_batch_answers_for_each_unit,
            a_key_is_forgotten_after_its_window,
            a_stale_unit_leaves_nothing_behind,
            a_refused_unit_leaves_nothing_of_its_batch_behind,
            a_fanout_moves_once_from_each_place,
            skipped_deliveries_are_rows_up_to_a_limit_and_counts_beyond;
        changing:
            a_request_is_carried_out_once_and_its_repeats_get_its_answer,
            another_request_under_the_same_key_is_refused,
            what_is_refused_leaves_neither_a_key_nor_an_entry,
            a_key_is_free_again_after_its_window,
            an_entry_of_the_audit_log_goes_after_its_time,
            a_change_is_made_to_the_version_that_it_is_meant_for,
            an_entry_tells_of_each_change_and_of_nothing_else,
            what_a_unit_was_asked_for_is_done_once,
            a_request_of_events_is_recognised_event_by_event;
        claiming:
            what_is_due_is_claimed_once_in_its_order,
            a_claim_keeps_to_its_bytes_but_takes_at_least_one,
            what_a_node_owns_is_claimable_only_after_its_release,
            backlogs_name_each_endpoint_with_its_first_due_time,
            an_outcome_settles_or_postpones_its_delivery,
            an_outcome_of_a_node_that_no_longer_owns_changes_nothing,
            a_delivery_is_called_off_at_once_or_after_its_attempt,
            what_is_to_be_called_off_is_not_claimable_after_its_release,
            a_closed_delivery_comes_back_with_a_new_budget,
            what_waits_for_a_closed_endpoint_is_settled_in_steps,
            what_waits_for_an_endpoint_that_was_opened_again_is_not_settled,
            what_waits_for_a_closed_endpoint_is_due_at_once,
            an_endpoint_that_has_moved_is_not_disabled_by_its_old_url,
            a_gone_endpoint_is_disabled_with_its_outcome;
        concurrent:
            the_same_events_at_once_are_stored_once,
            rules_hold_for_whatever_is_accepted_after_they_were_answered;
        contending:
            nodes_that_claim_at_once_have_each_delivery_once,
            of_two_leases_the_one_that_owns_a_delivery_settles_it,
            a_receiver_that_is_gone_is_disabled_once,
            whatever_is_done_at_once_each_delivery_is_in_one_state;
        counters:
            counters_say_what_a_count_over_the_rows_says,
            a_backlog_says_what_is_due_late_and_held;
        dead_letters:
            a_page_of_dead_letters_is_redriven_as_far_as_it_can_be,
            a_discarded_dead_letter_is_cancelled_and_keeps_its_last_error,
            dead_letters_are_found_by_what_they_have_in_common,
            dead_letters_are_paged_through_from_the_oldest_on,
            what_dies_after_a_job_was_made_is_not_meant_by_it,
            a_step_of_a_job_is_done_once_and_only_where_the_job_stands,
            a_job_that_is_called_off_takes_no_further_step,
            dead_letters_of_another_project_are_not_there,
            dead_letters_are_grouped_by_their_causes;
        erasing:
            an_erased_event_keeps_that_it_happened_and_nothing_of_what_it_carried,
            an_erasure_waits_for_what_is_pending_or_calls_it_off,
            nothing_is_captured_of_an_attempt_that_ends_after_the_erasure,
            what_was_erased_is_not_sent_again,
            an_erased_event_is_recognised_when_it_comes_again,
            an_event_of_another_project_is_not_erased;
        retention:
            deliveries_go_with_their_attempts_once_they_ended_long_ago,
            an_event_goes_when_nothing_needs_it_any_more,
            an_event_that_is_still_fanned_out_is_kept,
            what_is_emitted_late_is_not_passed_over,
            a_delivery_that_has_lost_its_event_is_given_up_when_it_is_due,
            what_has_lost_its_event_is_not_sent_again,
            keys_of_events_go_after_their_window,
            jobs_go_after_they_ended,
            counts_of_skips_go_like_deliveries,
            a_revision_goes_with_the_last_event_that_may_have_met_it,
            what_says_that_a_listener_is_deleted_stays,
            a_deleted_endpoint_goes_when_nobody_names_it;
        listing:
            deliveries_are_listed_by_what_they_have_in_common,
            what_lists_are_filtered_by_follows_what_happens,
            a_time_is_a_range_of_a_list,
            pages_stay_right_while_rows_come_in,
            a_combination_looks_at_a_budget_of_rows_and_says_how_far_it_came;
        refusals:
            the_last_refusals_are_kept_and_all_are_counted;
        types:
            types_are_counted_with_the_events_that_are_accepted,
            types_beyond_the_limit_are_counted_together,
            a_schema_makes_stale_what_was_planned_without_it;
        journal:
            the_journal_tells_each_state_that_deliveries_come_into,
            a_stale_or_repeated_unit_is_not_told_of,
            what_is_old_goes_from_the_journal_and_places_go_on,
            a_bell_rings_for_its_project_alone;
    }
    sqlite {
        counters:
            a_store_that_had_no_counters_counts_once;
        erasing:
            nothing_of_what_was_erased_is_left_in_the_file;
        retention:
            free_space_is_given_back_beyond_a_reserve,
            one_copy_is_made_at_a_time;
        nodes:
            who_joins_alone_releases_what_others_left_and_is_no_row;
    }
    postgres {
        doubting:
            what_was_accepted_in_doubt_is_recognised_and_delivered,
            what_was_claimed_in_doubt_is_claimed_again,
            an_outcome_that_was_recorded_in_doubt_counts_once;
        nodes:
            each_node_has_the_smallest_number_that_is_free,
            a_heartbeat_extends_a_lease_and_tells_of_the_others,
            the_work_of_a_node_that_is_lost_goes_on_elsewhere,
            a_node_that_comes_back_goes_on_under_another_epoch_with_nothing,
            what_is_written_under_a_lost_lease_is_found_and_old_nodes_are_forgotten;
        partitions:
            what_is_past_goes_with_its_partition_and_what_is_needed_is_moved,
            attempts_that_were_made_later_go_with_their_deliveries,
            a_partition_that_is_read_meanwhile_stays,
            a_partition_that_is_written_meanwhile_stays,
            what_is_revived_while_a_partition_is_counted_keeps_its_event,
            what_is_too_much_to_be_moved_is_swept_row_by_row;
        sharing:
            nothing_is_missed_whoever_commits_first,
            many_who_write_at_once_are_told_of_once_each,
            a_bell_rings_for_what_another_node_has_committed,
            nodes_tell_each_other_what_they_change,
            who_has_not_heard_for_long_may_have_missed_anything,
            what_was_written_in_another_cluster_is_forgotten;
    }
}
