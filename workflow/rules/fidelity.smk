# A source's samples, held against the data that its generator was fitted to and the simulator.
rule fidelity:
    input:
        real=lambda w: experiments(w.preset).real_data(w.dataset, w.source),
        samples=lambda w: experiments(w.preset).training_data(w.dataset, w.source),
    output:
        rows="results/{preset}/fidelity/{dataset}/{source}.parquet",
        record="results/{preset}/fidelity/{dataset}/{source}.json",
    log:
        "logs/{preset}/fidelity/{dataset}/{source}.log",
    conda:
        ENVIRONMENT
    # every sample against every transition, by brute force: minutes on 8 cores at the paper's size
    threads: fidelity_threads
    resources:
        **asks(costs.fidelity, fidelity_threads),
    params:
        number=lambda w: experiments(w.preset).fidelity_samples(),
        seed=generator_seed,
    shell:
        "synther fidelity --preset {wildcards.preset} --dataset {wildcards.dataset}"
        " --source {wildcards.source} --real {input.real} --samples {input.samples}"
        " --num {params.number} --seed {params.seed} --out {output.rows} --threads {threads}"
        " 2> {log}"


# A denoiser's loss on transitions of the share that it was fitted to, and on others of the dataset.
rule measure_loss:
    input:
        data=lambda w: experiments(w.preset).real_data(w.dataset, w.source),
        model="results/{preset}/generators/{dataset}/{source}/model.pt",
        settings="results/{preset}/generators/{dataset}/{source}/settings.json",
        record="results/{preset}/generators/{dataset}/{source}/fit.json",
        whole=lambda w: experiments(w.preset).dataset_file(w.dataset),
    output:
        "results/{preset}/generators/{dataset}/{source}/loss.json",
    log:
        "logs/{preset}/loss/{dataset}/{source}.log",
    conda:
        ENVIRONMENT
    resources:
        **asks(costs.measure_loss),
    params:
        folder=lambda w: experiments(w.preset).generator_folder(w.dataset, w.source),
        seed=load("sources")["subset"]["seed"],
        device=config["device"],
    shell:
        "synther loss --model {params.folder} --data {input.whole} --seed {params.seed}"
        " --out {output} --device {params.device} --threads {threads} 2> {log}"
