"""MATLAB files of version 5, the format of PASCAL's parts, BSDS500 and MCG."""

import zlib
from pathlib import Path
from struct import unpack_from

from scipy.io import loadmat

HEADER, MATRIX, COMPRESSED = 128, 14, 15


def load_matlab(path: str | Path, **options) -> dict:
    """Call `scipy.io.loadmat` after checking that the file's elements are complete.

    SciPy trusts the sizes in a file, and some damaged files crash its reader and the process. MATLAB compresses every
    variable, with a checksum; for an uncompressed one, only the length can be checked.

    Raises:
        ValueError: if an element is truncated or damaged, or the file is not of version 5. Other errors are SciPy's.
    """
    content = Path(path).read_bytes()
    order = {b"IM": "<", b"MI": ">"}.get(content[HEADER - 2 : HEADER])
    if order is None or 0 in content[:4]:
        raise ValueError("no header of MATLAB 5")
    start = HEADER
    while start < len(content):
        if start + 8 > len(content):
            raise ValueError("an element is cut off")
        kind, size = unpack_from(f"{order}II", content, start)
        start, end = start + 8, start + 8 + size
        if kind not in (MATRIX, COMPRESSED) or end > len(content):
            raise ValueError("an element is cut off or of no known type")
        if kind == COMPRESSED:
            zlib.decompress(content[start:end])  # raises an error if the checksum is wrong
        start = end
    return loadmat(path, **options)
