"""A result says on what it was made."""

from __future__ import annotations

import sys

import torch

from diclam.provenance import hardware, versions


def test_a_processor_is_told_with_the_instructions_that_torch_uses() -> None:
    told = hardware()
    assert told["processor"].endswith(f"({torch.backends.cpu.get_cpu_capability()})")
    assert told["cores"] == torch.get_num_threads()
    assert told["memory_gib"] >= 1


def test_the_versions_are_those_that_compute() -> None:
    told = versions()
    assert told["python"] == sys.version.split()[0]
    assert torch.__version__.startswith(told["torch"].split("+")[0])
