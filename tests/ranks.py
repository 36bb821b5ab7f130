"""A training whose result does not depend on the number of its processes: in float64, with frozen normalisation."""

import sys
from unittest import mock

import torch
from torch import nn

from dgmlib import PerceptualParser, presets, training
from dgmlib.broden import BrodenPlus

CONFIG = presets.TrainingConfig(
    iterations=3, texture_iterations=1, batch_size=4, short_sides=(64, 96), checkpoint_every=1, workers=0
)


def train(data, out, stop=0):
    """Train in ``out``; exit in step ``stop``."""

    def on_log(record):
        if record["iteration"] == stop:
            sys.exit("stopped")

    dataset = BrodenPlus(data, "train")
    torch.manual_seed(0)
    model = PerceptualParser.from_preset("smoke", "full", dataset.vocabulary).double()
    with (
        mock.patch.object(
            nn.modules.batchnorm._BatchNorm, "train", lambda self, mode=True: nn.Module.train(self, False)
        ),
        mock.patch.object(training, "LOG_EVERY", 1),
    ):
        training.train(model, dataset, CONFIG, out, 0, 32, "cpu", progress=False, on_log=on_log)


if __name__ == "__main__":
    torch.set_num_threads(1)
    train(*sys.argv[1:3], int(sys.argv[3]))
