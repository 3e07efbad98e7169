"""The one table: what is promised, attacked, owed, offered or settable → the tests that show it, as `file::test`.

A row's tests show it, each a part or from another side; what only touches it does not stand here.
"""

from collections.abc import Mapping

from tests.architecture.attacks import ATTACKS, TESTS_OF_ATTACKS

__all__ = ["ATTACKS", "DUTIES", "PROMISES", "TABLE"]

PROMISES = range(1, 9)  # docs/architecture.md, "What must always be true"

# distribution-spec v1.1 for a registry that can only be read, and what clients rely on besides.
DUTIES = (
    "GET /v2/ is 200 and names the API",
    "manifests and blobs by GET and HEAD: exact bytes, type, length and digest",
    "what is missing is 404, with the error JSON and a code of the spec",
    "ranges on blobs: Accept-Ranges, 206, 416 with the size",
    "tags/list: sorted, n, last, Link, and only permitted tags",
    "referrers: 200 and an index, empty if none, 400 on a bad digest, filters told",
    "uploads, mounts and deletes are 405",
    "OCI-Namespace answers ns, and nothing of the client's is forwarded",
    "Warning is 299 and at most 4096 bytes",
    "there is no catalog",
    "cosign's tags of admitted images are manifests under policy",
)


def _in(file: str, *names: str) -> tuple[str, ...]:
    return tuple(f"tests/{file}.py::test_{name}" for name in names)


def _pull(*names: str) -> tuple[str, ...]:
    return _in("integration/test_pull", *names)


def _policy(*names: str) -> tuple[str, ...]:
    return _in("integration/test_pull_policy", *names)


def _hostile(*names: str) -> tuple[str, ...]:
    return _in("integration/test_pull_hostile", *names)


def _upstream(*names: str) -> tuple[str, ...]:
    return _in("integration/test_upstream", *names)


def _web(*names: str) -> tuple[str, ...]:
    return _in("integration/test_web", *names)


def _effect(*names: str) -> tuple[str, ...]:
    return _in("integration/test_settings_take_effect", *names)


def _adversary(*names: str) -> tuple[str, ...]:
    return _in("integration/test_adversary", *names)


def _cli(*names: str) -> tuple[str, ...]:
    return _in("integration/test_cli", *names)


def _cache(*names: str) -> tuple[str, ...]:
    return _in("integration/test_cache_command", *names)


def _evict(*names: str) -> tuple[str, ...]:
    return _in("integration/test_evict", *names)


def _cookbook(*names: str) -> tuple[str, ...]:
    return _in("integration/test_cookbook", *names)


def _asked_of_attestations(*names: str) -> tuple[str, ...]:
    return _in("integration/test_evidence_policy_attestations", *names)


def _asked_of_images(*names: str) -> tuple[str, ...]:
    return _in("integration/test_evidence_policy_image", *names)


def _asked_of_moves(*names: str) -> tuple[str, ...]:
    return _in("integration/test_evidence_policy_moves", *names)


def _asked_of_signers(*names: str) -> tuple[str, ...]:
    return _in("integration/test_evidence_policy_signers", *names)


def _attestations(*names: str) -> tuple[str, ...]:
    return _in("unit/policy/words/test_attestations", *names)


def _roots(*names: str) -> tuple[str, ...]:
    return _in("unit/policy/words/test_roots", *names)


def _signers(*names: str) -> tuple[str, ...]:
    return _in("unit/policy/who/test_signers", *names)


def _own_pki(*names: str) -> tuple[str, ...]:
    return _in("integration/test_own_pki", *names)


def _revocation(*names: str) -> tuple[str, ...]:
    return _in("integration/test_revocation", *names)


def _redteam(*names: str) -> tuple[str, ...]:
    return _in("integration/test_redteam_evidence", *names)


def _discovery(*names: str) -> tuple[str, ...]:
    return _in("integration/test_discovery", *names)


_MISTAKE = _in("unit/policy/words/test_document", "t27_a_mistake_in_a_field_is_refused_with_line_and_remedy")
_LATER = _in("architecture/test_fields", "t27_a_field_of_a_later_version_is_refused_where_it_stands")
_SCRUB = _in(
    "integration/test_scrub",
    "a_round_runs_by_itself_at_the_rate_that_is_set",
    "no_round_runs_where_none_is_due",
)
_BUDGET = (
    *_in("unit/config/test_loader", "a_budget_is_read_with_its_marks"),
    *_evict(
        "above_high_water_what_is_old_goes_by_itself_down_to_low_water",
        "demand_6_a_fill_makes_its_own_room_before_it_begins",
        "where_nothing_may_go_a_blob_of_an_admitted_image_passes_through_unkept",
    ),
)


_PROMISES: Mapping[str, tuple[str, ...]] = {
    "promise 1": (
        *_pull(
            "a_refused_image_is_refused_by_digest_and_its_blobs_with_its_id",
            "an_index_admits_its_children_and_their_blobs_and_nothing_else",
            "t62_a_revoked_digest_is_refused_at_the_next_request_with_its_blobs",
            "a_manifest_is_never_answered_as_a_blob",
        ),
        *_hostile(
            "t60_evidence_of_what_is_not_admitted_is_not_served", "t60_a_runnable_referrer_is_neither_listed_nor_served"
        ),
    ),
    "promise 2": (
        *_in(
            "integration/test_fill",
            "promise_2_the_tail_is_withheld_until_the_hash_is_right",
            "promise_2_t03_wrong_bytes_of_the_right_length_never_complete_and_are_never_stored",
        ),
        *_pull("other_bytes_under_a_manifests_digest_are_a_502_and_are_not_served"),
        *_in(
            "contract/test_content_store",
            "nothing_is_visible_before_commit",
            "a_changed_file_is_put_aside_at_open",
            "a_file_changed_while_it_is_read_never_completes",
        ),
        *_in(
            "integration/test_changed_files",
            "promise_2_what_was_changed_before_it_is_opened_is_not_served",
            "promise_2_what_is_changed_while_it_is_sent_never_completes",
        ),
        *_in(
            "integration/test_steps",
            "promise_2_killed_at_any_step_nothing_wrong_is_visible_and_nothing_is_lost",
        ),
        *_in("integration/test_scrub", "promise_2_rot_beneath_the_file_system_is_the_scrubs_within_its_window"),
        *_in("integration/test_disk_faults", "promise_2_t03_wrong_bytes_that_pass_by_never_complete"),
        *_in("unit/content/unkept/test_passing", "promise_2_the_tail_of_wrong_bytes_never_leaves"),
    ),
    "promise 3": (
        *_in("unit/pipeline/tags/test_pins", "promise_3_the_first_admitted_digest_stays"),
        *_policy(
            "promise_3_after_a_lost_state_pins_come_back_from_the_audit",
            "promise_3_without_lock_or_audit_nothing_is_trusted_anew_until_confirmed",
            "after_a_lost_state_what_is_stored_is_admitted_again_by_judging_and_not_before",
            "drift_is_recorded_by_a_bounded_look_and_never_followed",
        ),
        *_adversary(
            "promise_3_a_pin_that_cannot_be_read_is_not_trusted_anew",
            "promise_3_a_pin_that_the_audit_could_not_keep_is_no_pin",
            "promise_3_a_crash_while_pins_are_restored_does_not_end_the_restoring",
        ),
        *_in(
            "integration/test_crash_steps",
            "promise_3_a_first_pin_that_was_killed_is_never_one_that_the_audit_does_not_know",
            "promise_3_a_pins_move_that_was_killed_leads_to_the_one_digest_or_to_the_other",
        ),
    ),
    "promise 4": (
        *_pull("promise_4_no_signature_is_never_inferred_from_an_error"),
        *_upstream(
            "no_referrers_is_never_inferred_from_a_failure",
            "a_page_that_is_missing_or_broken_is_not_the_end_of_the_list",
        ),
        *_in("unit/policy/test_evaluate", "an_inconclusive_answer_is_never_kept"),
        *_policy("a_search_that_an_error_cut_short_is_503_and_not_an_absence"),
        *_discovery("whatever_is_out_of_reach_is_a_gap_and_never_none", "nothing_anywhere_is_none_at_each_place"),
        *_asked_of_signers("a_root_that_must_not_be_used_is_not_now_and_never_no"),
        *_asked_of_images("a_base_out_of_reach_is_not_now_and_never_no"),
    ),
    "promise 5": (
        *_evict(
            "promise_5_an_eviction_that_was_killed_leaves_no_decision_without_its_evidence",
            "evidence_of_a_base_image_stays_while_the_image_that_was_built_on_it_does",
        ),
        *_in("integration/test_vectors_through_proxy", "promise_5_a_lab_image_is_judged_again_by_what_is_kept_of_it"),
        *_in("integration/test_trust", "a_refresh_makes_exactly_the_decisions_again_that_used_what_changed"),
        *_pull("promise_5_the_evidence_is_kept_so_that_judging_again_needs_no_network"),
        *_in(
            "unit/policy/test_evaluate",
            "t02_t61_a_decision_is_bound_to_all_that_it_rests_on",
            "an_allow_rests_on_evidence_that_was_handed_in",
        ),
        *_in("unit/policy/test_exceptions", "an_allow_ends_with_the_exception_it_used"),
        *_in("unit/verify/test_material", "every_field_that_decides_changes_the_fingerprint"),
        *_in(
            "integration/test_recheck",
            "a_new_scan_that_finds_something_takes_the_admission_back_and_the_warm_answer_with_it",
            "promise_5_what_a_newer_scan_denied_is_not_admitted_again_by_the_older_one_that_is_kept",
        ),
        *_asked_of_signers("every_form_is_judged_again_after_a_restart_without_the_upstream"),
    ),
    "promise 6": (
        *_pull(
            "promise_6_after_a_restart_with_the_upstream_down_what_was_admitted_is_served",
            "an_allowed_signed_image_is_pulled_cold_warm_and_with_the_upstream_off",
        ),
        *_evict(
            "promise_6_what_is_pinned_or_locked_never_goes",
            "demand_18_another_process_that_makes_room_takes_nothing_from_a_pull",
        ),
        *_adversary("promise_6_an_admitted_manifest_that_rotted_is_fetched_and_stored_again"),
        *_in("e2e/test_containerd", "an_admitted_image_is_pulled_cold_warm_and_with_the_upstream_switched_off"),
        *_discovery("the_evidence_of_each_lab_image_is_found_kept_and_served_without_the_upstream"),
        *_in("integration/test_recheck", "what_the_upstream_cannot_say_takes_nothing_away_and_is_asked_again_sooner"),
    ),
    "promise 7": (
        *_pull("t01_promise_7_a_lying_digest_header_is_not_believed"),
        *_upstream(
            "t09_credentials_do_not_go_to_a_realm_of_the_upstreams_choice",
            "t58_a_redirect_to_a_private_address_is_refused_before_it_is_connected_to",
            "a_link_to_another_host_is_not_followed",
        ),
        *_hostile("t41_a_referrer_of_the_right_type_with_junk_in_it_is_no_evidence"),
        *_in("unit/oci/test_manifest", "clients_1_4_urls_are_refused_wherever_they_stand"),
        *_in("unit/upstream/test_routing", "an_unknown_host_is_refused_and_says_what_to_do"),
    ),
    "promise 8": (
        *_pull("promise_8_there_is_no_write_route"),
        *_in("unit/oci/test_route", "promise_8_there_is_no_write_route"),
    ),
}

_DUTIES: Mapping[str, tuple[str, ...]] = {
    DUTIES[0]: _web("duty_ping_answers_200_with_the_api_version"),
    DUTIES[1]: (
        *_web(
            "duty_a_manifest_is_answered_with_its_exact_bytes_type_length_and_digest",
            "t01_head_and_get_of_a_manifest_say_the_same",
            "duty_a_blob_is_answered_with_its_exact_bytes_length_digest_and_ranges",
            "duty_head_of_a_blob_has_the_same_headers_and_no_body",
        ),
        *_pull("the_manifest_is_answered_with_its_exact_bytes_type_length_and_digest"),
    ),
    DUTIES[2]: (
        *_web("duty_what_is_missing_is_404_with_one_error_in_json"),
        *_pull("what_is_absent_at_the_upstream_is_404"),
        *_in("unit/oci/test_errorbody", "clients_8_an_error_is_written_as_the_spec_has_it"),
    ),
    DUTIES[3]: (
        *_web(
            "duty_a_range_of_a_proved_blob_is_206_with_exact_bytes",
            "duty_several_ranges_are_multipart_byteranges",
            "duty_a_range_beyond_the_end_is_416_with_the_size",
            "duty_a_blob_is_answered_with_its_exact_bytes_length_digest_and_ranges",
        ),
    ),
    DUTIES[4]: (
        *_web(
            "duty_tags_are_listed_sorted_under_the_name_as_asked",
            "duty_pages_of_tags_lead_to_the_next_and_end",
            "duty_no_tags_wanted_is_an_empty_list_without_link",
        ),
        *_policy("only_permitted_tags_are_listed_in_pages"),
    ),
    DUTIES[5]: (
        *_web(
            "duty_referrers_are_200_with_an_index_and_say_when_they_were_filtered",
            "duty_referrers_of_no_digest_are_400",
        ),
        *_hostile("referrers_are_an_index_empty_if_none_and_filtered_by_type"),
        *_in(
            "e2e/test_oras",
            "oras_discovers_what_the_proxy_lists_by_the_api_and_by_the_fallback_tag",
            "oras_discovers_by_artifact_type",
        ),
    ),
    DUTIES[6]: (*_web("duty_every_write_is_405"), *_pull("promise_8_there_is_no_write_route")),
    DUTIES[7]: (
        *_web("duty_the_namespace_is_echoed_when_it_was_sent"),
        *_pull("nothing_that_a_client_sends_is_forwarded"),
    ),
    DUTIES[8]: (
        *_web("duty_a_warning_is_one_bounded_quoted_line"),
        *_policy("warn_serves_what_only_fails_require_and_records_it_without_a_pin"),
    ),
    DUTIES[9]: (
        *_web("duty_every_write_is_405"),
        *_in("unit/oci/test_route", "clients_8_neither_the_catalog_nor_uploads_can_be_read"),
    ),
    DUTIES[10]: (
        *_hostile("evidence_of_an_admitted_image_is_served_and_verifies_with_the_upstream_off"),
        *_adversary("evidence_found_in_two_places_is_served_in_both"),
        *_in(
            "e2e/test_cosign_lab",
            "cosign_agrees_with_us_behind_the_proxy_and_without_the_upstream",
            "evidence_tags_answer_behind_the_proxy_as_the_tools_ask_for_them",
        ),
        *_in("e2e/test_notation", "notation_agrees_with_us_behind_the_proxy_and_without_the_upstream"),
        *_in("e2e/test_own_pki", "what_cosign_signed_under_the_companys_ca_is_admitted_and_cosign_agrees_behind_us"),
    ),
}

_VERBS: Mapping[str, tuple[str, ...]] = {
    "serve": (
        *_cli(
            "serve_says_where_it_listens_and_what_it_permits_then_serves_and_drains",
            "sighup_takes_a_new_policy_at_the_next_request_and_keeps_the_old_one_on_an_error",
            "a_second_signal_ends_a_drain_that_waits_for_a_pull",
            "two_proxies_on_one_data_directory_are_refused_with_exit_64",
        ),
        *_in(
            "integration/test_workers",
            "workers_are_one_proxy_on_one_port_and_end_together",
            "a_herd_over_all_workers_costs_one_transfer_a_blob_and_one_pin",
            "a_worker_that_is_killed_is_replaced_and_what_it_filled_is_taken_over",
            "one_worker_leads_and_another_one_when_it_is_gone",
            "workers_end_when_their_supervisor_is_killed_and_the_next_one_serves",
            "a_drain_lets_bodies_of_every_worker_end_and_a_second_signal_cuts_them",
            "what_keeps_a_worker_from_starting_is_said_once_and_ends_all",
        ),
    ),
    "config check": _in(
        "unit/cli/test_config",
        "a_right_configuration_is_exit_0_and_says_what_is_permitted",
        "every_problem_of_both_files_is_told_at_once_with_exit_64",
        "a_warning_is_an_error_only_under_strict",
    ),
    "config schema": _in("unit/cli/test_config", "the_schemas_are_printed_one_or_both"),
    "verify": (
        *_cli(
            "verify_prints_the_decision_with_every_check_and_the_cosign_line",
            "verify_of_an_unsigned_image_exits_1_and_shows_what_was_found_and_why_it_proves_nothing",
            "verify_exits_69_when_the_upstream_is_down_and_75_when_signatures_are_out_of_reach",
        ),
        *_in(
            "integration/test_verify_command",
            "each_requirement_says_what_proved_it",
            "what_is_printed_for_cosign_is_right_when_cosign_runs_it",
            "what_is_printed_for_notation_is_right_when_notation_runs_it",
            "a_bundle_that_cosign_makes_of_a_file_is_verified_by_the_file_and_by_its_digest",
        ),
        *_in("unit/cli/test_bare", "t28_nobody_else_is_proved_by_it"),
        *_in(
            "integration/test_replay",
            "a_decision_is_made_again_bit_for_bit_without_anything_but_its_file",
            "one_changed_byte_fails",
        ),
        *_in(
            "integration/test_verify_command",
            "what_is_refused_is_refused_by_the_printed_line_too",
            "the_document_for_scripts_has_these_fields_of_these_types",
        ),
        *_in(
            "integration/test_replay",
            "a_hostile_record_is_exit_1_with_a_sentence_and_moves_no_cursor",
            "another_version_of_the_program_is_named_where_it_comes_out_otherwise",
        ),
    ),
    "explain": (
        *_cli(
            "explain_takes_the_id_from_the_refusal_line_while_the_proxy_runs",
            "explain_of_a_reference_tells_why_it_was_allowed",
        ),
        *_in("e2e/test_containerd", "a_refusal_is_explained_by_the_id_that_the_node_was_shown"),
        *_in(
            "integration/test_explain_refusals",
            "a_refusal_is_explained",
            "what_failed_says_what_that_means_and_every_thing_found_what_is_wrong_with_it",
            "a_move_that_was_not_made_is_told_with_the_tag",
        ),
    ),
    "pin ls": (
        *_in("unit/cli/test_pins", "ls_shows_pins_and_what_the_upstream_offers_with_its_judgement"),
        *_cli("after_a_lost_state_pin_ls_warns_and_pin_confirm_all_lifts_the_distrust"),
    ),
    "pin confirm": _cli(
        "a_confirmed_pin_is_answered_by_the_running_proxy_at_once_and_audited",
        "pin_confirm_without_a_digest_judges_what_is_offered_and_pins_nothing_that_is_refused",
        "after_a_lost_state_pin_ls_warns_and_pin_confirm_all_lifts_the_distrust",
    ),
    "demo": _in(
        "integration/test_demo",
        "every_image_gets_what_it_must_get_with_the_built_in_client",
        "an_expectation_that_fails_is_exit_1_and_is_shown",
        "a_policy_that_lets_everything_in_is_caught_by_the_count_at_the_client",
    ),
    "node hosts": (
        *_in(
            "unit/cli/test_node",
            "it_writes_the_tree_for_the_configured_upstreams_and_says_the_egress_rule",
            "a_dry_run_writes_nothing_and_exits_2_while_there_is_something_to_do",
            "podman_gets_its_drop_in_instead",
        ),
        *_in("e2e/test_containerd", "the_node_cannot_go_around_the_proxy_though_it_could_reach_the_upstream"),
        *_in("e2e/test_skopeo_podman", "the_drop_in_cannot_be_bypassed_though_the_upstream_is_in_reach"),
    ),
    "cache ls": _cache("ls_shows_images_with_their_bytes_pins_and_what_makes_them_stay"),
    "cache gc": _cache("gc_shows_a_plan_then_makes_room_while_the_proxy_runs", "gc_waits_for_no_other_and_says_so"),
    "cache warm": _cache(
        "warm_fetches_through_the_running_proxy_what_is_not_here_and_proves_it",
        "warm_reads_the_lock_file_and_needs_no_running_proxy",
        "warm_takes_a_list_and_says_what_was_refused_and_what_could_not_be_had",
    ),
    "cache scrub": _cache("scrub_finds_a_flipped_bit_and_puts_it_aside"),
    "presets": _in(
        "unit/cli/test_presets",
        "all_are_listed_with_their_sources",
        "the_yaml_that_is_printed_is_a_policy_that_believes_whom_the_preset_believes",
    ),
    "trust show": (
        *_in(
            "unit/cli/test_trust",
            "what_is_shipped_is_shown_with_its_date_hash_and_end",
            "a_root_that_a_signer_needs_and_cannot_use_is_a_finding",
        ),
        *_in("integration/test_trust", "what_was_refreshed_is_shown_with_its_origin_hash_and_end"),
    ),
    "trust refresh": (
        *_in("unit/cli/test_trust", "a_repository_out_of_reach_takes_nothing_away_and_exits_69"),
        *_in(
            "integration/test_trust",
            "images_under_two_roots_that_tuf_brought_are_admitted",
            "a_refresh_makes_exactly_the_decisions_again_that_used_what_changed",
        ),
        *_in("integration/test_trust", "a_command_refreshes_beside_a_running_proxy_which_takes_it_up"),
    ),
    "version": _cli("a_version_is_told_without_loading_what_serves"),
}

_PRATIQUE: Mapping[str, tuple[str, ...]] = {
    "listen": _in("unit/web/test_settings", "every_field_has_its_default"),
    "listen.registry": _in("unit/config/test_agreement", "two_listeners_never_share_a_port"),
    "listen.registry.address": (
        *_in("unit/web/test_settings", "what_is_no_address_is_refused_with_an_example"),
        *_in("unit/config/test_agreement", "a_port_beyond_this_host_without_tls_is_refused"),
    ),
    "listen.registry.tls": (
        *_web("tls_serves_the_same_bytes"),
        *_in("unit/config/test_agreement", "tls_is_enough_for_public_images"),
    ),
    "listen.registry.tls.certificate": (
        *_web("tls_serves_the_same_bytes", "a_certificate_that_cannot_be_used_is_an_error_of_the_configuration"),
        *_in("unit/config/test_certificates", "a_key_that_is_another_certificates_is_refused"),
    ),
    "listen.registry.tls.key": (
        *_web("tls_serves_the_same_bytes", "a_certificate_that_cannot_be_used_is_an_error_of_the_configuration"),
        *_in("unit/config/test_certificates", "a_key_that_is_another_certificates_is_refused"),
    ),
    "listen.registry.tls.clientCa": _LATER,
    "listen.mirrors": _web("a_mirrors_port_is_bound_to_its_upstream"),
    "listen.mirrors[].address": _in("unit/config/test_agreement", "a_mirror_beyond_this_host_without_tls_is_refused"),
    "listen.mirrors[].upstream": (
        *_web("a_mirrors_port_is_bound_to_its_upstream"),
        *_in("unit/upstream/test_routing", "the_four_addressings_lead_to_one_key"),
    ),
    "listen.mirrors[].tls": _in("unit/config/test_certificates", "a_mirrors_certificate_is_looked_at_too"),
    "listen.mirrors[].tls.certificate": _in("unit/config/test_certificates", "a_mirrors_certificate_is_looked_at_too"),
    "listen.mirrors[].tls.key": _in("unit/config/test_certificates", "a_mirrors_certificate_is_looked_at_too"),
    "listen.mirrors[].tls.clientCa": _LATER,
    "listen.admin": _web("health_answers_on_both_ports", "the_admin_port_checks_the_host_header"),
    "listen.admin.address": _in("unit/config/test_agreement", "the_operators_port_stays_on_this_host"),
    "listen.admin.tokens": _LATER,
    "listen.health": _web("health_answers_on_both_ports", "the_health_port_answers_to_any_name"),
    "listen.health.address": _in("unit/config/test_agreement", "the_health_port_may_be_beyond_this_host"),
    "listen.expressLane": _in(
        "integration/test_lane",
        "a_warm_manifest_is_answered_before_the_framework_with_the_same_head_and_body",
        "a_closed_lane_answers_nothing",
    ),
    "data": (
        *_effect("data_is_where_content_state_and_audit_are_kept"),
        *_cli("two_proxies_on_one_data_directory_are_refused_with_exit_64"),
    ),
    "policy": _in("unit/config/test_policy", "a_policy_that_is_not_there_is_said_with_its_path"),
    "lock": (
        *_in("unit/config/test_policy", "the_lock_file_is_read_and_need_not_be_there"),
        *_policy("locked_serves_only_what_the_lock_file_names"),
    ),
    "upstreams": (
        *_upstream("upstreams_are_a_closed_world_and_start_with_all_of_them_down"),
        *_pull("what_is_not_on_the_list_is_refused_without_any_upstream_request"),
    ),
    "upstreams.<name>.url": _in(
        "unit/upstream/test_settings", "well_known_names_know_their_url_and_realms", "the_example_of_the_face_is_read"
    ),
    "upstreams.<name>.ca": _in(
        "integration/test_upstream_tls",
        "an_upstream_under_the_operators_authority_is_trusted",
        "an_unknown_authority_and_an_expired_certificate_are_refused",
    ),
    "upstreams.<name>.clientCertificate": _in(
        "integration/test_upstream_tls",
        "our_certificate_is_shown_where_it_is_asked_for",
        "our_certificate_is_not_shown_elsewhere",
    ),
    "upstreams.<name>.clientKey": _in(
        "integration/test_upstream_tls", "our_certificate_is_shown_where_it_is_asked_for"
    ),
    "upstreams.<name>.proxy": _upstream("egress_through_a_proxy_checks_names_and_resolves_none"),
    "upstreams.<name>.realms": _upstream("t09_a_realm_must_match_exactly_but_for_its_query"),
    "upstreams.<name>.redirects": (
        *_effect("redirects_named_by_the_operator_are_followed_and_others_are_not"),
        *_in("unit/upstream/exchange/test_guard", "what_the_operator_named_may_be_private"),
    ),
    "upstreams.<name>.credentials": _in(
        "unit/upstream/login/test_credentials", "the_first_that_matches_is_used_and_none_is_anonymous"
    ),
    "upstreams.<name>.credentials[].match": _in(
        "unit/upstream/login/test_credentials",
        "t28_patterns_are_anchored_and_one_star_does_not_cross_a_slash",
        "the_first_that_matches_is_used_and_none_is_anonymous",
    ),
    "upstreams.<name>.credentials[].anonymous": _in(
        "unit/upstream/login/test_credentials", "the_first_that_matches_is_used_and_none_is_anonymous"
    ),
    "upstreams.<name>.credentials[].username": _in(
        "e2e/test_private_upstreams", "an_image_behind_htpasswd_is_pulled_with_the_password_of_a_file"
    ),
    "upstreams.<name>.credentials[].passwordFile": (
        *_in("e2e/test_private_upstreams", "an_image_behind_htpasswd_is_pulled_with_the_password_of_a_file"),
        *_upstream("a_new_password_is_used_without_a_restart"),
    ),
    "upstreams.<name>.credentials[].dockerConfig": _LATER,
    "upstreams.<name>.credentials[].helper": _LATER,
    "defaultUpstream": (
        *_effect(
            "default_upstream_is_meant_where_a_client_names_none", "without_a_default_upstream_a_name_alone_is_unknown"
        ),
        *_in("unit/config/test_agreement", "default_and_mirrored_upstreams_must_be_there"),
    ),
    "content": _BUDGET,
    "content.maxBytes": _BUDGET,
    "content.highWater": _BUDGET,
    "content.scrub": _SCRUB,
    "content.scrub.rate": _SCRUB,
    "content.scrub.every": _SCRUB,
    "content.lowWater": _BUDGET,
    "state": _in("unit/state/test_settings", "the_default_is_a_sqlite_file_in_the_data_folder"),
    "state.url": _in("unit/state/test_settings", "the_file_stands_behind_sqlite", "what_names_no_file_is_refused"),
    "state.passwordFile": _LATER,
    "state.keyFile": _LATER,
    "clients": _in("unit/config/test_agreement", "private_images_behind_an_open_port_are_refused_even_with_tls"),
    "clients.require": _LATER,
    "clients.mtls": _LATER,
    "clients.header": _LATER,
    "clients.open": (
        *_web("beyond_loopback_without_tls_only_open_networks_may_ask"),
        *_in("unit/web/test_settings", "networks_are_parsed_and_a_wrong_one_is_named"),
        *_in("unit/config/test_agreement", "a_port_beyond_this_host_may_do_without_tls_for_networks_that_are_named"),
    ),
    "limits": _in("unit/config/test_loader", "two_fields_are_enough_and_everything_else_has_its_default"),
    "limits.connections": (
        *_in("integration/test_lane", "beyond_its_places_a_client_is_told_to_ask_again"),
        *_in(
            "integration/test_hostile_clients",
            "where_all_places_are_taken_who_rests_makes_room",
            "the_health_port_is_there_whatever_the_registrys_clients_do",
        ),
        *_in("unit/web/connections/test_descriptors", "what_cannot_be_held_is_said_with_what_to_do"),
    ),
    "limits.connectionsPerClient": _in(
        "integration/test_hostile_clients", "beyond_its_places_one_client_leaves_the_others_theirs"
    ),
    "limits.requestSeconds": (
        *_pull("over_the_deadline_it_is_503_and_the_work_goes_on_so_that_the_retry_succeeds"),
        *_in("unit/config/test_agreement", "a_request_is_answered_before_containerd_gives_up"),
    ),
    "limits.gatherSeconds": (
        *_effect("gather_seconds_end_a_judgement_that_nobody_waits_for_any_more"),
        *_in("unit/config/test_agreement", "a_judgement_may_not_end_before_its_request"),
    ),
    "limits.stallSeconds": (
        *_effect("stall_seconds_break_off_a_silent_transfer_which_is_taken_up_where_it_broke"),
        *_upstream("a_stalled_blob_is_a_timeout"),
    ),
    "limits.drainSeconds": (
        *_web(
            "a_drain_lets_a_running_body_end_closes_what_is_idle_and_lets_nobody_in",
            "a_drain_that_took_long_enough_cuts_the_rest",
        ),
        *_cli("a_second_signal_ends_a_drain_that_waits_for_a_pull"),
    ),
}

_POLICY: Mapping[str, tuple[str, ...]] = {
    "version": _MISTAKE,
    "mode": _in("unit/policy/test_evaluate", "the_policy_mode_holds_where_the_rule_says_none"),
    "trustRoots": _roots("the_shipped_roots_need_no_entry_and_cannot_be_replaced"),
    "trustRoots.<name>.file": _roots("a_root_from_a_file_is_pinned_by_its_hash"),
    "trustRoots.<name>.sha256": (*_MISTAKE, *_roots("a_root_from_a_file_is_pinned_by_its_hash")),
    "trustRoots.<name>.tuf": (
        *_roots("an_address_is_https_or_this_host", "any_other_address_is_refused"),
        *_in("integration/test_trust", "images_under_two_roots_that_tuf_brought_are_admitted"),
    ),
    "trustRoots.<name>.root": (*_MISTAKE, *_roots("a_root_by_tuf_is_refreshed_daily_unless_it_says_otherwise")),
    "trustRoots.<name>.refresh": (
        *_roots("a_root_by_tuf_is_refreshed_daily_unless_it_says_otherwise"),
        *_in("integration/test_trust", "t38_root_rotation_is_followed_while_the_proxy_runs"),
    ),
    "trustRoots.<name>.maxAge": (
        *_roots("a_root_by_tuf_is_refreshed_daily_unless_it_says_otherwise"),
        *_in(
            "integration/test_trust",
            "past_its_max_age_nothing_rests_on_a_root_any_more_until_it_is_refreshed",
            "a_proxy_that_starts_with_a_root_past_its_max_age_does_not_use_it",
        ),
    ),
    "trustRoots.<name>.certificates": (
        *_roots("a_store_asks_about_revocation_unless_it_says_otherwise"),
        *_cookbook("microsofts_images_are_believed_by_notation_after_the_certificate_ended"),
        *_own_pki("a_certificate_under_the_companys_ca_admits_in_every_form"),
    ),
    "trustRoots.<name>.timestamps": (
        *_roots("a_store_asks_about_revocation_unless_it_says_otherwise"),
        *_in("unit/policy/who/test_voices", "a_time_is_asked_only_of_who_can_prove_one"),
        *_cookbook("microsofts_images_are_believed_by_notation_after_the_certificate_ended"),
        *_own_pki("a_timestamp_of_the_companys_own_authority_outlives_the_certificate"),
    ),
    "trustRoots.<name>.revocation": (
        *_roots("a_store_asks_about_revocation_unless_it_says_otherwise"),
        *_in(
            "unit/verify/certificates/test_revocation",
            "t34_unreachable_is_refused_under_enforce_warned_of_under_log_and_nothing_under_skip",
        ),
        *_revocation(
            "t34_under_skip_nothing_is_asked",
            "t34_out_of_reach_is_a_warning_under_log_once_it_was_asked",
            "t34_t59_out_of_reach_is_no_refusal_and_admits_nothing_under_enforce",
        ),
    ),
    "trustRoots.<name>.hosts": (
        *_roots("a_store_asks_about_revocation_unless_it_says_otherwise"),
        *_in(
            "unit/verify/certificates/test_revocation", "t58_nothing_is_wanted_of_a_host_that_the_operator_did_not_name"
        ),
        *_cookbook("an_authority_that_names_another_host_for_its_crl_is_refused_with_what_to_add"),
        *_revocation("t58_a_certificate_leads_to_no_other_host_scheme_or_port"),
    ),
    "trustRoots.<name>.crls": (
        *_roots("a_store_asks_about_revocation_unless_it_says_otherwise"),
        *_in("unit/verify/certificates/test_revocation", "a_crl_that_the_operator_gave_answers_without_a_network"),
        *_revocation(
            "a_list_that_the_operator_gave_needs_no_network",
            "a_list_of_the_operators_that_has_ended_is_a_refusal_that_names_it",
        ),
    ),
    "signers": _in("unit/config/test_policy", "a_signers_word_meets_its_key"),
    "signers.<name>.parameters": (
        *_signers("a_preset_may_have_parameters"),
        *_asked_of_signers("a_preset_with_parameters_means_the_identities_of_that_organisation_alone"),
    ),
    "signers.<name>.timestamp": (
        *_signers("a_key_says_what_must_stand_beside_its_signature"),
        *_cookbook("the_newest_scan_decides_and_what_does_not_apply_is_not_counted"),
        *_own_pki("t33_a_timestamp_that_is_required_must_be_the_companys_and_in_time"),
        *_asked_of_attestations("what_was_signed_at_no_proved_time_is_no_word_of_a_signer_who_must_prove_one"),
    ),
    "signers.<name>.trustRoot": (
        *_signers(
            "a_key_says_what_must_stand_beside_its_signature",
            "an_identity_stands_under_sigstore_unless_it_says_otherwise",
        ),
        *_asked_of_signers("another_sigstore_with_the_same_names_is_nobodys"),
    ),
    "signers.<name>.issuer": (
        *_signers("an_identity_stands_under_sigstore_unless_it_says_otherwise"),
        *_in("unit/policy/who/test_identities", "t28_an_issuer_is_compared_exactly_and_is_no_pattern"),
        *_cookbook("gitlab_ci_believes_one_projects_pipeline_at_its_release_tags"),
    ),
    "signers.<name>.subject": (
        *_in("unit/policy/who/test_identities", "t28_a_subject_that_whoever_comes_has_is_refused"),
        *_in("unit/policy/test_match", "t28_an_identity_is_matched_whole_or_not_at_all"),
        *_in("unit/policy/who/test_distinguished", "a_subject_is_read_attribute_by_attribute"),
        *_own_pki("by_subject_every_attribute_that_is_written_must_be_there"),
        *_asked_of_signers("a_notation_signature_by_the_named_subject_admits_and_its_twins_do_not"),
    ),
    "signers.<name>.subjectRegex": (
        *_in("unit/policy/who/test_identities", "t28_an_expression_that_whoever_comes_matches_is_refused"),
        *_in(
            "unit/policy/test_match",
            "t28_an_identity_is_matched_whole_or_not_at_all",
            "t52_a_users_expression_runs_in_linear_time",
        ),
        *_asked_of_signers("extensions_are_all_asked_and_email_and_pattern_identities_are_whole"),
    ),
    "signers.<name>.extensions": (
        *_signers("extensions_are_asked_by_fulcios_names"),
        *_in("unit/policy/who/test_identities", "an_extension_is_known_by_fulcios_name_alone"),
        *_asked_of_signers("extensions_are_all_asked_and_email_and_pattern_identities_are_whole"),
    ),
    "signers.<name>.github": (
        *_signers("t28_the_github_shorthand_means_one_workflow_of_one_repository"),
        *_asked_of_signers("t28_a_workflow_is_known_whole_and_by_its_issuer"),
    ),
    "signers.<name>.workflow": (
        *_signers("t28_the_github_shorthand_means_one_workflow_of_one_repository"),
        *_cookbook("github_actions_believes_one_workflow_of_a_repository_at_its_release_tags"),
    ),
    "signers.<name>.ref": (
        *_signers("the_github_shorthand_takes_any_ref_of_its_workflow_and_another_root"),
        *_cookbook("github_actions_believes_one_workflow_of_a_repository_at_its_release_tags"),
    ),
    "signers.<name>.x509": (
        *_signers("a_certificate_is_named_by_its_subject_its_san_or_both"),
        *_cookbook("own_pki_believes_the_companys_certificates_while_they_last_or_by_their_timestamps"),
        *_own_pki("a_certificate_under_the_companys_ca_admits_in_every_form"),
    ),
    "signers.<name>.san": (
        *_signers("a_certificate_is_named_by_its_subject_its_san_or_both"),
        *_cookbook("own_pki_believes_the_companys_certificates_while_they_last_or_by_their_timestamps"),
        *_own_pki("t21_t28_t29_a_certificate_that_is_not_the_signers_is_refused_and_told_why"),
    ),
    "signers.<name>.key": _in(
        "unit/config/test_policy",
        "key_files_are_relative_to_the_policy_and_not_to_the_configuration",
        "a_key_that_is_missing_or_none_is_refused_with_its_line_and_file",
    ),
    "signers.<name>.log": (
        *_MISTAKE,
        *_in(
            "unit/verify/formats/test_simplesigning",
            "t20_a_foreign_log_entry_beside_a_bare_keys_signature_is_not_looked_at",
        ),
        *_own_pki("t20_a_log_entry_that_is_required_must_be_of_this_signature_and_of_a_log_that_is_trusted"),
    ),
    "signers.<name>.hash": _in("unit/verify/formats/test_simplesigning", "the_publishers_own_hash_is_used_alone"),
    "signers.<name>.validFrom": _in(
        "unit/verify/formats/test_simplesigning", "t31_a_bare_keys_window_is_compared_with_now"
    ),
    "signers.<name>.validUntil": (
        *_in("unit/verify/formats/test_simplesigning", "t31_a_bare_keys_window_is_compared_with_now"),
        *_in("unit/policy/test_requirements", "t31_a_bare_key_is_held_against_now"),
    ),
    "signers.<name>.preset": (
        *_in(
            "unit/config/test_policy",
            "a_preset_brings_its_own_key",
            "an_unknown_preset_is_refused_with_its_line_and_the_known_names",
        ),
        *_cookbook("kubernetes_lets_the_promoters_images_through_under_the_name_they_were_promoted_from"),
    ),
    "images": _pull("the_empty_policy_denies_everything_and_says_so"),
    "images[].match": (
        *_in("unit/policy/test_evaluate", "the_most_specific_rule_governs", "nothing_that_matches_is_a_deny"),
        *_in("unit/policy/words/test_meaning", "two_rules_of_equal_specificity_that_can_match_one_name_are_refused"),
    ),
    "images[].mode": _policy(
        "warn_serves_what_only_fails_require_and_records_it_without_a_pin",
        "warn_relaxes_neither_tags_nor_platforms_nor_revocation",
    ),
    "images[].tags": _policy("tags_outside_the_list_cannot_be_pulled_and_admitted_digests_can"),
    "images[].pinning": (
        *_policy(
            "locked_serves_only_what_the_lock_file_names",
            "follow_takes_up_a_moved_tag_after_ttl_only_when_the_new_digest_is_admitted",
        ),
        *_pull("t02_a_tag_that_moved_still_answers_its_pin_and_the_unsigned_new_digest_is_refused"),
    ),
    "images[].ttl": _policy("follow_takes_up_a_moved_tag_after_ttl_only_when_the_new_digest_is_admitted"),
    "images[].platforms": (
        *_in("unit/policy/test_evaluate", "only_named_platforms_are_served"),
        *_in("e2e/test_containerd", "a_platform_that_the_rule_does_not_name_is_refused"),
    ),
    "images[].require": _in("unit/policy/test_requirements", "a_list_is_and"),
    "images[].require[].signature": _pull(
        "an_allowed_signed_image_is_pulled_cold_warm_and_with_the_upstream_off",
        "an_unsigned_image_is_refused_with_a_line_that_says_why_and_leaves_nothing",
    ),
    "images[].require[].claims": (
        *_policy("claims_ask_for_signed_annotations"),
        *_asked_of_signers("claims_are_signed_ones_and_all_of_them", "claims_of_two_signatures_do_not_add_up"),
        *_asked_of_signers("t30_claims_of_notation_are_its_user_metadata_and_it_counts_beside_a_key"),
    ),
    "images[].require[].digest": _policy("a_reviewed_digest_is_a_requirement_like_any_other"),
    "images[].require[].atLeast": (
        *_policy("t30_at_least_counts_distinct_keys"),
        *_asked_of_signers("t30_at_least_counts_keys_and_identities_and_no_names"),
    ),
    "images[].require[].of": _policy("t30_at_least_counts_distinct_keys"),
    "images[].require[].name": (
        *_policy("an_exception_waives_by_name_for_one_digest_until_its_end"),
        *_asked_of_attestations("an_attestation_is_called_by_its_name_and_its_refusal_says_what_is_asked"),
    ),
    "images[].signedAs": (
        *_pull("t11_another_product_of_the_same_signer_is_refused_and_signed_as_admits_it"),
        *_asked_of_signers("t11_a_payload_names_this_repository_or_one_that_signed_as_lists"),
    ),
    "images[].require[].covers": (
        *_in("unit/policy/words/test_asking", "covers_is_the_rules_unless_a_requirement_says_its_own"),
        *_asked_of_signers("covers_may_differ_from_requirement_to_requirement"),
    ),
    "images[].require[].attestation": (
        *_attestations("an_alias_means_its_predicate_types_and_a_uri_itself"),
        *_in("unit/policy/words/test_asking", "signatures_attestations_and_digests_may_be_counted"),
        *_asked_of_attestations(
            "each_fact_that_is_asked_for_admits_what_is_right_and_refuses_its_twins_with_a_sentence"
        ),
    ),
    "images[].require[].by": (
        *_MISTAKE,
        *_in("unit/policy/words/test_asking", "everybody_whose_word_counts_is_a_signer_of_the_rule"),
        *_asked_of_attestations(
            "t22_t23_t24_the_right_words_admit_nothing_where_they_are_no_statement_of_this_image_by_the_signer"
        ),
    ),
    "images[].require[].where": (
        *_attestations(
            "t27_every_fact_can_be_asked_for_by_its_type_and_by_no_other",
            "t23_an_empty_where_is_never_read_as_any",
        ),
        *_in(
            "unit/policy/checks/test_where", "numbers_are_compared_as_they_are_written", "t28_a_text_is_matched_whole"
        ),
        *_asked_of_attestations(
            "each_fact_that_is_asked_for_admits_what_is_right_and_refuses_its_twins_with_a_sentence"
        ),
    ),
    "images[].require[].condition": (
        *_attestations("a_uri_without_a_reader_is_asked_by_a_condition_over_its_predicate"),
        *_in("unit/policy/checks/test_conditions", "what_is_no_condition_is_refused_at_load_with_a_sentence"),
        *_asked_of_attestations(
            "t25_after_the_first_pull_what_the_upstream_swapped_is_not_what_conditions_are_asked_of"
        ),
        *_in("unit/policy/checks/test_attestation", "t23_a_condition_over_a_list_that_tells_nothing_is_not_met"),
        *_in("integration/test_evidence_policy_mistakes", "a_condition_that_is_none_is_told_at_its_line_and_column"),
        *_cookbook("an_sbom_with_a_banned_component_or_with_nothing_in_it_is_refused"),
    ),
    "images[].require[].maxAge": (
        *_in("unit/policy/who/test_voices", "a_time_is_asked_only_of_who_can_prove_one"),
        *_asked_of_attestations(
            "the_newest_proved_scan_decides_and_an_old_good_one_hides_nothing",
            "a_claimed_scan_time_and_an_unproved_one_count_for_no_age",
        ),
        *_asked_of_moves("an_age_or_order_over_times_that_nothing_proves_is_no_policy"),
    ),
    "images[].require[].grace": (
        *_attestations("all_that_an_attestation_can_be_asked"),
        *_asked_of_attestations("grace_keeps_what_was_admitted_with_an_alarm_and_admits_nothing_new"),
    ),
    "images[].require[].levels": (
        *_attestations("levels_are_given_to_builders_in_the_order_of_the_file"),
        *_cookbook("a_provenance_level_is_the_builders_and_the_source_is_asked_for"),
    ),
    "images[].require[].vex": (
        *_attestations("all_that_an_attestation_can_be_asked"),
        *_asked_of_attestations(
            "a_trusted_signers_vex_statement_takes_a_finding_out_and_the_decision_says_so",
            "no_other_vex_statement_takes_anything_out",
        ),
        *_asked_of_attestations("vex_without_a_signer_named_for_it_is_not_heard"),
        *_redteam("vex_of_other_products_packages_or_signers_takes_nothing_out"),
    ),
    "images[].require[].image": (
        *_in(
            "unit/policy/words/test_asking",
            "each_kind_is_read_as_its_own_requirement",
            "what_has_no_identity_is_not_counted",
        ),
        *_asked_of_images(
            "each_fact_of_the_image_is_one_line_and_its_twins_are_refused_with_a_sentence",
            "of_an_index_the_platforms_own_facts_are_asked_and_one_that_fails_is_not_served",
        ),
    ),
    "images[].require[].image.maxAge": (
        *_attestations("all_that_the_image_itself_can_be_asked"),
        *_asked_of_images("a_young_image_grows_old_and_its_admission_ends_with_that"),
    ),
    "images[].require[].image.where": (
        *_attestations("all_that_the_image_itself_can_be_asked", "t23_an_empty_where_is_never_read_as_any"),
        *_asked_of_images("each_fact_of_the_image_is_one_line_and_its_twins_are_refused_with_a_sentence"),
    ),
    "images[].require[].image.condition": (
        *_attestations("all_that_the_image_itself_can_be_asked"),
        *_asked_of_images("each_fact_of_the_image_is_one_line_and_its_twins_are_refused_with_a_sentence"),
    ),
    "images[].base": (
        *_in("unit/policy/words/test_meaning", "a_decision_changes_with_all_that_may_decide_about_its_base"),
        *_asked_of_images(
            "a_base_that_is_named_proved_and_admitted_is_shown_in_the_decision",
            "whoever_only_names_a_good_base_stands_on_none",
        ),
        *_asked_of_images(
            "of_two_bases_that_are_prefixes_the_longer_one_decides",
            "provenance_that_nobody_proved_names_no_base",
            "a_base_that_runs_out_takes_the_image_with_it",
        ),
    ),
    "images[].base.require": (
        *_in(
            "unit/policy/words/test_meaning",
            "a_base_is_judged_by_requirements_of_its_own_or_by_a_rule",
            "whoever_may_speak_for_a_base_counts_as_a_signer_of_the_rule",
        ),
        *_asked_of_images("a_base_is_found_by_the_materials_of_proved_provenance"),
    ),
    "images[].base.rule": (
        *_in("unit/policy/words/test_meaning", "a_base_is_judged_by_requirements_of_its_own_or_by_a_rule"),
        *_asked_of_images("a_base_is_judged_by_its_own_rule_or_by_the_one_named"),
    ),
    "images[].evidenceFrom": (
        *_in(
            "unit/policy/words/test_entries",
            "evidence_may_be_looked_for_elsewhere",
            "t39_a_place_that_is_no_repository_is_refused",
        ),
        *_asked_of_signers(
            "evidence_from_a_repository_of_the_sites_own_counts_under_the_same_proofs",
            "githubs_attestation_api_is_a_source_and_what_it_holds_is_proved_like_anything",
        ),
        *_redteam(
            "evidence_kept_where_others_can_push_counts_only_by_who_signed_it",
            "githubs_api_answering_for_another_image_or_repository_proves_nothing",
        ),
    ),
    "images[].recheck": (
        *_in("unit/policy/words/test_entries", "a_followed_tag_may_wait_and_evidence_may_be_looked_for_again"),
        *_in(
            "integration/test_recheck",
            "a_new_scan_that_finds_something_takes_the_admission_back_and_the_warm_answer_with_it",
            "a_pull_never_waits_for_a_recheck_while_the_old_decision_holds",
        ),
    ),
    "images[].after": (
        *_in("unit/policy/words/test_entries", "a_followed_tag_may_wait_and_evidence_may_be_looked_for_again"),
        *_asked_of_moves("a_moved_tag_is_followed_when_it_is_old_enough_by_proved_time_or_by_our_first_sight"),
        *_asked_of_moves("what_is_old_enough_and_not_admitted_is_not_followed"),
    ),
    "images[].covers": (
        *_in("unit/policy/words/test_asking", "covers_is_the_rules_unless_a_requirement_says_its_own"),
        *_pull("an_index_admits_its_children_and_their_blobs_and_nothing_else"),
        *_asked_of_signers("t10_what_covers_an_index_its_children_or_both"),
        *_redteam("an_honest_index_that_is_signed_covers_children_of_whom_more_is_asked"),
    ),
    "images[].rollback": (
        *_in("unit/policy/words/test_entries", "moves_of_a_tag_are_allowed_warned_of_or_denied"),
        *_in(
            "unit/policy/who/test_voices",
            "a_time_is_asked_only_of_who_can_prove_one",
            "one_requirement_that_always_tells_a_time_is_enough_for_rollback",
        ),
        *_asked_of_moves("t12_a_tag_that_goes_back_by_proved_time"),
        *_asked_of_moves("an_order_over_times_that_are_proved_is_a_policy"),
    ),
    "images[].regression": (
        *_in("unit/policy/words/test_entries", "moves_of_a_tag_are_allowed_warned_of_or_denied"),
        *_asked_of_moves("a_tag_whose_new_digest_has_fewer_or_other_signers"),
        *_asked_of_moves("a_workflow_at_its_next_release_is_the_same_signer_and_another_workflow_is_not"),
    ),
    "exceptions": _policy("an_exception_waives_by_name_for_one_digest_until_its_end"),
    "exceptions[].match": _in("unit/policy/test_exceptions", "t40_an_exception_is_for_its_names_alone"),
    "exceptions[].digest": _in("unit/policy/test_exceptions", "t40_an_exception_is_for_one_digest_alone"),
    "exceptions[].waive": _in(
        "unit/policy/test_exceptions",
        "an_exception_waives_what_it_names_and_says_so",
        "a_requirement_that_is_not_waived_must_pass_still",
    ),
    "exceptions[].reason": (
        *_MISTAKE,
        *_in("unit/policy/test_exceptions", "an_exception_waives_what_it_names_and_says_so"),
    ),
    "exceptions[].by": (
        *_MISTAKE,
        *_in("unit/policy/test_exceptions", "an_exception_waives_what_it_names_and_says_so"),
    ),
    "exceptions[].until": (
        *_in("unit/policy/words/test_grants", "an_exception_ends_within_thirty_days_of_the_load"),
        *_in("unit/policy/test_exceptions", "an_exception_ends_while_the_policy_stands"),
    ),
    "revoked": _in("unit/policy/test_evaluate", "revoked_wins_over_rule_evidence_and_is_told_with_its_reason"),
    "revoked[].digest": (
        *_pull("t62_a_revoked_digest_is_refused_at_the_next_request_with_its_blobs"),
        *_redteam("t62_a_revoked_digest_is_refused_under_its_other_name_too"),
    ),
    "revoked[].key": (
        *_pull("t62_a_revoked_key_is_believed_no_more"),
        *_in("unit/config/test_policy", "a_revoked_key_by_its_spki_is_the_same"),
        *_own_pki("the_operator_revokes_a_company_certificate_by_its_key"),
        *_in("integration/test_trust", "t62_a_key_is_revoked_by_its_hash_too"),
    ),
    "revoked[].issuer": (
        *_in(
            "unit/policy/words/test_revocations",
            "a_digest_a_key_and_an_identity_are_revoked_with_their_reasons",
            "a_whole_issuer_may_be_revoked_when_it_is_said",
        ),
        *_in(
            "integration/test_trust",
            "t62_an_image_whose_signers_identity_is_revoked_is_refused_after_the_reload",
            "another_identity_that_is_revoked_changes_nothing",
        ),
    ),
    "revoked[].subject": _in(
        "unit/policy/words/test_revocations", "a_digest_a_key_and_an_identity_are_revoked_with_their_reasons"
    ),
    "revoked[].subjectRegex": _in(
        "unit/policy/words/test_revocations", "a_digest_a_key_and_an_identity_are_revoked_with_their_reasons"
    ),
    "revoked[].reason": _pull("t62_a_revoked_digest_is_refused_at_the_next_request_with_its_blobs"),
}

TABLE: Mapping[str, tuple[str, ...]] = {
    **_PROMISES,
    **TESTS_OF_ATTACKS,
    **{f"duty: {duty}": tests for duty, tests in _DUTIES.items()},
    **{f"verb: {verb}": tests for verb, tests in _VERBS.items()},
    **{f"pratique.yaml: {field}": tests for field, tests in _PRATIQUE.items()},
    **{f"policy.yaml: {field}": tests for field, tests in _POLICY.items()},
}
