"""What is there when the app starts is not looked through again."""

from __future__ import annotations

import gc

from demo import memory


def test_what_is_there_is_out_of_the_way() -> None:
    before = gc.get_freeze_count()
    kept = [[k] for k in range(1000)]
    try:
        memory.settle()
        assert gc.get_freeze_count() >= before + len(kept)
        assert not any(one is kept for one in gc.get_objects())
    finally:
        gc.unfreeze()
