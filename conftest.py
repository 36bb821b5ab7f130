"""For ``pytest --nbval``: kernels that start side by side now and then take each other's port, and one of them dies."""

from importlib.util import find_spec

if find_spec("nbval"):
    from nbval import kernel

    start_once = kernel.start_new_kernel

    def start_new_kernel(*args, **kwargs):
        """Start a kernel as nbval does, and once more if it died before it answered."""
        try:
            return start_once(*args, **kwargs)
        except RuntimeError:
            return start_once(*args, **kwargs)

    kernel.start_new_kernel = start_new_kernel
