"""Every phase and every end of a run has its own words, and they are true of what its folder holds."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from demo.run_report import EMPTY, Report, figures, machine, report, time_left
from diclam.events import Failed, Fetching, Finished, Started, Step, Tested, Testing, Validated
from diclam.pause import Pause
from diclam.runs import Status, Usage
from diclam.terminal import REASONS

STARTED = Started("fast", 120.0, 3, "cpu", "float32", 40_000, 500, 128, 1_837_452)
STEPS = [Step(k, k / 10, 2.0, 1e-3, 1.0, 100.0 * k, 4.8 * k, k / 25) for k in range(1, 11)]
FINISHED = Finished("time", 240, 2.4, 119.6, 96_000, 0.62)
TESTED = Tested(0.612, 0.6, 0.61, 0.605, 9.0)
NOTHING = Status("starting", True, None, None, [], [], None, None, None, None)
TRAINING = replace(NOTHING, state="training", started=STARTED, steps=STEPS)
TESTING = replace(TRAINING, state="testing", finished=FINISHED)
DONE = replace(TESTING, state="finished", alive=False, tested=TESTED)


def told(status: Status, **options: Any) -> Report:
    return report(status, **({"name": "a-run", "age": 0.0, "stopping": False, "usable": True} | options))


def test_the_clock_counts_from_the_newest_event_on() -> None:
    progress = told(TRAINING).progress
    assert progress is not None
    assert (progress.elapsed, progress.budget) == (48.0, 120.0)
    assert progress.fraction == pytest.approx(0.4)
    assert (progress.phase, progress.text) == ("epoch 2 of about 3 · ", "epoch 2 of about 3 · 1:12 left of 2:00")
    later = told(TRAINING, age=10.0).progress
    assert later is not None
    assert later.elapsed == 58.0
    validated = Validated(10, 1.0, 2.0, 0.3, 500, 50.0, True)
    after_validation = told(replace(TRAINING, validations=[validated]), age=1.0).progress
    assert after_validation is not None
    assert after_validation.elapsed == 51.0


def test_the_clock_never_passes_the_budget() -> None:
    progress = told(TRAINING, age=1e6).progress
    assert progress is not None
    assert (progress.fraction, progress.text) == (1.0, "epoch 2 of about 3 · 0:00 left of 2:00")


def test_a_paused_run_counts_no_time_and_says_how_to_go_on() -> None:
    paused = told(replace(TRAINING, paused=True), age=1e6)
    assert "Continue" in paused.sentence
    assert paused.progress is not None
    assert paused.progress.budget is None
    assert paused.progress.text.endswith("1:12 left of 2:00, paused")
    assert told(replace(TRAINING, paused=True), stopping=True).sentence.startswith("Stopping")


def test_a_pause_with_an_end_says_when_it_is_and_that_it_came() -> None:
    paused, over = replace(TRAINING, paused=True), Pause(900.0, left=0.0)
    assert "by itself" not in told(paused, pause=Pause(math.inf, left=math.inf)).sentence
    assert "by itself after 15 min" in told(paused, pause=Pause(900.0, left=880.0)).sentence
    second = Pause(240.0, left=239.0, before=660.0)
    assert "by itself after 4 min: that is left of the 15 min for all its pauses" in told(paused, pause=second).sentence
    assert "cannot be paused again: all pauses of a run take 15 min at the most" in told(TRAINING, pause=over).note
    assert "take 15 min at the most" in told(TRAINING, pause=replace(second, left=0.0)).note
    assert "by itself" not in told(paused, pause=over).note + told(DONE, pause=over).note


def test_experts_that_collapse_are_told_once_the_run_is_under_way() -> None:
    steps = [replace(step, gates=[0.99, 0.01], gate_spread=0.02) for step in STEPS]
    assert "Expert 1 has 99 % of the gates" in told(replace(TRAINING, steps=steps)).warning
    assert not told(replace(TRAINING, steps=steps[:2])).warning


def test_what_the_process_takes_is_told_between_two_looks() -> None:
    before, now = Usage(10.0, 5.0, 10**9), Usage(12.0, 8.0, 1_234_000_000)
    assert dict(machine(now, before)) == {"Processor": "1.5 cores", "Memory": "1.2 GB"}
    assert dict(machine(now, None)) == {"Memory": "1.2 GB"}
    assert machine(None, before) == ()


def test_the_numbers_of_a_training_run() -> None:
    assert dict(told(TRAINING).numbers) == {"Epoch": "1.00 of about 2.50", "Steps": "10", "Pictures a second": "650"}
    assert dict(told(DONE).numbers) == {"Epoch": "2.40", "Steps": "240", "Pictures a second": "803"}
    assert told(replace(TRAINING, steps=[])).numbers == ()
    assert told(NOTHING).numbers == ()


def test_the_spoken_sentence_changes_from_phase_to_phase_only() -> None:
    early, late = (told(replace(TRAINING, steps=STEPS[:k])) for k in (1, 10))
    assert early.sentence == late.sentence
    assert early.numbers != late.numbers
    probing = replace(NOTHING, state="probing")
    phases = [told(status).sentence for status in (NOTHING, probing, TRAINING, TESTING, DONE)]
    assert len(set(phases)) == len(phases)


def test_compiling_is_a_phase_of_its_own() -> None:
    compiling = told(replace(TRAINING, state="compiling", steps=[]))
    assert "clock has started" in compiling.sentence
    assert compiling.progress is not None
    assert (compiling.progress.fraction, compiling.progress.text) == (None, "compiling the network")


def test_fetching_has_its_own_progress_with_amount_and_source() -> None:
    fetching = Fetching("the Hub", 34_000_000, 170_000_000, "bytes")
    some = told(replace(NOTHING, state="fetching", fetching=fetching))
    assert "the Hub" in some.sentence
    assert some.progress is not None
    assert (some.progress.fraction, some.progress.text) == (pytest.approx(0.2), "34 of 170 MB")
    unknown = told(replace(NOTHING, state="fetching", fetching=replace(fetching, total=None)))
    assert unknown.progress is not None
    assert (unknown.progress.fraction, unknown.progress.text) == (None, "34 MB")


def test_the_final_test_has_its_own_progress() -> None:
    assert told(TESTING).progress is not None
    some = told(replace(TESTING, testing=Testing(2500, 10_000)))
    assert "the time limit was reached" in some.sentence
    assert some.progress is not None
    assert (some.progress.fraction, some.progress.text) == (0.25, "2,500 of 10,000 test pictures")


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_to_end_is_said_in_words(reason: str) -> None:
    status = replace(DONE, finished=replace(FINISHED, reason=reason, seconds=41.2))
    sentence = told(status).sentence
    own = {
        "stopped": "Stopped after 41 s; the best weights",
        "converged": "Training ended after 41 s: it stopped",
    }
    assert sentence.startswith(own.get(reason, f"Training ended after 41 s: {REASONS[reason]}."))
    assert "61.2 %" in sentence
    assert told(status).progress is None


def test_who_stopped_a_run_is_said() -> None:
    status = replace(DONE, finished=replace(FINISHED, reason="stopped", seconds=41.2))
    assert told(status, stopper="you").sentence.startswith("Stopped by you after 41 s; the best weights")


def test_a_run_whose_test_was_cut_short_says_what_can_still_be_used() -> None:
    for failed in (None, Failed("KeyboardInterrupt")):
        sentence = told(replace(TESTING, state="finished", alive=False, failed=failed)).sentence
        assert "the time limit was reached" in sentence
        assert "Its weights can be used" in sentence


FULL = "The disk of the runs is full; make room on it."


def test_a_test_that_failed_says_why_and_what_can_still_be_used() -> None:
    failed = replace(TESTING, state="failed", alive=False, failed=Failed(FULL))
    sentence = told(failed).sentence
    assert sentence.startswith("Training ended after 2 min: the time limit was reached. Then its test failed: The disk")
    assert sentence.endswith(f"{FULL} Its weights can be used; the test pictures are yet to be answered.")
    assert "can be used" not in told(failed, usable=False).sentence
    stopped = replace(failed, finished=replace(FINISHED, reason="stopped"))
    assert FULL in told(stopped, stopping=True, stopper="you").sentence


def test_a_test_that_was_killed_says_so_unless_somebody_skipped_it() -> None:
    ended = replace(TESTING, state="finished", alive=False)
    sentence = told(ended, killed=True).sentence
    assert "the time limit was reached. Then its test was killed" in sentence
    assert sentence.endswith("Its weights can be used; the test pictures are yet to be answered.")
    assert "killed" not in told(ended, killed=True, stopping=True).sentence + told(DONE, killed=True).sentence


def test_what_ends_a_run_before_it_could_stop_is_said() -> None:
    short = replace(TRAINING, state="failed", alive=False, failed=Failed("Memory is not enough for batches of 512."))
    assert told(short, stopping=True).sentence == (
        "Memory is not enough for batches of 512. Its best weights so far can be used."
    )
    assert told(short, stopping=True, usable=False).sentence == "Memory is not enough for batches of 512."
    ended = replace(short, failed=Failed("The run was cut off after 9 s."), cut_off=True)
    assert told(ended, stopping=True).sentence.startswith("Ended in the middle of training.")
    assert told(ended).sentence.startswith("The run was cut off after 9 s.")


def test_a_failed_run_says_why_and_what_can_still_be_used() -> None:
    failed = replace(TRAINING, state="failed", alive=False, failed=Failed("The process ended without a word."))
    assert told(failed).sentence == "The process ended without a word. Its best weights so far can be used."
    assert told(failed, usable=False).sentence == "The process ended without a word."


def test_the_details_of_a_long_message_are_not_part_of_the_sentence() -> None:
    failed = Failed("It could not be fetched. Tried:\n  - one source: no\nConnect and try again.")
    told_failure = told(replace(NOTHING, state="failed", alive=False, failed=failed), usable=False)
    assert told_failure.sentence == "It could not be fetched. Tried:"
    assert told_failure.note == "- one source: no\nConnect and try again.\nRun a-run."


def test_a_run_stopped_before_it_learned_is_no_failure() -> None:
    stopped = replace(NOTHING, state="failed", alive=False, failed=Failed("KeyboardInterrupt"))
    assert told(stopped, stopping=True, usable=False).sentence == "Stopped before it had learned anything."
    assert "Interrupt" not in told(stopped, stopping=True, usable=True).sentence


def test_stopping_is_said_at_once() -> None:
    assert told(TRAINING, stopping=True).sentence.startswith("Stopping")
    assert told(TRAINING).sentence == "Training on 40,000 pictures."


def test_the_note_names_the_run_and_its_settings() -> None:
    assert told(TRAINING).note == "Run a-run: recipe fast, 2 min, seed 3, on cpu in float32."
    assert told(NOTHING).note == "Run a-run."
    assert "Start" in EMPTY.note


def test_the_figures_are_those_of_the_final_test() -> None:
    assert dict(figures(DONE)) == {
        "Accuracy": "61.2 %", "Training time": "2 min", "Precision": "0.600", "Recall": "0.610", "F1": "0.605",
    }  # fmt: skip
    assert figures(TESTING) == []


def test_time_left_is_never_negative() -> None:
    assert time_left(48, 120) == "1:12 left of 2:00"
    assert time_left(500, 120) == "0:00 left of 2:00"
