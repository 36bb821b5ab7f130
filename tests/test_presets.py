"""Presets: what they are for, what a network's numbers may be, where classes come from."""

from dataclasses import replace

import pytest

from dgmlib import mini, presets
from dgmlib.experiments import SETTINGS
from dgmlib.reading import Reading


@pytest.mark.parametrize("name", ["paper", "mini", "smoke"])
def test_table_2_is_trained_on_objects_alone_with_a_classifier_and_tested_at_several_scales(name):
    five, one = presets.get(name), presets.get(f"{name}-objects")
    assert five.settings == ("O+P+S", "O+P+S+M+T")
    assert [SETTINGS[setting] for setting in one.settings] == [("object",)]
    assert (five.model.head, one.model.head) == ("3x3", "1x1")
    assert not five.testing.multi_scale
    assert len(one.testing.multi_scale) > 1
    assert one == replace(one, model=replace(one.model, dim=five.model.dim, max_regions=five.model.max_regions))


@pytest.mark.parametrize("name", ["paper", "paper-objects"])
def test_preset_paper_holds_the_numbers_that_the_paper_prints(name):
    """Sec. 5.2, but for the backbone (Sec. 5.3) and the losses' weights (Sec. 4)."""
    model, training, testing = (getattr(presets.get(name), part) for part in ("model", "training", "testing"))
    assert training.short_sides == (300, 375, 450, 525, 600)
    assert testing.short_side == 450
    assert (training.lr, training.power, training.iterations, training.batch_size) == (0.02, 0.9, 2 * 10**5, 8)
    assert (model.max_regions, model.em_iterations, model.em_iterations_testing) == (512, 5, 10)
    assert training.loss_weights == {"scene": 0.25, "texture": 1, "object": 1, "part": 0.5, "material": 1}
    assert (model.pretrained, training.backbone_rate) == ("imagenet", 1)
    assert model.reading.first == "pooled"  # V^1 is U^1
    assert model.reading.merge == 0  # half of the nodes
    assert model.backbone == ("resnet50" if name == "paper" else "resnet101")


def test_only_the_paper_s_presets_ask_for_the_user_s_data():
    assert {name for name, preset in presets.PRESETS.items() if not preset.mini} == {"paper", "paper-objects", "real"}
    assert presets.get("smoke").vocabulary() == mini.vocabulary()
    with pytest.raises(ValueError, match=r"preset 'paper' needs vocabulary=: for Broden\+, .*read_vocabulary"):
        presets.get("paper").vocabulary()


def test_an_unknown_preset_is_told_with_those_there_are():
    with pytest.raises(
        ValueError, match="there is no preset 'huge'; choose one of paper, mini, demo, real, smoke, paper-objects"
    ):
        presets.get("huge")


def test_weights_to_start_from_change_nothing_else():
    smoke = presets.get("smoke")
    assert presets.with_weights(smoke, "") is smoke
    started = presets.with_weights(smoke, "imagenet")
    assert started.model.pretrained == "imagenet"
    assert replace(started, model=smoke.model) == smoke


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("em_iterations", 1e12),
        ("em_iterations", 10**12),
        ("max_regions", None),
        ("max_regions", "4"),
        ("max_regions", 2.5),
        ("dim", 0),
        ("width", True),
        ("em_iterations_testing", 0),
    ],
)
def test_numbers_that_no_network_has_are_refused_by_name(field, value):
    with pytest.raises(ValueError, match=f"^{field} must be a .* number.*, not {value!r}".replace("+", r"\+")):
        presets.ModelConfig(**{field: value})


@pytest.mark.parametrize(
    ("field", "value", "least"),
    [
        ("iterations", -1, 0),
        ("checkpoint_every", 0, 1),
        ("batch_size", 0, 1),
        ("workers", 1.0, 0),
        ("max_size", "9", 1),
    ],
)
def test_numbers_that_no_training_has_are_refused_by_name(field, value, least):
    with pytest.raises(ValueError, match=f"^{field} must be a whole number from {least}, not {value!r}"):
        presets.TrainingConfig(**{field: value})


def test_every_task_has_a_weight():
    with pytest.raises(ValueError, match="loss_weights lacks scene, part, material, texture; give a weight for every"):
        presets.TrainingConfig(loss_weights={"object": 1.0})


@pytest.mark.parametrize("field", ["sigma2", "bandwidth"])
@pytest.mark.parametrize("value", [0.0, -1, float("nan"), float("inf"), "0.5"])
def test_bandwidths_are_positive(field, value):
    with pytest.raises(ValueError, match=f"^{field} must be a positive number, not {value!r}"):
        presets.ModelConfig(reading={field: value})  # as a recipe has it


@pytest.mark.parametrize("field", ["merge", "start"])
@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf"), "0.5", None])
def test_shares_and_weights_are_not_negative(field, value):
    with pytest.raises(ValueError, match=f"^{field} must be a non-negative number, not {value!r}"):
        Reading(**{field: value})
    assert getattr(Reading(**{field: 0}), field) == 0


@pytest.mark.parametrize(
    ("config", "field", "value"),
    [(Reading, "edges", "update"), (Reading, "combine", "Sum"), (presets.ModelConfig, "head", "3X3")],
)
def test_a_misspelt_choice_is_told(config, field, value):
    with pytest.raises(ValueError, match=f"^{field} must be one of .*, not '{value}'"):
        config(**{field: value})
