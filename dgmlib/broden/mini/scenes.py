"""The ten scenes by name."""

from collections.abc import Callable

from dgmlib.broden.mini import indoor_scenes as indoor
from dgmlib.broden.mini import outdoor_scenes as outdoor
from dgmlib.broden.mini.canvas import Canvas
from dgmlib.broden.mini.names import SCENES as NAMES
from dgmlib.broden.mini.shapes import Rng

INDOOR = ("bedroom", "dining_room", "kitchen", "living_room", "office")

#: Name -> the function that paints such a scene on an empty canvas.
SCENES: dict[str, Callable[[Canvas, Rng], None]] = {
    name: getattr(indoor if name in INDOOR else outdoor, name) for name in NAMES
}
