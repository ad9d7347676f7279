//! Bad input and bad luck: what is promised for each, and the tests that hold it.
//!
//! A line without a test, or a test that is no longer there, fails.

use std::{fs, path::Path};

use crate::rooms::rust_files;

/// Each promise with the names of its tests, wherever in the workspace they are.
const PROMISES: &[(&str, &[&str])] = &[
    // Bad input: a problem document that names field, value found and what is allowed; nothing half-done is queued.
    (
        "unknown cloud, region, size; a name that is no DNS label",
        &["unknown_cloud_region_size_and_a_name_that_is_no_dns_label_are_refused_and_queue_nothing"],
    ),
    (
        "a name taken",
        &["a_name_that_is_taken_is_a_conflict_and_queues_nothing"],
    ),
    (
        "a body that is no JSON",
        &["a_body_that_is_no_json_is_refused_with_its_place_and_queues_nothing"],
    ),
    (
        "an unknown field",
        &["an_unknown_field_is_refused_with_the_known_ones_and_queues_nothing"],
    ),
    (
        "a wrong type",
        &["a_field_of_the_wrong_type_is_refused_by_its_path_and_queues_nothing"],
    ),
    (
        "over 1 MiB",
        &["a_body_over_one_mebibyte_is_refused_and_queues_nothing"],
    ),
    (
        "an unknown site; a foreign customer's site",
        &["an_unknown_site_and_a_strangers_site_can_not_be_told_apart"],
    ),
    (
        "a stale If-Match",
        &["a_patch_without_or_with_a_stale_if_match_is_refused_and_queues_nothing"],
    ),
    (
        "the same Idempotency-Key with another body",
        &["a_key_with_another_body_is_refused_and_queues_nothing"],
    ),
    (
        "the same Idempotency-Key while its twin runs",
        &["a_key_whose_twin_is_at_work_is_a_conflict_and_queues_nothing"],
    ),
    (
        "DELETE of a site that is queued",
        &["a_site_that_is_only_queued_ends_unmade_and_is_destroyed_all_the_same"],
    ),
    (
        "DELETE of a site that is running",
        &[
            "a_site_whose_deployment_runs_is_destroyed_after_it",
            "a_second_delete_names_the_deployment_that_is_at_it_and_queues_nothing",
        ],
    ),
    (
        "DELETE of a site that was never applied",
        &["a_site_that_was_never_applied_is_destroyed"],
    ),
    (
        "DELETE of a site that is already deleted",
        &["a_deleted_site_is_gone_its_name_is_free_and_nothing_is_queued_for_it"],
    ),
    (
        "Terraform missing or of a wrong version is said at start",
        &[
            "a_missing_terraform_says_where_to_get_it",
            "a_terraform_of_another_version_or_none_is_refused",
        ],
    ),
    (
        "a plugin missing is said at start",
        &["a_worker_without_plugins_or_migrations_does_not_start_and_says_what_is_missing"],
    ),
    (
        "a migration missing is said at start, and readyz is not ready",
        &[
            "a_worker_without_plugins_or_migrations_does_not_start_and_says_what_is_missing",
            "the_api_is_ready_on_a_current_schema_and_names_a_missing_migration",
        ],
    ),
    (
        "junk in the operator's environment changes nothing",
        &[
            "nothing_of_the_parents_environment_reaches_the_program",
            // Its programs are started with TF_LOG, TF_CLI_ARGS and AWS_PROFILE set to junk.
            "no_run_is_lost_when_anything_is_killed_at_any_place",
        ],
    ),
    // Bad luck: one final status, no lock, nothing in the cloud that nobody knows, no job lost, no two attempts at once.
    (
        "apply fails halfway: Terraform's own words, state holds what was made, the next one goes on, a destroy removes all",
        &["an_apply_that_fails_halfway_says_why_and_the_next_deployment_goes_on_from_there"],
    ),
    (
        "worker killed with -9 in plan, between plan and apply, in apply, while shipping state",
        &["no_run_is_lost_when_anything_is_killed_at_any_place"],
    ),
    (
        "worker frozen past its lease and continued",
        &["no_run_is_lost_when_anything_is_killed_at_any_place"],
    ),
    (
        "Terraform killed, provider killed, supervisor killed",
        &[
            "no_run_is_lost_when_anything_is_killed_at_any_place",
            "a_deployment_outlives_its_supervisor_its_terraform_and_its_provider",
        ],
    ),
    (
        "Postgres restarted and 40 s away",
        &[
            "a_postgres_that_is_gone_for_forty_seconds_costs_an_attempt_and_nothing_else",
            "a_database_that_is_away_for_longer_than_the_lease_costs_an_attempt_and_nothing_else",
            "broken_connections_cost_no_event_and_no_attempt",
        ],
    ),
    (
        "S3 away while a state is written",
        &["a_deployment_waits_for_the_store_of_states_and_ends_with_its_state_stored"],
    ),
    (
        "API restarted while a browser listens",
        &["a_listener_that_reconnects_ten_times_over_an_api_restart_sees_every_event_once_and_in_order"],
    ),
    (
        "full workspace disk",
        &["a_full_disk_fails_a_deployment_in_words_and_the_next_one_finds_all_that_was_made"],
    ),
    (
        "two updates at once",
        &["two_updates_at_once_run_one_after_the_other_while_other_sites_go_on"],
    ),
    (
        "cancel while queued",
        &["a_queued_deployment_ends_at_once_when_cancelled"],
    ),
    ("cancel while planning", &["a_cancelled_plan_touches_nothing"]),
    (
        "cancel while applying",
        &["a_cancelled_apply_leaves_nothing_unknown_and_can_be_destroyed"],
    ),
    (
        "SIGTERM to a worker with a run in flight",
        &["a_worker_that_shuts_down_hands_its_apply_to_the_next_one"],
    ),
];

#[test]
fn every_promise_about_bad_input_and_bad_luck_has_its_tests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let texts: Vec<String> = ["src", "control-plane", "worker", "simulated-cloud", "tests"]
        .iter()
        .flat_map(|room| rust_files(&root.join(room)))
        .map(|file| fs::read_to_string(file).unwrap())
        .collect();
    let is_there = |test: &str| {
        let definition = format!("fn {test}(");
        texts.iter().any(|text| text.contains(&definition))
    };
    for (promise, tests) in PROMISES {
        assert!(!tests.is_empty(), "no test for: {promise}");
        for test in *tests {
            assert!(is_there(test), "{promise}: there is no test {test}");
        }
    }
}
