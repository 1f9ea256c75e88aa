"""The events of a run's file, which is looked at every second as it grows: only what is new is read."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from diclam.events import Event, from_json

ROOM = 8
"""Files that are remembered, those that were looked at last."""
# Bytes before the place where reading goes on; when they are others, the file is another one.
TAIL = 200


@dataclass
class _Read:
    """What is known of a file."""

    file: tuple[int, int]
    """Device and inode."""
    offset: int = 0
    """All lines before it are read."""
    tail: bytes = b""
    events: list[Event] = field(default_factory=list)

    def goes_on_in(self, file: BinaryIO) -> bool:
        file.seek(self.offset - len(self.tail))
        return _id(file) == self.file and file.read(len(self.tail)) == self.tail


_known: OrderedDict[Path, _Read] = OrderedDict()
_lock = threading.Lock()


def read(path: Path) -> list[Event]:
    """All events in the order they happened, none when there is no file. A half-written last line, or any other that cannot
    be read, is left out."""
    with _lock, suppress(OSError), path.open("rb") as file:
        known = _known.pop(path, None)
        if known is None or not known.goes_on_in(file):
            known = _Read(_id(file))
        file.seek(known.offset)
        new = file.read()
        end = new.rfind(b"\n") + 1
        known.events += _parsed(new[:end])
        known.offset += end
        known.tail = (known.tail + new[:end])[-TAIL:]
        _known[path] = known
        if len(_known) > ROOM:
            _known.popitem(last=False)
        return [*known.events, *_parsed(new[end:])]
    return []


def _id(file: BinaryIO) -> tuple[int, int]:
    stat = os.fstat(file.fileno())
    return stat.st_dev, stat.st_ino


def _parsed(lines: bytes) -> list[Event]:
    events = []
    for line in lines.decode("utf-8", "replace").splitlines():
        with suppress(ValueError):
            events.append(from_json(line))
    return events
