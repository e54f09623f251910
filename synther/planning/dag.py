"""The jobs of the workflow, as Snakemake finds them, with what their rules declare."""

import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from synther import config
from synther.errors import SyntherError, unknown_name
from synther.experiments import Experiments

PROFILE = Path("workflow/profiles/default/config.yaml")
"""What Snakemake takes for granted where it is called: here, when a job is to be run again."""


@dataclass(frozen=True, eq=False)
class Job:
    """One job of a rule; paths are relative to the repository's root."""

    rule: str
    outputs: tuple[str, ...]  # the first names the job
    log: str = ""
    needs: tuple[str, ...] = ()  # the first outputs of the jobs that it needs
    preset: str = ""  # empty where all presets share it
    threads: int = 1
    resources: Mapping[str, Any] = field(default_factory=dict)  # of the first attempt
    is_due: bool = True  # Snakemake would run it
    begun: float = 0.0  # when Snakemake began it, in seconds since 1970; 0 where it is not at it

    @property
    def seconds(self) -> float:
        """How long it takes: the rule's estimate, or else its time limit."""
        if estimate := self.resources.get("estimate_ms"):
            return estimate / 1000
        return 60.0 * self.resources.get("runtime", 0)


def read_jobs(
    targets: Sequence[str], preset: str, device: str, from_scratch: bool = False
) -> list[Job]:
    """Ask Snakemake for the jobs that targets need, those needed first.

    Args:
        targets: files or rules of the workflow in the working directory; all that the preset makes
            by default.
        preset, device: as in `snakemake --config preset=PRESET device=DEVICE`.
        from_scratch: take nothing for done.

    Raises:
        SyntherError: no rule makes a target, a rule is wrong, or there is no workflow here.
    """
    from snakemake.api import SnakemakeApi, resolve_snakefile  # here: it takes a second
    from snakemake.persistence import PersistenceBase
    from snakemake.settings import types as settings
    from snakemake.settings.enums import Quietness, RerunTrigger

    if (snakefile := resolve_snakefile(None, allow_missing=True)) is None:
        raise SyntherError(
            f"there is no Snakefile in {Path.cwd()}: go to the repository's root, or write "
            "the workflow into a folder with `synther workflow FOLDER` and go there"
        )
    triggers = config.read_yaml(snakefile.parent / PROFILE)["rerun-triggers"]
    dag_settings = settings.DAGSettings(
        targets=set(targets),
        forceall=from_scratch,
        force_incomplete=True,
        rerun_triggers=RerunTrigger.parse_choices_set(triggers),
    )
    # Told to keep quiet about both, a dry run ends before it prints its jobs.
    quiet = {Quietness.RULES, Quietness.PROGRESS}
    output = settings.OutputSettings(dryrun=True, quiet=quiet, log_level_override=logging.ERROR)
    # A plan writes nothing where others read only: neither the times of files into .snakemake/ nor
    # copies of rules' files into a home.
    shared = settings.SharedFSUsage.all() - {settings.SharedFSUsage.SOURCE_CACHE}
    with SnakemakeApi(output) as api, mock.patch.object(PersistenceBase, "save_iocache"):
        try:
            workflow = api.workflow(
                settings.ResourceSettings(cores=sys.maxsize),  # as rules say, on any machine
                settings.ConfigSettings(config={"preset": preset, "device": device}),
                settings.StorageSettings(shared_fs_usage=shared),
                snakefile=snakefile,
            )
            execution = settings.ExecutionSettings(lock=False)
            workflow.dag(dag_settings).execute_workflow("dryrun", execution_settings=execution)
            # The API has no word for the jobs themselves.
            return _jobs(workflow._workflow.dag, workflow._workflow.persistence)
        except Exception as error:  # Snakemake's, or that of a rule, which may be anyone's
            if (told := _told(error, targets, preset)) is None:
                api.print_exception(error)
                told = SyntherError("Snakemake can't plan this; its reason is above")
            raise told from error


def _told(error: BaseException, targets: Sequence[str], preset: str) -> SyntherError | None:
    """Return what Snakemake's error means to a user, if that is known."""
    from snakemake.exceptions import MissingRuleException

    for target in targets:
        if isinstance(error, MissingRuleException) and f" {target} " in str(error):
            return unknown_name("target", target, Experiments(preset).specs)
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, SyntherError):
        if isinstance(cause, PermissionError):
            return SyntherError(f"{cause.filename} can't be written: Snakemake needs it to plan")
        cause = cause.__cause__ or cause.__context__
    return cause


def _jobs(dag: Any, persistence: Any) -> list[Job]:
    """Return those of Snakemake's jobs that make files, those needed first."""
    first = {job: str(job.output[0]) for job in dag.jobs if job.output}
    keys = {file: persistence._get_key(file) for job in first for file in job.output}
    marked = persistence._filter_incomplete_keys(keys.values())
    begun = {
        file: persistence._get_recorded_starttime(key) or 0.0
        for file, key in keys.items()
        if key in marked
    }
    return [
        Job(
            rule=job.rule.name,
            outputs=tuple(map(str, job.output)),
            log=str(next(iter(job.log), "")),
            needs=tuple(first[need] for need in dag.job_dependencies(job) if need in first),
            preset=job.wildcards_dict.get("preset", ""),
            threads=job.threads,
            resources=dict(job.resources.items()),
            is_due=dag.needrun(job),
            begun=max(begun.get(file, 0.0) for file in job.output),
        )
        for level in dag.toposorted()
        for job in sorted(first.keys() & level, key=first.__getitem__)
    ]
