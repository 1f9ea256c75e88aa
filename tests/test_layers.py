"""The network as a list."""

from __future__ import annotations

from diclam.model import DiCLAM


def test_the_layer_list_adds_up() -> None:
    rows = DiCLAM().layers()
    assert sum(row.parameters for row in rows) == 1_837_452
    assert rows[-1].output == "10"
    assert [row.output for row in rows if row.layer.startswith("max-pool")] == [
        "64 x 16 x 16",
        "128 x 8 x 8",
        "256 x 4 x 4",
    ]
