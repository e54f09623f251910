# Tables and figures. The paper preset's lie in figures/, every other's in figures/PRESET/.
rule table:
    input:
        lambda w: EXPERIMENTS[w.preset].inputs(w.experiment),
    output:
        multiext("figures/{preset}/{experiment}", ".pdf", ".png", ".csv", ".tex", ".md"),
    log:
        "logs/{preset}/table/{experiment}.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=asks("mem_mb", "table"),
        runtime=asks("runtime", "table"),
    params:
        preset=lambda w: w.preset,
        table=lambda w: EXPERIMENTS[w.preset].table(w.experiment),
    shell:
        "synther table --preset {params.preset} --experiment {wildcards.experiment} > {log} 2>&1"


use rule table as paper_table with:
    input:
        lambda w: EXPERIMENTS["paper"].inputs(w.experiment),
    output:
        multiext("figures/{experiment}", ".pdf", ".png", ".csv", ".tex", ".md"),
    log:
        "logs/paper/table/{experiment}.log",
    params:
        preset="paper",
        table=lambda w: EXPERIMENTS["paper"].table(w.experiment),
