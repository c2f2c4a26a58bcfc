"""EasyOCR as a reader: what it says when something is missing, how it decodes, and the real package on two networks."""

import hashlib
import importlib
import json
import os
import sys
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sessions_app.comparison.alignment.child import easyocr_reader as module
from sessions_app.comparison.alignment.child.easyocr_reader import EasyOcrReader, calibrated, decode, network_input
from sessions_app.comparison.alignment.child.reader import ReaderUnavailable
from sessions_app.comparison.alignment.services import ALIGNER
from sessions_app.comparison.samples.rendering.hud import STYLES, Timer
from tests.comparison.alignment.draw import Look, draw_clip, minutes
from vodplatform.core.processes.process import Access, run_child

pytestmark = pytest.mark.pure
CHARACTERS = ["", *"0123456789:."]
MODELS = Path(os.environ.get("VOD_EASYOCR_MODELS", "/nowhere"))
needs_package = pytest.mark.skipif(not module.FOLDER.is_dir(), reason="EasyOCR is not installed: make easyocr")
needs_weights = pytest.mark.skipif(
    not (MODELS / module.WEIGHTS).is_file(), reason=f"VOD_EASYOCR_MODELS names no folder with {module.WEIGHTS}"
)


class FakePackage(types.ModuleType):
    """Stands in for EasyOCR: records how it is called."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__("easyocr")
        self.error = error
        self.given: dict[str, Any] = {}

    def set_num_threads(self, count: int) -> None:
        """Part of PyTorch, for which this stands in too."""

    def Reader(self, languages: list[str], **given: Any) -> Any:
        self.given = given
        raise self.error or AssertionError("no error was asked for")


class TestWhatIsMissing:
    def test_the_package(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(module, "FOLDER", tmp_path)
        monkeypatch.setitem(sys.modules, "torch", None)
        with pytest.raises(ReaderUnavailable, match="make easyocr"):
            EasyOcrReader(tmp_path)

    def test_the_setting_and_the_file(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(importlib, "import_module", lambda name: FakePackage())
        with pytest.raises(ReaderUnavailable, match=r"VOD_EASYOCR_MODELS, the folder .* model hub"):
            EasyOcrReader(None)
        with pytest.raises(ReaderUnavailable, match=rf"{tmp_path}.* does not contain english_g2\.pth: .* model hub"):
            EasyOcrReader(tmp_path)

    def test_a_damaged_file_and_nothing_is_downloaded(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        (tmp_path / "english_g2.pth").write_bytes(b"cut")
        package = FakePackage(FileNotFoundError("MD5 mismatch and downloads disabled"))
        monkeypatch.setattr(importlib, "import_module", lambda name: package)
        with pytest.raises(ReaderUnavailable, match=r"english_g2\.pth is damaged"):
            EasyOcrReader(tmp_path)
        assert package.given["download_enabled"] is False


def test_the_stand_ins_are_gone_after_the_import(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy", types.ModuleType("scipy"))
    monkeypatch.delitem(sys.modules, "bidi", raising=False)
    before = sys.modules["scipy"]
    with module.stand_ins():
        assert sys.modules["scipy"] is not before
        assert importlib.import_module("bidi").get_display is None
    assert sys.modules["scipy"] is before
    assert "bidi" not in sys.modules


def steps(*chances: dict[str, float]) -> np.ndarray:
    """The network's answer in which each step has the given chances; what is left is the blank's."""
    made = np.zeros((len(chances), len(CHARACTERS)), np.float32)
    for row, given in zip(made, chances, strict=True):
        for character, chance in given.items():
            row[CHARACTERS.index(character)] = chance
        row[0] = 1 - sum(given.values())
    return made


class TestDecoding:
    def test_repeated_characters_are_one_unless_a_blank_is_between(self) -> None:
        text, least = decode(steps({"1": 0.9}, {"1": 0.9}, {}, {"1": 0.7}, {"2": 0.8}), CHARACTERS)
        assert (text, least) == ("112", pytest.approx(0.7))
        assert decode(steps({}, {}), CHARACTERS) == ("", 0.0)

    def test_a_point_that_may_be_a_colon_is_one(self) -> None:
        unsure, sure = {".": 0.99, ":": 0.001}, {".": 0.999}
        assert decode(steps({"1": 1.0}, unsure, {"2": 1.0}, {"3": 1.0}), CHARACTERS)[0] == "1:23"
        assert decode(steps({"1": 1.0}, sure, {"2": 1.0}), CHARACTERS)[0] == "1.2"

    def test_confidence_grows_with_the_least_sure_character_and_stays_below_one(self) -> None:
        values = [calibrated(least) for least in (0.0, 0.1, 0.5, 0.9, 1.0)]
        assert values == sorted(values)
        assert 0 < values[0] < 0.1
        assert 0.99 < values[-1] < 1


def any_time(noise: np.random.Generator) -> str:
    return f"{noise.integers(10)}:{noise.integers(60):02d}"


def drawn(text: str, noise: np.random.Generator) -> tuple[np.ndarray, list[float]]:
    """A crop of one of the demo's timers on a noisy picture, and where each character's middle is, 0 to 1."""
    timer = Timer(STYLES["tactical"], 640, 360, text)
    frame = noise.integers(0, 90, (360, 640, 3), dtype=np.uint8)
    timer.draw(frame, text, "")
    x, y, width, height = timer.box
    cells = np.array([timer._cell(character) for character in text], np.float64)
    middles = ((width - cells.sum()) / 2 + np.cumsum(cells) - cells / 2) / width
    return np.ascontiguousarray(frame[y : y + height, x : x + width]), list(middles)


def teach(network: Any, characters: Sequence[str], torch: Any, noise: np.random.Generator) -> None:
    """Make a network read these timers: all layers stay random but the last, which is solved for in one step.

    Where the characters stand is known, so every step of every line is an equation for the last layer's weights.
    """
    for layer in network.modules():
        if isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(layer.weight)
    network.eval()
    last, network.Prediction = network.Prediction, torch.nn.Identity()
    features, wanted = [], []
    for _ in range(240):
        text = any_time(noise)
        crop, middles = drawn(text, noise)
        with torch.inference_mode():
            steps = network(torch.from_numpy(network_input(crop)), None)[0].numpy()
        right = np.zeros(len(steps), np.int64)
        for character, middle in zip(text, middles, strict=True):
            right[round(middle * len(steps) - 0.5)] = characters.index(character)
        features.append(np.pad(steps, ((0, 0), (0, 1)), constant_values=1.0))
        wanted.append(np.eye(len(characters))[right])
    solved = np.linalg.lstsq(np.concatenate(features).astype(np.float64), np.concatenate(wanted), rcond=None)[0]
    sure = 12.0  # how far the right character's score is above the others'
    last.weight.data = torch.tensor(sure * solved[:-1].T, dtype=torch.float32)
    last.bias.data = torch.tensor(sure * solved[-1], dtype=torch.float32)
    network.Prediction = last


READ_CROPS = """
import json, sys
from pathlib import Path
import numpy as np
from sessions_app.comparison.alignment.child.easyocr_reader import EasyOcrReader, load_package
from sessions_app.comparison.alignment.child.readers import load_reader
folder, checksum = Path(sys.argv[1]), sys.argv[2]
sys.modules[load_package().Reader.__module__].recognition_models["gen2"]["english_g2"]["md5sum"] = checksum
readings = load_reader("easyocr", models=folder).read(list(np.load(folder / "crops.npy")))
print(json.dumps({"texts": [r.text for r in readings], "least": min(r.confidence for r in readings)}))
"""


@needs_package
@pytest.mark.full
def test_the_real_package_reads_timers_in_a_confined_child_with_weights_made_here(tmp_path: Path) -> None:
    package = module.load_package()
    torch = importlib.import_module("torch")
    noise = np.random.default_rng(1)
    torch.set_num_threads(1)
    torch.manual_seed(1)
    known = sys.modules[package.Reader.__module__].recognition_models["gen2"]["english_g2"]["characters"]
    characters = ["", *known]
    network = importlib.import_module("easyocr.model.vgg_model").Model(1, 256, 256, len(characters))
    teach(network, characters, torch, noise)
    weights = tmp_path / module.WEIGHTS
    torch.save({f"module.{name}": value for name, value in network.state_dict().items()}, weights)
    texts = [any_time(noise) for _ in range(20)]
    np.save(tmp_path / "crops.npy", np.stack([drawn(text, noise)[0] for text in texts]))
    checksum = hashlib.md5(weights.read_bytes(), usedforsecurity=False).hexdigest()
    argv = [sys.executable, "-c", READ_CROPS, str(tmp_path), checksum]
    [said] = run_child(argv, access=Access(reads=[tmp_path])).messages
    assert sum(read == text for read, text in zip(said["texts"], texts, strict=True)) >= 18
    assert said["least"] > 0.5


@needs_package
@needs_weights
@pytest.mark.full
def test_the_aligners_child_reads_a_recording_with_the_real_weights(tmp_path: Path) -> None:
    clip = draw_clip(tmp_path / "a.mp4", lambda t: minutes(100 - t), 12, size=(640, 360), look=Look(digits=40))
    request = {
        "op": "preview", "reader": "easyocr", "models": str(MODELS), "videos": [{"vod_id": "a", "path": str(clip)}],
    }  # fmt: skip
    access = Access(reads=[clip, MODELS])
    last = run_child(ALIGNER, stdin=json.dumps(request).encode(), access=access).messages[-1]
    shown = [(reading["value"], int(100 - reading["time"])) for reading in last["result"]["readings"]]
    assert len(shown) == 8
    assert sum(value == truth for value, truth in shown) >= 6
