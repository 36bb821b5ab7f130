"""Explanations from a model's groups and gradients: click propagation (Fig. 6) and Grad-CAM (Fig. 7)."""

from dgmlib.explain.clicks import Click, ClickSession
from dgmlib.explain.gradcam import GraphCAM, gradcam

__all__ = ["Click", "ClickSession", "GraphCAM", "gradcam"]
