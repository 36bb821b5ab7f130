"""No network collapses silently: on a photograph every level keeps a hierarchy, or says that it does not."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from skimage import data
from tiny import VOCABULARY, blocks

from dgmlib import DeepGrouping, Predictor, presets
from dgmlib.experiments import build
from dgmlib.parsing import PerceptualParser
from dgmlib.reading import VERSION_0_1, Reading


def random_weights(**changes) -> PerceptualParser:
    preset = presets.get("demo")
    torch.manual_seed(0)
    return PerceptualParser.from_config(replace(preset.model, **changes), VOCABULARY, "full", ("object",)).eval()


def counts(predictor: Predictor) -> list[int]:
    grouping = predictor(data.astronaut()).grouping
    return [int(grouping.counts(level)) for level in (1, 2, 3, 4)]


@pytest.mark.parametrize("start", ["random weights", "ImageNet under a random decoder", "the model that comes along"])
def test_every_level_of_a_photograph_is_a_hierarchy(start):
    if start == "random weights":
        predictor = Predictor(random_weights(), short_side=224, tasks=())
    elif start.startswith("ImageNet"):
        predictor = Predictor(build(presets.get("demo"), "DGM", VOCABULARY, ("object",), 0), short_side=224, tasks=())
    else:
        predictor = Predictor.load(tasks=())
    found = counts(predictor)
    assert found[0] == 256
    assert found[3] >= 3
    assert all(1.5 <= lower / upper <= 6 for lower, upper in pairwise(found)), found


def test_what_collapses_is_told():
    predictor = Predictor(random_weights(reading=VERSION_0_1), short_side=224, tasks=())
    grouping = predictor(data.astronaut()).grouping
    assert [int(grouping.counts(level)) for level in (2, 3, 4)] == [1, 1, 1]
    told = "level 2, 3, 4 collapsed to one group: choose a smaller bandwidth"
    assert str(grouping) == f"Grouping of 1 image(s) into 256, 1, 1, 1 groups; {told}"
    assert str(Predictor.load(tasks=())(data.astronaut()).grouping).endswith("groups")


def test_superpixels_that_are_halved_to_one_node_have_not_collapsed():
    """And of a batch, one image that is one group is enough."""
    torch.manual_seed(0)
    dgm = DeepGrouping((4, 4, 4), 4, reading=Reading(pooled="raw", sigma2=0.5)).eval()
    few, many = blocks(16, 16, 8), blocks(16, 16, 4)  # 4 superpixels, then 2, then 1; 16, 8, 4
    apart = [100 * torch.randn(1, 4, side, side) for side in (16, 8, 4)]
    alike = [torch.ones(1, 4, side, side) for side in (16, 8, 4)]
    both = [torch.cat(pair) for pair in zip(apart, alike, strict=True)]
    told = {name: str(dgm(*given)[1]) for name, given in {"apart": (apart, few), "alike": (alike, few)}.items()}
    assert told["apart"].startswith("Grouping of 1 image(s) into 4, 2, 1 groups")
    assert "collapsed" not in told["apart"]
    assert "level 2 collapsed" in told["alike"]
    assert "level 2, 3 collapsed" in str(dgm(alike, many)[1])
    assert "level 2" not in str(dgm(apart, many)[1])
    assert "level 2, 3 collapsed" in repr(dgm(both, torch.cat([many, many]))[1])
