"""The section on experts names them by evidence, and its fader holds every mixture."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
import torch
from torch import Tensor

from demo import expert_section
from demo.components.expert_fader import ExpertFader, Faded, Measuring
from demo.components.expert_panel import ExpertPanel, Experts, evidence, words
from demo.components.gate_histogram import GateAmongAll, GateHistogram, place
from demo.components.shown import Shown
from diclam import checkpoint, data
from diclam.augment import normalize
from diclam.data import CLASSES
from diclam.draw import percent
from diclam.errors import DataError, RunError
from diclam.evaluate import Evaluation
from diclam.fader import FaderTable, fade
from diclam.gates import GatesByClass, gates_by_class
from diclam.knockout import Knockouts, knock_out
from diclam.model import DiCLAM, ModelConfig
from diclam.predict import Prediction, picture_of, predict, trace
from diclam.twin import untrained
from tests.conftest import random_cifar10, random_evaluation
from tests.test_gates import leaning

MINUS = "\N{MINUS SIGN}"


def noise(seed: int = 0) -> Tensor:
    return torch.randint(0, 256, (3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


NETWORK = untrained(ModelConfig(), seed=7)


class Tested:
    """One model's test and its fader table, or neither, under the key 'one'."""

    def __init__(
        self, evaluation: Evaluation | None = None, table: FaderTable | None = None, folder: Path = Path("nowhere")
    ) -> None:
        self._folder = folder
        self._gates = None if evaluation is None else gates_by_class(evaluation)
        self._table = table

    def model(self, key: str) -> DiCLAM:
        if key != "one":
            raise RunError(f"There is no run {key!r}.")
        return NETWORK

    def folder(self, key: str) -> Path:
        return self._folder

    def gates(self, key: str) -> GatesByClass | None:
        return self._gates

    def fader_table(self, key: str) -> FaderTable | None:
        return self._table


def a_table(pictures: int = 50) -> FaderTable:
    counts = np.full(10, pictures)
    return FaderTable(np.random.default_rng(0).integers(0, pictures, (21, 10)), counts)


def prediction(best: int = 3, gate: float = 0.25, one: int = 3, two: int = 3) -> Prediction:
    def answer(index: int) -> tuple[float, ...]:
        return tuple(0.91 if k == index else 0.01 for k in range(10))

    return Prediction(answer(best), (gate, 1 - gate), (answer(one), answer(two)))


def knockouts(moved: tuple[float, float] = (2.0, -0.5)) -> Knockouts:
    """Both experts together give the cat a logit of 3."""
    whole = np.zeros(10)
    whole[3] = 3
    without = np.stack([whole, whole])
    without[:, 3] -= moved
    return Knockouts(whole, whole[None], whole, without, (0.25, 0.75))


def experts(answer: Prediction | None = None, gates: GatesByClass | None = None, **changes: Any) -> Experts:
    return Experts(answer or prediction(), knockouts(**changes), gates)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (prediction(gate=0.25), "Expert 2 had most of the say: 75.0 % against 25.0 % of expert 1. Alone, each of them would "
         "also have said cat."),
        (prediction(gate=0.8, one=3, two=5), "Expert 1 had most of the say: 80.0 % against 20.0 % of expert 2. Alone, "
         "expert 1 would have said cat and expert 2 dog; together they say cat."),
        (prediction(gate=0.55, one=5, two=5), "Both experts took part about equally: expert 1 with 55.0 %, expert 2 with "
         "45.0 %. Alone, each of them would have said dog; together they say cat."),
    ],
)  # fmt: skip
def test_the_gates_are_told_in_words(answer: Prediction, text: str) -> None:
    assert words(experts(answer)) == text


def test_experts_are_named_by_what_they_are_used_for() -> None:
    told = words(experts(gates=gates_by_class(leaning())))
    assert told.startswith("Expert 2, used most for ship and truck, had most of the say")
    assert "expert 2 for ship and truck." in evidence(gates_by_class(leaning()))


def test_gates_that_barely_differ_give_no_names() -> None:
    flat = gates_by_class(random_evaluation(2000))
    assert words(experts(gates=flat)).startswith("Expert 2 had most of the say")
    assert "barely differ between the classes" in evidence(flat)
    assert not any(name in evidence(flat) for name in CLASSES)


def section_of(models: Tested) -> tuple[Any, ...]:
    """What the parts of the section show of one picture."""
    answers = predict(NETWORK, noise()), knock_out(NETWORK, noise()), trace(NETWORK, noise())
    return expert_section.values(models, NETWORK, "one", picture_of(noise()), *answers)


def test_a_model_without_a_test_says_so() -> None:
    assert "was not tested" in evidence(None)
    values = section_of(Tested())
    panel, histogram, fader = values
    assert panel.gates is None
    assert histogram is None
    assert fader.table is None
    sent = ExpertFader().postprocess(fader)
    assert sent is not None
    assert sent["tested"] is None


def test_the_panel_holds_the_gates_and_three_answers_of_three() -> None:
    shown = ExpertPanel().postprocess(experts(prediction(gate=0.25, one=5)))
    assert shown is not None
    assert [(gate["width"], gate["text"]) for gate in shown["gates"]] == [(25, "25.0 %"), (75, "75.0 %")]
    assert [answer["top"][0]["name"] for answer in shown["answers"]] == ["cat", "dog", "cat"]
    assert [len(answer["top"]) for answer in shown["answers"]] == [3, 3, 3]


def test_a_full_network_shows_its_four_experts_and_says_what_it_has_not() -> None:
    model = DiCLAM(ModelConfig(blocks="full")).eval()
    answer = predict(model, noise())
    panel, histogram, fader = expert_section.values(
        Tested(), model, "one", picture_of(noise()), answer, None, trace(model, noise())
    )
    assert histogram is fader is None
    shown = ExpertPanel().postprocess(panel)
    assert shown is not None
    assert [gate["text"] for gate in shown["gates"]] == [percent(gate) for gate in answer.gates]
    assert len({gate["kind"] for gate in shown["gates"]}) == 4
    assert [row["title"] for row in shown["answers"]][1:] == [f"expert {k} alone" for k in range(1, 5)]
    assert shown["moves"] == []
    assert "cannot be switched off one by one" in shown["evidence"]
    assert shown["evidence"].endswith("is not there for its 4 experts.")
    assert f"Expert {int(np.argmax(answer.gates)) + 1} had the largest share" in shown["words"]


def test_a_contribution_is_a_bar_from_the_middle() -> None:
    shown = ExpertPanel().postprocess(experts(moved=(2.0, -0.5)))
    assert shown is not None
    one, two = shown["moves"]
    assert (one["text"], one["left"], one["width"]) == ("+2.00", 50, 50)
    assert (two["text"], two["left"], two["width"]) == (f"{MINUS}0.50", 37.5, 12.5)
    small = ExpertPanel().postprocess(experts(moved=(0.1, -0.1)))
    assert small is not None
    assert small["moves"][0]["width"] == 5  # what hardly moves anything looks so


def test_the_contribution_is_what_the_logit_loses_without_the_expert() -> None:
    """Once more, slowly: the output of the expert times its gate is taken out of the sum by hand."""
    told = knock_out(NETWORK, noise())
    x = normalize(noise()[None])
    with torch.inference_mode():
        x_BCHW = NETWORK.block2[:2](NETWORK.block1(NETWORK.stem(x)))
        moe = NETWORK.block2[2]
        gates = moe.router(x_BCHW)[0]  # pyright: ignore
        outputs = [expert(x_BCHW) for expert in moe.experts]  # pyright: ignore
        for expert in range(2):
            other = 1 - expert
            mixed = moe.norm(x_BCHW + gates[other] * outputs[other])  # pyright: ignore
            logits = NETWORK.classifier(NETWORK.block3(NETWORK.block2[3](mixed)))[0]
            moved = float(NETWORK(x)[0, told.answer] - logits[told.answer])
            assert told.contributions[expert] == pytest.approx(moved, abs=1e-4)


def test_the_histogram_runs_from_expert_1_to_expert_2() -> None:
    gates = gates_by_class(leaning())
    sent = GateHistogram().postprocess(GateAmongAll(gates, (0.3, 0.7)))
    assert sent is not None
    np.testing.assert_array_equal(np.array(sent["counts"])[:, ::-1], gates.counts)
    assert sent["at"] == 70
    ordered = gates.means[sent["order"], 1]
    assert (np.diff(ordered) >= 0).all()
    assert sent["means"] == [percent(mean) for mean in gates.means[:, 1]]
    assert "bits" in sent["information"]
    assert GateHistogram().postprocess(None) is None


@pytest.mark.parametrize("gate", [0.0, 0.3, 0.999, 1.0])
def test_the_pictures_near_it_are_counted(gate: float) -> None:
    evaluation = leaning()
    gates = gates_by_class(evaluation)
    own = min(int(gate * 25), 24)
    expected = sum(min(int(g * 25), 24) == own for g in evaluation.gates[:, 0].astype(float))
    told = place(GateAmongAll(gates, (gate, 1 - gate)))
    low, high = 100 - 4 * (own + 1), 100 - 4 * own
    assert f"%. {expected} of the 4000 test pictures" in told
    assert told.endswith(f"between {low} % and {high} %.")


def test_the_fader_sends_every_mixture() -> None:
    """Each position once more: the gates are put into the mixture by hand, and the rest of the network runs on."""
    fader = fade(NETWORK, noise())
    sent = ExpertFader().postprocess(Faded(Shown("one", noise()), fader, None))
    assert sent is not None
    own = torch.tensor(predict(NETWORK, noise()).gates)
    moe = NETWORK.block2[2]
    with torch.inference_mode():
        x_BCHW = NETWORK.block2[:2](NETWORK.block1(NETWORK.stem(normalize(noise()[None]))))
        outputs = moe.parts(x_BCHW)[0]  # pyright: ignore
        for position in range(21):
            share = position / 10
            ends = torch.eye(2)
            gates = ends[0] + share * (own - ends[0]) if share <= 1 else own + (share - 1) * (ends[1] - own)
            mixed = moe.combine(x_BCHW, outputs, gates[None])  # pyright: ignore
            logits = NETWORK.classifier(NETWORK.block3(NETWORK.block2[3](mixed)))[0]
            expected = (100 * logits.double().softmax(0)).tolist()
            assert sent["widths"][position] == pytest.approx(expected, abs=0.02)
            assert sent["gates"][position] == [percent(gate) for gate in fader.gates[position].tolist()]
            assert float(gates[0]) == pytest.approx(float(fader.gates[position, 0]), abs=1e-6)
    assert CLASSES[sent["answer"]] == predict(NETWORK, noise()).label
    assert np.ptp(np.array(sent["widths"])[:, sent["answer"]]) > 0.2  # the experts differ, so the test could fail


def test_the_line_of_the_test_is_in_percent_of_each_class() -> None:
    table = a_table()
    sent = ExpertFader().postprocess(Faded(Shown("one", noise()), fade(NETWORK, noise()), table))
    assert sent is not None
    tested = sent["tested"]
    assert tested["pictures"] == "500"
    for position in range(21):
        assert tested["all"][position] == pytest.approx(100 * table.right[position].sum() / 500, abs=0.006)
        assert tested["by_class"][7][position] == pytest.approx(100 * table.right[position, 7] / 50, abs=0.006)


def test_a_class_without_test_pictures_has_no_line() -> None:
    table = FaderTable(np.ones((21, 10), int), np.array([5] * 9 + [0]))
    sent = ExpertFader().postprocess(Faded(Shown("one", noise()), fade(NETWORK, noise()), table))
    assert sent is not None
    assert sent["tested"]["by_class"][9] is None
    assert len(sent["tested"]["by_class"][0]) == 21


def test_there_is_a_value_for_every_part_of_the_section() -> None:
    with gr.Blocks():
        components = expert_section.build(Tested())
    models = Tested(leaning(), a_table())
    values = section_of(models)
    for component, value, empty in zip(components, values, expert_section.nothing(), strict=True):
        assert component.postprocess(value)
        assert not component.postprocess(empty)


@pytest.fixture
def test_pictures(monkeypatch: pytest.MonkeyPatch) -> tuple[Tensor, Tensor]:
    """Thirty of them instead of 10,000, measured ten at a time."""
    made = random_cifar10(train=10, test=30)
    monkeypatch.setattr(data, "load_test", lambda: (made.test_images, made.test_labels))
    monkeypatch.setattr(expert_section, "PART", 10)
    return made.test_images, made.test_labels


def test_a_table_is_measured_part_by_part_and_kept(tmp_path: Path, test_pictures: tuple[Tensor, Tensor]) -> None:
    checkpoint.save(tmp_path, NETWORK)
    *underway, last = expert_section.measured(Tested(folder=tmp_path), "one")
    assert [(word.done, word.total, word.table) for word in underway] == [(0, 30, None), (10, 30, None), (20, 30, None)]
    assert last.table is not None
    # Picture by picture, each on its own.
    expected = np.zeros((21, 10), int)
    for pixels, label in zip(*test_pictures, strict=True):
        expected[:, label] += fade(NETWORK, pixels).probabilities.argmax(1) == int(label)
    np.testing.assert_array_equal(last.table.right, expected)
    np.testing.assert_array_equal(FaderTable.load(tmp_path).right, expected)
    sent = [ExpertFader().postprocess(word) for word in (underway[1], last)]
    assert sent[0] == {"of": "one", "done": 10, "total": 30, "tested": None}
    assert sent[1] is not None
    assert sent[1]["tested"]["pictures"] == "30"


def test_a_table_that_is_there_is_not_measured_again() -> None:
    table = a_table()
    assert list(expert_section.measured(Tested(table=table), "one")) == [Measuring("one", 500, 500, table)]


@pytest.mark.parametrize("key", [None, 5, ["one"], {}, "bundled"])
def test_only_a_run_is_measured(key: Any) -> None:
    with pytest.raises(gr.Error, match="the name of a run"):
        next(expert_section.measured(Tested(), key))


def test_what_cannot_be_measured_is_a_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint.save(tmp_path, NETWORK)

    def missing() -> None:
        raise DataError(f"CIFAR-10 is not in {tmp_path} yet.")

    monkeypatch.setattr(data, "load_test", missing)
    with pytest.raises(gr.Error, match="not on this server") as caught:
        next(expert_section.measured(Tested(folder=tmp_path), "one"))
    assert str(tmp_path) not in str(caught.value)
    with pytest.raises(gr.Error, match="There is no run 'two'"):
        next(expert_section.measured(Tested(folder=tmp_path), "two"))


def test_a_table_of_weights_that_changed_meanwhile_is_not_kept(tmp_path: Path, test_pictures: tuple[Tensor, Tensor]) -> None:
    checkpoint.save(tmp_path, NETWORK)
    words = expert_section.measured(Tested(folder=tmp_path), "one")
    next(words)
    os.utime(tmp_path / checkpoint.WEIGHTS, ns=(1, 1))
    with pytest.raises(gr.Error, match="trained on meanwhile"):
        list(words)
    assert not (tmp_path / "fader.json").exists()
