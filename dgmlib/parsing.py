"""PerceptualParser: backbone -> decoder (-> Deep Grouping Model) -> a head for every task, and the loss of Eq. 12.

Where the heads read (Sec. 4 and 5.2): object and part the fused map, material and texture level 1, scene the pooled
F^L plus the readout R. Where a decoder has no pyramid, its level 1 is but a part of the fused map, and material and
texture read the whole (the paper does not say what it did for OCNet and APCNet). With a Deep Grouping Model every
level F^l is F^l + Fhat^l before it is fused or read.
"""

from collections.abc import ItemsView, Iterator, KeysView, Mapping, Sequence, ValuesView
from dataclasses import asdict, dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dgmlib import presets
from dgmlib.backbones import EfficientNet, HRNet, ResNet
from dgmlib.broden.vocabulary import TASKS, Vocabulary
from dgmlib.decoders import DECODERS, Decoder
from dgmlib.decoders.layers import conv_bn_relu, initialise, resize
from dgmlib.grouping import DeepGrouping
from dgmlib.groups import Grouping

#: ``dgm`` argument of `PerceptualParser.from_preset`: the two models of Table 1, or None for the baseline.
Variant = Literal["full", "no_top_down"]

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, RGB in [0, 1]


@dataclass
class Parsed:
    """Logits by task, ``parsed["object"]``, and the `Grouping` that led to them (None without a Deep Grouping Model).

    Not a dict: what wraps a model to convert its outputs (Fabric, DDP) builds dicts anew, without their attributes.
    """

    logits: dict[str, Tensor]
    grouping: Grouping | None = None

    def __getitem__(self, task: str) -> Tensor:
        return self.logits[task]

    def __iter__(self) -> Iterator[str]:
        return iter(self.logits)

    def __len__(self) -> int:
        return len(self.logits)

    def keys(self) -> KeysView[str]:
        """The tasks."""
        return self.logits.keys()

    def values(self) -> ValuesView[Tensor]:
        """The logits."""
        return self.logits.values()

    def items(self) -> ItemsView[str, Tensor]:
        """Tasks and logits."""
        return self.logits.items()


class Head(nn.Module):
    """UPerNet's head: 3x3 convolution, BatchNorm, ReLU, then a classifier; or the classifier alone ("1x1").

    The scene head pools before its classifier and adds the readout there.
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
        backbone: gives four feature maps of widths ``backbone.channels``.
        decoder: gives levels of widths ``decoder.channels`` and fuses them.
        vocabulary: the classes; it sizes the heads.
        dgm: a `DeepGrouping` with ``in_channels=decoder.channels``, or None.
        tasks: the heads to build.
        head: their kind, see `Head`.
    """

    def __init__(
        self,
        backbone: nn.Module,
        decoder: Decoder,
        vocabulary: Vocabulary,
        dgm: DeepGrouping | None = None,
        tasks: Sequence[str] = TASKS,
        head: Literal["3x3", "1x1"] = "3x3",
    ):
        super().__init__()
        if dgm is not None and dgm.in_channels != tuple(decoder.channels):
            raise ValueError(f"dgm expects levels of {dgm.in_channels} channels, the decoder gives {decoder.channels}.")
        self.backbone, self.decoder, self.dgm = backbone, decoder, dgm
        self.vocabulary = vocabulary
        level_L, fused = decoder.channels[-1], decoder.out_channels
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
            dgm: "full", "no_top_down" (Table 1's "w/o top-down") or None for the baseline alone.
            vocabulary: the classes; presets on Broden-mini bring their own.
            tasks: the heads to build.

        Raises:
            ValueError: for an unknown preset or variant, or if the vocabulary is missing.
        """
        preset = presets.get(preset) if isinstance(preset, str) else preset
        if vocabulary is None:
            if not preset.mini:
                raise ValueError(
                    f"preset {preset.name!r} needs vocabulary=: for Broden+, "
                    'Vocabulary.from_folder("ROOT/meta_file/joint_dataset").'
                )
            from dgmlib.broden import mini

            vocabulary = mini.vocabulary()
        return cls.from_config(preset.model, vocabulary, dgm, tasks)

    @classmethod
    def from_config(
        cls, config: presets.ModelConfig, vocabulary: Vocabulary, dgm: Variant | None, tasks: Sequence[str] = TASKS
    ) -> "PerceptualParser":
        """Build the network that a `ModelConfig` describes; the model keeps it as ``recipe``, to be saved with it."""
        if dgm not in ("full", "no_top_down", None):
            raise ValueError(f'dgm must be "full", "no_top_down" or None, not {dgm!r}.')
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
        model = cls(backbone, decoder, vocabulary, None, tasks, config.head)
        if dgm:
            # Drawn last: from one seed, networks with and without it share all other weights.
            model.dgm = DeepGrouping(
                decoder.channels,
                config.dim,
                top_down=dgm == "full",
                iterations=config.em_iterations,
                testing_iterations=config.em_iterations_testing,
                reading=config.reading,
                em_gradient=config.em_gradient,
            )
        model.recipe = {"model": asdict(config), "dgm": dgm, "tasks": list(tasks)}
        return model

    def forward(self, images: Tensor, labels: Tensor | None = None, tasks: Sequence[str] | None = None) -> Parsed:
        """Parse a batch of images.

        Args:
            images: (B, 3, H, W) RGB in [0, 1].
            labels: (B, H, W) integers, the superpixel of every pixel, -1 in padding; not needed without DGM.
            tasks: which heads to run; all by default.

        Returns:
            Logits by task, with ``.grouping``: scene (B, C), all others (B, C, H/4, W/4). Texture's logits of an image
            are the mean over its pixels.

        Raises:
            ValueError: for a task without a head, or missing labels.
        """
        tasks = tuple(self.heads) if tasks is None else tasks
        unknown = [task for task in tasks if task not in self.heads]
        if unknown:
            raise ValueError(f"this model has no head for {unknown}; it was built with tasks={tuple(self.heads)}.")
        if self.dgm is not None and labels is None:
            raise ValueError("labels are missing: a model with DGM needs superpixels.segment of every image.")
        levels = self.decoder.levels(self.backbone((images - self.mean) / self.std))
        top, readout, grouping = levels[-1], 0.0, None
        if self.dgm is not None:
            residuals, grouping = self.dgm(levels, labels)
            levels = [level + residual for level, residual in zip(levels, residuals, strict=True)]
            readout = grouping.scene
        fine = {"material", "texture"} if self.decoder.is_pyramid else set()
        fused = self.decoder.fuse(levels) if set(tasks) - fine - {"scene"} else None
        quarter = [-(-side // 4) for side in images.shape[-2:]]  # dilated networks stop at an eighth
        logits = {}
        for task in tasks:
            if task == "scene":
                logits[task] = self.heads[task].scene(top, readout)
            else:
                logits[task] = resize(self.heads[task](levels[0] if task in fine else fused), quarter)
        return Parsed(logits, grouping)


def perceptual_loss(
    logits: Mapping[str, Tensor],
    batch: Mapping[str, Tensor],
    vocabulary: Vocabulary,
    weights: Mapping[str, float],
) -> dict[str, Tensor]:
    """The loss of Eq. 12, one weighted term per task that both the logits and the batch have; train on their sum.

    Args:
        logits: what `PerceptualParser` returned.
        batch: labels by task: "object", "material" (B, h, w), 0 ignored; "part" (B, h, w) and "part_valid" (B, objects
            with parts); "scene", "texture" (B,), -1 ignored.
        vocabulary: the classes.
        weights: weight of every task.
    """
    losses = {}
    for task in logits.keys() & batch.keys():
        if task == "part":
            loss = part_loss(logits["part"], batch["part"], batch["object"], batch["part_valid"], vocabulary)
        elif task == "texture":
            loss = _mean_nll(logits[task].mean((2, 3)), batch[task], ignore=-1)
        else:
            loss = _mean_nll(logits[task], batch[task], ignore=-1 if task == "scene" else 0)
        losses[task] = weights[task] * loss
    return losses


def part_loss(logits: Tensor, parts: Tensor, objects: Tensor, valid: Tensor, vocabulary: Vocabulary) -> Tensor:
    """Broden+'s part loss: per object a softmax over its own parts, averaged over its pixels, summed over objects.

    Args:
        logits: (B, C, h, w), one group of channels per object with parts.
        parts: (B, h, w) index of the part inside its object's list, 0 = none of these (a class like the others).
        objects: (B, h, w) object ids.
        valid: (B, objects with parts) whether the image has that object's parts labelled.
        vocabulary: the object-part hierarchy.
    """
    slices = list(vocabulary.part_slices.values())
    row = logits.new_full((len(vocabulary.objects),), -1, dtype=torch.long)  # object id -> row of the hierarchy
    row[list(vocabulary.part_slices)] = torch.arange(len(slices), device=row.device)
    which = row[objects]  # (B, h, w)
    image = torch.arange(len(which), device=row.device)[:, None, None]
    counted = (which >= 0) & valid[image, which.clamp(min=0)]
    which, target = which[counted], parts[counted]  # (pixels,)
    group = logits.new_empty(logits.shape[1], dtype=torch.long)  # channel -> row of the hierarchy
    for i, channels in enumerate(slices):
        group[channels] = i
    start = torch.tensor([channels.start for channels in slices], device=row.device)
    own = logits.permute(0, 2, 3, 1)[counted].float()  # (pixels, C)
    own = own.masked_fill(group != which[:, None], -torch.inf)  # the softmax sees the pixel's own object only
    nll = F.cross_entropy(own, start[which] + target, reduction="none")
    pixels = torch.bincount(which, minlength=len(slices))
    return (nll / pixels[which]).sum()


def _mean_nll(logits: Tensor, target: Tensor, ignore: int) -> Tensor:
    """Mean negative log-likelihood over the labelled entries; 0, not NaN, where there is none."""
    total = F.cross_entropy(logits.float(), target, ignore_index=ignore, reduction="sum")
    return total / (target != ignore).sum().clamp(min=1)
