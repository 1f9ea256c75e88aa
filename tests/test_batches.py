"""Batches: every picture once an epoch, changed as the settings say, from the seed alone."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from diclam.augment import normalize
from diclam.batches import Batches
from diclam.recipe import TrainConfig, config

PLAIN = {"flip": "none", "crop_padding": 0, "batch_size": 8}


def numbered(count: int = 32) -> tuple[torch.Tensor, torch.Tensor]:
    """Picture k is k everywhere but for a dark left half, so that its label and its direction can be seen in it."""
    images = torch.arange(count, dtype=torch.uint8)[:, None, None, None].expand(count, 3, 32, 32).clone() + 100
    images[..., :16] = 0
    return images, torch.arange(count)


def batches(**changes: object) -> Batches:
    return Batches(*numbered(), config("report", **(PLAIN | changes)))


def mirrored(x: torch.Tensor) -> torch.Tensor:
    """(B,) whether the dark half is on the right."""
    return x[..., :4].mean((1, 2, 3)) > x[..., -4:].mean((1, 2, 3))


def test_every_picture_comes_once_an_epoch_with_its_label() -> None:
    source = batches()
    for _ in range(2):
        seen = []
        for _ in range(4):
            x, labels, *_ = source.next(0.0)
            torch.testing.assert_close(x, normalize(numbered()[0][labels]))
            seen += labels.tolist()
        assert sorted(seen) == list(range(32))


def test_the_order_is_new_each_epoch_and_follows_from_the_seed() -> None:
    def order(seed: int, steps: int = 8) -> list[int]:
        source = batches(seed=seed)
        return [label for _ in range(steps) for label in source.next(0.0).labels_B.tolist()]

    assert order(0) == order(0)
    assert order(0)[:32] != order(0)[32:]
    assert order(0) != order(1)


def test_an_incomplete_last_batch_is_left_out() -> None:
    source = batches(batch_size=10)
    assert [len(source.next(0.0).labels_B) for _ in range(6)] == [10] * 6


def test_alternating_flips_show_both_views_in_two_epochs() -> None:
    source = batches(flip="alternating")
    views: dict[int, list[bool]] = {k: [] for k in range(32)}
    for _ in range(4 * 4):
        x, labels, *_ = source.next(0.0)
        for label, flipped in zip(labels.tolist(), mirrored(x).tolist(), strict=True):
            views[label].append(flipped)
    assert all(a != b and a == c and b == d for a, b, c, d in views.values())
    assert 8 <= sum(view[0] for view in views.values()) <= 24


def test_alternating_flips_show_both_views_of_a_picture_that_is_easy_for_ever_and_go_on_from_a_state() -> None:
    source = batches(flip="alternating", skip_easy=0.5)
    views: dict[int, list[bool]] = {k: [] for k in range(32)}
    for step in range(80):
        if step == 37:
            state, source = source.state(), batches(flip="alternating", skip_easy=0.5)
            source.restore(state)
        batch = source.next(0.0)
        source.note(batch.labels_B.float())  # Picture k has loss k.
        for label, flipped in zip(batch.labels_B.tolist(), batch.mirrored_B.tolist(), strict=True):
            views[label].append(flipped)
    assert all(len(view) > 3 and all(a != b for a, b in pairwise(view)) for view in views.values())
    assert len(views[0]) < len(views[31])


def test_random_flips_mirror_about_half_and_none_mirrors_nothing() -> None:
    for flip, low, high in (("random", 0.3, 0.7), ("none", 0.0, 0.0)):
        source = batches(flip=flip)
        share = torch.cat([mirrored(source.next(0.0).pictures_B3HW) for _ in range(20)]).double().mean()
        assert low <= share <= high


def test_the_early_part_is_smaller_and_its_beginning_smaller_still() -> None:
    source = batches(early_side=24, early_part=0.5, first_part=0.2)
    assert source.next(0.19).pictures_B3HW.shape[2:] == (16, 16)
    assert source.next(0.2).pictures_B3HW.shape[2:] == (24, 24)
    assert source.next(0.49).pictures_B3HW.shape[2:] == (24, 24)
    assert source.next(0.5).pictures_B3HW.shape[2:] == (32, 32)


@pytest.mark.parametrize("flip", ["random", "alternating", "none"])
def test_a_batch_says_which_pictures_it_holds_and_who_is_mirrored(flip: str) -> None:
    source = batches(flip=flip)
    for _ in range(6):
        batch = source.next(0.0)
        assert torch.equal(batch.indices_B, batch.labels_B)  # picture k is labelled k
        assert torch.equal(batch.mirrored_B, mirrored(batch.pictures_B3HW))


def test_the_early_part_keeps_the_whole_pictures_beside_the_smaller_ones() -> None:
    settings = {"crop_padding": 4, "cutout": 8, "flip": "random"}
    early, late = batches(**settings, early_side=16, early_part=1.0).next(0.0), batches(**settings).next(0.0)
    assert torch.equal(early.whole_B3HW, late.pictures_B3HW)
    assert early.pictures_B3HW.shape[2:] == (16, 16)


def test_a_crop_and_a_cutout_change_the_picture() -> None:
    for changes in ({"crop_padding": 4}, {"cutout": 8}):
        x, labels, *_ = batches(**changes).next(0.0)
        assert not torch.equal(x, normalize(numbered()[0][labels]))


def test_the_parts_of_several_processes_make_up_the_batch() -> None:
    settings = {"crop_padding": 4, "cutout": 8, "flip": "random", "early_side": 16, "early_part": 1.0}
    whole = batches(**settings).next(0.0)
    parts = [
        Batches(*numbered(), config("report", **(PLAIN | settings)), part).next(0.0) for part in (slice(0, 5), slice(5, 8))
    ]
    for name, tensor in whole._asdict().items():
        assert torch.equal(torch.cat([getattr(part, name) for part in parts]), tensor), name


def test_pictures_are_channels_last_floats() -> None:
    for settings in ({}, {"early_side": 16, "early_part": 1.0}):
        x = batches(**settings).next(0.0).pictures_B3HW
        assert x.dtype == torch.float32
        assert x.is_contiguous(memory_format=torch.channels_last)


def test_the_recipes_differ_in_how_they_flip() -> None:
    flips: dict[str, TrainConfig] = {name: config(name) for name in ("report", "fast")}
    assert (flips["report"].flip, flips["fast"].flip) == ("random", "alternating")


def test_the_easiest_half_of_an_epoch_is_left_out_of_the_next_but_never_twice() -> None:
    source = batches(skip_easy=0.5)

    def epoch(steps: int) -> set[int]:
        """Picture k has loss k."""
        seen = []
        for _ in range(steps):
            labels_B = source.next(0.0).labels_B
            source.note(labels_B.float())
            seen += labels_B.tolist()
        assert len(seen) == len(set(seen))
        return set(seen)

    everything = set(range(32))
    assert epoch(4) == everything  # Too early to tell.
    assert epoch(2) == set(range(16, 32))
    # Of the sixteen the easier eight are left out; all that were left out before come back.
    assert epoch(3) == everything - set(range(16, 24))
    # Losses 0 to 15 and 24 to 31: of these 24 the easier twelve.
    assert epoch(2) <= everything - set(range(12))


def test_enough_pictures_for_a_batch_always_stay() -> None:
    source = batches(skip_easy=0.9, batch_size=30)
    for _ in range(5):
        assert len(source.next(0.0).labels_B) == 30
        source.note(torch.ones(30))


def test_batches_that_leave_pictures_out_go_on_as_if_nothing_had_happened() -> None:
    source, twin = batches(skip_easy=0.5), batches(skip_easy=0.5)
    for _ in range(7):
        source.note(source.next(0.0).labels_B.float())
    twin.restore(source.state())
    for _ in range(9):
        labels_B = source.next(0.0).labels_B
        assert twin.next(0.0).labels_B.tolist() == labels_B.tolist()
        source.note(labels_B.float())
        twin.note(labels_B.float())
