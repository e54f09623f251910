# Pixels: datasets rendered here or V-D4RL's, agents on frames, and their heads on synthetic latents.
VD4RL_SHARDS = {
    below.removesuffix(".hdf5"): name
    for name, spec in load("datasets")["datasets"].items()
    if spec["kind"] == "vd4rl" and spec["level"] != "medium-expert"
    for below in spec["files"]
}


rule download_shard:
    output:
        "data/vd4rl/{shard}.hdf5",
    log:
        "logs/download/vd4rl/{shard}.log",
    wildcard_constraints:
        shard="|".join(VD4RL_SHARDS),
    retries: 2
    conda:
        ENVIRONMENT
    resources:
        **asks(lambda plan, w: costs.download(VD4RL_SHARDS[w.shard], f"{w.shard}.hdf5")),
        downloads=1,
    params:
        dataset=lambda w: VD4RL_SHARDS[w.shard],
    shell:
        "synther download --dataset {params.dataset} --shard {output} --root data 2> {log}"


rule render_dataset:
    output:
        "data/{preset}/pixels/{dataset}.hdf5",
    log:
        "logs/{preset}/render/{dataset}.log",
    conda:
        ENVIRONMENT
    threads: 4
    resources:
        **asks(costs.render_dataset, 4),
    params:
        rows=lambda w: experiments(w.preset).frames(),
        policies=lambda w: experiments(w.preset).part("pixels").get("policies", ""),
    shell:
        "synther render --preset {wildcards.preset} --dataset {wildcards.dataset}"
        " --rows {params.rows} --out {output} --threads {threads} 2> {log}"


rule train_pixels:
    input:
        lambda w: experiments(w.preset).shards(w.dataset),
    output:
        rows="results/{preset}/pixels/{dataset}/real/{agent}/seeds-{first}-{last}.parquet",
        record="results/{preset}/pixels/{dataset}/real/{agent}/seeds-{first}-{last}.json",
        body="results/{preset}/pixels/{dataset}/real/{agent}/seeds-{first}-{last}.pt",
    log:
        "logs/{preset}/pixels/{dataset}/real/{agent}/seeds-{first}-{last}.log",
    conda:
        ENVIRONMENT
    threads: 4
    resources:
        **asks(costs.train_pixels, 4),
    params:
        device=config["device"],
        given=lambda w, input: f"--data {input}",
        # not on the command line, which resolves them itself: a change makes the job run again
        settings=lambda w: specs.pixel_settings(w.agent, w.dataset, w.preset),
    shell:
        "synther pixels --preset {wildcards.preset} --dataset {wildcards.dataset}"
        " {params.given} --agent {wildcards.agent} --seeds {wildcards.first}-{wildcards.last}"
        " --out {output.rows} --device {params.device} --threads {threads} 2> {log}"


rule encode_latents:
    input:
        shards=lambda w: experiments(w.preset).shards(w.dataset),
        body=lambda w: experiments(w.preset).body(w.dataset, w.agent),
    output:
        latents="results/{preset}/latents/{dataset}/{agent}/latents.npz",
        record="results/{preset}/latents/{dataset}/{agent}/latents.json",
    log:
        "logs/{preset}/latents/{dataset}/{agent}/encode.log",
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        **asks(costs.encode_latents, 2),
    params:
        device=config["device"],
        seed=generator_seed,
        settings=lambda w: specs.pixel_settings(w.agent, w.dataset, w.preset),
    shell:
        "synther encode --preset {wildcards.preset} --dataset {wildcards.dataset}"
        " --data {input.shards} --agent {wildcards.agent} --body {input.body}"
        " --body-seed {params.seed} --out {output.latents} --device {params.device}"
        " --threads {threads} 2> {log}"


use rule fit_generator as fit_latents with:
    input:
        data="results/{preset}/latents/{dataset}/{agent}/latents.npz",
    output:
        model="results/{preset}/latents/{dataset}/{agent}/{source}/model.pt",
        settings="results/{preset}/latents/{dataset}/{agent}/{source}/settings.json",
        record="results/{preset}/latents/{dataset}/{agent}/{source}/fit.json",
    log:
        "logs/{preset}/latents/{dataset}/{agent}/{source}-fit.log",
    resources:
        **asks(costs.fit_latents),
    params:
        folder="results/{preset}/latents/{dataset}/{agent}/{source}",


use rule sample_generator as sample_latents with:
    input:
        record="results/{preset}/latents/{dataset}/{agent}/{source}/fit.json",
        model="results/{preset}/latents/{dataset}/{agent}/{source}/model.pt",
        settings="results/{preset}/latents/{dataset}/{agent}/{source}/settings.json",
    output:
        samples="results/{preset}/latents/{dataset}/{agent}/{source}/samples.npz",
        record="results/{preset}/latents/{dataset}/{agent}/{source}/samples.json",
    log:
        "logs/{preset}/latents/{dataset}/{agent}/{source}-sample.log",
    resources:
        **asks(costs.sample_latents),
    params:
        folder=lambda w, output: str(Path(output.samples).parent),
        number=lambda w: experiments(w.preset).samples(w.source, "pixels"),
        states="",


use rule train_pixels as train_heads with:
    input:
        latents="results/{preset}/latents/{dataset}/{agent}/{source}/samples.npz",
        body=lambda w: experiments(w.preset).body(w.dataset, w.agent),
    output:
        rows="results/{preset}/pixels/{dataset}/{source}/{agent}/seeds-{first}-{last}.parquet",
        record="results/{preset}/pixels/{dataset}/{source}/{agent}/seeds-{first}-{last}.json",
    log:
        "logs/{preset}/pixels/{dataset}/{source}/{agent}/seeds-{first}-{last}.log",
    wildcard_constraints:
        source="(?!real/)[a-z0-9-]+",
    params:
        seed=generator_seed,
        given=lambda w, input: f"--source {w.source} --latents {input.latents}"
        f" --body {input.body} --body-seed {generator_seed(w)}",
