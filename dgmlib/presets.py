"""Every number that defines a run, as frozen dataclasses, and three presets of them.

``paper``  what the paper states, and where it is silent what its reference, UPerNet's unifiedparsing, does
``mini``   the same code at a size that two CPU cores train in minutes, on Broden-mini
``smoke``  seconds; shows that everything runs, its numbers mean nothing

``get("mini")`` returns a preset, ``dataclasses.replace`` changes a field.
"""

from dataclasses import dataclass, field, replace
from typing import Literal


@dataclass(frozen=True)
class ModelConfig:
    """The network: backbone, decoder and the Deep Grouping Model."""

    # Sec. 5.2: ResNet-50 as in UPerNet, whose stem has three 3x3 convolutions ("deep"); "7x7" is torchvision's.
    backbone: str = "resnet50"
    stem: Literal["deep", "7x7"] = "deep"
    width: int = 64
    # Sec. 5.2: the paper starts from ImageNet. A file of weights for that stem; empty: random weights.
    pretrained: str = ""
    # Sec. 5.2: UPerNet's feature pyramid, 512 wide, is what the grouping works on; D is the same.
    dim: int = 512
    # Sec. 4: MCG superpixels merged to at most 512.
    max_regions: int = 512
    # Eq. 2-3: K of EMGP; 10 is our reading of Table 3's FLOPs. sigma^2 is not given; see the README.
    em_iterations: int = 10
    sigma2: float = 0.5
    # Not in the paper: EMGP back-propagates through its last iteration only, which is faster and was no worse.
    em_gradient: Literal["last", "all"] = "last"
    # Not in the paper: V^1 averages each superpixel with its neighbours in the region adjacency graph.
    neighbours: bool = True


@dataclass(frozen=True)
class TrainingConfig:
    """Optimisation, Sec. 5.2 and unifiedparsing's train.py."""

    # 40 epochs of 5,000 iterations with 16 images (4 GPUs x 4 in the paper).
    iterations: int = 200_000
    batch_size: int = 16
    # SGD with the "poly" schedule lr * (1 - t / T) ** power.
    lr: float = 0.02
    momentum: float = 0.9
    weight_decay: float = 1e-4
    power: float = 0.9
    # Short side, drawn for every batch; the long side is at most max_size.
    short_sides: tuple[int, ...] = (300, 375, 450, 525, 600)
    max_size: int = 1000
    # Sec. 5.3: the texture head is trained last, everything else frozen.
    texture_iterations: int = 10_000
    # Eq. 12: weights of the tasks' losses.
    loss_weights: dict[str, float] = field(
        default_factory=lambda: {"object": 1.0, "part": 0.5, "scene": 0.25, "material": 1.0, "texture": 1.0}
    )
    # A checkpoint is written every so many iterations.
    checkpoint_every: int = 1000
    # Processes that load images; 0 loads in the training process.
    workers: int = 4


@dataclass(frozen=True)
class TestingConfig:
    """Evaluation, unifiedparsing's eval_multipro.py."""

    short_side: int = 450
    max_size: int = 1000
    # Softmax is averaged over the image at these multiples of short_side.
    scales: tuple[float, ...] = (1.0,)


@dataclass(frozen=True)
class Preset:
    """A whole run.

    Attributes:
        name: the preset's name; it stands in the ``profile`` column of every result.
        data: name of the data the numbers are measured on; it is shown with every number.
        mini: which Broden-mini to generate ("mini" or "smoke"); empty for data that the user brings.
        model: the network.
        training: the optimisation.
        testing: the evaluation.
    """

    name: str
    data: str
    mini: str = ""
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    testing: TestingConfig = field(default_factory=TestingConfig)


PRESETS = {
    "paper": Preset("paper", "Broden+"),
    "mini": Preset(
        "mini",
        "Broden-mini",
        mini="mini",
        model=ModelConfig(
            backbone="resnet18", stem="7x7", width=32, dim=64, max_regions=192, em_iterations=5, sigma2=0.01
        ),
        training=TrainingConfig(
            iterations=1000,
            batch_size=4,
            lr=0.03,
            short_sides=(96, 128),
            max_size=320,
            texture_iterations=100,
            checkpoint_every=100,
            workers=0,
        ),
        testing=TestingConfig(short_side=128, max_size=320),
    ),
    "smoke": Preset(
        "smoke",
        "Broden-mini (smoke)",
        mini="smoke",
        model=ModelConfig(
            backbone="resnet18", stem="7x7", width=8, dim=16, max_regions=32, em_iterations=2, sigma2=0.01
        ),
        training=TrainingConfig(
            iterations=6,
            batch_size=2,
            lr=0.02,
            short_sides=(64,),
            max_size=160,
            texture_iterations=2,
            checkpoint_every=3,
            workers=0,
        ),
        testing=TestingConfig(short_side=64, max_size=160),
    ),
}


def with_weights(preset: Preset, pretrained: str) -> Preset:
    """Return the preset with a file of ImageNet weights to start from; an empty name changes nothing."""
    return replace(preset, model=replace(preset.model, pretrained=pretrained)) if pretrained else preset


def get(name: str) -> Preset:
    """Return the preset of that name.

    Raises:
        ValueError: if there is none.
    """
    if name not in PRESETS:
        raise ValueError(f"there is no preset {name!r}; choose one of {', '.join(PRESETS)}.")
    return PRESETS[name]
