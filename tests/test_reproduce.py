"""The driver: parameters checked, notebooks executed when what they read has changed, the last good copy kept."""

import subprocess
import sys
from pathlib import Path

import nbformat
import papermill
import pytest
from PIL import Image

import dgmlib
from dgmlib import paths, reproduce


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    """A project with one tiny notebook."""
    v4 = nbformat.v4
    parameters = v4.new_code_cell('profile = "smoke"  # preset\nout = ""  # folder', metadata={"tags": ["parameters"]})
    body = v4.new_code_cell(
        "from dgmlib import reproduce\n"
        'session = reproduce.begin("01_tiny", globals())\n'
        "session.results.mkdir(parents=True, exist_ok=True)\n"
        "(session.results / 'tiny.txt').write_text(session.preset.name)\n"
        'shown = ["mini-dgm", "table1.csv", "qualitative", "01_curve.png"]'
    )
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = v4.new_notebook(cells=[parameters, body], metadata=kernel)
    (tmp_path / "notebooks").mkdir()
    nbformat.write(notebook, tmp_path / "notebooks/01_tiny.ipynb")
    for name in ("NOTEBOOKS", "RESULTS", "FIGURES", "RUNS"):
        monkeypatch.setattr(paths, name, tmp_path / name.lower())
    monkeypatch.setattr(paths, "YOURS", tmp_path / "results" / "yours")
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    return tmp_path


PARAMETERS = 'profile = "smoke"  # preset\nout = ""'


def begin(*cells: str, **variables) -> reproduce.Session:
    """Call `begin` as a kernel does after some cells."""
    return reproduce.begin("01_tiny", {"profile": "smoke", "out": "", "In": ["", *cells, "begin()"]} | variables)


@pytest.mark.parametrize("injected", ["profile = 'smoke'", "out: str = ''", "PAPERMILL_INPUT_PATH = 'a.ipynb'"])
def test_what_papermill_injects_passes_where_the_notebook_declares_it(notebook, injected):
    begin("import os", PARAMETERS, f"# Parameters\n{injected}\n")


def test_a_misspelt_parameter_is_an_error(notebook):
    with pytest.raises(ValueError, match="01_tiny has no parameter profil; it takes profile, out"):
        begin("import os", PARAMETERS, "# Parameters\nprofil = 'mini'\n")
    with pytest.raises(ValueError, match="there is no preset 'huge'"):
        begin(PARAMETERS, profile="huge")


def test_what_a_notebook_computed_is_no_parameter(notebook):
    """Run All as often as one likes, from any folder, without a checkout."""
    begin("import os", PARAMETERS, "begin()", "count = 3", "import os", PARAMETERS, count=3)
    (notebook / "notebooks" / "01_tiny.ipynb").unlink()
    begin(PARAMETERS, "# Parameters\nout = ''\n")
    reproduce.begin("01_tiny", {"profile": "smoke"})


def test_smoke_writes_to_a_temporary_folder_and_others_to_results_yours(notebook):
    smoke = begin()
    assert notebook not in smoke.results.parents
    mini = begin(profile="mini")
    assert (mini.results, mini.runs) == (notebook / "results" / "yours", notebook / "runs")
    given = begin(out=str(notebook / "here"))
    assert (given.results, given.figures) == (notebook / "here", notebook / "here" / "figures")
    root = begin(out=str(notebook), profile="mini")
    assert (root.results, root.figures) == (notebook / "results", notebook / "figures")


def test_the_temporary_folder_ends_with_the_process():
    code = "from dgmlib import reproduce; print(reproduce.begin('x', {'profile': 'smoke'}).results)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    folder = Path(told.stdout.strip())
    assert folder.name.startswith("dgmlib-")
    assert not folder.exists()


def test_weights_that_only_table_2_needs_are_missed_before_table_1_is_trained(tmp_path):
    (tmp_path / "resnet50.pth").touch()
    with pytest.raises(ValueError, match=r"resnet101\.pth is not a file; give the path"):
        reproduce.reproduce("paper", data=tmp_path, ade20k=tmp_path, pretrained=str(tmp_path))


def test_one_photograph_is_read_for_all_notebooks_or_the_reader_s(tmp_path):
    session = reproduce.Session(None, tmp_path, tmp_path, tmp_path)
    assert session.photograph().shape == (448, 512, 3)
    assert session.photograph(short_side=384).shape == (384, 448, 3)
    Image.new("L", (40, 400), 77).save(tmp_path / "tall.png")
    assert session.photograph(str(tmp_path / "tall.png")).shape == (400, 40, 3)
    scaled = session.photograph(str(tmp_path / "tall.png"), short_side=20)
    assert scaled.shape == (192, 32, 3)  # at least 32, and a multiple of it
    assert (scaled == 77).all()


def test_what_one_made_is_shown_in_place_of_what_is_committed_but_never_smoke_s(notebook):
    for session, mine in ((begin(profile="mini"), True), (begin(), False)):
        assert session.stored("table1.csv") == notebook / "results" / "table1.csv"
        session.results.mkdir(parents=True, exist_ok=True)
        (session.results / "table1.csv").write_text("made")
        assert (session.stored("table1.csv") == session.results / "table1.csv") == mine


@pytest.fixture
def runs(notebook, monkeypatch):
    """Run the driver on the notebook; return what it was executed with so far."""
    executed = []

    def execute(source, target, parameters, **_):
        executed.append(parameters)
        target.write_text("executed")
        figure = notebook / "figures" / "01_curve.png"  # which the notebook quotes because it draws it
        figure.parent.mkdir(exist_ok=True)
        figure.write_bytes(b"curve")

    def run(**parameters):
        reproduce.execute("01_tiny", parameters, notebook, began=0)
        return executed

    monkeypatch.setattr(papermill, "execute_notebook", execute)
    return run


def test_a_notebook_is_executed_once(runs, capsys):
    assert runs(profile="mini") == runs(profile="mini") == [{"profile": "mini"}]
    assert "01_tiny: unchanged" in capsys.readouterr().out
    assert len(runs(profile="smoke")) == 2


@pytest.mark.parametrize(
    "path",
    [
        "results/checkpoints/mini-dgm.safetensors",
        "results/table1.csv",
        "results/qualitative/maps/0.png",
        "figures/01_curve.png",
        "results/notebooks/01_tiny.json",  # the stamp, damaged
    ],
)
def test_it_is_executed_again_when_a_file_that_it_quotes_has_changed(notebook, runs, path):
    runs()
    (notebook / path).parent.mkdir(parents=True, exist_ok=True)
    (notebook / path).write_bytes(b"new")
    assert len(runs()) == 2
    assert len(runs()) == 2


@pytest.mark.parametrize("path", ["results/table2.csv", "results/table1.json", "results/checkpoints/other.safetensors"])
def test_it_is_kept_when_others_change(notebook, runs, path):
    runs()
    (notebook / path).parent.mkdir(parents=True, exist_ok=True)
    (notebook / path).write_bytes(b"new")
    assert len(runs()) == 1


def test_it_is_executed_again_for_another_source_or_version_but_not_for_other_outputs(notebook, runs, monkeypatch):
    path = notebook / "notebooks" / "01_tiny.ipynb"
    runs()
    source = nbformat.read(path, 4)
    source.cells[1].outputs = [nbformat.v4.new_output("stream", text="as committed")]
    nbformat.write(source, path)
    assert len(runs()) == 1
    source.cells[1].source += "\n# a comment"
    nbformat.write(source, path)
    assert len(runs()) == 2
    monkeypatch.setattr(dgmlib, "__version__", "0.2.0")
    assert len(runs()) == 3


def test_a_failing_notebook_leaves_the_last_good_copy(notebook, monkeypatch):
    copy = notebook / "results/notebooks/01_tiny.ipynb"
    copy.parent.mkdir(parents=True)
    copy.write_text("good")

    def execute(source, target, *_, **__):
        target.write_text("half")
        raise RuntimeError("a cell failed")

    monkeypatch.setattr(papermill, "execute_notebook", execute)
    with pytest.raises(RuntimeError, match="a cell failed"):
        reproduce.execute("01_tiny", {}, notebook, began=0)
    assert copy.read_text() == "good"


def test_a_notebooks_error_is_one_sentence(notebook):
    with pytest.raises(ValueError, match="01_tiny failed in its code cell 3 with ValueError: there is no"):
        reproduce.execute("01_tiny", {"profile": "huge"}, notebook, began=0)
    assert not (notebook / "results/notebooks/01_tiny.ipynb").exists()


def test_unknown_notebooks_are_refused(notebook):
    with pytest.raises(ValueError, match="there is no notebook 99_none; choose from 01_tiny"):
        reproduce.reproduce("smoke", only=("99_none",))
