"""A folder that rebuilds a model: `config.json` and `model.safetensors`, the Hub's names for the two."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from diclam.errors import CheckpointError, DiclamError
from diclam.files import replacing
from diclam.model import DiCLAM, ModelConfig

CONFIG = "config.json"
WEIGHTS = "model.safetensors"


def save(folder: Path, model: DiCLAM) -> None:
    """Writes the config, then the weights in float32, each to a temporary name that is then renamed: a reader, or a kill
    in the middle, never meets half a file."""
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / CONFIG) as path:
        path.write_text(json.dumps({"model_type": "diclam", **model.config.to_dict()}, indent=2) + "\n")
    tensors = {name: t.detach().cpu().contiguous() for name, t in model.state_dict().items()}
    with replacing(folder / WEIGHTS) as path:
        save_file(tensors, path)


def load(folder: Path, device: str | torch.device = "cpu") -> DiCLAM:
    """The model of a folder, in eval mode. Raises CheckpointError that names what is missing or damaged."""
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise CheckpointError(f"Expected a checkpoint with {CONFIG} and {WEIGHTS}; {folder} has no {name}.")
    try:
        values = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        if not isinstance(values, dict) or values.pop("model_type", None) != "diclam":
            raise CheckpointError(f"{folder / CONFIG} does not describe a DiCLAM network.")
        model = DiCLAM(ModelConfig.from_dict(values))
        model.load_state_dict(load_file(folder / WEIGHTS))
    except CheckpointError:
        raise
    except (OSError, SafetensorError, json.JSONDecodeError, UnicodeDecodeError, RuntimeError, DiclamError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(
            f"The checkpoint in {folder} is damaged ({reason}). Train it again or copy it anew."
        ) from error
    return model.to(device=device, memory_format=torch.channels_last).eval()  # pyright: ignore[reportCallIssue]


def digest(folder: Path) -> str:
    """SHA-256 of the weights, to tell what was made of them from what was made of others. Raises OSError without weights."""
    return hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()


def bundled() -> Path:
    """The checkpoint that comes with the project, with its evaluation, its events, its card and pictures."""
    inside = Path(__file__).parent / "assets" / "bundled"  # an installed wheel
    return inside if inside.is_dir() else Path(__file__).parents[1] / "assets" / "bundled"
