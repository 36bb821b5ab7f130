"""Broden+, the data set of unified perceptual parsing: five sources, five tasks, no image with every label."""

from .files import BrodenError
from .vocabulary import TASKS, Vocabulary

__all__ = ["TASKS", "BrodenError", "Vocabulary"]
