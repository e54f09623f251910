# Real transitions: D4RL's files, stand-ins collected here, and the policies that collect them.
def d4rl_dataset(file):
    """Return the name of the dataset that is D4RL's file."""
    every = specs.load("datasets")["datasets"]
    names = [name for name in every if every[name]["kind"] == "d4rl"]
    return next(n for n in names if EXPERIMENTS["paper"].dataset_file(n) == file)


rule download_dataset:
    output:
        "data/d4rl/{file}.hdf5",
    log:
        "logs/download/{file}.log",
    retries: 2
    conda:
        ENVIRONMENT
    resources:
        mem_mb=asks("mem_mb", "download_dataset"),
        runtime=asks("runtime", "download_dataset"),
        downloads=1,
    params:
        dataset=lambda w: d4rl_dataset(f"data/d4rl/{w.file}.hdf5"),
    shell:
        "synther download --dataset {params.dataset} --root data 2> {log}"


rule d4rl_policies:
    output:
        "data/policies/{task}/returns.json",
    log:
        "logs/policies/{task}.log",
    retries: 2
    conda:
        ENVIRONMENT
    resources:
        mem_mb=2000,
        downloads=1,
    shell:
        "synther policies --task {wildcards.task} --out data/policies/{wildcards.task}"
        " --root data 2> {log}"


rule collect_dataset:
    input:
        lambda w: fetched_policies(w.dataset, w.preset),
    output:
        "data/{preset}/local/{dataset}.hdf5",
    log:
        "logs/{preset}/collect/{dataset}.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=asks("mem_mb", "collect_dataset"),
        runtime=asks("runtime", "collect_dataset"),
    params:
        rows=lambda w: EXPERIMENTS[w.preset].rows(w.dataset),
        policies=lambda w: policies_folder(
            specs.spec(w.dataset, "dataset")["task"], w.preset
        ),
    shell:
        "synther collect --preset {wildcards.preset} --dataset {wildcards.dataset}"
        " --rows {params.rows} --out {output} --threads {threads} 2> {log}"


rule subset:
    input:
        lambda w: EXPERIMENTS[w.preset].dataset_file(w.dataset),
    output:
        rows="results/{preset}/subsets/{dataset}/{percent}pct.npz",
        record="results/{preset}/subsets/{dataset}/{percent}pct.json",
    log:
        "logs/{preset}/subset/{dataset}/{percent}pct.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=asks("mem_mb", "subset"),
        runtime=asks("runtime", "subset"),
    params:
        choice=lambda w: EXPERIMENTS[w.preset].subset_choice(),
        time_limit=lambda w: EXPERIMENTS[w.preset].time_limit(w.dataset),
    shell:
        "synther subset --data {input} --percent {wildcards.percent}"
        " --choose {params.choice[choose]} --seed {params.choice[seed]}"
        " --time-limit {params.time_limit} --out {output.rows} --threads {threads} 2> {log}"


rule behaviour_policies:
    input:
        expand(
            "results/behaviour/{task}/returns.json",
            task=specs.load("behaviour")["tasks"],
        ),
    localrule: True


rule behaviour_policy:
    output:
        directory("results/behaviour/{task}"),
    log:
        "logs/behaviour/{task}.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
    params:
        recipe=lambda w: specs.load("behaviour"),
    shell:
        "synther behaviour --task {wildcards.task} --out {output} --threads {threads} 2> {log}"
