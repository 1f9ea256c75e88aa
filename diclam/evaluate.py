"""How good a model is: its answers on labelled pictures, and the figures scikit-learn makes of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support
from torch import Tensor

from diclam.augment import normalize
from diclam.data import CLASSES
from diclam.device import exact
from diclam.errors import CheckpointError
from diclam.files import replacing
from diclam.model import DiCLAM
from diclam.suspects import Suspect

FIGURES = "evaluation.json"
TABLE = "predictions.csv"
_LABELS = range(len(CLASSES))


@dataclass(frozen=True)
class Evaluation:
    """Answers for N pictures; every figure is computed from them, so none can disagree with the table."""

    true: np.ndarray
    """(N,) int64, the real classes."""
    predicted: np.ndarray
    """(N,) int64, the most probable classes."""
    probabilities: np.ndarray
    """(N, 10) float32, rows sum to 1: softmax of the logits as they are, without the temperature of `diclam.calibration`."""
    gates: np.ndarray
    """(N, E) float32, rows sum to 1; 2 experts in the light network."""
    alone: np.ndarray
    """(N, E) int64: the class that each expert would have said alone, its gate at 1 and the others' at 0."""
    training_seconds: float | None
    """How long the model was trained; None when nobody knows."""
    parameters: int
    expert: int | None = None
    """Which expert, from 0, said `predicted` alone; None: the model as it is, which the probabilities always are of."""
    suspects: Mapping[int, Suspect] = field(default_factory=dict)
    """The pictures whose label is known to be doubtful, by their number."""

    @property
    def accuracy(self) -> float:
        return float(accuracy_score(self.true, self.predicted))

    @property
    def trusted(self) -> np.ndarray:
        """(N,) bool: whether there is no doubt about the label."""
        return ~np.isin(np.arange(len(self.true)), list(self.suspects))

    @property
    def precision(self) -> float:
        """Mean over the classes, fraction of 1; a class that is never predicted counts as 0."""
        return float(self._by_class[0].mean())

    @property
    def recall(self) -> float:
        return float(self._by_class[1].mean())

    @property
    def f1(self) -> float:
        return float(self._by_class[2].mean())

    @cached_property
    def confusion(self) -> np.ndarray:
        """(10, 10) counts; rows are the real classes, columns what the model said."""
        return confusion_matrix(self.true, self.predicted, labels=_LABELS)

    @cached_property
    def gate_sums(self) -> np.ndarray:
        """(10, 10): the weight of expert 1 added up over the pictures of each cell of the confusion matrix."""
        cells = self.true * len(CLASSES) + self.predicted
        sums = np.bincount(cells, self.gates[:, 0].astype(np.float64), minlength=len(CLASSES) ** 2)
        return sums.reshape(len(CLASSES), -1)

    @cached_property
    def per_class(self) -> pd.DataFrame:
        """One row a class: class, precision, recall, f1 (fractions of 1), support (pictures)."""
        precision, recall, f1, support = self._by_class
        columns = {"class": CLASSES, "precision": precision, "recall": recall, "f1": f1, "support": support}
        return pd.DataFrame(columns)

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a picture: index, true, predicted (names), p_<class> for each class, gate_1, gate_2, ..., and alone_1,
        alone_2, ... (names): what each expert would have said."""
        names = np.array(CLASSES)
        table = pd.DataFrame(
            {"index": np.arange(len(self.true)), "true": names[self.true], "predicted": names[self.predicted]}
        )
        table[[f"p_{name}" for name in CLASSES]] = self.probabilities
        experts = range(1, self.gates.shape[1] + 1)
        table[[f"gate_{k}" for k in experts]] = self.gates
        table[[f"alone_{k}" for k in experts]] = names[self.alone]
        return table

    def by_expert(self, expert: int) -> Evaluation:
        """The same test, answered by one expert alone, counted from 0."""
        return replace(self, predicted=self.alone[:, expert], expert=expert)

    def figures(self) -> dict[str, Any]:
        """What `evaluation.json` holds."""
        return {
            "accuracy": self.accuracy,
            "precision": self.precision,
            "recall": self.recall,
            "f1": self.f1,
            "confusion": self.confusion.tolist(),
            "per_class": self.per_class.to_dict(orient="records"),
            "training_seconds": self.training_seconds,
            "parameters": self.parameters,
        }

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(folder / TABLE) as path:
            self.table.to_csv(path, index=False, float_format="%.6f")
        with replacing(folder / FIGURES) as path:
            path.write_text(json.dumps(self.figures(), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Evaluation:
        """Raises CheckpointError when a file is missing or does not hold what `save` wrote."""
        try:
            figures = json.loads((folder / FIGURES).read_text(encoding="utf-8"))
            table = pd.read_csv(folder / TABLE)
            number = pd.Series(_LABELS, index=CLASSES)
            experts = range(1, 1 + sum(column.startswith("gate_") for column in table.columns))
            if table["index"].tolist() != list(range(len(table))):
                raise ValueError(f"{TABLE} does not number its pictures 0, 1, 2, ...")
            return cls(
                true=np.asarray(number.loc[table["true"]], np.int64),
                predicted=np.asarray(number.loc[table["predicted"]], np.int64),
                probabilities=table[[f"p_{name}" for name in CLASSES]].to_numpy(np.float32),
                gates=table[[f"gate_{k}" for k in experts]].to_numpy(np.float32),
                alone=np.stack([number.loc[table[f"alone_{k}"]] for k in experts], axis=1).astype(np.int64),
                training_seconds=figures["training_seconds"],
                parameters=int(figures["parameters"]),
            )
        except FileNotFoundError as error:
            raise CheckpointError(
                f"There is no evaluation in {folder}: expected {FIGURES} and {TABLE}. Make one with `diclam evaluate`."
            ) from error
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"The evaluation in {folder} is damaged ({error}). Make it anew.") from error

    @cached_property
    def _by_class(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        figures = precision_recall_fscore_support(self.true, self.predicted, labels=_LABELS, zero_division=0.0)  # pyright: ignore[reportArgumentType]
        precision, recall, f1, support = (np.asarray(values) for values in figures)
        return precision, recall, f1, support


@torch.inference_mode()
def evaluate(
    model: DiCLAM,
    images_B3HW: Tensor,
    labels_B: Tensor,
    *,
    batch_size: int = 500,
    progress: Callable[[int, int], None] | None = None,
    training_seconds: float | None = None,
) -> Evaluation:
    """Answers for byte pictures (N, 3, 32, 32), in float32 and without test-time augmentation, so that the same weights
    give the same figures on every machine up to rounding. `progress(done, total)` is called after each batch. The model's
    mode is left as it was."""
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    probabilities, gates, alone = [], [], []
    try:
        for batch in images_B3HW.split(batch_size):
            x = normalize(batch.to(device)).contiguous(memory_format=torch.channels_last)
            with exact():
                logits_BGK, gates_BGE = model.mixtures(x, _own_and_alone)
            probabilities.append(logits_BGK[:, 0].float().softmax(1).cpu())
            gates.append(gates_BGE[:, 0].float().cpu())
            alone.append(logits_BGK[:, 1:].argmax(2).cpu())
            if progress:
                progress(sum(map(len, probabilities)), len(images_B3HW))
    finally:
        model.train(was_training)
    table = torch.cat(probabilities).numpy()
    return Evaluation(
        true=labels_B.cpu().numpy().astype(np.int64),
        predicted=table.argmax(1).astype(np.int64),
        probabilities=table,
        gates=torch.cat(gates).numpy(),
        alone=torch.cat(alone).numpy(),
        training_seconds=training_seconds,
        parameters=sum(p.numel() for p in model.parameters()),
    )


def _own_and_alone(gates_BE: Tensor) -> Tensor:
    """The network's own gates, then each expert alone -> (B, 1 + E, E)."""
    ends_EE = torch.eye(gates_BE.shape[1], device=gates_BE.device, dtype=gates_BE.dtype)
    return torch.cat([gates_BE[:, None], ends_EE.expand(len(gates_BE), -1, -1)], dim=1)
