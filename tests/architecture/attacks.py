"""Rows of docs/threat-model.md: each attack that others fell for → the tests that show where it is stopped.

A row's tests show it, each a part or from another side; what only touches it does not stand here.
"""

from collections.abc import Mapping

ATTACKS = tuple(f"T{number:02}" for number in (*range(1, 13), *range(20, 42), *range(50, 63)))


def _in(file: str, *names: str) -> tuple[str, ...]:
    return tuple(f"tests/{file}.py::test_{name}" for name in names)


def _integration(file: str, *names: str) -> tuple[str, ...]:
    return _in(f"integration/{file}", *names)


def _pull(*names: str) -> tuple[str, ...]:
    return _integration("test_pull", *names)


def _policy(*names: str) -> tuple[str, ...]:
    return _integration("test_pull_policy", *names)


def _hostile(*names: str) -> tuple[str, ...]:
    return _integration("test_pull_hostile", *names)


def _upstream(*names: str) -> tuple[str, ...]:
    return _integration("test_upstream", *names)


def _adversary(*names: str) -> tuple[str, ...]:
    return _integration("test_adversary", *names)


def _discovery(*names: str) -> tuple[str, ...]:
    return _integration("test_discovery", *names)


def _attested(*names: str) -> tuple[str, ...]:
    return _integration("test_evidence_policy_attestations", *names)


def _cookbook(*names: str) -> tuple[str, ...]:
    return _integration("test_cookbook", *names)


def _vectors(*names: str) -> tuple[str, ...]:
    return _integration("test_vectors_through_proxy", *names)


def _cli(*names: str) -> tuple[str, ...]:
    return _integration("test_cli", *names)


def _unit(file: str, *names: str) -> tuple[str, ...]:
    return _in(f"unit/{file}", *names)


def _verify(file: str, *names: str) -> tuple[str, ...]:
    return _unit(f"verify/{file}", *names)


def _facts(file: str, *names: str) -> tuple[str, ...]:
    return _unit(f"facts/{file}", *names)


def _policy_unit(file: str, *names: str) -> tuple[str, ...]:
    return _unit(f"policy/{file}", *names)


def _redteam(*names: str) -> tuple[str, ...]:
    return _integration("test_redteam_evidence", *names)


def _own_pki(*names: str) -> tuple[str, ...]:
    return _integration("test_own_pki", *names)


def _lists(*names: str) -> tuple[str, ...]:
    return _integration("test_evidence_policy_lists", *names)


def _twins() -> tuple[str, ...]:
    """Honest evidence of each form with one thing changed: proved, and taken through the proxy (tests/fakes/hostile/table.py)."""
    return (
        *_in("unit/verify/test_hostile", "a_twin_is_refused_for_what_was_changed"),
        *_integration("test_hostile_twins", "a_twin_is_refused_and_nothing_of_it_is_served"),
    )


TESTS_OF_ATTACKS: Mapping[str, tuple[str, ...]] = {
    "T01": (
        *_pull(
            "t01_the_upstream_is_resolved_once_and_head_and_get_never_differ",
            "t01_promise_7_a_lying_digest_header_is_not_believed",
        ),
        *_upstream(
            "t01_a_lying_digest_header_is_ignored_and_each_fetch_is_one_request",
            "t01_other_bytes_under_a_digest_are_a_mismatch",
        ),
    ),
    "T02": (
        *_pull("t02_a_tag_that_moved_still_answers_its_pin_and_the_unsigned_new_digest_is_refused"),
        *_in("unit/policy/test_evaluate", "t02_t61_a_decision_is_bound_to_all_that_it_rests_on"),
        *_in("unit/policy/test_requirements", "t02_evidence_of_one_digest_never_admits_another"),
    ),
    "T03": (
        *_pull("t03_a_layer_with_wrong_bytes_is_cut_and_never_stored"),
        *_in(
            "integration/test_fill", "promise_2_t03_wrong_bytes_of_the_right_length_never_complete_and_are_never_stored"
        ),
        *_in("contract/test_content_store", "t03_wrong_bytes_of_the_right_length_fail_every_reader_and_are_gone"),
        *_in("unit/content/test_progress", "t03_a_follower_in_another_process_never_completes_wrong_bytes"),
        *_in("unit/web/test_outlet", "t03_a_body_that_is_not_its_digest_never_completes"),
        *_in("e2e/test_containerd", "a_layer_that_was_changed_at_the_upstream_never_completes"),
    ),
    "T04": (
        *_hostile("t04_a_signature_blob_that_is_not_what_its_manifest_says_proves_nothing"),
        *_in("unit/verify/formats/test_simplesigning", "t04_a_payload_that_is_not_what_its_digest_names_is_rejected"),
        *_verify("formats/test_attested", "t04_a_layer_that_is_not_what_its_digest_names_is_rejected"),
        *_verify("formats/test_carried", "t04_a_carried_statement_that_is_not_what_its_digest_names_is_rejected"),
        *_verify("notation/test_rules", "t04_a_signature_of_another_descriptor_is_refused"),
        *_discovery("t04_other_bytes_than_the_layer_names_are_a_rejection"),
    ),
    "T05": (
        *_hostile("t05_t06_t07_t58_a_hostile_manifest_is_refused_though_it_is_signed"),
        *_in(
            "unit/oci/test_manifest",
            "t05_a_document_of_both_shapes_is_refused",
            "t05_a_media_type_that_is_not_the_content_type_is_refused",
            "t05_a_document_without_media_type_is_what_its_content_type_and_shape_say",
            "t05_the_type_that_is_kept_has_no_parameters",
        ),
    ),
    "T06": (
        *_hostile("t05_t06_t07_t58_a_hostile_manifest_is_refused_though_it_is_signed"),
        *_in("unit/oci/test_manifest", "t06_duplicate_keys_are_refused", "t06_trailing_data_is_refused"),
        *_in(
            "unit/oci/test_strictjson",
            "t06_what_parsers_could_read_differently_is_refused",
            "t06_megabytes_of_hostile_nesting_end_without_recursion",
        ),
        *_in("unit/verify/formats/test_simplesigning", "t06_a_key_that_stands_twice_is_rejected_though_it_is_signed"),
        *_verify("notation/test_cbor", "t06_what_could_be_read_in_two_ways_is_refused"),
        *_verify("formats/test_dsse", "t06_a_field_that_stands_twice_is_refused"),
        *_verify("formats/test_annotations", "t06_two_spellings_that_say_different_things_are_refused"),
        *_verify("test_trustedroot", "t06_a_root_with_two_meanings_is_refused"),
        *_verify(
            "test_redteam",
            "t06_a_bundle_with_an_envelope_and_a_message_signature_has_two_meanings_and_none",
            "t06_a_statement_that_two_parsers_read_differently_says_nothing_though_it_is_signed",
        ),
        *_redteam("t06_a_base_image_is_not_told_by_a_config_that_clients_read_otherwise"),
    ),
    "T07": (
        *_hostile("t05_t06_t07_t58_a_hostile_manifest_is_refused_though_it_is_signed"),
        *_in("unit/oci/test_digest", "t07_any_other_digest_is_refused"),
        *_in("unit/oci/test_manifest", "t07_a_bad_digest_is_refused_wherever_it_stands"),
        *_in("unit/oci/test_route", "t07_a_bad_digest_is_refused_in_every_route"),
    ),
    "T08": (
        *_hostile("t08_an_endless_manifest_is_cut_off_by_counted_bytes"),
        *_upstream(
            "t08_a_manifest_over_4_mib_is_not_read_to_its_end", "t08_a_small_blob_larger_than_it_may_be_is_a_mismatch"
        ),
        *_in("unit/content/test_filling", "t08_memory_does_not_grow_with_the_blob"),
        *_discovery("t08_a_layer_that_is_longer_than_it_says_is_read_no_further"),
        *_verify("certificates/test_revocation", "t08_answers_over_their_caps_are_not_read"),
        *_redteam(
            "t08_evidence_manifests_of_megabytes_are_not_held",
            "t08_a_manifest_or_listing_of_a_million_parts_is_refused_before_it_is_read",
            "t08_what_a_listing_says_beside_a_digest_is_a_hint_and_long_ones_are_not_held",
        ),
        *_in("integration/test_hostile_upstream", "t08_an_endless_body_costs_a_few_megabytes"),
    ),
    "T09": (
        *_upstream(
            "t09_credentials_do_not_go_to_a_realm_of_the_upstreams_choice",
            "t09_a_realm_must_match_exactly_but_for_its_query",
            "t09_credentials_stay_with_the_upstream_when_a_blob_is_elsewhere",
            "t09_credentials_do_not_come_back_after_a_detour",
            "t09_a_token_servers_redirect_is_not_followed",
        ),
        *_in("e2e/test_private_upstreams", "t09_a_realm_that_nobody_named_gets_no_credentials"),
    ),
    "T10": (
        *_pull(
            "t10_a_child_that_no_admitted_index_lists_and_nobody_signed_is_refused",
            "t10_an_attestation_child_is_served_under_its_index_and_never_as_an_image",
            "an_index_admits_its_children_and_their_blobs_and_nothing_else",
        ),
        *_policy_unit("checks/test_children", "t10_a_siblings_evidence_admits_no_child"),
        *_discovery("t10_what_an_index_attaches_to_one_child_is_not_found_for_another"),
        *_integration("test_evidence_policy_signers", "t10_what_covers_an_index_its_children_or_both"),
        *_redteam(
            "t10_an_image_in_an_attestations_clothes_is_judged_as_the_image_that_it_is",
            "t10_what_cannot_be_run_is_served_beside_the_platform_that_it_is_about",
        ),
    ),
    "T11": (
        *_pull("t11_another_product_of_the_same_signer_is_refused_and_signed_as_admits_it"),
        *_in(
            "unit/policy/test_requirements",
            "t11_the_same_signer_with_another_product_is_denied_and_told_the_line_that_would_admit_it",
        ),
        *_in("unit/verify/formats/test_simplesigning", "t11_a_signature_of_another_image_is_rejected_with_its_digest"),
        *_policy_unit("checks/test_proofs", "t11_a_form_with_a_place_for_a_name_must_name_this_repository"),
        *_verify("test_vectors", "t11_nothing_is_proved_of_another_subject"),
        *_verify("formats/test_bundle", "t11_a_message_signature_of_other_bytes_proves_nothing"),
        *_integration(
            "test_evidence_policy_signers", "t11_a_payload_names_this_repository_or_one_that_signed_as_lists"
        ),
        *_redteam("t11_a_siblings_signature_and_a_rename_of_it_admit_nothing"),
        *_verify("test_assets", "t11_a_committed_image_proves_nothing_of_another"),
    ),
    "T12": (
        *_integration("test_hostile_twins", "t12_a_tag_that_goes_back_to_an_older_signature_is_refused"),
        *_cookbook("t12_the_followed_tag_waits_three_days_and_never_goes_back"),
        *_verify("notation/test_moments", "t12_a_signature_is_over_when_it_says_so"),
        *_verify("notation/test_vectors", "t12_no_signature_outlives_its_proof"),
        *_integration(
            "test_evidence_policy_moves",
            "t12_a_tag_that_goes_back_by_proved_time",
            "t12_the_signers_own_clock_and_the_configs_time_prove_no_order",
        ),
        *_integration(
            "test_evidence_policy_moves", "t12_a_pinned_digest_that_turned_deny_still_tells_when_it_was_signed"
        ),
        *_redteam("t12_a_time_to_come_is_no_age_at_all"),
        *_policy_unit(
            "test_moves",
            "t12_a_tag_goes_back_in_time_only_as_the_rule_says",
            "t12_a_pinned_digest_that_cannot_be_judged_any_more_lets_nothing_pass",
        ),
        *_policy_unit("test_requirements", "t12_of_two_signatures_by_one_signer_the_newer_one_counts"),
    ),
    "T20": (
        *_verify("test_mutations", "t20_t24_t36_no_change_of_a_proof_proves_anything_else"),
        *_in(
            "unit/verify/formats/test_simplesigning",
            "t20_a_foreign_log_entry_beside_a_bare_keys_signature_is_not_looked_at",
        ),
        *_hostile("t20_t24_signatures_that_are_junk_foreign_or_for_another_digest_prove_nothing"),
        *_verify(
            "witness/test_logentry",
            "t20_an_entry_of_another_signature_binds_nothing",
            "t20_an_entry_of_another_key_binds_nothing",
            "t20_an_entry_of_another_certificate_binds_nothing",
            "t20_an_entry_of_other_bytes_binds_nothing",
            "t20_an_entry_of_an_unknown_kind_binds_nothing",
        ),
        *_verify(
            "witness/test_tlog",
            "t20_a_proof_is_of_one_body_alone",
            "t20_a_checkpoint_of_another_root_proves_nothing",
            "t20_a_promise_by_another_log_under_our_logs_name_proves_nothing",
        ),
        *_verify(
            "signers/test_keyless",
            "t20_a_valid_entry_of_another_signature_proves_nothing",
            "t20_a_valid_entry_of_rekor_v2_of_another_signature_proves_nothing",
        ),
        *_verify("signers/test_barekey", "t20_a_valid_entry_of_another_signature_proves_nothing"),
        *_verify("test_crosscheck", "t20_a_hostile_twin_is_wrong"),
        *_twins(),
        *_own_pki(
            "t20_a_log_entry_that_is_required_must_be_of_this_signature_and_of_a_log_that_is_trusted",
            "t20_the_log_entry_of_another_signature_by_the_same_certificate_proves_nothing",
        ),
        *_verify("test_hostile", "t20_an_entry_of_each_kind_is_proved_where_it_is_of_this_signing"),
        *_verify("signers/test_ownpki", "t20_a_log_entry_that_names_the_bare_key_hides_who_signed"),
    ),
    "T21": (
        *_integration("test_own_pki", "t21_t28_t29_a_certificate_that_is_not_the_signers_is_refused_and_told_why"),
        *_verify(
            "certificates/test_chain",
            "t21_a_leaf_that_outlives_its_intermediate_is_refused_after_it",
            "t21_an_intermediate_that_was_not_valid_yet_is_refused",
            "t21_a_root_that_ended_before_the_signing_is_refused",
        ),
        *_verify("notation/test_moments", "t21_an_intermediate_that_has_ended_ends_the_chain"),
        *_verify("witness/test_timestamp", "t21_the_whole_chain_must_be_valid_at_the_stamped_time"),
        *_verify("formats/test_simplesigning", "t21_a_signature_by_a_certificate_says_so"),
        *_twins(),
        *_verify(
            "test_redteam", "t31_a_workflow_that_was_logged_outside_of_its_certificates_ten_minutes_proves_nothing"
        ),
    ),
    "T22": (
        *_in("unit/verify/formats/test_simplesigning", "t22_a_payload_of_another_type_is_rejected"),
        *_in(
            "unit/policy/test_requirements",
            "t22_t23_evidence_of_another_kind_signer_subject_or_no_name_counts_for_nothing",
        ),
        *_attested("t22_t23_t24_the_right_words_admit_nothing_where_they_are_no_statement_of_this_image_by_the_signer"),
        *_policy_unit("checks/test_attestation", "t22_t23_only_the_wanted_type_by_the_signer_about_this_image_counts"),
        *_verify(
            "formats/test_attested",
            "t22_a_payload_of_another_type_is_not_a_statement_though_it_is_signed",
            "t22_a_malformed_statement_is_rejected_though_it_is_signed",
        ),
        *_verify("formats/test_bundle", "t22_a_malformed_bundle_is_refused"),
        *_attested("t22_a_predicate_deeper_than_any_is_a_rejection_and_no_crash"),
        *_integration("test_evidence_policy_image", "t22_a_config_that_two_readers_could_read_apart_proves_no_fact"),
        *_verify("test_redteam", "t22_a_payload_signed_as_another_type_is_never_read_as_a_statement"),
    ),
    "T23": (
        *_in(
            "unit/policy/test_requirements",
            "t23_no_evidence_at_all_never_passes",
            "t23_an_empty_requirement_tree_never_passes",
        ),
        *_in("unit/policy/test_evaluate", "t23_nothing_is_allowed_where_no_evidence_passes"),
        *_in("unit/policy/words/test_document", "t23_what_is_written_and_empty_is_never_read_as_any"),
        *_attested("t22_t23_t24_the_right_words_admit_nothing_where_they_are_no_statement_of_this_image_by_the_signer"),
        *_policy_unit(
            "checks/test_attestation",
            "t22_t23_only_the_wanted_type_by_the_signer_about_this_image_counts",
            "t23_no_kind_of_attestation_passes_by_there_being_none",
        ),
        *_policy_unit("checks/test_where", "t23_a_list_needs_one_that_is_right_and_an_empty_one_has_none"),
        *_policy_unit("checks/test_children", "t23_an_index_without_a_child_that_can_run_passes_nothing"),
        *_policy_unit("checks/test_bases", "t23_where_nothing_names_a_base_there_is_none"),
        *_policy_unit("words/test_draft", "t23_whatever_is_written_and_empty_is_told"),
        *_facts("test_sbom", "t23_a_list_with_nothing_in_it_counts_nothing"),
        *_facts("test_scanners", "t23_a_trivy_report_of_nothing_scanned_or_another_shape_is_unreadable"),
        *_lists(
            "every_list_of_the_file_has_its_row",
            "t23_a_list_with_nothing_in_it_is_no_policy",
            "t23_foreign_things_alone_admit_nothing_and_a_good_one_among_them_does",
            "t23_evidence_with_a_good_one_among_sixty_bad_ones_passes_in_every_form",
            "t23_an_index_with_no_child_that_runs_passes_nothing_and_one_good_one_among_many_bad_ones_does",
        ),
        *_policy_unit(
            "checks/test_attestation",
            "t23_a_condition_over_a_list_that_tells_nothing_is_not_met",
            "t23_a_list_that_is_good_when_it_is_empty_stays_so",
        ),
        *_integration("test_evidence_policy_signers", "t23_at_least_one_of_many_foreign_ones_is_none"),
    ),
    "T24": (
        *_hostile("t20_t24_signatures_that_are_junk_foreign_or_for_another_digest_prove_nothing"),
        *_in(
            "unit/verify/formats/test_simplesigning",
            "t24_a_signature_by_an_unknown_key_is_rejected_once_whatever_the_number_of_signers",
            "t24_a_layer_without_a_signature_is_rejected",
            "t24_a_signature_that_is_not_base64_is_rejected",
        ),
        *_attested("t22_t23_t24_the_right_words_admit_nothing_where_they_are_no_statement_of_this_image_by_the_signer"),
        *_cookbook("t24_no_recipe_lets_an_unsigned_image_through"),
        *_verify(
            "formats/test_attested",
            "t24_an_envelope_without_a_signature_is_not_evidence",
            "t24_an_envelope_with_a_garbage_signature_is_not_evidence",
            "t24_an_envelope_by_an_unknown_key_is_not_evidence",
        ),
        *_verify("formats/test_carried", "t24_nobody_having_signed_a_carrier_it_is_nothing"),
        *_verify("test_prove", "t24_one_broken_piece_of_evidence_in_each_form_does_not_hide_a_good_one"),
        *_integration(
            "test_evidence_policy_signers",
            "t24_what_buildkit_attached_counts_by_a_signature_of_its_index_and_by_nothing_else",
        ),
        *_twins(),
        *_redteam("t24_an_attester_for_one_thing_is_nobody_for_another"),
        *_integration(
            "test_assets_through_proxy",
            "t24_a_committed_image_is_refused_without_what_signs_it",
            "t24_provenance_whose_manifest_somebody_else_signed_is_refused",
        ),
        *_integration("test_vectors_of_others", "t24_what_others_published_is_refused_without_its_evidence"),
        *_verify("test_redteam", "t24_a_statement_counts_by_who_signed_its_carrier_and_not_by_who_attested_of_it"),
    ),
    "T25": (
        *_attested("t25_after_the_first_pull_what_the_upstream_swapped_is_not_what_conditions_are_asked_of"),
        *_own_pki("t25_the_same_signature_is_judged_anew_where_a_log_is_asked_for_since"),
        *_in(
            "integration/test_recheck",
            "promise_5_what_a_newer_scan_denied_is_not_admitted_again_by_the_older_one_that_is_kept",
        ),
    ),
    "T26": (
        *_attested("t26_what_is_attested_signs_nothing_and_what_signs_attests_nothing_else"),
        *_policy_unit(
            "checks/test_attestation", "t26_an_attestation_by_the_right_identity_is_no_signature_of_the_image"
        ),
        *_verify("formats/test_attested", "t26_no_other_predicate_signs"),
        *_verify("formats/test_carried", "t26_an_attestation_of_the_carrier_does_not_vouch_for_what_it_names"),
        *_integration(
            "test_evidence_policy_signers", "t26_the_index_carries_by_a_signature_and_not_by_what_was_attested_of_it"
        ),
        *_verify("test_redteam", "t26_a_scan_by_the_right_signer_under_every_name_for_it_signs_nothing"),
        *_vectors("t26_an_attestation_by_the_right_signer_is_no_signature"),
    ),
    "T27": (
        *_unit("policy/words/test_document", "t27_a_mistake_in_a_field_is_refused_with_line_and_remedy"),
        *_in(
            "unit/policy/words/test_document",
            "t27_every_field_of_the_schema_has_a_mistake_above",
            "t27_an_unknown_field_is_refused_and_told_what_was_meant",
        ),
        *_in(
            "unit/policy/words/test_attestations",
            "t27_every_fact_can_be_asked_for_by_its_type_and_by_no_other",
            "t27_a_fact_that_no_value_is_compared_with_is_an_error_and_not_ignored",
        ),
        *_in("unit/config/test_loader", "t27_what_this_version_cannot_honour_is_an_error_that_says_so"),
        *_in("unit/test_settings", "t27_an_unknown_field_is_an_error_and_told_what_was_meant"),
        *_integration(
            "test_evidence_policy_mistakes",
            "a_file_that_is_not_what_it_should_be_is_told_at_the_line_that_names_it",
            "a_condition_that_is_none_is_told_at_its_line_and_column",
            "every_mistake_is_told_at_once",
        ),
        *_integration("test_evidence_policy_signers", "t27_a_preset_with_the_wrong_parameters_is_no_policy"),
    ),
    "T28": (
        *_in(
            "unit/policy/test_match",
            "t28_patterns_are_anchored_and_exact",
            "t28_an_identity_is_matched_whole_or_not_at_all",
            "t28_a_tag_pattern_is_anchored",
        ),
        *_in("unit/upstream/login/test_credentials", "t28_patterns_are_anchored_and_one_star_does_not_cross_a_slash"),
        *_policy_unit(
            "who/test_identities",
            "t28_a_subject_that_whoever_comes_has_is_refused",
            "t28_an_owner_among_everybody_is_written_whole",
        ),
        *_verify(
            "signers/test_keyless",
            "t28_another_identity_is_told_with_both_names",
            "t28_each_extension_that_is_asked_for_must_be_there",
        ),
        *_verify("certificates/test_certificate", "t28_a_name_of_one_kind_cannot_look_like_another"),
        *_vectors("t28_a_lab_image_is_refused_under_each_wrong_signer_of_its_kind"),
        *_integration("test_evidence_policy_signers", "t28_a_workflow_is_known_whole_and_by_its_issuer"),
        *_redteam("t28_a_neighbours_workflow_is_not_this_one"),
        *_own_pki("t21_t28_t29_a_certificate_that_is_not_the_signers_is_refused_and_told_why"),
        *_in("integration/test_vectors_of_others", "t28_what_others_published_is_refused_under_every_stranger"),
        *_verify("certificates/test_certificate", "t28_a_name_that_a_person_cannot_see_is_refused"),
    ),
    "T29": (
        *_verify(
            "certificates/test_certificate",
            "t29_two_names_are_nobody_s",
            "t29_no_name_is_nobody_s",
            "t29_a_name_of_another_kind_is_refused",
            "t29_an_issuer_with_two_meanings_is_refused",
            "t29_fulcio_s_own_name_in_another_string_type_is_refused",
        ),
        *_twins(),
        *_own_pki("t21_t28_t29_a_certificate_that_is_not_the_signers_is_refused_and_told_why"),
        *_verify("test_redteam", "t29_a_bundle_that_names_a_key_and_a_certificate_or_neither_speaks_for_nobody"),
        *_verify("signers/test_ownpki", "t29_a_certificate_with_two_names_says_which_of_them_is_too_many"),
    ),
    "T30": (
        *_policy("t30_at_least_counts_distinct_keys"),
        *_in(
            "unit/policy/test_requirements",
            "t30_one_key_under_two_names_counts_once",
            "t30_one_signer_twice_counts_once",
        ),
        *_in("unit/verify/test_prove", "t30_the_same_signature_in_two_places_counts_once_and_the_tag_is_named"),
        *_in("unit/policy/who/test_voices", "t30_at_least_over_fewer_distinct_keys_can_never_pass_and_is_refused"),
        *_unit("policy/words/test_document", "t27_a_mistake_in_a_field_is_refused_with_line_and_remedy"),
        *_policy_unit("checks/test_attestation", "t30_one_key_that_signs_and_attests_counts_once"),
        *_verify("signers/test_barekey", "t30_one_key_under_two_names_is_one_identity_logged_or_not"),
        *_verify("signers/test_keyless", "t30_an_entry_of_an_unknown_log_beside_a_good_one_counts_for_nothing"),
        *_integration("test_evidence_policy_signers", "t30_at_least_counts_keys_and_identities_and_no_names"),
        *_integration(
            "test_evidence_policy_signers",
            "t30_one_identity_that_two_patterns_match_counts_once_and_one_key_that_signs_and_attests_too",
        ),
        *_redteam(
            "t30_one_certificate_under_two_signers_is_not_two_of_two",
            "t30_a_key_and_a_certificate_of_that_key_are_not_two_of_two",
        ),
    ),
    "T31": (
        *_in(
            "unit/verify/formats/test_simplesigning",
            "t31_a_bare_keys_window_is_compared_with_now",
            "t31_a_retired_signer_does_not_silence_one_who_may_speak",
        ),
        *_in("unit/policy/test_requirements", "t31_a_bare_key_is_held_against_now"),
        *_in("unit/trust/test_presets", "t31_the_key_that_distroless_retired_proves_nothing_any_more"),
        *_verify("signers/test_keyless", "t31_a_key_of_the_root_whose_window_is_closed_proves_nothing"),
        *_verify(
            "signers/test_barekey",
            "t31_a_retired_key_is_believed_for_what_it_signed_in_its_time",
            "t31_a_log_whose_window_is_closed_proves_nothing",
        ),
        *_verify("certificates/test_chain", "t31_the_authority_s_window_must_cover_the_proved_time"),
        *_verify("certificates/test_sct", "t31_the_log_s_window_must_cover_the_promise"),
        *_verify("witness/test_timestamp", "t31_an_authority_proves_no_time_outside_its_window"),
        *_verify("witness/test_tlog", "t31_a_log_key_proves_nothing_outside_its_window"),
        *_twins(),
        *_verify(
            "test_redteam",
            "t31_a_workflow_that_was_logged_outside_of_its_certificates_ten_minutes_proves_nothing",
            "t31_a_retired_key_is_not_revived_by_a_timestamp_of_today",
        ),
        *_own_pki("t31_without_a_proved_time_the_certificate_must_be_valid_now_and_the_decision_ends_with_it"),
    ),
    "T32": (
        *_verify(
            "signers/test_keyless",
            "t32_an_integrated_time_that_was_altered_proves_nothing",
            "t32_an_integrated_time_whose_promise_was_taken_away_proves_nothing",
            "t32_an_inclusion_proof_alone_proves_no_time",
        ),
        *_verify(
            "witness/test_tlog",
            "t32_a_time_that_nothing_signs_is_not_proved",
            "t32_a_time_that_was_altered_breaks_its_promise",
        ),
        *_twins(),
        *_attested("a_claimed_scan_time_and_an_unproved_one_count_for_no_age"),
        *_verify("test_crosscheck", "t32_a_time_that_is_not_proved_is_wrong"),
    ),
    "T33": (
        *_verify(
            "witness/test_timestamp",
            "t33_injected_certificates_change_nothing",
            "t33_an_authority_that_is_not_in_the_root_proves_nothing",
            "t33_one_authority_is_not_another_under_the_same_root",
            "t33_the_authoritys_own_certificate_stamps_nothing",
            "t33_one_changed_byte_of_what_is_signed_proves_nothing",
            "t33_a_certificate_that_is_named_and_did_not_sign_proves_nothing",
        ),
        *_verify("signers/test_keyless", "t33_a_timestamp_of_another_signature_proves_nothing"),
        *_verify("notation/test_moments", "t33_a_timestamp_by_a_stranger_is_refused"),
        *_twins(),
        *_own_pki("t33_a_timestamp_that_is_required_must_be_the_companys_and_in_time"),
        *_verify("certificates/test_chain", "t33_a_certificate_that_does_more_than_stamp_stamps_nothing"),
    ),
    "T34": (
        *_integration(
            "test_revocation",
            "t34_what_the_authority_took_back_is_refused_by_serial_and_time",
            "t34_t59_out_of_reach_is_no_refusal_and_admits_nothing_under_enforce",
        ),
        *_verify(
            "certificates/test_revocation",
            "t34_a_certificate_that_its_authority_lists_is_refused",
            "t34_a_certificate_that_ocsp_says_is_revoked_is_refused",
            "t34_unreachable_is_refused_under_enforce_warned_of_under_log_and_nothing_under_skip",
            "t34_a_stale_crl_proves_nothing",
        ),
        *_verify(
            "notation/test_proof",
            "t34_a_revoked_certificate_is_refused",
            "t34_a_revoked_timestamp_authority_is_refused",
        ),
        *_integration(
            "test_revocation",
            "t34_t62_what_is_taken_back_after_it_was_admitted_is_refused_once_the_answer_ends",
            "t34_a_revoked_timestamp_authority_proves_no_time",
            "t34_a_timestamp_before_the_date_of_invalidity_is_good_still_and_only_then",
        ),
        *_lists("t34_crls_of_others_answer_nothing_and_the_right_one_among_them_does"),
        *_verify("signers/test_ownpki", "t34_who_did_not_answer_leaves_a_gap_and_not_only_a_rejection"),
    ),
    "T35": (
        *_unit(
            "pipeline/court/test_bench",
            "t35_a_worker_that_dies_is_not_now_and_the_next_one_answers",
            "t35_a_worker_that_does_not_come_back_is_ended",
        ),
        *_verify("signers/test_signed", "t35_whatever_is_raised_is_a_rejection"),
        *_verify("formats/test_simplesigning", "t35_any_exception_while_proving_is_a_rejection"),
        *_redteam("t35_a_hostile_base_config_is_a_refusal_and_no_crash"),
        *_unit(
            "pipeline/court/test_bench",
            "t35_a_worker_that_is_killed_in_the_middle_of_a_hearing_is_no_answer_and_the_next_one_is",
        ),
    ),
    "T36": (
        *_verify("formats/test_simplesigning", "t36_a_payload_that_was_written_anew_with_the_same_meaning_is_rejected"),
        *_verify("formats/test_attested", "t36_a_statement_that_was_written_anew_with_the_same_meaning_is_rejected"),
        *_verify("signers/test_keyless", "t36_an_envelope_written_anew_is_not_the_one_that_was_logged_or_stamped"),
        *_verify(
            "notation/test_rules",
            "t36_a_payload_that_says_the_same_in_other_bytes_is_refused",
            "t36_an_algorithm_that_is_not_the_keys_own_is_refused",
        ),
        *_verify("notation/test_envelope", "t36_a_header_that_is_not_understood_proves_nothing"),
        *_twins(),
        *_verify("test_mutations", "t20_t24_t36_no_change_of_a_proof_proves_anything_else"),
        *_verify("test_redteam", "t36_what_is_signed_in_one_form_is_nothing_in_another"),
        *_in(
            "integration/test_replay",
            "one_changed_byte_fails",
            "what_is_changed_and_sealed_again_is_judged_by_what_it_says_then",
        ),
    ),
    "T37": (
        *_policy_unit(
            "checks/test_attestation",
            "t37_provenance_of_another_image_counts_for_nothing",
            "t37_a_builder_is_compared_as_a_whole_and_a_star_crosses_no_slash",
            "t37_the_level_is_what_the_policy_gives_the_whole_builder",
        ),
        *_verify("formats/test_statement", "t37_a_subject_that_is_nearly_ours_is_anothers"),
        *_facts("test_vex", "t37_a_statement_about_something_else_decides_nothing"),
        *_integration(
            "test_evidence_policy_signers",
            "t10_t37_what_is_attached_about_a_sibling_or_another_image_says_nothing_of_this_one",
        ),
        *_redteam("t37_a_trusted_signers_word_of_another_image_is_no_word_of_this_one"),
        *_verify(
            "test_redteam",
            "t37_a_subject_is_the_images_digest_exactly_or_another_thing",
            "t37_one_of_a_thousand_subjects_is_enough_and_a_thousand_others_are_nothing",
        ),
    ),
    "T38": (
        *_integration("test_trust", "t38_a_bad_refresh_leaves_the_last_good_root_in_force_and_is_counted"),
        *_unit(
            "trust/test_refresh",
            "t38_an_older_timestamp_is_refused",
            "t38_expired_metadata_of_any_role_is_refused",
            "t38_metadata_that_others_signed_is_refused",
            "t38_a_next_root_that_the_one_before_did_not_sign_is_refused",
            "t38_a_target_that_is_no_trusted_root_replaces_none",
        ),
        *_integration(
            "test_trust",
            "t38_a_repository_that_is_played_back_brings_no_old_root_back",
            "t38_root_rotation_is_followed_while_the_proxy_runs",
            "t38_a_command_is_refused_what_the_proxy_is_refused",
        ),
        *_unit(
            "trust/test_refresh",
            "t38_a_repository_that_stands_still_is_refused_once_its_timestamp_has_expired",
            "t30_t38_a_threshold_is_met_by_distinct_keys_alone",
        ),
    ),
    "T39": (
        *_unit("content/test_filesystem", "t39_names_of_files_are_hashes_and_nothing_else"),
        *_unit("trust/test_held", "t39_a_name_never_becomes_a_path"),
        *_unit("oci/test_route", "t39_a_name_is_of_the_grammar_or_is_refused"),
        *_policy_unit("words/test_entries", "t39_a_place_that_is_no_repository_is_refused"),
        *_integration("test_trust", "t39_t58_a_repository_leads_nowhere_else"),
        *_redteam("t39_no_key_leads_out_of_the_folder_of_cases"),
        *_unit(
            "trust/test_refresh",
            "t39_a_delegated_roles_name_never_leads_out_of_the_folder",
            "t39_a_roots_name_never_becomes_a_path",
        ),
    ),
    "T40": (
        *_hostile("t40_two_exceptions_never_add_up"),
        *_in(
            "unit/policy/test_exceptions",
            "t40_two_exceptions_never_add_up",
            "t40_an_exception_is_for_one_digest_alone",
            "t40_an_exception_is_for_its_names_alone",
        ),
        *_policy_unit("test_exceptions", "t40_an_exception_for_an_index_is_one_for_what_it_lists_and_for_nothing_else"),
        *_redteam("t40_an_exception_is_for_its_digest_and_repository_and_for_what_its_index_lists_alone"),
        *_policy_unit("words/test_grants", "t40_a_requirement_inside_at_least_is_never_waived_alone"),
    ),
    "T41": (
        *_hostile("t41_a_referrer_of_the_right_type_with_junk_in_it_is_no_evidence"),
        *_in("unit/verify/formats/test_simplesigning", "t41_a_layer_of_another_type_is_not_a_signature"),
        *_discovery("t41_what_a_manifest_holds_decides_and_not_what_it_is_called"),
        *_verify("notation/test_proof", "t41_junk_of_the_right_type_is_no_evidence"),
        *_verify("test_prove", "t41_a_layer_of_any_other_type_is_one_rejection_that_names_it"),
        *_twins(),
        *_integration(
            "test_evidence_policy_signers", "t41_a_referrer_of_the_right_type_with_junk_in_it_is_no_evidence"
        ),
    ),
    "T50": (
        *_hostile(
            "t50_a_flood_of_referrers_neither_admits_nor_denies",
            "t50_endless_pages_of_referrers_do_not_deny_a_signed_image",
        ),
        *_upstream(
            "t50_ten_thousand_referrers_do_not_hide_a_good_one_whatever_their_order",
            "t50_endless_pages_are_an_error_and_not_none",
        ),
        *_in(
            "unit/verify/test_lookup",
            "t50_own_looking_referrers_come_first_in_a_flood_by_others",
            "t50_a_flood_of_layers_is_cut_and_counted_and_signed_ones_come_first",
            "t50_the_order_of_a_listing_decides_nothing",
        ),
        *_in("unit/verify/test_prove", "t50_a_flood_by_a_third_party_does_not_deny_and_the_order_decides_nothing"),
        *_discovery(
            "t50_ten_thousand_referrers_do_not_hide_a_notation_signature_or_a_bundle",
            "t50_evidence_beyond_the_cap_on_all_of_it_is_left_out_the_same_way_whoever_came_first",
        ),
        *_verify("test_vectors", "t50_the_order_of_a_listing_decides_nothing"),
        *_redteam(
            "t50_junk_by_who_can_push_neither_denies_a_good_image_nor_stalls_the_judge",
            "t50_which_manifests_are_held_under_the_cap_never_depends_on_what_came_first",
        ),
        *_vectors("t50_ten_thousand_referrers_of_a_third_party_do_not_deny_a_lab_image"),
        *_verify("test_hostile", "t50_a_twin_beside_honest_evidence_harms_nothing"),
        *_in("integration/test_hostile_upstream", "t50_endless_pages_of_evidence_end"),
    ),
    "T51": (
        *_verify(
            "signers/test_moments", "t51_as_many_as_are_read_pass_and_one_more_is_refused", "t51_duplicates_are_refused"
        ),
        *_verify("formats/test_bundle", "t51_more_entries_stamps_or_certificates_than_are_read_are_refused"),
        *_verify("formats/test_statement", "t51_a_hundred_thousand_subjects_are_refused"),
        *_verify("formats/test_attested", "t51_an_envelope_of_a_thousand_signatures_is_rejected_untried"),
        *_verify("certificates/test_sct", "t51_eleven_promises_are_not_read"),
        *_twins(),
        *_verify(
            "test_redteam",
            "t51_junk_timestamps_beside_a_signature_cost_a_few_readings_and_a_good_one_counts",
        ),
    ),
    "T52": (
        *_policy_unit(
            "test_match", "t52_a_users_expression_runs_in_linear_time", "t52_a_pathological_pattern_is_linear"
        ),
        *_policy_unit("who/test_distinguished", "t52_a_pathological_subject_is_read_in_one_pass"),
        *_verify("certificates/test_certificate", "t52_a_pathological_distinguished_name_is_refused"),
        *_verify("notation/test_proof", "t52_a_subject_that_could_be_read_in_two_ways_is_nobody"),
    ),
    "T53": (
        *_verify(
            "certificates/test_chain",
            "t53_a_thousand_intermediates_are_not_searched",
            "t53_a_chain_of_ten_is_read_and_of_eleven_is_not",
        ),
        *_verify("signers/test_certified", "t53_a_thousand_certificates_are_refused"),
        *_verify("witness/test_timestamp", "t53_a_token_with_too_many_certificates_is_refused"),
        *_own_pki("t53_a_thousand_intermediates_are_refused_before_they_are_read"),
        *_verify("certificates/test_chain", "t53_ten_authorities_that_could_all_have_signed_each_other_cost_little"),
    ),
    "T54": (
        *_pull("t54_content_encoding_from_an_upstream_is_not_decoded"),
        *_upstream("t54_an_encoded_body_is_refused_never_decoded"),
        *_in("integration/test_hostile_upstream", "t54_a_gzip_bomb_is_not_unpacked"),
        *_in(
            "integration/test_revocation",
            "t08_t34_t54_t55_a_list_that_is_no_good_proves_nothing_and_what_comes_later_does",
        ),
    ),
    "T55": (
        *_integration(
            "test_hostile_clients",
            "t55_what_one_request_hides_is_never_another_request",
            "t55_garbage_of_every_kind_is_answered_in_a_line_or_not_at_all_and_leaves_no_trace",
            "t55_a_garbled_handshake_ends_and_the_next_client_is_served",
        ),
        *_verify("test_prove", "t55_whatever_is_found_under_whatever_type_is_one_rejection"),
        *_verify("test_vectors", "t55_a_changed_byte_never_makes_other_evidence"),
        *_verify("test_crosscheck", "t55_a_bundle_with_any_byte_changed_is_never_more_than_an_opinion"),
        *_verify("witness/test_timestamp", "t55_whatever_bytes_come_they_prove_nothing"),
        *_verify("notation/test_cbor", "t55_any_bytes_are_read_or_refused_with_a_sentence"),
        *_facts("test_reading", "t55_any_json_is_facts_or_unreadable"),
        *_unit("oci/test_strictjson", "t55_no_bytes_lead_to_another_error"),
        *_unit(
            "test_parsers_hold",
            "every_parser_of_the_pure_rooms_has_its_row",
            "t55_no_input_leads_to_another_error_than_ours",
            "t55_no_input_takes_a_second_of_work",
            "t55_no_strangers_input_takes_more_memory_than_its_size_allows",
        ),
        *_unit("config/test_replay", "t55_whatever_stands_anywhere_in_a_record_is_judged_or_refused"),
    ),
    "T56": (
        *_in(
            "integration/test_sick_disk",
            "t56_on_a_full_disk_admitted_images_are_served_new_ones_wait_and_it_recovers",
        ),
        *_in(
            "integration/test_disk_faults",
            "t56_what_finds_no_room_streams_through_proved_and_unkept",
            "t56_a_full_disk_is_well_again_by_itself_once_there_is_room",
            "t56_a_disk_that_fills_up_in_the_middle_of_a_blob_cuts_no_reader",
            "t56_a_read_only_disk_lets_what_is_missing_pass_and_recovers_by_itself",
            "t56_a_write_that_fails_in_the_middle_cuts_no_reader",
            "t56_a_directory_that_is_not_ours_is_read_only_and_what_is_missing_passes",
            "t56_a_limit_of_the_process_on_files_is_as_a_full_disk",
            "t56_folders_on_different_disks_are_told_and_every_reader_is_served",
        ),
        *_unit("content/test_filling", "t56_a_full_disk_is_a_storage_error_and_it_recovers_by_itself"),
    ),
    "T57": (
        *_hostile("t57_names_from_requests_never_become_labels"),
        *_in(
            "unit/observe/test_metrics",
            "t57_ten_thousand_different_requests_make_no_new_series",
            "t57_every_label_value_is_a_word_of_the_table",
        ),
    ),
    "T58": (
        *_integration(
            "test_revocation",
            "t58_a_host_that_the_operator_did_not_name_is_never_asked",
            "t09_t58_a_redirect_is_not_followed",
        ),
        *_hostile(
            "t09_t58_a_redirect_to_a_private_address_is_not_followed",
            "t05_t06_t07_t58_a_hostile_manifest_is_refused_though_it_is_signed",
        ),
        *_upstream(
            "t58_a_redirect_to_a_private_address_is_refused_before_it_is_connected_to",
            "t58_a_name_that_resolves_to_a_private_address_is_refused",
        ),
        *_in("unit/upstream/exchange/test_guard", "t58_the_addresses_checked_are_the_ones_connected_to"),
        *_verify("certificates/test_revocation", "t58_nothing_is_wanted_of_a_host_that_the_operator_did_not_name"),
        *_unit("upstream/test_attestations", "t58_a_bundle_that_lies_elsewhere_is_counted_and_its_url_is_not_asked"),
        *_lists("t58_hosts_that_are_not_named_are_not_asked_and_the_right_one_among_others_is"),
        *_integration("test_trust", "t39_t58_a_repository_leads_nowhere_else"),
        *_in(
            "integration/test_upstream_carriage",
            "t58_the_address_that_was_checked_is_the_one_connected_to",
            "t58_of_several_addresses_none_that_is_private_is_connected_to",
            "t58_a_redirect_home_is_refused",
        ),
    ),
    "T59": (
        *_pull("t59_an_upstream_that_fails_is_served_from_the_store_or_said_truthfully"),
        *_upstream(
            "t59_an_upstreams_failure_is_said_as_it_is_and_never_as_404",
            "t59_a_429_is_respected_by_every_later_request",
        ),
        *_in("integration/test_fill", "t59_an_upstream_that_fails_is_an_upstream_error_and_never_an_absence"),
        *_in("unit/web/test_errors", "t59_what_passes_says_when_to_come_again"),
        *_in("e2e/test_containerd", "an_upstream_that_is_away_is_said_and_is_never_not_found"),
        *_in(
            "integration/test_hostile_upstream",
            "t59_the_client_is_told_the_truth_and_the_next_pull_succeeds",
            "t59_an_upstream_that_is_down_is_left_alone_and_what_is_stored_is_served",
            "t59_a_fleet_before_a_429_is_one_request",
            "t59_docker_hubs_empty_quota_is_respected_before_it_says_429",
            "t59_a_pull_limit_of_docker_hub_does_not_stop_blobs_and_heads",
            "t59_log_ins_redirects_and_tries_together_take_no_longer_than_a_client_waits",
        ),
        *_in(
            "unit/upstream/test_turns",
            "t59_one_accounts_429_does_not_stop_another",
        ),
    ),
    "T60": (
        *_integration("test_hostile_twins", "t60_a_runnable_manifest_is_refused_wherever_evidence_may_lie"),
        *_hostile(
            "t60_what_could_be_run_is_not_served_by_an_evidence_name",
            "t60_a_runnable_referrer_is_neither_listed_nor_served",
            "t60_evidence_of_what_is_not_admitted_is_not_served",
            "t60_evidence_admits_nothing_and_makes_no_pin",
        ),
        *_in(
            "unit/oci/test_manifest",
            "t60_one_layer_that_could_run_is_enough_to_refuse",
            "t60_evidence_is_at_most_16_mib",
        ),
        *_discovery("t60_what_proved_something_and_could_be_run_is_not_kept"),
        *_in("e2e/test_oras", "t60_oras_fetches_evidence_whole_and_nothing_beside_it"),
        *_adversary("t60_an_endless_document_at_an_evidence_name_is_refused"),
    ),
    "T61": (
        *_integration("test_hostile_twins", "t61_evidence_that_admits_in_one_repository_is_judged_again_in_another"),
        *_pull("t61_admitted_in_one_repository_is_judged_again_in_another_of_the_same_rule"),
        *_in(
            "unit/policy/test_requirements",
            "t61_what_is_proved_for_one_repository_is_denied_for_another_under_the_same_rule",
        ),
        *_redteam("t40_an_exception_is_for_its_digest_and_repository_and_for_what_its_index_lists_alone"),
    ),
    "T62": (
        *_integration("test_hostile_twins", "t62_trust_that_is_taken_back_is_seen_by_the_next_request"),
        *_integration(
            "test_clock", "t62_a_clock_that_is_set_back_revives_nothing_that_ended_before_a_time_that_was_proved"
        ),
        *_integration(
            "test_lane",
            "t62_a_change_ends_the_lanes_answers_at_the_next_request",
            "t62_a_change_while_an_answer_is_on_its_way_is_not_undone_by_keeping_it",
        ),
        *_pull(
            "t62_a_reload_takes_effect_on_the_next_request_hits_included",
            "t62_a_revoked_digest_is_refused_at_the_next_request_with_its_blobs",
            "t62_a_revoked_key_is_believed_no_more",
        ),
        *_in(
            "unit/pipeline/test_table",
            "t62_one_increment_drops_everything",
            "t62_an_answer_whose_work_began_before_the_drop_is_not_kept",
        ),
        *_adversary(
            "t62_a_reload_in_the_middle_of_a_first_pull_makes_no_pin_under_the_old_policy",
            "t62_a_pin_that_an_operator_moves_is_seen_by_the_next_request",
        ),
        *_in("contract/test_state_store", "t62_what_another_process_changed_is_heard_and_named"),
        *_integration(
            "test_workers",
            "t62_a_revocation_and_a_reload_hold_in_every_worker_within_a_second",
            "t62_a_pin_that_a_command_moves_is_answered_by_every_worker_within_a_second",
        ),
        *_integration(
            "test_supervisor",
            "t62_a_worker_that_does_not_take_a_new_policy_is_ended_and_its_successor_stands_on_it",
        ),
        *_in(
            "unit/bootstrap/test_others",
            "t62_what_cannot_be_told_apart_drops_everything",
        ),
        *_in(
            "unit/pipeline/court/test_decisions",
            "t62_what_another_process_wrote_drops_warm_answers_only_where_it_takes_something_back",
        ),
        *_in(
            "unit/pipeline/tags/test_pins",
            "t62_a_pin_that_another_process_moved_drops_what_was_answered_by_it",
        ),
        *_cli("a_confirmed_pin_is_answered_by_the_running_proxy_at_once_and_audited"),
        *_redteam(
            "t62_a_certificates_key_that_is_revoked_ends_what_was_admitted_by_it",
            "t62_a_revoked_digest_is_refused_under_its_other_name_too",
            "t62_an_index_cannot_bring_a_revoked_image_back_by_its_other_name",
        ),
        *_integration(
            "test_trust",
            "t62_blobs_of_an_image_whose_authority_was_taken_away_are_refused_too",
            "t62_an_image_whose_signers_identity_is_revoked_is_refused_after_the_reload",
        ),
        *_integration(
            "test_evidence_policy_signers",
            "t62_what_was_admitted_is_judged_again_when_its_root_requires_more_or_lists_less",
        ),
        *_verify("test_redteam", "t62_whatever_is_revoked_makes_every_decision_anew"),
    ),
}
