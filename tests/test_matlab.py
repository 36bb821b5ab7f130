"""Reading MATLAB files: whole ones as SciPy does, damaged ones never."""

import zlib

import numpy as np
import pytest
import scipy.io

from dgmlib.matlab import load_matlab


@pytest.fixture(params=[True, False], ids=["compressed", "plain"])
def path(request, tmp_path):
    path = tmp_path / "two.mat"
    scipy.io.savemat(path, {"a": np.arange(6.0).reshape(2, 3), "b": {"c": "text"}}, do_compression=request.param)
    return path


def test_whole_files_read_as_scipy_reads_them(path):
    assert np.array_equal(load_matlab(path)["a"], [[0, 1, 2], [3, 4, 5]])
    assert load_matlab(path, simplify_cells=True, variable_names=["b"])["b"] == {"c": "text"}


def test_a_file_that_is_cut_off_anywhere_is_refused(path):
    whole = path.read_bytes()
    ends = [128 + 8 + int.from_bytes(whole[132:136], "little"), len(whole)]  # of both elements
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        if end in (128, *ends):
            load_matlab(path)
        else:
            with pytest.raises(ValueError, match=r"cut off|no header"):
                load_matlab(path)


def test_any_changed_byte_of_a_compressed_variable_is_found(tmp_path):
    path = tmp_path / "one.mat"
    scipy.io.savemat(path, {"a": np.arange(6.0)}, do_compression=True)
    whole = path.read_bytes()
    for place in range(128, len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        with pytest.raises((ValueError, zlib.error), match=r"cut off|decompress"):
            load_matlab(path)
