"""What a job takes from the variables around it: these are here, and nowhere else.

A variable that was set for another program can end a library's import, or change numbers, figures
or records without a word. The command line drops what is named here before it imports anything.
What stays is the machine's (CUDA_VISIBLE_DEVICES, HDF5_USE_FILE_LOCKING, HTTPS_PROXY, TMPDIR, ...)
and this project's own (SYNTHER_...). MUJOCO_GL and PYOPENGL_PLATFORM are `synther.envs`' to judge.
"""

import os
from collections.abc import Mapping

DROPPED = (
    # They choose other kernels, which round otherwise, or another precision on a GPU
    *("ATEN_", "CUBLAS_", "CUDNN_", "DNNL_", "MKL_", "NVIDIA_TF32_", "ONEDNN_"),
    *("GOTO_", "OPENBLAS_"),
    # Threads: how many there are, where, and how they wait is decided here
    *("OMP_", "GOMP_", "KMP_", "LOKY_", "JOBLIB_"),
    # A value that they do not know ends an import, a reading or a drawing
    *("ARROW_", "HDF5_DRIVER", "HDF5_VOL_", "NPY_", "NUMPY_", "PANDAS_", "PYTORCH_", "TORCH"),
    *("IMAGEIO_", "SCIPY_", "SKLEARN_", "TQDM_", "MATPLOTLIBRC", "MPLBACKEND", "SOURCE_DATE_EPOCH"),
    # Another repository than the code's, which is the one that a record names
    "GIT_",
)
"""Beginnings of names."""
KEPT = ("PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF")
"""How a GPU's memory is shared out, which changes no number."""
SLEEPING = {"OMP_WAIT_POLICY": "PASSIVE", "OPENBLAS_THREAD_TIMEOUT": "4"}
"""Threads that wait for others sleep: spinning ones take the cores from those that work."""

RENDERERS = ("egl", "osmesa", "glfw", "disable")
"""What MUJOCO_GL may be."""
_named_renderer: str | None = None


def own(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without what was set for other programs."""
    return {
        name: value
        for name, value in environment.items()
        if name in KEPT or not name.startswith(DROPPED)
    }


def settle(numpy_threads: int = 1) -> None:
    """Make this process's environment its own; called before numpy and torch are imported.

    `numpy_threads` are of numpy's products; torch's are `synther.jobs.threads`' to grant.
    """
    global _named_renderer
    kept = own(os.environ)
    for name in os.environ.keys() - kept.keys():
        del os.environ[name]
    one = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "MKL")}
    os.environ.update(SLEEPING | one | {"OPENBLAS_NUM_THREADS": str(numpy_threads)})
    _named_renderer = os.environ.get("MUJOCO_GL")
    os.environ["MUJOCO_GL"] = "disable"  # pixels are drawn in processes of their own
    fit_renderer()


def fit_renderer() -> None:
    """Make MUJOCO_GL what MuJoCo and dm_control both take; called before they are imported.

    A name that neither knows would end the import of what draws nothing: it goes.
    """
    if "MUJOCO_GL" not in os.environ:
        return
    named = os.environ.pop("MUJOCO_GL").strip().lower()
    os.environ.pop("PYOPENGL_PLATFORM", None)
    if named in RENDERERS:
        os.environ["MUJOCO_GL"] = named
    if named in ("egl", "osmesa"):
        os.environ["PYOPENGL_PLATFORM"] = named


def named_renderer() -> str:
    """Return what MUJOCO_GL named when the process began, or ""."""
    named = os.environ.get("MUJOCO_GL", "") if _named_renderer is None else _named_renderer
    return "" if named == "disable" else named.strip().lower()
