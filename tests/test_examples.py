"""Every example is there, small, and credited."""

from __future__ import annotations

from PIL import Image

from demo.examples import CREDITS, EXAMPLES, HERE, PHOTOGRAPHS, TEST_PICTURES
from diclam.data import CLASSES

README = (HERE / "photographs" / "README.md").read_text(encoding="utf-8")


def test_the_test_pictures_are_one_of_each_class() -> None:
    assert [path.stem for path in TEST_PICTURES] == list(CLASSES)
    for path in TEST_PICTURES:
        with Image.open(path) as image:
            assert (image.size, image.format) == ((32, 32), "PNG")


def test_the_photographs_are_small_files_of_some_classes_and_of_none() -> None:
    assert len(PHOTOGRAPHS) >= 8
    assert {photograph.shows for photograph in PHOTOGRAPHS} - {None} <= set(CLASSES)
    assert sum(photograph.shows is None for photograph in PHOTOGRAPHS) >= 3
    assert sum(photograph.path.stat().st_size for photograph in PHOTOGRAPHS) < 500_000
    for photograph in PHOTOGRAPHS:
        with Image.open(photograph.path) as image:
            assert max(image.size) <= 512


def test_every_photograph_is_credited_on_the_page_and_beside_the_file() -> None:
    assert {path.name for path in (HERE / "photographs").glob("*.jpg")} == {p.path.name for p in PHOTOGRAPHS}
    for photograph in PHOTOGRAPHS:
        (row,) = [line for line in README.splitlines() if line.startswith(f"| `{photograph.path.name}` |")]
        shows = photograph.shows or "none"
        assert f"| {shows} | {photograph.by} | {photograph.licence} |" in row
        assert f"{photograph.name} by {photograph.by}, {photograph.licence}" in CREDITS


def test_no_two_examples_are_the_same_file() -> None:
    assert len({path.read_bytes() for path in EXAMPLES}) == len(EXAMPLES)
