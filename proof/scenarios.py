"""Fault scenarios, and where each is played: by the tests named, which must exist.

The numbers are those that fault scenarios have had from the beginning, with gaps. What a
test does not show of a scenario is said beside it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scenario:
    """One scenario. `tests` are `path::name`, relative to `tests/`; `left`: what they leave out."""

    number: str
    trigger: str
    tests: tuple[str, ...]
    left: str = ""


SCENARIOS = (
    Scenario(
        "F1",
        "October 2025: a publisher sleeps holding a plan, forty newer ones are published,"
        " clean-up runs, it wakes",
        (
            "e2e/test_drill.py::test_the_delayed_plan_is_refused_and_no_answer_falters",
            "model/test_virtual_systems.py::test_a_bug_of_history_is_found_and_cut_down",
        ),
    ),
    Scenario(
        "F2",
        "the same, and it loses the lead again and again",
        ("model/test_virtual_systems.py::test_systems_break_nothing_and_meet_every_kind_of_fault",),
        "leads change in the simulation, but not twenty times over six endpoints by plan",
    ),
    Scenario(
        "F3",
        "clean-up is killed at each step, beside every step of a publisher",
        ("model/test_proof.py::test_no_interleaving_breaks_an_invariant",),
        "a clean-up is one transaction, so it has no steps to be killed between but its ends",
    ),
    Scenario(
        "F6",
        "the query for instances gives no rows",
        (
            "unit/registry/domain/test_planner.py::test_a_missing_row_is_no_deletion",
            "model/test_virtual_systems.py::test_systems_break_nothing_and_meet_every_kind_of_fault",
        ),
        "instances that one node's read left out are missing from its plans until they renew",
    ),
    Scenario(
        "F8",
        "the database is locked or slow",
        (
            "e2e/test_several_nodes.py::"
            "test_while_the_database_is_away_nothing_ends_and_callers_are_told_to_try_again",
            "model/test_virtual_systems.py::test_systems_break_nothing_and_meet_every_kind_of_fault",
        ),
        "for seconds, not for a minute",
    ),
    Scenario(
        "F9",
        "the disk is full",
        (
            "integration/dns_frontend/test_frontend_server.py::"
            "test_a_full_disk_delays_no_answer_and_harms_no_snapshot",
            "unit/dns_frontend/feed/test_frontend_lkg.py::"
            "test_a_disk_that_fills_up_within_a_step_leaves_the_old_state",
        ),
        "under the frontend's snapshots; none with a full disk under the database",
    ),
    Scenario(
        "F10",
        "kill -9 of a registry at random moments",
        (
            "e2e/test_registry_kill.py::"
            "test_acknowledged_registrations_outlive_kill_9_and_no_lease_expires_early",
            "model/test_virtual_systems.py::test_systems_break_nothing_and_meet_every_kind_of_fault",
        ),
    ),
    Scenario(
        "I10",
        "tables of any content",
        (
            "model/test_any_database_content.py::"
            "test_whatever_was_done_to_the_tables_a_valid_newer_generation_is_published",
            "model/test_spoilt_under_a_leader.py::"
            "test_a_leader_publishes_anew_what_is_not_stored_any_more",
            "model/test_spoilt_under_a_leader.py::"
            "test_a_backup_restored_under_live_nodes_is_jumped_past",
        ),
    ),
    Scenario(
        "F12",
        "all control processes are gone for three days, then every frontend restarts",
        (
            "model/test_virtual_systems.py::"
            "test_after_three_days_alone_and_a_restart_answers_are_the_same_bytes",
            "e2e/test_frontend_kill.py::"
            "test_answers_are_the_same_bytes_after_kill_9_without_any_registry",
        ),
        "three days in virtual time on a disk in memory; real processes for seconds",
    ),
    Scenario(
        "F13",
        "a frontend starts with nothing and nobody",
        (
            "e2e/test_frontend_kill.py::test_frontend_without_a_snapshot_says_servfail",
            "integration/dns_frontend/test_frontend_server.py::"
            "test_without_a_snapshot_it_says_that_it_is_not_ready",
        ),
    ),
    Scenario(
        "F14",
        "a snapshot is cut, flipped, empty",
        (
            "unit/dns_frontend/feed/test_frontend_lkg.py::"
            "test_a_damaged_base_costs_nothing_while_an_older_one_is_good",
            "integration/dns_frontend/test_frontend_server.py::"
            "test_damage_on_disk_is_told_with_what_is_used_instead",
            "unit/dns_frontend/feed/test_frontend_vault.py::"
            "test_each_is_restorable_when_newer_ones_are_damaged",
        ),
    ),
    Scenario(
        "F15",
        "poison plans",
        (
            "unit/dns_frontend/plan/test_frontend_guard.py::test_poison_is_found",
            "unit/registry/domain/test_registry_guard.py::test_limits_of_an_entry_and_of_the_cell",
            "unit/dns_frontend/feed/test_frontend_applier.py::"
            "test_a_poisoned_entry_is_refused_with_its_generation",
        ),
    ),
    Scenario(
        "F16",
        "a plan that kills who serves it",
        (
            "integration/dns_frontend/test_frontend_crash_loop.py::"
            "test_a_frontend_that_keeps_dying_falls_back_to_what_is_known_good",
        ),
    ),
    Scenario(
        "F38",
        "one frontend hears nothing for long",
        (
            "integration/dns_frontend/test_frontend_staleness.py::"
            "test_68_answers_go_on_and_are_marked_when_the_registry_is_gone_for_long",
            "model/test_virtual_systems.py::test_systems_break_nothing_and_meet_every_kind_of_fault",
        ),
    ),
    Scenario(
        "F39",
        "a wrong plan that is not empty",
        (
            "integration/dns_frontend/test_staged_change.py::"
            "test_a_good_change_acts_on_the_canary_and_then_everywhere",
            "integration/dns_frontend/test_staged_zone.py::"
            "test_clients_that_would_be_sent_to_closed_ports_stay_where_they_are",
        ),
        "for policies and the zone's settings, which are staged; endpoints act at once, by their"
        " checks alone",
    ),
    Scenario(
        "F40",
        "slips of operators",
        (
            "integration/cli/test_cli_control.py::test_a_freeze_of_all_is_shown_first_and_one_of_a_cell_is_not",
        ),
    ),
    Scenario(
        "F41",
        "black start",
        (
            "integration/dns_frontend/test_frontend_pins.py::"
            "test_a_black_start_serves_a_pin_with_nobody_to_ask",
            "integration/cli/test_cli_break_glass.py::"
            "test_an_operator_saves_pins_and_lifts_with_the_registry_dead",
        ),
        "nobody watches the look-ups of names that we serve",
    ),
    Scenario(
        "F43",
        "a freeze amid it all, with the database away",
        (
            "unit/registry/app/test_freezer.py::test_a_file_needs_no_database",
            "unit/registry/app/test_freezer.py::"
            "test_a_file_stops_a_cell_within_a_second_and_its_absence_starts_it",
            "model/test_virtual_systems.py::test_systems_break_nothing_and_meet_every_kind_of_fault",
        ),
    ),
    Scenario(
        "F44",
        "one cell is destroyed",
        (
            "e2e/test_registry_outage.py::test_other_region_lives_on_while_one_registry_is_away",
            "unit/dns_frontend/feed/test_frontend_lkg.py::test_damage_to_one_cell_is_no_other_cells",
        ),
        "killed and damaged; none with its processor hogged, and no p99 is compared",
    ),
    Scenario(
        "F54",
        "all kinds of faults mixed, by seed",
        (
            "model/test_virtual_systems.py::test_systems_break_nothing_and_meet_every_kind_of_fault",
            "model/test_virtual_systems.py::test_the_same_seed_is_the_same_history",
        ),
    ),
    Scenario(
        "F56",
        "every bug of history, and each guard alone",
        (
            "model/test_proof.py::test_a_bug_of_history_is_found_out",
            "model/test_proof.py::test_each_guard_alone_keeps_answers_from_going_back_or_empty",
            "model/test_virtual_systems.py::test_a_bug_of_history_is_found_and_cut_down",
        ),
        "by search and simulation, not against each scenario in turn",
    ),
)
