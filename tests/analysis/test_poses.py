"""Poses: the model that `make install` brings finds a real person, and finds nobody where nobody is."""

from pathlib import Path

import numpy as np
import pytest

from media_app.av import mediapipe as module
from media_app.av.frames import VideoFile
from sessions_app.analysis.pipelines import poses as posing
from sessions_app.analysis.pipelines.poses import JOINTS, Poses, angle, signals
from tests.support.bodies import bends, seen, squatting
from tests.support.footage import noise

pytestmark = pytest.mark.pure
SQUAT = Path(__file__).parents[1] / "av" / "rx_squat.mp4"


@pytest.mark.full
def test_the_knees_of_a_real_person_are_found_straight_and_bent_and_nobody_in_noise() -> None:
    with VideoFile(SQUAT) as video, Poses() as poses:
        found = {}
        for at in (0.5, 3.0):
            picture = video.frame_at(at)
            assert picture is not None
            found[at] = poses.find(picture.scaled(posing.SIDE))
        assert np.isnan(poses.find(noise(1))).all()
    assert all(joints.shape == (JOINTS, 4) for joints in found.values())
    standing, squat = (float(angle(joints[None, :, :2], *posing.ANGLES["right knee"])[0]) for joints in found.values())
    assert standing > 155
    assert squat < 110
    # Upright: the head is above the hips, the hips above the ankles.
    assert found[0.5][0, 1] < found[0.5][24, 1] < found[0.5][28, 1]


def test_without_its_folder_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FOLDER", tmp_path / "none")
    monkeypatch.setattr(module.sys, "path", [one for one in module.sys.path if not one.endswith("pose")])
    for name in [name for name in module.sys.modules if name.split(".")[0] == "mediapipe"]:
        monkeypatch.delitem(module.sys.modules, name)
    with pytest.raises(posing.PosesUnavailable, match="make install"):
        Poses()


def test_an_angle_is_that_of_the_picture() -> None:
    places = np.zeros((3, JOINTS, 2))
    places[:, 11], places[:, 13] = (0, 0), (1, 0)
    places[:, 15] = [(2, 0), (1, 1), (0, 0)]
    assert angle(places, 11, 13, 15) == pytest.approx([180, 90, 0], abs=0.01)


def test_signals_follow_the_body_and_nobody_at_all_has_none() -> None:
    curve = bends(3)
    joints = seen(squatting(curve)).joints.astype(float)
    joints[:, 15, 3] = 0.2
    found = signals(joints)
    assert set(found) == posing.BODY_SIGNALS
    assert np.corrcoef(found["both knees"].values, curve)[0, 1] < -0.95
    assert np.corrcoef(found["hips' height"].values, curve)[0, 1] > 0.95
    assert found["left elbow"].trust < 0.3 < found["right elbow"].trust
    found = signals(np.full((20, JOINTS, 4), np.nan))
    assert all(np.isnan(one.values).all() and one.trust in (0.0, 1.0) for one in found.values())
    assert not posing.joint_paths(np.full((20, JOINTS, 4), np.nan)).any()
