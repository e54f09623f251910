"""Where everything lies, relative to the repository's root: what a preset's files are called."""

from synther import config
from synther.config.specs import dataset_files, fitted_source, on_share, source_spec
from synther.sheets import writers

PAPER_PRESET = "paper"


class Files:
    """The layout of `data/`, `results/` and `figures/` at one preset.

    Attributes:
        preset: slug.
    """

    preset: str

    def figure(self, name: str) -> str:
        """Return the path of a table or figure, without its suffix."""
        folder = "figures" if self.preset == PAPER_PRESET else f"figures/{self.preset}"
        return f"{folder}/{name}"

    def figures(self, name: str) -> list[str]:
        """Return the files of a table or figure, one a format."""
        return [self.figure(name) + suffix for suffix in writers.suffixes()]

    def page(self) -> str:
        """Return the path of the page, beside the tables and figures."""
        return f"{self.figure('report')}.html"

    def scores_file(self) -> str:
        """Return the path of the table of every seed's last score."""
        return f"results/{self.preset}/scores.csv"

    def dataset_root(self, dataset: str) -> str:
        """Return the folder that `load_dataset(dataset, root)` takes for this preset.

        Datasets made here have a preset's size, and so a folder a preset; published ones are
        shared.
        """
        kind = config.spec(dataset, "dataset")["kind"]
        return f"data/{self.preset}" if kind in ("collected", "rendered") else "data"

    def dataset_file(self, dataset: str) -> str:
        """Return the path of the file of a dataset of states."""
        return str(dataset_files(dataset, self.dataset_root(dataset))[0])

    def shards(self, dataset: str) -> list[str]:
        """Return the files of a pixel dataset, V-D4RL's shards or the rendered one."""
        return [str(path) for path in dataset_files(dataset, self.dataset_root(dataset))]

    def generator_folder(self, dataset: str, source: str) -> str:
        """Return the folder of a fitted generator and its samples."""
        return f"results/{self.preset}/generators/{dataset}/{source}"

    def model_folder(self, dataset: str, source: str) -> str:
        """Return the folder of the fitted generator that a source samples from."""
        return self.generator_folder(dataset, fitted_source(source))

    def model_files(self, dataset: str, source: str) -> list[str]:
        """Return the files of the fitted generator that a source samples from."""
        folder = self.model_folder(dataset, source)
        return [f"{folder}/model.pt", f"{folder}/settings.json"]

    def start_states(self, dataset: str, source: str) -> list[str]:
        """Return the samples whose states a source's rollouts begin at; none where it says none."""
        spec = source_spec(source)
        states = [spec["states"]] if "states" in spec else []
        return [self.training_data(dataset, on_share(name, spec["share"])) for name in states]

    def fidelity_file(self, dataset: str, source: str) -> str:
        """Return the path of the measures of a source's samples; their record is beside it."""
        return f"results/{self.preset}/fidelity/{dataset}/{source}.parquet"

    def real_data(self, dataset: str, source: str) -> str:
        """Return the real transitions behind a source: the dataset, or a share of it."""
        share = source_spec(source)["share"]
        if share is None:
            return self.dataset_file(dataset)
        return f"results/{self.preset}/subsets/{dataset}/{share}.npz"

    def statistics(self, dataset: str, source: str) -> str:
        """Return the real transitions whose statistics count: of one step each."""
        share = source_spec(source)["share"]
        return self.real_data(dataset, "real" if share and share.unit == "step" else source)

    def training_data(self, dataset: str, source: str) -> str:
        """Return the file that an agent learns from: real transitions, samples or a mixture."""
        spec = source_spec(source)
        if "generator" in spec:
            return f"{self.generator_folder(dataset, source)}/samples.npz"
        if "mix" in spec:
            return f"{self.generator_folder(dataset, source)}/mixture.npz"
        return self.real_data(dataset, source)

    def generated_source(self, source: str) -> str | None:
        """Return the source whose samples one has: itself, or a mixture's; None of real data."""
        spec = source_spec(source)
        if "mix" in spec:
            return on_share(spec["mix"]["with"], spec["share"])
        return source if "generator" in spec else None

    def mixed_samples(self, dataset: str, source: str) -> str:
        """Return the samples that a mixture takes its synthetic part from."""
        return self.training_data(dataset, self.generated_source(source) or source)
