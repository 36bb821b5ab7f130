"""The names that Broden-mini labels with: a small cut of Broden+'s own vocabulary."""

OBJECTS = (
    "-", "wall", "sky", "floor", "tree", "building", "person", "ceiling", "table", "window", "road", "grass",
    "chair", "car", "plant", "painting", "door", "sidewalk", "cabinet", "lamp", "curtain", "mountain", "bed",
    "sofa", "carpet", "water", "sand", "house", "boat", "bench", "stove", "dog",
)  # fmt: skip

PARTS = (
    "-", "leg", "head", "torso", "arm", "window", "door", "wheel", "tail", "headlight", "back", "drawer", "shade",
    "headboard", "base", "top", "seat", "seat cushion", "roof", "balcony", "column", "pillow", "trunk", "crown",
    "chimney",
)  # fmt: skip

#: Object -> its parts, without the leading "none of these".
OBJECT_PARTS = {
    "tree": ("trunk", "crown"),
    "building": ("window", "door", "roof", "balcony"),
    "person": ("leg", "head", "torso", "arm"),
    "table": ("leg", "top"),
    "chair": ("leg", "back", "seat"),
    "car": ("window", "door", "wheel", "headlight"),
    "cabinet": ("door", "drawer", "top"),
    "lamp": ("shade", "base", "column"),
    "bed": ("leg", "headboard", "base", "pillow"),
    "sofa": ("leg", "arm", "back", "seat cushion"),
    "house": ("window", "door", "roof", "chimney"),
    "dog": ("leg", "head", "torso", "tail"),
}

SCENES = (
    "beach", "bedroom", "dining_room", "kitchen", "living_room", "mountain", "office", "park", "street", "village",
)  # fmt: skip

MATERIALS = (
    "-", "brick", "carpet", "ceramic", "fabric", "foliage", "glass", "leather", "metal", "painted", "skin", "stone",
    "tile", "wood",
)  # fmt: skip

TEXTURES = ("banded", "chequered", "grid", "honeycombed", "marbled", "polka-dotted", "woven", "zigzagged")

#: OpenSurfaces' names in their order, and the material each one means here (None: labelled there, ignored here).
SUBSTANCES = {
    "Brick": "brick",
    "Carpet/rug": "carpet",
    "Ceramic": "ceramic",
    "Concrete": "stone",
    "Fabric/cloth": "fabric",
    "Foliage": "foliage",
    "Glass": "glass",
    "Leather": "leather",
    "Metal": "metal",
    "Painted": "painted",
    "Skin": "skin",
    "Sky": None,
    "Stone": "stone",
    "Tile": "tile",
    "Water": None,
    "Wood": "wood",
}

#: Names that PASCAL Context spells differently; the others are the same there.
CONTEXT_NAMES = {"carpet": "rug", "plant": "pottedplant"}

#: PASCAL-Part's objects with their VOC number, and its short names: object -> part -> ((key, comment), ...).
VOC_NUMBERS = {"car": 7, "dog": 12, "person": 15}
PASCAL_PARTS = {
    "car": {
        "door": tuple((f"door_{i}", "") for i in (1, 2)),
        "headlight": tuple((f"headlight_{i}", "") for i in (1, 2)),
        "wheel": tuple((f"wheel_{i}", "") for i in (1, 2, 3, 4)),
        "window": tuple((f"window_{i}", "") for i in (1, 2, 3, 4)),
    },
    "dog": {
        "head": (("head", ""),),
        "leg": (
            ("lbleg", "left back leg"),
            ("lfleg", "left front leg"),
            ("rbleg", "right back leg"),
            ("rfleg", "right front leg"),
        ),
        "tail": (("tail", ""),),
        "torso": (("torso", ""),),
    },
    "person": {
        "arm": (("luarm", "left upper arm"), ("ruarm", "right upper arm")),
        "head": (("head", ""),),
        "leg": (("luleg", "left upper leg"), ("ruleg", "right upper leg")),
        "torso": (("torso", ""),),
    },
}

# The numbers each source uses in its files, 1-based.
ADE_NAMES = ("-", *sorted({*OBJECTS, *PARTS} - {"-"}))
CONTEXT_LABELS = (*sorted(CONTEXT_NAMES.get(name, name) for name in OBJECTS[1:]), "unknown")
