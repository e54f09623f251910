"""The workflow for who has no checkout: the Snakefile and what it needs, written into a folder."""

import shutil
from pathlib import Path

from synther.config import HOME
from synther.errors import SyntherError
from synther.jobs.files import explaining

PARTS = ("config", "workflow", "environment.yml", "Snakefile")
"""What a run needs. The Snakefile is last, so that no half-written folder is taken for whole."""


def write_workflow(folder: str | Path) -> Path:
    """Write Snakefile, rules, profiles and config/ into a folder.

    `snakemake` in that folder then runs what it runs in a checkout, with that config/.

    Returns:
        The folder.

    Raises:
        SyntherError: a part is there already, or the folder can't be written.
    """
    folder = Path(folder)
    there = [name for name in (*PARTS, "profiles") if (folder / name).exists()]
    if there:
        raise SyntherError(f"{folder} has {', '.join(there)} already: name another folder")
    with explaining(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name in PARTS:
            temporary = folder / f".{name}.part"
            if (HOME / name).is_dir():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(HOME / name, temporary, ignore=ignored, dirs_exist_ok=True)
            else:
                shutil.copyfile(HOME / name, temporary)
            temporary.rename(folder / name)
        (folder / "profiles").symlink_to("workflow/profiles")  # where snakemake looks for them
    return folder
