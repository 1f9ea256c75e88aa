"""The served page: what one tab does to another, and that nothing of the machine can be read or upset through it."""

from __future__ import annotations

import ast
import copy
import json
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
import pytest
import torch
from torch import Tensor

from benchmarks.app import Answer, Session, free_port
from demo import about_tab, classify_tab
from demo.components.part import Part
from demo.interface import FIRST_EXAMPLE, Links, build, launch_options
from demo.models import BUNDLED, Models
from diclam import checkpoint
from diclam.model import DiCLAM
from diclam.predict import load_picture

ROOT = Path(__file__).parents[1]


class OnePicture:
    """A data set whose only picture is number 5."""

    pixels = torch.arange(3 * 32 * 32).reshape(3, 32, 32).to(torch.uint8)

    def get(self, index: int) -> Tensor | None:
        return self.pixels if index == 5 else None


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of runs: one good, one whose every file is garbage."""
    root = tmp_path_factory.mktemp("runs")
    checkpoint.save(root / "good", DiCLAM())
    (root / "garbage").mkdir()
    for name in ("run.json", "events.jsonl", "config.json", "model.safetensors", "evaluation.json", "predictions.csv"):
        (root / "garbage" / name).write_bytes(b"\x00\xff garbage \n{")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DICLAM_RUNS", str(root))
        yield root


@pytest.fixture(scope="module")
def page(root: Path) -> gr.Blocks:
    return build()


@pytest.fixture(scope="module")
def url(page: gr.Blocks) -> Iterator[str]:
    _, url, _ = page.launch(**launch_options(), server_port=free_port(), prevent_thread_lock=True, quiet=True)
    yield url
    page.close(verbose=False)


@pytest.fixture
def links(root: Path) -> Links:
    return Links(Models(), OnePicture())


def status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return response.status
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def event(**data: Any) -> gr.EventData:
    return gr.EventData(None, data)


def number(page: gr.Blocks, name: str, inputs: int) -> int:
    """The listener of this name with so many inputs, as requests call it."""
    return next(key for key, fn in page.fns.items() if fn.name == name and len(fn.inputs) == inputs)


def sent(url: str, listener: int, data: list[Any], event_data: Any = None) -> Answer:
    """What the queue answers to an event that somebody sends by hand."""
    with httpx.Client(base_url=url, timeout=30) as http:
        return Session(http).ask(listener, data, event_data)


def uploaded(url: str, name: str, content: bytes) -> str:
    boundary = uuid.uuid4().hex
    body = f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'.encode()
    body += content + f"\r\n--{boundary}--\r\n".encode()
    request = urllib.request.Request(
        f"{url}gradio_api/upload", body, {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        (path,) = json.loads(response.read())
    return path


def test_the_list_of_models_follows_the_runs(links: Links, root: Path) -> None:
    before = links.known(BUNDLED)
    assert [key for _, key in before.choices] == [BUNDLED, "good", "garbage"]
    checkpoint.save(root / "later", DiCLAM())
    try:
        assert "later" in [key for _, key in links.known("good").choices]
    finally:
        for path in (root / "later").iterdir():
            path.unlink()
        (root / "later").rmdir()
    with pytest.warns(UserWarning, match="later is no longer there"):
        assert links.known("later").value == BUNDLED


def test_a_model_that_is_there_stays_chosen(links: Links) -> None:
    """No value is sent: one that a visitor has chosen meanwhile must not be taken back."""
    assert "value" not in links.known("good").constructor_args
    assert "value" not in links.usable("good").constructor_args


@pytest.mark.parametrize(("run", "chosen"), [("good", "good"), ("../etc", None), ("", None), (None, None)])
def test_the_address_chooses_a_model_that_is_there(links: Links, run: str | None, chosen: str | None) -> None:
    request = gr.Request(query_params={"run": run} if run is not None else {})
    dropdown = links.first(request)
    assert dropdown.constructor_args.get("value") == chosen
    assert BUNDLED in [key for _, key in dropdown.choices]


def test_a_damaged_model_gives_way_to_the_bundled_one(links: Links) -> None:
    for key in ("garbage", "nobody"):
        with pytest.warns(UserWarning, match="use the bundled model now"):
            assert links.usable(key).value == BUNDLED


def test_the_description_of_the_page_holds_nothing_of_the_app_itself(page: gr.Blocks) -> None:
    # Gradio copies it for each visitor; what cannot be copied as a whole is copied piece by piece, a hundred times slower.
    told = page.get_config_file()
    assert copy.deepcopy(told).keys() == told.keys()


def test_what_a_page_is_sent_of_a_part_is_found_out_once(page: gr.Blocks) -> None:
    parts = [block for block in page.blocks.values() if isinstance(block, Part)]
    assert parts
    for part in parts:
        told = part.get_config()
        assert told == gr.HTML.get_config(part)
        told.clear()  # Gradio takes things out of what it gets
        assert part.get_config()


def test_what_happens_across_tabs_can_tell_the_visitor(page: gr.Blocks) -> None:
    """Gradio drops the messages of listeners that go past the queue."""
    told = {fn.name: fn.queue for fn in page.fns.values() if isinstance(getattr(fn.fn, "__self__", None), Links)}
    assert {"known", "usable", "use"} <= set(told)
    assert told.pop("start") is False, "it tells nothing, and a page that opens does not wait for the queue"
    assert all(told.values())


def test_a_trained_model_is_used_by_its_name(links: Links) -> None:
    chosen = links.use("good")
    assert chosen.value == "good"
    assert "good" in [key for _, key in chosen.choices]


@pytest.mark.parametrize("name", ["", None, "nobody", "../good", "/etc", ["good"], {"a": 1}])
def test_no_other_name_is_used(links: Links, name: Any) -> None:
    with pytest.raises(gr.Error, match="no trained model"):
        links.use(name)


def test_a_trained_model_that_the_page_cannot_show_is_not_used(links: Links) -> None:
    with pytest.raises(gr.Error, match="garbage is damaged"):
        links.use("garbage")


def test_a_picture_of_the_gallery_opens_in_classify(links: Links) -> None:
    image, tabs = links.picture(event(index=5))
    assert (image.size, tabs.selected) == ((32, 32), "classify")
    assert image.getpixel((1, 0)) == tuple(OnePicture.pixels[:, 0, 1].tolist())


def test_a_picture_that_is_not_here_is_a_message(links: Links) -> None:
    with pytest.raises(gr.Error, match="whole data set"):
        links.picture(event(index=6))


@pytest.mark.parametrize("index", [-1, 10_000, 10**30, "5", 5.0, True, None, [5], {"a": 5}])
def test_a_forged_picture_is_refused(links: Links, index: Any) -> None:
    with pytest.raises(gr.Error, match="number of a test picture"):
        links.picture(event(index=index))


def test_an_event_that_brings_nothing_is_refused(links: Links) -> None:
    for nothing in (None, [], "index", 3):
        with pytest.raises(gr.Error, match="number of a test picture"):
            links.picture(gr.EventData(None, nothing))


def test_forged_events_are_refused_by_the_server(url: str, page: gr.Blocks) -> None:
    forged = [
        ("_example", [], {"index": 99}, "number of an example"),
        ("_example", [], None, "number of an example"),
        ("picture", [], {"index": -1}, "number of a test picture"),
        ("use", ["../../etc"], None, "no trained model"),
        ("keep", ["bundled", None, "", None], None, "Choose a picture first"),
        ("respond", ["bundled", None, "{"], None, "Expected the name"),
    ]
    for name, data, event_data, reason in forged:
        answer = sent(url, number(page, name, len(data)), data, event_data)
        assert not answer.success, name
        assert reason in answer.output["error"], name


@pytest.mark.parametrize("key", ["../../etc", "/etc", "nobody", "", None, 3, ["bundled"], {"a": 1}])
def test_a_forged_model_is_refused_by_the_server(url: str, page: gr.Blocks, key: Any) -> None:
    path = uploaded(url, "cat.png", FIRST_EXAMPLE.read_bytes())
    file = {"path": path, "meta": {"_type": "gradio.FileData"}}
    answer = sent(url, number(page, "keep", 4), [key, file, "", {"row": 0, "column": 0}])
    assert not answer.success
    assert "There is no run" in answer.output["error"]


def test_a_file_of_the_server_cannot_be_passed_off_as_an_upload(url: str, page: gr.Blocks) -> None:
    listener = number(page, "keep", 4)
    for path in ("/etc/passwd", str(ROOT / "assets" / "examples" / "cat.png"), "../app.py"):
        file = {"path": path, "meta": {"_type": "gradio.FileData"}}
        assert not sent(url, listener, [BUNDLED, file, "", {"row": 0, "column": 0}]).success, path


@pytest.mark.parametrize(
    "path",
    [
        "app.py", "README.md", "requirements.txt", "pyproject.toml", ".git/config", ".ci/run", "diclam/model.py",
        "demo/interface.py", "assets/bundled/model.safetensors", "assets/examples/cat.png", "/etc/passwd",
        "../../../etc/passwd", str(ROOT / "app.py"), str(ROOT / "demo" / "interface.py"), "http://127.0.0.1:1/x",
    ],
)  # fmt: skip
def test_no_file_can_be_read_through_the_server(url: str, path: str) -> None:
    for name in (path, urllib.parse.quote(path, safe="")):
        assert status(f"{url}gradio_api/file={name}") in (400, 403, 404)
        assert status(f"{url}file={name}") in (400, 403, 404)


def test_no_run_can_be_read_through_the_server(url: str, root: Path) -> None:
    for name in ("events.jsonl", "run.json", "model.safetensors"):
        assert status(f"{url}gradio_api/file={root / 'garbage' / name}") in (400, 403, 404)


def test_only_the_plotting_script_is_served_of_what_is_installed(url: str) -> None:
    package = Path(pytest.importorskip("plotly").__file__).parent
    assert status(f"{url}gradio_api/file={package / 'package_data' / 'plotly.min.js'}") == 200
    assert status(f"{url}gradio_api/file={package / '__init__.py'}") == 403
    assert status(f"{url}gradio_api/file={package / 'package_data' / 'plotly.min.js'}/../../__init__.py") in (400, 403, 404)


def test_an_uploaded_drawing_is_never_shown_as_a_page(url: str) -> None:
    drawing = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
    path = uploaded(url, "drawing.svg", drawing)
    with urllib.request.urlopen(f"{url}gradio_api/file={path}", timeout=10) as response:
        assert response.headers["Content-Disposition"].startswith("attachment")
        assert "svg" not in response.headers["Content-Type"]


def test_the_settings_sent_to_the_browser_name_no_place_on_this_machine(url: str) -> None:
    with urllib.request.urlopen(f"{url}config", timeout=10) as response:
        assert str(ROOT) not in response.read().decode()


def test_listens_on_loopback(url: str) -> None:
    assert urllib.parse.urlsplit(url).hostname in ("127.0.0.1", "localhost")
    assert not {"server_name", "share", "server_port"} & set(launch_options())


def test_the_page_answers_whatever_lies_among_the_runs(url: str) -> None:
    for query in ("", "?tab=about", "?tab=nonsense"):
        assert status(url + query) == 200


def test_analytics_are_off_and_the_queue_is_bounded(page: gr.Blocks) -> None:
    assert page.analytics_enabled is False
    assert page._queue.max_size is not None
    assert page._queue.max_size <= 100


def test_only_the_endpoint_for_programs_is_advertised(page: gr.Blocks) -> None:
    assert [fn.api_name for fn in page.fns.values() if fn.api_visibility != "private"] == ["classify"]


def test_building_the_page_loads_no_model(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Models, "model", lambda self, key: pytest.fail(f"{key} was loaded"))
    build()


def test_the_page_opens_without_the_bundled_model(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "bundled", lambda: tmp_path / "nowhere")
    texts = [block.value for block in build().blocks.values() if type(block) is gr.HTML]
    assert any(about_tab.MISSING in text for text in texts if text)
    models = Models()
    assert models.choices()[0] == ("bundled - not tested", BUNDLED)
    with pytest.raises(gr.Error, match=r"bundled has no config\.json"):
        classify_tab.answer(models, BUNDLED, load_picture(FIRST_EXAMPLE))


def test_the_page_names_no_other_host() -> None:
    for path in (ROOT / "demo").rglob("*"):
        if path.suffix in (".js", ".css"):
            text = path.read_text(encoding="utf-8")
            assert "http://" not in text.replace("http://www.w3.org", "")
            assert "https://" not in text


def test_app_does_nothing_but_build_and_launch() -> None:
    tree = ast.parse((ROOT / "app.py").read_text(encoding="utf-8"))
    assert len(tree.body) <= 5
