# Seeds of one agent that learn in their environment, evaluated as they go.
rule train_online:
    output:
        rows="results/{preset}/online/{task}/{agent}/seeds-{first}-{last}.parquet",
        record="results/{preset}/online/{task}/{agent}/seeds-{first}-{last}.json",
    log:
        "logs/{preset}/online/{task}/{agent}/seeds-{first}-{last}.log",
    conda:
        ENVIRONMENT
    threads: asks.evaluation_threads
    resources:
        **asks(costs.train_online, asks.evaluation_threads),
    params:
        device=config["device"],
        # not on the command line, which resolves them itself: a change makes the job run again
        settings=lambda w: specs.online_settings(w.agent, w.task, w.preset),
    shell:
        "synther online --preset {wildcards.preset} --task {wildcards.task}"
        " --agent {wildcards.agent} --seeds {wildcards.first}-{wildcards.last}"
        " --out {output.rows} --device {params.device} --threads {threads} 2> {log}"
