"""On what a result was made, for the record."""

from __future__ import annotations

import importlib.metadata
import platform
from pathlib import Path
from typing import Any

import psutil
import torch


def versions() -> dict[str, str]:
    """Of Python and of the packages that a result may depend on."""
    packages = ("torch", "torchvision", "numpy", "scikit-learn")
    return {"python": platform.python_version()} | {p: importlib.metadata.version(p) for p in packages}


def hardware() -> dict[str, Any]:
    """What this machine computes with, for the record: processor, its cores, memory in GiB, accelerator."""
    accelerator = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    if accelerator is None and torch.backends.mps.is_available():
        accelerator = "Apple MPS"
    return {
        "processor": _processor(),
        "cores": torch.get_num_threads(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "accelerator": accelerator,
    }


def _processor() -> str:
    """Its name, and the widest instructions that torch uses on it: two that bear one name can differ by four times."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.processor() or platform.machine()
    return f"{name} ({torch.backends.cpu.get_cpu_capability()})"
