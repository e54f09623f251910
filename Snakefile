# SynthER, from raw datasets to the paper's tables.
#
#   snakemake --cores all                      everything, at the paper's protocol
#   snakemake figures/table1.pdf               one table, and what it needs
#   snakemake figures/quick/table1.pdf         the same DAG in minutes (any file of config/presets/)
#   snakemake --cores all --config preset=quick
#   snakemake report --config preset=quick     the page of all of it: figures/quick/report.html
#
# What is run, where it lies and with which settings is synther/experiments' to say.
from snakemake.utils import min_version, validate

from synther.config import SCHEMAS

min_version("9.0")


configfile: "config/config.yaml"


report: "workflow/report/workflow.rst"


# Where synther has it: where a pod runs, Snakemake has sent its own files along, and no schemas.
validate(config, str(SCHEMAS / "config.schema.yaml"))


include: "workflow/rules/common.smk"
include: "workflow/rules/datasets.smk"
include: "workflow/rules/generators.smk"
include: "workflow/rules/offline.smk"
include: "workflow/rules/online.smk"
include: "workflow/rules/pixels.smk"
include: "workflow/rules/fidelity.smk"
include: "workflow/rules/report.smk"


# Before a job is handed over: the plugins' own threads would die of it without a word.
onstart:
    require_scheduler(workflow)
    lift_usual_rate(workflow)


rule all:
    default_target: True
    input:
        experiments(config["preset"]).all_figures(),
        experiments(config["preset"]).scores_file(),
    localrule: True
