# Tables and figures. The paper preset's lie in figures/, every other's in figures/PRESET/.
BESIDES = [suffix for suffix in suffixes() if suffix != ".png"]


rule table:
    input:
        lambda w: experiments_of(w).plan(w.experiment).inputs(),
    output:
        multiext("figures/{preset}/{experiment}", *BESIDES),
        report(
            "figures/{preset}/{experiment}.png",
            caption="../report/table.rst",
            category="Tables and figures",
            labels={"preset": "{preset}", "what": "{experiment}"},
        ),
    log:
        "logs/{preset}/table/{experiment}.log",
    priority: 1
    conda:
        ENVIRONMENT
    resources:
        **asks(costs.table),
    params:
        preset=lambda w: w.get("preset", "paper"),
        table=lambda w: experiments_of(w).table(w.experiment),
    shell:
        "synther table --preset {params.preset} --experiment {wildcards.experiment} > {log} 2>&1"


use rule table as paper_table with:
    output:
        multiext("figures/{experiment}", *BESIDES),
        report(
            "figures/{experiment}.png",
            caption="../report/table.rst",
            category="Tables and figures",
            labels={"preset": "paper", "what": "{experiment}"},
        ),
    log:
        "logs/paper/table/{experiment}.log",


# Every seed's last score, in one file.
rule scores:
    input:
        lambda w: experiments(w.preset).results(*experiments(w.preset).made()),
    output:
        "results/{preset}/scores.csv",
    log:
        "logs/{preset}/scores.log",
    conda:
        ENVIRONMENT
    resources:
        **asks(costs.table),
    shell:
        "synther scores --preset {wildcards.preset} --out {output} > {log} 2>&1"


# One page of all of it, which needs no network: `snakemake report`, or the file of any preset.
rule page:
    input:
        page_inputs,
    output:
        report(
            "figures/{preset}/report.html",
            caption="../report/page.rst",
            category="Page",
        ),
    log:
        "logs/{preset}/report.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=4000,
        runtime=10,
    params:
        preset=lambda w: w.get("preset", "paper"),
    shell:
        "synther report --preset {params.preset} > {log} 2>&1"


use rule page as paper_page with:
    output:
        report("figures/report.html", caption="../report/page.rst", category="Page"),
    log:
        "logs/paper/report.log",


rule report:
    input:
        experiments(config["preset"]).page(),
    localrule: True
