"""Which expert answered: the two gates, what each expert would have said alone, and how far each moved the answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from demo.components.part import Part
from diclam.data import CLASSES
from diclam.draw import percent
from diclam.gates import GatesByClass
from diclam.knockout import Knockouts
from diclam.predict import Prediction, ranked

# Below this gate of the larger expert, both count as having taken part about equally.
CLEAR = 0.6
KINDS = ("one", "two", "three", "four")
"""Of the experts, for their colours."""
FULL = (
    "This is a full network, with the standard blocks that light ones simplify. Its heads share an output layer and cannot "
    "be switched off one by one; and what is measured of two experts (how far each moved the answer, the slider between "
    "them, their gates among those of the test pictures) is not there for its {}."
)
# Longest bar of a contribution where both are smaller than this, in logits: what hardly moves anything should look so.
LEAST = 1.0


@dataclass(frozen=True)
class Experts:
    """What the panel shows."""

    prediction: Prediction
    knockouts: Knockouts | None
    """None for the full network: see `FULL`."""
    gates: GatesByClass | None
    """Of the model's test; None when it was not tested, and for the full network."""

    def name(self, expert: int) -> str:
        """Of an expert, 0 or 1: by evidence where there is some."""
        return self.gates.name(expert) if self.gates else f"expert {expert + 1}"


def words(experts: Experts) -> str:
    """The gates and the answers of the experts, in words."""
    prediction = experts.prediction
    if len(prediction.gates) != 2:
        return _words_of_many(prediction)
    first, second = prediction.gates
    if max(first, second) < CLEAR:
        gates = f"Both experts took part about equally: expert 1 with {percent(first)}, expert 2 with {percent(second)}."
    else:
        main, other = (0, 1) if first > second else (1, 0)
        name = experts.name(main)
        name += "," if "," in name else ""
        gates = f"E{name[1:]} had most of the say: {percent(max(first, second))} against {percent(min(first, second))}"
        gates += f" of expert {other + 1}."
    one, two = (ranked(p)[0][0] for p in prediction.expert_probabilities)
    if one == two == prediction.label:
        return f"{gates} Alone, each of them would also have said {one}."
    if one == two:
        return f"{gates} Alone, each of them would have said {one}; together they say {prediction.label}."
    return f"{gates} Alone, expert 1 would have said {one} and expert 2 {two}; together they say {prediction.label}."


def _words_of_many(prediction: Prediction) -> str:
    main = max(range(len(prediction.gates)), key=lambda k: prediction.gates[k])
    gates = f"Expert {main + 1} had the largest share of the say, {percent(prediction.gates[main])}."
    alone = [ranked(p)[0][0] for p in prediction.expert_probabilities]
    if set(alone) == {prediction.label}:
        return f"{gates} Alone, each of them would also have said {prediction.label}."
    *some, last = (f"expert {k + 1} {said}" for k, said in enumerate(alone))
    return f"{gates} Alone, {', '.join(some)} and {last}; together they say {prediction.label}."


def evidence(gates: GatesByClass | None) -> str:
    """Why the experts bear the names they bear."""
    if gates is None:
        return "This model was not tested, so nothing is known of the classes that its experts are used for."
    if gates.barely_differ:
        return (
            "On the test pictures the gates of this model barely differ between the classes "
            f"(they tell {gates.information:.2f} bits of the class, {gates.by_chance.mean():.2f} by chance alone), so its "
            "experts go by their numbers only."
        )
    one, two = (" and ".join(gates.used_most_for(expert)) for expert in range(2))
    return f"On the test pictures, expert 1 is used most for {one}, expert 2 for {two}."


class ExpertPanel(Part):
    """Value: `Experts`, or None for nothing."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            html_template=_TEMPLATE,
            **options,
        )

    def postprocess(self, value: Experts | None) -> dict[str, Any] | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        if value is None:
            return None
        prediction, knockouts = value.prediction, value.knockouts
        kinds = KINDS[: len(prediction.gates)]
        alone = zip(kinds, prediction.expert_probabilities, strict=True)
        answers = [("the mixture, which answered", "both", prediction.probabilities)]
        answers += [(f"expert {k} alone", kind, probabilities) for k, (kind, probabilities) in enumerate(alone, 1)]
        return {
            "words": words(value),
            "evidence": evidence(value.gates) if knockouts else FULL.format(f"{len(prediction.gates)} experts"),
            "gates": [
                {"kind": kind, "name": f"expert {k}", "text": percent(gate), "width": round(100 * gate, 2)}
                for k, (kind, gate) in enumerate(zip(kinds, prediction.gates, strict=True), 1)
            ],
            "answers": [
                {
                    "title": title,
                    "kind": kind,
                    "top": [
                        {"name": name, "text": percent(p), "width": round(100 * p, 2)}
                        for name, p in ranked(probabilities)[:3]
                    ],
                }
                for title, kind, probabilities in answers
            ],
            "answer": CLASSES[knockouts.answer] if knockouts else "",
            "moves": _moves(knockouts) if knockouts else [],
        }


def _moves(knockouts: Knockouts) -> list[dict[str, Any]]:
    """How far each expert moved the logit of the answer, as a bar from the middle: to the right, for the answer."""
    longest = max(LEAST, *(abs(float(moved)) for moved in knockouts.contributions))
    rows = []
    for kind, moved, gate in zip(("one", "two"), knockouts.contributions.tolist(), knockouts.gates, strict=True):
        width = 50 * abs(moved) / longest
        rows.append(
            {
                "kind": kind,
                "name": "expert 1" if kind == "one" else "expert 2",
                "gate": percent(gate),
                "text": f"{moved:+.2f}".replace("-", "\N{MINUS SIGN}"),
                "left": round(50 if moved > 0 else 50 - width, 2),
                "width": round(width, 2),
            }
        )
    return rows


_TEMPLATE = """
{{#if value}}
  <div class="ep">
    <div><p class="ep-words">{{value.words}}</p><p class="dc-quiet">{{value.evidence}}</p></div>
    <div class="ep-gates">
      <div class="ep-numbers">
        {{#each value.gates}}<span class="ep-{{this.kind}}">{{this.name}}: {{this.text}}</span>{{/each}}
      </div>
      <div class="ep-bar" aria-hidden="true">
        {{#each value.gates}}<i class="ep-{{this.kind}}" style="width:{{this.width}}%"></i>{{/each}}
      </div>
    </div>
    <div class="ep-answers">
      {{#each value.answers}}
        <table class="ep-{{this.kind}}">
          <caption>{{this.title}}</caption>
          {{#each this.top}}
            <tr><th scope="row">{{this.name}}</th>
              <td class="ep-track" aria-hidden="true"><div><i style="width:{{this.width}}%"></i></div></td>
              <td class="ep-number">{{this.text}}</td></tr>
          {{/each}}
        </table>
      {{/each}}
    </div>
    {{#if value.answer}}
    <div>
      <table class="ep-moves">
        <caption>How far each expert moved the score of {{value.answer}}</caption>
        <thead><tr><th></th><th scope="col">gate</th><th scope="col"><span class="ep-sides"><span>against</span><span>for
          {{value.answer}}</span></span></th><th scope="col">score</th></tr></thead>
        {{#each value.moves}}
          <tr><th scope="row">{{this.name}}</th><td class="ep-number">{{this.gate}}</td>
            <td class="ep-track" aria-hidden="true"><div><i class="ep-{{this.kind}}"
              style="margin-left:{{this.left}}%;width:{{this.width}}%"></i><b></b></div></td>
            <td class="ep-number">{{this.text}}</td></tr>
        {{/each}}
      </table>
      <p class="dc-quiet">The change of the score (the logit, before it becomes a probability) when this expert's weighted
        output is left out. A large gate with a small effect has not decided much.</p>
    </div>
    {{/if}}
  </div>
{{/if}}
"""
