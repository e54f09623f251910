"""OGBench's names: one entry an environment stands for all of its tasks and datasets.

ENVIRONMENT-singletask-task1-v0, ... are its tasks with rewards, ENVIRONMENT-v0 is the one that
shows its goal; datasets have their level after ENVIRONMENT. All names are the package's.
"""

from typing import Any

PACKAGE = "ogbench"
TASKS = 5
"""That every environment has, and so many goals."""


def is_goal_conditioned(task: str) -> bool:
    """Return whether one of OGBench's tasks shows a goal, in place of paying rewards."""
    return "-singletask-" not in task


def expanded(content: dict[str, Any]) -> dict[str, Any]:
    """Return config/datasets.yaml with OGBench's tasks and datasets among all others."""
    tasks, datasets = dict(content["tasks"]), {}
    suffixes = ["-v0", *(f"-singletask-task{number}-v0" for number in range(1, TASKS + 1))]
    for environment, own in content.get(PACKAGE, {}).get("environments", {}).items():
        for suffix in suffixes:
            tasks[environment + suffix] = {
                **{"reference_min": 0.0, "reference_max": 1.0, "simulator": [PACKAGE]},
                **{key: own[key] for key in ("time_limit", "dimensions")},
            }
            for level, rows in own["rows"].items():
                datasets[f"{environment}-{level}{suffix}"] = {
                    **{"kind": PACKAGE, "task": environment + suffix, "level": level},
                    "url": f"{content[PACKAGE]['url']}/{environment}-{level}-v0.npz",
                    "rows": rows,
                }
    return {**content, "tasks": tasks, "datasets": {**content["datasets"], **datasets}}
