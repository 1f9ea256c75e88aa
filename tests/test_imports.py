"""Imports point one way: app -> demo.interface -> demo tabs -> plots, components, diclam; the core knows no page."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CORE = sorted((ROOT / "diclam").rglob("*.py"))
DEMO = sorted((ROOT / "demo").rglob("*.py"))


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def roots(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imported(path)}


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.name)
def test_the_core_knows_no_page(path: Path) -> None:
    assert not roots(path) & {"gradio", "plotly", "demo", "app"}
    assert not any("pyplot" in name for name in imported(path)), "its state is shared by everybody in the process"


@pytest.mark.parametrize("path", DEMO, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_page_knows_its_place(path: Path) -> None:
    names = imported(path)
    assert "app" not in roots(path)
    if path.name != "interface.py":
        tabs = {name for name in names if re.match(r"demo\.\w+_tab\b", name)}
        assert not tabs, "only demo.interface knows the tabs"
        assert not any(name.startswith("demo.interface") for name in names)
    if path.parent.name == "components":
        own = {name for name in names if name.startswith("demo.")}
        assert all(name.startswith("demo.components") for name in own)


def test_plots_are_pure() -> None:
    assert not roots(ROOT / "demo" / "plots.py") & {"gradio", "torch"}


def test_the_network_imports_nothing_above_it() -> None:
    def below(module: str) -> set[str]:
        names = {name for name in imported(ROOT / "diclam" / f"{module}.py") if name.startswith("diclam")}
        return {name.split(".")[1] for name in names if "." in name}

    assert below("model") == {"blocks", "errors", "full", "layers", "left_out", "model_config"}
    assert below("layers") == {"blocks", "full", "left_out"}
    assert below("blocks") == {"attention"}
    assert below("model_config") == {"errors"}
    assert not any(name.startswith("diclam") for name in imported(ROOT / "diclam" / "attention.py"))
    assert {name for name in imported(ROOT / "diclam" / "full.py") if re.fullmatch(r"diclam\.\w+", name)} == {
        "diclam.attention"
    }


def test_importing_the_network_is_light() -> None:
    for name in ("__init__", "model", "blocks", "layers", "model_config", "full"):
        assert not roots(ROOT / "diclam" / f"{name}.py") & {"pandas", "sklearn", "PIL", "torchvision", "matplotlib"}


def test_a_run_begins_without_what_only_its_test_needs() -> None:
    """They take more than a second to be imported, which whoever presses Start would wait."""
    late = "{'sklearn', 'pandas', 'scipy', 'torchvision'}"
    code = f"import sys, diclam.recorder, diclam.terminal; print(*{late} & set(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == ""


def test_a_run_that_compiles_nothing_begins_without_the_compiler() -> None:
    """Torch's optimizers import it, a second of the run's own time, unless they are `eager`."""
    code = """
import sys, torch
from diclam.model import DiCLAM
from diclam.optim import build_optimizers
from diclam.recipe import config
model = DiCLAM()
for optimizer in build_optimizers(model, config("fast")):
    model(torch.rand(2, 3, 32, 32)).sum().backward()
    optimizer.step()
    optimizer.zero_grad()
    optimizer.load_state_dict(optimizer.state_dict())
print("torch._dynamo" in sys.modules)
"""
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"
