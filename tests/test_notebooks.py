"""Notebooks, without running them: parameters, cell lengths, that they are committed executed, small and clean."""

import ast
import json
import re
from pathlib import Path

import pytest

from dgmlib import presets, reproduce

FOLDER = Path(__file__).parents[1] / "notebooks"
NAMES = sorted(path.stem for path in FOLDER.glob("*.ipynb"))


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


@pytest.fixture
def notebook(name):
    return json.loads((FOLDER / f"{name}.ipynb").read_text())


@pytest.fixture
def cells(notebook):
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def tags(cell):
    return cell["metadata"].get("tags", [])


def source(cell):
    return "".join(cell["source"])


def plain(cell):
    """The cell as python: without magics and shell lines."""
    return "\n".join("pass" if line.lstrip().startswith(("%", "!")) else line for line in source(cell).splitlines())


def texts(cell):
    """All textual outputs of a cell."""
    for output in cell["outputs"]:
        yield "".join(output.get("text", ""))
        for kind, value in output.get("data", {}).items():
            if not kind.startswith("image/"):
                yield "".join(value) if isinstance(value, list) else str(value)


def test_there_are_notebooks():
    assert "00_start_here" in NAMES


def test_one_cell_of_parameters_with_plain_literals(cells):
    (parameters,) = [cell for cell in cells if "parameters" in tags(cell)]
    values = {}
    for statement in ast.parse(source(parameters)).body:
        assert isinstance(statement, ast.Assign)
        values[statement.targets[0].id] = ast.literal_eval(statement.value)
    assert values["profile"] == "smoke"  # what is committed, and what nbval runs, takes seconds ...
    assert values["out"] == ""  # ... and overwrites nothing
    assert values["profile"] in presets.PRESETS
    for line in source(parameters).splitlines():
        assert "  # " in line, f"papermill --help-notebook has nothing to say about {line!r}"


def test_begin_is_called_with_the_notebook_s_name_before_anything_else(name, cells):
    position = next(i for i, cell in enumerate(cells) if "parameters" in tags(cell))
    assert f'reproduce.begin("{name}", globals())' in source(cells[position + 1])
    for cell in cells[:position]:  # imports only: a variable here would look like a misspelt parameter
        assert all(isinstance(statement, ast.Import | ast.ImportFrom) for statement in ast.parse(plain(cell)).body)


def test_papermill_knows_the_parameters(name, tmp_path):
    values = {"profile": "smoke", "out": str(tmp_path)}
    assert reproduce.begin(name, values).results == tmp_path / "results"
    with pytest.raises(ValueError, match="has no parameter profil;"):
        reproduce.begin(name, values | {"profil": "mini"})


def test_cells_are_short_and_define_nothing(cells):
    for cell in cells:
        assert len(source(cell).splitlines()) <= 18
        kinds = {type(node) for node in ast.walk(ast.parse(plain(cell)))}
        assert not kinds & {ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef}


def test_no_cell_names_a_device(cells):
    assert not any(".cuda()" in source(cell) for cell in cells)


def test_it_starts_with_a_title_and_explains_more_than_it_lists(notebook, cells):
    assert notebook["cells"][0]["cell_type"] == "markdown"
    assert source(notebook["cells"][0]).startswith("# ")
    assert len(notebook["cells"]) - len(cells) >= 3


def test_it_is_committed_executed_in_order(cells):
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert sum(bool(cell["outputs"]) for cell in cells) >= 2


def test_outputs_are_clean(cells):
    for cell in cells:
        for output in cell["outputs"]:
            assert output["output_type"] != "error"
            assert output.get("name") != "stderr", "".join(output["text"])
        for text in texts(cell):
            assert not re.search(r"(/home/|/root/|/work/|/tmp/|/Users/|[A-Z]:\\)", text), text
            assert not re.search(r"\b0x[0-9a-f]{6,}\b", text), text


def test_metadata_is_portable_and_quiet(notebook):
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert not {"papermill", "widgets"} & set(notebook["metadata"])
    for cell in notebook["cells"]:
        assert not {"papermill", "execution"} & set(cell["metadata"])


def test_it_is_small(name):
    assert (FOLDER / f"{name}.ipynb").stat().st_size < 900_000
