"""The README is true to the tree, and its head is what a Space reads."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from diclam.recipe import RECIPES

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
HEAD = README.split("---\n")[1]
TREE = README.split("## What is where")[1].split("```")[1]


def field(name: str) -> str:
    found = re.search(rf"^{name}: *(.+)$", HEAD, re.MULTILINE)
    assert found, f"the head has no {name}"
    return found[1].strip('"')


@pytest.mark.parametrize("folder", ["diclam", "demo"])
def test_every_module_is_named_in_the_tree_and_no_other(folder: str) -> None:
    part = re.split(r"^(?=\S)", TREE, flags=re.MULTILINE)
    (lines,) = [text for text in part if text.startswith(f"{folder}/")]
    named = set(re.findall(r"\b\w+\.py\b", lines))
    assert named == {path.name for path in (ROOT / folder).glob("*.py")} - {"__init__.py"}


def test_every_folder_of_the_tree_is_there() -> None:
    for name in re.findall(r"^([\w./]+/)", TREE, re.MULTILINE):
        assert (ROOT / name).is_dir(), name


def test_the_head_is_what_a_space_reads() -> None:
    assert len(field("short_description")) <= 60
    assert field("sdk") == "gradio"
    assert (ROOT / field("app_file")).is_file()
    assert field("python_version") == "3.12"
    assert field("license") == "mit"
    assert {field("colorFrom"), field("colorTo")} <= {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}


def test_the_space_gets_a_gradio_that_the_requirements_allow() -> None:
    wanted = re.search(r"^gradio>=(\d+)\.(\d+),<(\d+)$", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    assert wanted
    major, minor, *_ = map(int, field("sdk_version").split("."))
    assert (int(wanted[1]), int(wanted[2])) <= (major, minor) < (int(wanted[3]), 0)


def test_every_recipe_is_named() -> None:
    for name in RECIPES:
        assert f"`{name}`" in README


def test_every_pinned_need_of_the_core_is_in_both_lists() -> None:
    """`pip install .` and `pip install -r requirements.txt` bring the same."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    wanted = set(re.findall(r'"([a-z_-]+[>=<,.\d]+)"', project.split("dependencies = [")[1].split("]")[0]))
    wanted |= set(re.findall(r'"([a-z_-]+[>=<,.\d]+)"', project.split("app = [")[1].split("]")[0]))
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert wanted == {line for line in lines if line and not line.startswith("#")}
