"""Rows of docs/threat-model.md: each attack that others fell for → the tests that show where it is stopped.

A row's tests show it, each a part or from another side; what only touches it does not stand here.
"""

from collections.abc import Mapping

# Without T56, a cache of CRLs on a disk that fails: answers about revocation are cached in memory.
ATTACKS = tuple(f"T{number:02}" for number in (*range(1, 13), *range(20, 42), *range(50, 56), *range(57, 63)))


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
    ),
    "T25": (*_attested("t25_after_the_first_pull_what_the_upstream_swapped_is_not_what_conditions_are_asked_of"),),
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
    ),
    "T28": (
        *_in(
            "unit/policy/test_match",
            "t28_patterns_are_anchored_and_exact",
            "t28_an_identity_is_matched_whole_or_not_at_all",
            "t28_a_tag_pattern_is_anchored",
        ),
        *_in("unit/upstream/test_credentials", "t28_patterns_are_anchored_and_one_star_does_not_cross_a_slash"),
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
    ),
    "T35": (
        *_unit(
            "pipeline/court/test_bench",
            "t35_a_worker_that_dies_is_not_now_and_the_next_one_answers",
            "t35_a_worker_that_does_not_come_back_is_ended",
        ),
        *_verify("signers/test_signed", "t35_whatever_is_raised_is_a_rejection"),
        *_verify("formats/test_simplesigning", "t35_any_exception_while_proving_is_a_rejection"),
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
    ),
    "T39": (
        *_unit("content/test_filesystem", "t39_names_of_files_are_hashes_and_nothing_else"),
        *_unit("trust/test_held", "t39_a_name_never_becomes_a_path"),
        *_unit("oci/test_route", "t39_a_name_is_of_the_grammar_or_is_refused"),
        *_policy_unit("words/test_entries", "t39_a_place_that_is_no_repository_is_refused"),
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
    ),
    "T41": (
        *_hostile("t41_a_referrer_of_the_right_type_with_junk_in_it_is_no_evidence"),
        *_in("unit/verify/formats/test_simplesigning", "t41_a_layer_of_another_type_is_not_a_signature"),
        *_discovery("t41_what_a_manifest_holds_decides_and_not_what_it_is_called"),
        *_verify("notation/test_proof", "t41_junk_of_the_right_type_is_no_evidence"),
        *_verify("test_prove", "t41_a_layer_of_any_other_type_is_one_rejection_that_names_it"),
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
    ),
    "T51": (
        *_verify(
            "signers/test_moments", "t51_as_many_as_are_read_pass_and_one_more_is_refused", "t51_duplicates_are_refused"
        ),
        *_verify("formats/test_bundle", "t51_more_entries_stamps_or_certificates_than_are_read_are_refused"),
        *_verify("formats/test_statement", "t51_a_hundred_thousand_subjects_are_refused"),
        *_verify("formats/test_attested", "t51_an_envelope_of_a_thousand_signatures_is_rejected_untried"),
        *_verify("certificates/test_sct", "t51_eleven_promises_are_not_read"),
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
    ),
    "T54": (
        *_pull("t54_content_encoding_from_an_upstream_is_not_decoded"),
        *_upstream("t54_an_encoded_body_is_refused_never_decoded"),
    ),
    "T55": (
        *_verify("test_prove", "t55_whatever_is_found_under_whatever_type_is_one_rejection"),
        *_verify("test_vectors", "t55_a_changed_byte_never_makes_other_evidence"),
        *_verify("test_crosscheck", "t55_a_bundle_with_any_byte_changed_is_never_more_than_an_opinion"),
        *_verify("witness/test_timestamp", "t55_whatever_bytes_come_they_prove_nothing"),
        *_verify("notation/test_cbor", "t55_any_bytes_are_read_or_refused_with_a_sentence"),
        *_facts("test_reading", "t55_any_json_is_facts_or_unreadable"),
        *_unit("oci/test_strictjson", "t55_no_bytes_lead_to_another_error"),
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
        *_in("unit/upstream/test_guard", "t58_the_addresses_checked_are_the_ones_connected_to"),
        *_verify("certificates/test_revocation", "t58_nothing_is_wanted_of_a_host_that_the_operator_did_not_name"),
        *_unit("upstream/test_attestations", "t58_a_bundle_that_lies_elsewhere_is_counted_and_its_url_is_not_asked"),
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
    ),
    "T61": (
        *_integration("test_hostile_twins", "t61_evidence_that_admits_in_one_repository_is_judged_again_in_another"),
        *_pull("t61_admitted_in_one_repository_is_judged_again_in_another_of_the_same_rule"),
        *_in(
            "unit/policy/test_requirements",
            "t61_what_is_proved_for_one_repository_is_denied_for_another_under_the_same_rule",
        ),
    ),
    "T62": (
        *_integration("test_hostile_twins", "t62_trust_that_is_taken_back_is_seen_by_the_next_request"),
        *_integration("test_lane", "t62_a_change_ends_the_lanes_answers_at_the_next_request"),
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
        *_in("contract/test_state_store", "t62_another_process_change_is_heard_as_anything"),
        *_cli("a_confirmed_pin_is_answered_by_the_running_proxy_at_once_and_audited"),
    ),
}
