//! The contract of the store, as facts that hold on every database.
//!
//! A fact is an async function that takes a fresh [`support::Hospital`]. To add one, write it in the
//! module it belongs to and name it in the list below.

mod account;
mod conversation;
mod fence;
mod figures;
mod identity;
mod interference;
mod kept;
mod limits;
mod lost;
mod outbox;
mod races;
mod random;
mod records;
mod records_of_r4;
mod search;
mod spending;
mod support;
mod times;
mod together;
mod trail;
mod trail_index;
mod trail_signature;
mod visibility;

/// Makes a test of every fact, on each database.
macro_rules! contract {
    ($($module:ident: $($fact:ident),+ $(,)?;)+) => {
        mod sqlite {
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $fact() {
                    crate::$module::$fact(crate::support::Hospital::on_sqlite().await).await;
                }
            )+)+
        }

        mod postgres {
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $fact() {
                    if let Some(hospital) = crate::support::Hospital::on_postgres().await {
                        crate::$module::$fact(hospital).await;
                    }
                }
            )+)+
        }
    };
}

contract! {
    records:
        a_created_record_reads_back_as_it_came,
        what_is_staged_is_invisible_until_the_commit,
        an_update_makes_a_new_version_and_keeps_the_old_one,
        an_update_over_an_old_version_is_a_conflict_and_writes_nothing,
        a_deleted_record_disappears_from_reads_and_stays_in_history,
        putting_the_same_content_twice_changes_nothing,
        putting_other_content_updates,
        putting_over_a_deletion_creates_again,
        an_import_brings_back_no_earlier_content,
        one_commit_can_write_one_record_twice,
        a_claim_can_be_taken_once_and_given_up,
        a_kept_answer_is_good_for_a_day,
        a_number_that_an_import_wrote_is_not_given_again,
        pages_that_are_passed_are_not_in_the_audit_row,
        a_conflict_leaves_nothing_of_its_commit_behind,
        an_invalid_record_is_refused_with_its_problems,
        a_kept_answer_is_known_to_its_caller_alone,
        history_comes_in_pages_newest_first,
        an_export_walks_all_current_records,
        a_store_that_is_closed_says_so,
        the_store_counts_what_it_holds;
    figures:
        a_tally_adds_up_what_a_search_finds_and_names_nobody,
        a_tally_is_shown_what_the_permit_shows,
        a_tally_ends_where_it_has_enough,
        records_are_counted_by_when_they_were_first_stored;
    visibility:
        tenants_do_not_see_each_other,
        a_patient_sees_the_own_compartment_only,
        a_patient_cannot_write_outside_the_own_compartment,
        history_is_fenced_by_the_compartment_of_each_version,
        without_a_grant_nothing_opens,
        a_deactivated_patient_takes_the_chart_out_of_sight_and_brings_it_back;
    limits:
        a_denied_consent_hides_the_chart_from_whom_it_names,
        a_record_about_several_patients_is_hidden_with_each_of_them,
        a_consent_that_names_a_role_of_the_directory_means_who_holds_it,
        an_emergency_opens_one_patient_to_one_person_for_an_hour,
        clinicians_who_are_confined_see_the_patients_in_their_care,
        care_ends_with_its_time,
        nobody_writes_about_a_patient_whom_they_may_not_see,
        parts_that_a_role_does_not_see_survive_its_changes,
        patients_of_an_agent_are_counted_once_and_shared;
    conversation:
        a_pinned_permit_sees_one_patient_and_what_is_about_nobody,
        a_pin_never_widens_a_permit,
        a_conversation_is_its_callers_on_every_instance,
        a_pin_is_never_moved_and_a_conversation_ends,
        of_two_pins_at_once_one_holds,
        what_is_over_is_forgotten_and_nothing_else;
    interference:
        what_is_not_seen_changes_no_answer;
    kept:
        a_kept_report_is_seen_where_its_type_is_named_and_by_reach,
        a_chart_is_seen_while_every_type_of_it_is,
        labels_are_gathered_of_what_is_handed_out,
        sums_are_made_of_what_their_caller_does_not_see,
        a_kept_answer_is_given_to_whoever_still_sees_as_much,
        an_answer_about_nobody_is_kept_for_whoever_may_still_ask,
        no_tool_writes_what_looks_like_a_kept_report_without_naming_the_type;
    trail:
        every_commit_leaves_one_row_that_names_the_patients,
        a_whole_trail_verifies,
        chains_of_several_openings_verify_together,
        a_changed_row_is_found,
        a_removed_row_is_found,
        a_removed_tail_is_found,
        a_removed_chain_is_found,
        a_forged_tail_is_found,
        the_trail_is_searched_by_every_condition,
        what_happens_outside_of_calls_is_in_the_trail_too;
    trail_index:
        a_search_finds_rows_that_were_written_a_moment_ago,
        rows_are_indexed_once_and_searched_through_the_index,
        indexing_from_several_places_at_once_loses_nothing,
        a_chain_that_lost_its_tail_does_not_hold_up_the_index,
        times_narrow_a_search_to_the_rows_of_their_days,
        a_walk_goes_on_behind_the_row_where_it_was,
        rows_are_found_by_how_they_ended_and_by_their_event;
    trail_signature:
        the_trail_is_signed_once_a_day_and_verifies,
        servers_that_sign_at_once_leave_one_signature,
        a_changed_row_below_a_signature_is_found,
        an_older_state_of_the_tables_contradicts_the_signature,
        a_removed_signature_is_missed,
        a_wrong_key_and_a_forged_signature_are_told;
    account:
        a_session_ends_by_resting_and_in_any_case,
        a_person_has_five_sessions_and_ends_their_own,
        from_the_fifth_failure_on_an_account_rests_twice_as_long_each_time,
        after_fifty_failures_in_a_row_only_another_password_helps,
        of_many_attempts_at_once_five_are_admitted,
        an_address_fails_twenty_times_a_minute,
        a_code_and_a_link_are_good_once,
        recovery_codes_are_replaced_together_or_not_at_all,
        a_new_password_ends_what_was_begun_in_one_commit,
        what_a_person_had_begun_does_not_come_back_with_the_account,
        links_are_for_whom_they_suit,
        a_passkey_is_used_with_one_challenge_and_a_counter_that_goes_on;
    identity:
        tenants_users_and_clients_are_found_again,
        users_are_added_together_or_not_at_all,
        a_signing_key_is_made_once;
    search:
        sql_finds_what_matches_means,
        a_compartment_hides_the_rest_from_every_search,
        a_cursor_goes_on_where_it_was_while_rows_are_added,
        a_rare_code_and_a_common_one_are_found_alike,
        a_cursor_is_refused_for_another_caller_or_search,
        a_name_that_is_exact_decides_and_near_ones_are_offered,
        a_look_up_sees_the_own_compartment_only;
    times:
        two_appointments_of_one_time_are_not_both_written,
        moving_takes_the_new_time_and_gives_back_the_old,
        imports_take_what_is_free_and_are_not_refused,
        what_is_imported_beside_another_stays_when_that_is_called_off,
        an_appointment_of_days_takes_all_of_them,
        what_is_booked_over_another_says_so,
        a_database_of_before_spans_knows_who_is_taken,
        a_hold_keeps_a_time_until_it_ends;
    together:
        sessions_are_committed_together_with_a_row_for_each,
        what_two_sessions_want_leaves_nothing_of_either,
        a_record_moves_on_through_the_sessions_of_one_commit,
        sessions_of_two_organisations_are_not_committed_together;
    spending:
        what_instances_spend_adds_up_where_they_share;
    outbox:
        events_come_in_the_order_of_commits_and_say_what_happened,
        of_racing_writers_no_event_is_lost_and_none_comes_twice,
        a_commit_wakes_followers_of_every_instance,
        whoever_has_missed_what_was_forgotten_is_told,
        a_place_is_a_text_for_one_caller,
        a_ticket_opens_one_stream_in_its_time;
    races:
        of_concurrent_updates_none_is_lost_and_none_doubled,
        of_concurrent_claims_each_is_taken_once;
}
