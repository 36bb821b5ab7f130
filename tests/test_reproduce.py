"""The driver: a notebook's parameters, what is executed and what is kept."""

import json

import nbformat
import papermill
import pytest

from dgmlib import paths, reproduce


class TestDriver:
    @pytest.fixture
    def notebook(self, tmp_path, monkeypatch):
        """A project with one tiny notebook."""
        v4 = nbformat.v4

        parameters = v4.new_code_cell(
            'profile = "smoke"  # preset\nout = ""  # folder', metadata={"tags": ["parameters"]}
        )
        body = v4.new_code_cell(
            "from dgmlib import reproduce\n"
            'session = reproduce.begin("01_tiny", globals())\n'
            "session.results.mkdir(parents=True, exist_ok=True)\n"
            "(session.results / 'tiny.txt').write_text(session.preset.name)"
        )
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        notebook = v4.new_notebook(cells=[parameters, body], metadata=kernel)
        (tmp_path / "notebooks").mkdir()
        nbformat.write(notebook, tmp_path / "notebooks/01_tiny.ipynb")
        for name in ("NOTEBOOKS", "RESULTS", "FIGURES", "RUNS"):
            monkeypatch.setattr(paths, name, tmp_path / name.lower())
        monkeypatch.setattr(paths, "ROOT", tmp_path)
        return tmp_path

    def test_known_parameters_pass_and_a_misspelt_one_is_an_error(self, notebook):
        reproduce.begin("01_tiny", {"profile": "smoke", "out": "", "_private": 1, "module": json})
        with pytest.raises(ValueError, match="01_tiny has no parameter profil; it takes profile, out"):
            reproduce.begin("01_tiny", {"profile": "smoke", "out": "", "profil": "mini"})
        with pytest.raises(ValueError, match="there is no preset 'huge'"):
            reproduce.begin("01_tiny", {"profile": "huge", "out": ""})

    def test_smoke_writes_to_a_temporary_folder_and_others_to_the_project(self, notebook):
        smoke = reproduce.begin("01_tiny", {"profile": "smoke", "out": ""})
        assert notebook not in smoke.results.parents
        assert reproduce.begin("01_tiny", {"profile": "mini", "out": ""}).results == notebook / "results"
        given = reproduce.begin("01_tiny", {"profile": "smoke", "out": str(notebook / "here")})
        assert given.figures == notebook / "here" / "figures"

    def test_a_notebook_is_executed_once(self, notebook, monkeypatch, capsys):
        executed = []

        def execute(source, target, parameters, **_):
            executed.append(parameters)
            target.write_text("executed")

        monkeypatch.setattr(papermill, "execute_notebook", execute)
        for _ in range(2):
            reproduce._execute("01_tiny", {"profile": "mini"}, paths.RESULTS, began=0)
        assert executed == [{"profile": "mini"}]
        assert "01_tiny: unchanged" in capsys.readouterr().out
        reproduce._execute("01_tiny", {"profile": "smoke"}, paths.RESULTS, began=0)
        assert len(executed) == 2
        checkpoint = paths.RESULTS / "checkpoints" / "mini-dgm.safetensors"
        checkpoint.parent.mkdir(parents=True)
        checkpoint.write_bytes(b"new weights")  # that the notebook may show
        reproduce._execute("01_tiny", {"profile": "smoke"}, paths.RESULTS, began=0)
        assert len(executed) == 3

    def test_a_failing_notebook_leaves_the_last_good_copy(self, notebook, monkeypatch):
        copy = notebook / "results/notebooks/01_tiny.ipynb"
        copy.parent.mkdir(parents=True)
        copy.write_text("good")

        def execute(source, target, *_, **__):
            target.write_text("half")
            raise RuntimeError("a cell failed")

        monkeypatch.setattr(papermill, "execute_notebook", execute)
        with pytest.raises(RuntimeError, match="a cell failed"):
            reproduce._execute("01_tiny", {}, paths.RESULTS, began=0)
        assert copy.read_text() == "good"

    def test_a_notebooks_error_is_one_sentence(self, notebook):
        with pytest.raises(reproduce.NotebookError, match=r"01_tiny failed in its code cell 2 with FileNotFoundError"):
            reproduce._execute("01_tiny", {}, paths.RESULTS, began=0)  # the kernel looks for it in the real project
        assert not (notebook / "results/notebooks/01_tiny.ipynb").exists()

    def test_unknown_notebooks_are_refused(self, notebook):
        with pytest.raises(ValueError, match="there is no notebook 99_none; choose from 01_tiny"):
            reproduce.reproduce("smoke", only=("99_none",))
