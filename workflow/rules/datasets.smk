# Real transitions: D4RL's files and OGBench's, stand-ins collected here, and the policies that collect them.
rule download_dataset:
    input:
        own_file,
    output:
        "data/d4rl/{file}.hdf5",
    log:
        "logs/download/{file}.log",
    wildcard_constraints:
        file="|".join(D4RL_FILES),
    retries: 2
    conda:
        ENVIRONMENT
    resources:
        **asks(lambda plan, w: costs.download(D4RL_FILES[w.file])),
        downloads=1,
    params:
        dataset=lambda w: D4RL_FILES[w.file],
    shell:
        "synther download --dataset {params.dataset} --root data 2> {log}"


# The benchmark's own file, which serves all tasks of its environment, is kept beside: data/ogbench/raw.
rule ogbench_dataset:
    output:
        "data/ogbench/{dataset}.hdf5",
    log:
        "logs/download/ogbench/{dataset}.log",
    retries: 2
    conda:
        ENVIRONMENT
    resources:
        **asks(costs.ogbench_dataset),
        downloads=1,
    shell:
        "synther download --dataset {wildcards.dataset} --root data 2> {log}"


rule d4rl_policies:
    output:
        (
            directory("data/policies/{task}")
            if BUCKET
            else "data/policies/{task}/returns.json"
        ),
    log:
        "logs/policies/{task}.log",
    retries: 2
    conda:
        ENVIRONMENT
    resources:
        **asks(costs.d4rl_policies),
        downloads=1,
    shell:
        "synther policies --task {wildcards.task} --out data/policies/{wildcards.task}"
        " --root data 2> {log}"


rule collect_dataset:
    input:
        lambda w: [
            str(Path(path).parent) if BUCKET else path
            for path in specs.fetched_policies(w.dataset, w.preset)
        ],
    output:
        "data/{preset}/local/{dataset}.hdf5",
    log:
        "logs/{preset}/collect/{dataset}.log",
    conda:
        ENVIRONMENT
    resources:
        **asks(costs.collect_dataset),
    params:
        rows=lambda w: experiments(w.preset).rows(w.dataset),
        policies=lambda w: specs.policies_folder(
            spec(w.dataset, "dataset")["task"], w.preset
        ),
    shell:
        "synther collect --preset {wildcards.preset} --dataset {wildcards.dataset}"
        " --rows {params.rows} --out {output} --threads {threads} 2> {log}"


rule subset:
    input:
        lambda w: experiments(w.preset).dataset_file(w.dataset),
    output:
        rows="results/{preset}/subsets/{dataset}/{share}.npz",
        record="results/{preset}/subsets/{dataset}/{share}.json",
    log:
        "logs/{preset}/subset/{dataset}/{share}.log",
    conda:
        ENVIRONMENT
    resources:
        **asks(costs.subset),
    params:
        choice=lambda w: options(experiments(w.preset).subset_choice(share_of(w.share))),
        time_limit=lambda w: experiments(w.preset).time_limit(w.dataset),
    shell:
        "synther subset --data {input} {params.choice}"
        " --time-limit {params.time_limit} --out {output.rows} --threads {threads} 2> {log}"


rule behaviour_policies:
    input:
        expand(
            "results/behaviour/{task}/returns.json",
            task=load("behaviour")["tasks"],
        ),
    localrule: True


rule behaviour_policy:
    output:
        directory("results/behaviour/{task}"),
    log:
        "logs/behaviour/{task}.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=2000,
    params:
        recipe=lambda w: load("behaviour"),
    shell:
        "synther behaviour --task {wildcards.task} --out {output} --threads {threads} 2> {log}"
