"""`dgmlib parse`: what lies in its folders, what is found again, and what it says at the end."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny import PHOTO

from dgmlib import Predictor, parse_photos, save_model, viz
from dgmlib.__main__ import main
from dgmlib.parse_photos import FOUND, parse
from dgmlib.paths import UnwritableError
from dgmlib.predictor import Scene

RNG = np.random.default_rng(0)


@pytest.fixture
def checkpoint(model, tmp_path):
    save_model(model, tmp_path / "models" / "mine", short_side=64)
    return tmp_path / "models" / "mine"


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    (folder / "sub").mkdir(parents=True)
    Image.fromarray(PHOTO).save(folder / "a.PNG")
    Image.fromarray(PHOTO[:, ::-1]).save(folder / "sub" / "a.PNG")
    Image.fromarray(PHOTO[..., 0]).save(folder / "grey.tif")
    return folder


@pytest.fixture
def saved(monkeypatch):
    """The photographs that are written, in order; the one that `stop` names is interrupted half-way."""
    log, save = {"names": [], "stop": None}, parse_photos.save

    def interrupted(scene, folder, **facts):
        if folder.name == log["stop"]:
            (folder).mkdir(parents=True)
            (folder / "objects.png").touch()
            raise KeyboardInterrupt
        log["names"].append(folder.name)
        save(scene, folder, **facts)

    monkeypatch.setattr(parse_photos, "save", interrupted)
    monkeypatch.setattr(Scene, "plot", lambda scene: None)  # which takes most of the time
    monkeypatch.setattr(viz, "save", lambda figure, path: path.touch())
    return log


def test_a_folder_holds_what_the_predictor_says(photos, checkpoint, tmp_path):
    told = parse((str(photos),), tmp_path / "out", checkpoint)
    assert told.startswith("3 of 3 photographs are parsed")
    scene = Predictor.load(checkpoint)(PHOTO)
    folder = tmp_path / "out" / "a.PNG"
    found = json.loads((folder / FOUND).read_text())
    for name, labels in scene.maps.items():
        with Image.open(folder / f"{name}.png") as image:
            ids = np.asarray(image)
        np.testing.assert_array_equal(ids, labels.ids)
        listed = {row["id"]: row["name"] for row in found[name]}
        assert listed == {i: labels.names[i] for i in np.unique(ids).tolist()}
        assert sum(row["pixels"] for row in found[name]) == ids.size
        assert [row["pixels"] for row in found[name]] == sorted((row["pixels"] for row in found[name]), reverse=True)
    for level in range(1, 5):
        with Image.open(folder / f"level{level}.png") as image:
            np.testing.assert_array_equal(np.asarray(image), scene.groups(level))
    assert found["place"] == {"name": scene.place.name, "probability": pytest.approx(scene.place.probability)}
    assert (found["width"], found["height"]) == (72, 48)
    assert found["photograph"] == str(photos / "a.PNG")
    with Image.open(folder / "overview.png") as image:
        assert image.width > 600
    assert (tmp_path / "out" / "sub" / "a.PNG" / FOUND).exists()


def test_an_interrupted_run_goes_on_and_only_what_changed_is_parsed_anew(photos, checkpoint, tmp_path, saved, model):
    out = photos / "out"  # inside: its pictures are no photographs
    saved["stop"] = "grey.tif"
    with pytest.raises(KeyboardInterrupt):
        parse((str(photos),), out, checkpoint)
    saved["stop"] = None
    assert parse((str(photos),), out, checkpoint).endswith("1 of them before")
    assert saved["names"] == ["a.PNG", "grey.tif", "a.PNG"]
    assert parse((str(photos),), out, checkpoint).endswith("3 of them before")
    Image.fromarray(RNG.integers(0, 256, (40, 40), dtype=np.uint8)).save(photos / "grey.tif")
    parse((str(photos),), out, checkpoint)
    assert saved["names"][3:] == ["grey.tif"]
    (out / "a.PNG" / FOUND).write_text("{")  # as no run of ours leaves it
    parse((str(photos),), out, checkpoint)
    assert saved["names"][4:] == ["a.PNG"]
    save_model(model, checkpoint.with_name("other"), short_side=64)
    parse((str(photos),), out, checkpoint.with_name("other"))
    assert len(saved["names"]) == 8
    assert not [path for path in out.rglob("*") if path.name.startswith(".")], "temporary files stay behind"


def test_nothing_of_another_model_stays(photos, model, tmp_path, monkeypatch):
    monkeypatch.setattr(Scene, "plot", lambda scene: None)
    monkeypatch.setattr(viz, "save", lambda figure, path: path.touch())
    scene, folder = Predictor(model, short_side=64)(PHOTO), tmp_path / "a"
    parse_photos.save(scene, folder)
    (folder / "notes.png").touch()
    (folder / "level9.png").touch()
    before = {path.name for path in folder.iterdir()}
    parse_photos.save(Predictor(model, short_side=64, tasks=("object", "part"))(PHOTO), folder)
    assert before - {path.name for path in folder.iterdir()} == {"materials.png", "textures.png", "level9.png"}
    monkeypatch.setattr(viz, "save", lambda figure, path: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        parse_photos.save(scene, folder)
    assert not (folder / FOUND).exists()  # it would call the folder complete


def test_one_photograph_does_not_replace_another_of_its_name(photos, checkpoint, tmp_path, saved):
    parse((str(photos / "a.PNG"),), tmp_path / "out", checkpoint)
    with pytest.raises(
        ValueError, match=r"sub/a\.PNG would replace what .*out/a\.PNG holds of .*photos/a\.PNG; choose"
    ):
        parse((str(photos / "sub" / "a.PNG"),), tmp_path / "out", checkpoint)
    assert saved["names"] == ["a.PNG"]
    photos.rename(tmp_path / "moved")  # the same picture elsewhere is done
    assert parse((str(tmp_path / "moved" / "a.PNG"),), tmp_path / "out", checkpoint).endswith("1 of them before")


def test_files_folders_and_patterns(photos, checkpoint, tmp_path, saved, monkeypatch):
    monkeypatch.chdir(photos)
    parse(("*.PNG", "sub", "a.PNG"), Path("out"), checkpoint)
    assert sorted(path.relative_to("out").parent.as_posix() for path in Path("out").rglob(FOUND)) == [
        "a.PNG",
        "sub/a.PNG",
    ]
    assert parse(("**/a.PNG", "out"), Path("out"), checkpoint).startswith("2 of 2")  # nothing of out itself
    (photos / "sub" / "notes.txt").write_text("no picture")
    for _ in range(2):  # the second time, with what the first has written below the folder
        assert parse(("sub/**/*",), Path("sub") / "out", checkpoint).startswith("1 of 1")
    parse(("sub/a.PNG",), tmp_path / "alone", checkpoint)
    assert [path.name for path in (tmp_path / "alone").iterdir()] == ["a.PNG"]


def test_what_fails_is_told_at_the_end_by_name(photos, checkpoint, tmp_path, capsys):
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    (photos / "words.png").write_text("words")
    with pytest.raises(SystemExit) as exit_:
        main(["parse", str(photos), "--out", str(tmp_path / "out"), "--model", str(checkpoint)])
    message = str(exit_.value)  # which Python prints, leaving with status 1
    assert message.startswith("dgmlib: 3 of 5 photographs are parsed")
    assert [line for line in message.splitlines() if "broken.jpg" in line or "words.png" in line] == [
        f"{photos / name} is no picture that Pillow can read; convert it to PNG or JPEG."
        for name in ("broken.jpg", "words.png")
    ]
    assert len(list((tmp_path / "out").rglob(FOUND))) == 3
    (photos / "broken.jpg").unlink()
    (photos / "words.png").unlink()
    with pytest.raises(SystemExit) as exit_:
        main(["parse", str(photos), "--out", str(tmp_path / "out"), "--model", str(checkpoint)])
    assert not exit_.value.code
    assert "3 of 3 photographs are parsed" in capsys.readouterr().out


def test_nothing_to_parse_is_told(checkpoint, tmp_path):
    for photos, message in (((), "there are no photographs"), (("none.jpg",), r"there is no photograph none\.jpg")):
        with pytest.raises(ValueError, match=message):
            parse(photos, tmp_path / "out", checkpoint)
    with pytest.raises(ValueError, match="there are no photographs"):
        parse((str(tmp_path / "models"),), tmp_path / "out", checkpoint)


def test_a_place_where_nothing_can_be_put_is_told(photos, checkpoint, tmp_path):
    with pytest.raises(ValueError, match=f"there are no photographs to parse outside {photos}; name files"):
        parse((str(photos),), photos, checkpoint)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UnwritableError, match=r"file cannot be written \(File exists\)"):
        parse((str(photos / "a.PNG"),), tmp_path / "file", checkpoint)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_model_that_comes_along_is_asked_for_by_name(photos, tmp_path, saved):
    parse((str(photos / "a.PNG"),), tmp_path / "out", Path("street-dgm"))
    assert saved["names"] == ["a.PNG"]
    with pytest.raises(FileNotFoundError, match="there is no model"):
        parse((str(photos / "a.PNG"),), tmp_path / "out", Path("other-dgm"))
