# Seeds of one agent, trained on one source of one dataset, judged in the simulator.
rule train_offline:
    input:
        data=lambda w: experiments(w.preset).training_data(w.dataset, w.source),
        statistics=lambda w: experiments(w.preset).statistics(w.dataset, w.source),
    output:
        rows="results/{preset}/offline/{dataset}/{source}/{agent}/seeds-{first}-{last}.parquet",
        record="results/{preset}/offline/{dataset}/{source}/{agent}/seeds-{first}-{last}.json",
    log:
        "logs/{preset}/offline/{dataset}/{source}/{agent}/seeds-{first}-{last}.log",
    conda:
        ENVIRONMENT
    threads: asks.evaluation_threads
    resources:
        **asks(costs.train_offline, asks.evaluation_threads),
    params:
        device=config["device"],
        # not on the command line, which resolves them itself: a change makes the job run again
        settings=lambda w: specs.agent_settings(w.agent, w.dataset, w.preset, w.source),
    shell:
        "synther train --preset {wildcards.preset} --dataset {wildcards.dataset}"
        " --source {wildcards.source} --agent {wildcards.agent} --data {input.data}"
        " --statistics-from {input.statistics} --seeds {wildcards.first}-{wildcards.last}"
        " --out {output.rows} --device {params.device} --threads {threads} 2> {log}"
