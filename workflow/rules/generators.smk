# A generator fitted to a dataset, and the transitions drawn from it.
rule fit_generator:
    input:
        data=lambda w: experiments(w.preset).real_data(w.dataset, w.source),
    output:
        model="results/{preset}/generators/{dataset}/{source}/model.pt",
        settings="results/{preset}/generators/{dataset}/{source}/settings.json",
        record="results/{preset}/generators/{dataset}/{source}/fit.json",
    log:
        "logs/{preset}/fit/{dataset}/{source}.log",
    conda:
        ENVIRONMENT
    resources:
        **asks(costs.fit_generator),
    params:
        folder=lambda w: experiments(w.preset).generator_folder(w.dataset, w.source),
        seed=generator_seed,
        device=config["device"],
        # not on the command line, which resolves them itself: a change makes the job run again
        time_limit=lambda w: experiments(w.preset).time_limit(w.dataset),
        settings=lambda w: specs.source_settings(w.source, w.dataset, w.preset),
    shell:
        "synther fit --preset {wildcards.preset} --dataset {wildcards.dataset}"
        " --source {wildcards.source} --data {input.data} --out {params.folder}"
        " --seed {params.seed} --device {params.device} --threads {threads} 2> {log}"


# Noise computes nothing: jobs of a rule of their own are sent where there are no GPUs.
use rule fit_generator as fit_noise with:
    wildcard_constraints:
        source=NOISE,


ruleorder: fit_noise > fit_generator


rule sample_generator:
    input:
        # Beside the model, but in a bucket. Elsewhere a new input would make results anew.
        lambda w: (
            f"{experiments(w.preset).model_folder(w.dataset, w.source)}/fit.json"
            if BUCKET
            else []
        ),
        model=lambda w: experiments(w.preset).model_files(w.dataset, w.source),
        states=lambda w: experiments(w.preset).start_states(w.dataset, w.source),
    output:
        samples="results/{preset}/generators/{dataset}/{source}/samples.npz",
        record="results/{preset}/generators/{dataset}/{source}/samples.json",
    log:
        "logs/{preset}/sample/{dataset}/{source}.log",
    conda:
        ENVIRONMENT
    resources:
        **asks(costs.sample_generator),
    params:
        folder=lambda w: experiments(w.preset).model_folder(w.dataset, w.source),
        number=lambda w: experiments(w.preset).samples(w.source),
        seed=generator_seed,
        device=config["device"],
        set=lambda w: assignments(
            specs.sampling_settings(w.source, w.dataset, w.preset)
        ),
        states=lambda w, input: f"--states {input.states}" if input.states else "",
    shell:
        "synther sample --model {params.folder} --num {params.number} --seed {params.seed}"
        " {params.set} {params.states}"
        " --out {output.samples} --device {params.device} --threads {threads} 2> {log}"


use rule sample_generator as sample_noise with:
    wildcard_constraints:
        source=NOISE,


ruleorder: sample_noise > sample_generator


rule mix_sources:
    input:
        real=lambda w: experiments(w.preset).real_data(w.dataset, w.source),
        synthetic=lambda w: experiments(w.preset).mixed_samples(w.dataset, w.source),
    output:
        mixture="results/{preset}/generators/{dataset}/{source}/mixture.npz",
        record="results/{preset}/generators/{dataset}/{source}/mixture.json",
    log:
        "logs/{preset}/mix/{dataset}/{source}.log",
    conda:
        ENVIRONMENT
    resources:
        **asks(costs.mix_sources),
    params:
        share=lambda w: specs.source_spec(w.source)["mix"]["real_share"],
        seed=generator_seed,
        time_limit=lambda w: experiments(w.preset).time_limit(w.dataset),
    shell:
        "synther mix --real {input.real} --synthetic {input.synthetic} --real-share {params.share}"
        " --seed {params.seed} --time-limit {params.time_limit} --out {output.mixture}"
        " --threads {threads} 2> {log}"
