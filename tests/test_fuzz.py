"""Whatever comes in, what cannot be used is told in a sentence that names the file or argument, and what to do.

``make fuzz`` tries 2,000 cases of everything, the tests a few.
"""

import io
import re
import warnings
from functools import partial

import numpy as np
import pytest
import scipy.io
import torch
from broden_tree import write_tree
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from tiny import VOCABULARY

from dgmlib import PerceptualParser, Vocabulary, load_model, save_model, superpixels
from dgmlib.broden import BrodenPlus, FolderDataset, SceneParse150
from dgmlib.broden.files import read_label_gray, read_label_rgb, read_mat, read_photo
from dgmlib.pictures import read_picture
from dgmlib.regions import RegionGrid
from dgmlib.superpixels.ucm import labels_from_ucm

EXAMPLES = settings(
    max_examples=2000 if settings.get_current_profile_name() == "fuzz" else 20,
    deadline=None,  # nor is a busy machine a fault
    suppress_health_check=list(HealthCheck),
    database=None,
)
ANY = st.one_of(st.none(), st.booleans(), st.integers(-2, 70_000), st.floats(), st.text(max_size=3))


def usable_or_told(call, *names):
    """What a call gives; None where it refuses in a sentence that names one of some things."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # other libraries' about what they read
        try:
            return call()
        except (ValueError, FileNotFoundError) as error:
            text = str(error)
    assert any(str(name) in text for name in names), text
    assert re.search(r"; .*\.$| must .*\.$|\. .*\.$", text, re.DOTALL), text  # what is wrong, and what to do
    return None


#: Places, headers' first, where damage is most telling; what is put there; how many bytes it replaces.
EDITS = st.lists(
    st.tuples(
        st.one_of(st.integers(0, 200), st.floats(0, 1)), st.binary(max_size=8), st.sampled_from((0, 1, 8, 2**30))
    ),
    min_size=1,
    max_size=4,
)


def damage(whole: bytes, edits) -> bytes:
    """A file with some bytes changed, put in or cut off."""
    content = bytearray(whole)
    for place, piece, replaced in edits:
        start = round(place * len(content)) if isinstance(place, float) else place
        content[start : start + replaced] = piece
    return bytes(content)


def damaged(whole: bytes):
    """Files that were `damage`d."""
    return EDITS.map(partial(damage, whole))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


# Arguments


@EXAMPLES
@given(
    hnp.arrays(
        st.sampled_from(["u1", "u2", "i4", "f4", "f8", "?", "c8", "O", "U1"]).map(np.dtype),
        hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=9),
    ),
    ANY,
)
def test_segment(image, cap):
    labels = usable_or_told(lambda: superpixels.segment(image, cap), "image", "max_regions")
    if labels is not None:
        assert labels.shape == image.shape[:2]
        assert 1 <= len(np.unique(labels)) == labels.max() + 1 <= cap


@EXAMPLES
@given(
    hnp.arrays(
        st.sampled_from(["u1", "i2", "i4", "i8", "u2", "f4", "?", "c8"]).map(np.dtype),
        hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=8),
    ),
    st.lists(st.tuples(st.integers(-1, 9), st.integers(-1, 9)), max_size=3),
)
def test_region_grid(regions, sizes):
    grid = usable_or_told(lambda: RegionGrid(torch.from_numpy(regions.copy()), sizes), "regions", "feature map")
    if grid is not None:
        assert grid.area.sum() == (regions >= 0).sum()
        for level, size in enumerate(sizes):
            assert torch.isfinite(grid.unpool(grid.pool(torch.ones(len(regions), 1, *size), level), level)).all()


@EXAMPLES
@given(
    objects=st.lists(st.text(max_size=2), max_size=4),
    parts=st.lists(st.text(max_size=2), max_size=3),
    hierarchy=st.dictionaries(st.integers(-1, 4), st.lists(st.integers(-1, 4), max_size=3).map(tuple), max_size=3),
)
def test_vocabulary(objects, parts, hierarchy):
    def build():
        vocabulary = Vocabulary(tuple(objects), tuple(parts), ("a",), ("-",), ("b",), hierarchy)
        return PerceptualParser.from_preset("smoke", None, vocabulary)

    usable_or_told(build, "object", "part")


# Files


@pytest.fixture(scope="module")
def saved(folder):
    torch.manual_seed(0)
    save_model(PerceptualParser.from_preset("smoke", "full", VOCABULARY, ("object", "scene")), folder / "model")
    return {suffix: (folder / f"model{suffix}").read_bytes() for suffix in (".json", ".safetensors")}


@EXAMPLES
@given(edits=EDITS, suffix=st.sampled_from([".json", ".safetensors"]))
def test_load_model(folder, saved, edits, suffix):
    for name, whole in saved.items():
        (folder / f"model{name}").write_bytes(damage(whole, edits) if name == suffix else whole)
    model = usable_or_told(lambda: load_model(folder / "model"), folder / "model")
    assert model is None or all(tensor.isfinite().all() for tensor in model.state_dict().values())


def encoded(kind, mode):
    file = io.BytesIO()
    Image.fromarray(np.arange(12 * 10 * 3, dtype=np.uint8).reshape(12, 10, 3)).convert(mode).save(file, kind)
    return file.getvalue()


PICTURES = [
    encoded(*how)
    for how in [
        *(("PNG", mode) for mode in ("RGB", "RGBA", "L", "P", "1", "I;16")),
        *(("JPEG", mode) for mode in ("RGB", "L", "CMYK")),
        *(("TIFF", mode) for mode in ("RGB", "F")),
        ("BMP", "RGB"), ("WEBP", "RGB"), ("GIF", "P"),
    ]
]  # fmt: skip


@EXAMPLES
@given(content=st.one_of(st.sampled_from(PICTURES).flatmap(damaged), st.binary(max_size=40)))
@pytest.mark.parametrize(
    "read",
    [
        read_picture,
        lambda path: read_photo(path, "fetch it again"),
        lambda path: read_label_gray(path, "fetch it again"),
        lambda path: read_label_rgb(path, "fetch it again"),
    ],
    ids=["picture", "photo", "gray labels", "coloured labels"],
)
def test_readers_of_pictures(folder, read, content):
    (path := folder / "picture.png").write_bytes(content)
    pixels = usable_or_told(lambda: read(path), path)
    assert pixels is None or (pixels.ndim in (2, 3) and pixels.size)


@EXAMPLES
@given(edits=EDITS)
@pytest.mark.parametrize(
    "read", [labels_from_ucm, lambda path: read_mat(path, "ucm2", "fetch it again")], ids=["contours", "any"]
)
def test_readers_of_matlab_files(folder, read, edits):
    file = io.BytesIO()
    scipy.io.savemat(file, {"ucm2": np.arange(35.0).reshape(5, 7)}, do_compression=True)
    (path := folder / "map.mat").write_bytes(damage(file.getvalue(), edits))
    usable_or_told(lambda: read(path), path)


@pytest.fixture(scope="module")
def trees(tmp_path_factory):
    """Broden+, a folder of one picture, and ADE20K's benchmark split, with the texts that name their classes."""
    root = write_tree(tmp_path_factory.mktemp("names"))
    for images, labels in (("train/images", "train/labels"), ("images/training", "annotations/training")):
        for folder, pixels in ((images, np.zeros((8, 8, 3), np.uint8)), (labels, np.zeros((8, 8), np.uint8))):
            (root / folder).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(root / folder / "a.png")
    (root / "names.txt").write_text("-\ncat/tail\ncat\n")
    (root / "objectInfo150.txt").write_text("Idx\tRatio\tName\n1\t0.1\twall, brick\n")
    texts = [path for path in (root / "meta_file").rglob("*") if path.is_file()]
    return root, {path: path.read_bytes() for path in [*texts, root / "names.txt", root / "objectInfo150.txt"]}


@EXAMPLES
@given(number=st.integers(0, 99), edits=EDITS)
@pytest.mark.filterwarnings("ignore:Generating overly large repr")  # of the files, where an example fails
@pytest.mark.parametrize("dataset", [BrodenPlus, FolderDataset, SceneParse150])
def test_names_and_lists(trees, dataset, number, edits):
    root, whole = trees
    read = {FolderDataset: ["names.txt"], SceneParse150: ["objectInfo150.txt"]}.get(
        dataset, sorted(path.relative_to(root).as_posix() for path in whole if "meta_file" in path.parts)
    )
    chosen = root / read[number % len(read)]
    chosen.write_bytes(damage(whole[chosen], edits))
    try:
        usable_or_told(lambda: dataset(root, "train")[0], root)
    finally:
        chosen.write_bytes(whole[chosen])
