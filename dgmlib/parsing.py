"""PerceptualParser: backbone -> decoder (-> Deep Grouping Model) -> a head for every task.

What the heads read (Sec. 4): object and part the fused map, material and texture level 1, scene the pooled F^L plus
the readout R. All use UPerNet's head, whose 3x3 convolution precedes the pooling for scene and texture (our choice;
Sec. 4 pools first). Without a pyramid, a decoder's level 1 is only part of the fused map, so material and texture read
the whole fused map (the paper does not say what it did for OCNet and APCNet). With a Deep Grouping Model, F^l + Fhat^l
replaces every level F^l before it is fused or read, except for the scene head, which reads the original F^L.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from dgmlib import presets
from dgmlib.backbones import EfficientNet, HRNet, ResNet
from dgmlib.decoders import DECODERS, Decoder
from dgmlib.decoders.layers import conv_bn_relu, initialise, resize
from dgmlib.grouping import DeepGrouping
from dgmlib.groups import Grouping
from dgmlib.pictures import MEAN, STD
from dgmlib.plus import Plus
from dgmlib.vocabulary import TASKS, Vocabulary

#: ``dgm`` argument of `PerceptualParser.from_preset`: the two models of Table 1, our extension (see
#: `dgmlib.plus`), or None for the baseline.
Variant = Literal["full", "no_top_down", "plus"]


@dataclass
class Parsed:
    """Logits by task, ``parsed["object"]``, and the `Grouping` behind them (None without a Deep Grouping Model).

    ``named`` holds the logits that nodes predict by themselves, in variant "plus" during training.

    Not a dict: wrappers that convert a model's outputs (Fabric, DDP) rebuild dicts without their attributes.
    """

    logits: dict[str, Tensor]
    grouping: Grouping | None = None
    named: dict[str, Tensor] = field(default_factory=dict)

    def __getitem__(self, task: str) -> Tensor:
        return self.logits[task]

    def __iter__(self) -> Iterator[str]:
        return iter(self.logits)

    def __len__(self) -> int:
        return len(self.logits)

    keys, values, items = Mapping.keys, Mapping.values, Mapping.items


class Head(nn.Module):
    """UPerNet's head: 3x3 convolution, BatchNorm, ReLU, then a classifier; or the classifier alone ("1x1").

    The scene head pools before its classifier and adds the readout to the pooled features.
    """

    def __init__(self, channels: int, classes: int, kind: Literal["3x3", "1x1"] = "3x3"):
        super().__init__()
        self.conv = conv_bn_relu(channels, channels, kernel=3) if kind == "3x3" else nn.Identity()
        self.classifier = nn.Conv2d(channels, classes, 1)

    def forward(self, feature_map: Tensor) -> Tensor:
        """(B, C, h, w) -> (B, classes, h, w)."""
        return self.classifier(self.conv(feature_map))

    def scene(self, feature_map: Tensor, readout: Tensor | float = 0.0) -> Tensor:
        """F^L (B, C, h, w) and R (B, C) -> (B, classes)."""
        pooled = self.conv(feature_map).mean((2, 3)) + readout  # (B, C)
        return self.classifier(pooled[..., None, None])[..., 0, 0]


class PerceptualParser(nn.Module):
    """Unified perceptual parsing: any backbone and decoder of `dgmlib`, with or without the Deep Grouping Model.

    Args:
        backbone: returns four feature maps of widths ``backbone.channels``.
        decoder: returns levels of widths ``decoder.channels`` and fuses them.
        vocabulary: the classes; they determine the sizes of the heads.
        dgm: a `DeepGrouping` with ``in_channels=decoder.channels``, or None.
        groups: source of F^l: the decoder's levels, or the backbone's maps, with ``in_channels=backbone.channels``.
        tasks: the heads to build.
        head: kind of the heads, see `Head`.
    """

    def __init__(
        self,
        backbone: nn.Module,
        decoder: Decoder,
        vocabulary: Vocabulary,
        dgm: DeepGrouping | None = None,
        tasks: Sequence[str] = TASKS,
        head: Literal["3x3", "1x1"] = "3x3",
        groups: Literal["decoder", "backbone"] = "decoder",
    ):
        super().__init__()
        grouped = tuple((backbone if groups == "backbone" else decoder).channels)
        if dgm is not None and dgm.in_channels != grouped:
            raise ValueError(f"dgm expects levels of {dgm.in_channels} channels, the {groups} gives {grouped}.")
        self.backbone, self.decoder, self.dgm, self.groups = backbone, decoder, dgm, groups
        self.plus: Plus | None = None
        self.vocabulary = vocabulary
        #: Written by `save_model` next to the weights; "model" and "dgm" record how `from_config` built the network.
        self.recipe: dict = {"model": None, "dgm": None, "tasks": list(tasks)}
        level_L, fused = grouped[-1], decoder.out_channels
        fine = decoder.channels[0] if decoder.is_pyramid else fused
        reads = {"scene": level_L, "object": fused, "part": fused, "material": fine, "texture": fine}
        self.heads = nn.ModuleDict({task: Head(reads[task], vocabulary.channels(task), head) for task in tasks})
        initialise(self.heads)
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(3, 1, 1), persistent=False)

    @classmethod
    def from_preset(
        cls,
        preset: str | presets.Preset,
        dgm: Variant | None = "full",
        vocabulary: Vocabulary | None = None,
        tasks: Sequence[str] = TASKS,
    ) -> "PerceptualParser":
        """Build the network of a preset.

        Args:
            preset: a preset or its name.
            dgm: "full", "no_top_down" (Table 1's "DGM w/o ↓"), "plus" (ours, see `dgmlib.plus`) or None for the
                baseline alone.
            vocabulary: the classes; by default those of the preset's data, see `Preset.vocabulary`.
            tasks: the heads to build.

        Raises:
            ValueError: for an unknown preset or variant, or if the vocabulary is missing.
        """
        preset = presets.get(preset) if isinstance(preset, str) else preset
        return cls.from_config(preset.model, vocabulary or preset.vocabulary(), dgm, tasks)

    @classmethod
    def from_config(
        cls, config: presets.ModelConfig, vocabulary: Vocabulary, dgm: Variant | None, tasks: Sequence[str] = TASKS
    ) -> "PerceptualParser":
        """Build the network that a `ModelConfig` describes; it is kept in ``recipe`` and saved with the model."""
        if dgm not in (*get_args(Variant), None):
            raise ValueError(f'dgm must be "full", "no_top_down", "plus" or None, not {dgm!r}.')
        if config.decoder not in DECODERS:
            raise ValueError(f"there is no decoder {config.decoder!r}; choose one of {', '.join(DECODERS)}.")
        stride = 32 if config.decoder == "upernet" else config.output_stride
        if config.decoder == "hrnet":
            backbone = HRNet.from_name(config.hrnet)
        elif config.backbone.startswith("efficientnet"):
            backbone = EfficientNet.from_name(config.backbone, stride)
        else:
            backbone = ResNet.from_name(config.backbone, config.stem, stride, config.width)
        decoder = DECODERS[config.decoder](backbone.channels, config.dim, config.atrous_rates)
        model = cls(backbone, decoder, vocabulary, None, tasks, config.head, config.groups)
        if dgm is not None:  # built last: with one seed, all other weights start the same with and without it
            model.dgm = DeepGrouping(
                (backbone if config.groups == "backbone" else decoder).channels,
                config.dim,
                top_down=dgm != "no_top_down",
                iterations=config.em_iterations,
                testing_iterations=config.em_iterations_testing,
                reading=config.reading,
                em_gradient=config.em_gradient,
            )
        if dgm == "plus":
            classes = {task: vocabulary.channels(task) for task in ("object", "part", "material") if task in tasks}
            sizes = config.dim, len(model.dgm.in_channels), decoder.out_channels
            model.plus = Plus(*sizes, classes, config.reading)
        model.recipe |= {"model": asdict(config), "dgm": dgm}
        return model

    def forward(self, images: Tensor, regions: Tensor | None = None, tasks: Sequence[str] | None = None) -> Parsed:
        """Parse a batch of images.

        Args:
            images: (B, 3, H, W) RGB in [0, 1].
            regions: (B, H, W) integers, the superpixel of every pixel, -1 in padding; not needed without DGM.
            tasks: heads to run; by default all.

        Returns:
            Logits by task, with ``.grouping``: scene (B, C), all others (B, C, H/4, W/4). An image's texture
            logits are the mean over its pixels.

        Raises:
            ValueError: for a task without a head, images or regions of another shape or type, or missing regions.
        """
        tasks = (tasks,) if isinstance(tasks, str) else tuple(self.heads if tasks is None else tasks)
        self.check(images, regions, tasks)
        images = (images.to(self.mean.dtype) - self.mean) / self.std  # (B, 3, H, W)
        levels = self.backbone(images.contiguous(memory_format=torch.channels_last))  # faster convolutions
        if self.groups == "decoder":
            levels = self.decoder.levels(levels)
        top, readout, grouping = levels[-1], 0.0, None
        if self.dgm is not None:
            residuals, grouping = self.dgm(levels, regions)
            levels = [level + residual for level, residual in zip(levels, residuals, strict=True)]
            readout = grouping.scene
        if self.groups == "backbone":
            levels = self.decoder.levels(levels)
        fine = {"material", "texture"} if self.decoder.is_pyramid else set()
        fused = self.decoder.fuse(levels) if set(tasks) - fine - {"scene"} else None
        if self.plus is not None and fused is not None:
            fused = fused + self.plus(fused, grouping)
        quarter = [-(-side // 4) for side in images.shape[-2:]]  # dilated networks stop at an eighth
        logits = {}
        for task in tasks:
            if task == "scene":
                logits[task] = self.heads[task].scene(top, readout)
            else:
                logits[task] = resize(self.heads[task](levels[0] if task in fine else fused), quarter)
        named = self.plus.names(grouping, tasks) if self.plus is not None and self.training else {}
        return Parsed(logits, grouping, {task: resize(x, quarter) for task, x in named.items()})

    def check(self, images: Tensor, regions: Tensor | None, tasks: Sequence[str]) -> None:
        """Raise a ValueError if these are not what `forward` takes."""
        if unknown := [task for task in tasks if task not in self.heads]:
            raise ValueError(f"this model has no head for {unknown}; it was built with tasks={tuple(self.heads)}.")
        if not isinstance(images, Tensor) or not images.is_floating_point() or images.shape[1:-2] != (3,):
            given = getattr(images, "dtype", type(images).__name__), tuple(getattr(images, "shape", ()))
            raise ValueError(
                "images must be a floating tensor (B, 3, H, W) in [0, 1], not {} {}; dgmlib.predictor.Predictor reads "
                "pictures of any kind.".format(*given)
            )
        if self.dgm is None:
            return
        if regions is None:
            raise ValueError("regions are missing: a model with DGM needs superpixels.segment of every image.")
        if (shape := (len(images), *images.shape[2:])) != tuple(getattr(regions, "shape", ())):
            raise ValueError(f"regions must be an integer tensor {shape}, a superpixel for every pixel of images.")


def check_finite(logits: Mapping[str, Tensor], tasks: Sequence[str]) -> None:
    """Raise a FloatingPointError if logits of some tasks are not finite: their classes would be meaningless."""
    if broken := [task for task in tasks if not logits[task].isfinite().all()]:
        raise FloatingPointError(
            f"the model's scores of {' and '.join(broken)} are not finite; train it again with a lower lr, or use "
            "bfloat16 or float32 if it is of float16."
        )
