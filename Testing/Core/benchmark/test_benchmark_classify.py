"""The comparison of classifiers: cases apart, budgets, resuming, explanation tests, tables; our training is a stand-in."""

from __future__ import annotations

import csv
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from DiffusionCore.__main__ import main
from DiffusionCore.benchmark.classify.arms import ARMS, OURS, Toolbox, chosen_arms
from DiffusionCore.benchmark.classify.cnn_rivals import batch, cycle, densenet121, resnet18, train_cnn
from DiffusionCore.benchmark.classify.datasets import SOURCES, Cases, Dataset, Source, find_source
from DiffusionCore.benchmark.classify.explanation import (
    Explained,
    assembled,
    content,
    elsewhere,
    explain,
    masked,
    mosaics,
    only,
)
from DiffusionCore.benchmark.classify.markdown import explanation
from DiffusionCore.benchmark.classify.outcome import ClassifyBenchmark
from DiffusionCore.benchmark.classify.plan import chosen_parts, estimate, planned
from DiffusionCore.benchmark.classify.plots import reach
from DiffusionCore.benchmark.classify.record import Facts, is_whole, predict_all, read_record, write_record
from DiffusionCore.benchmark.classify.results import shown, verdicts
from DiffusionCore.benchmark.classify.run import made, run_classify_benchmark
from DiffusionCore.benchmark.classify.run import trained as model_of
from DiffusionCore.benchmark.classify.simple_rivals import logistic, majority
from DiffusionCore.benchmark.classify.spoiling import LEVELS, spoiled
from DiffusionCore.benchmark.classify.timing import Timed, seconds, timings
from DiffusionCore.commands.benchmark_classify import toolbox
from DiffusionCore.errors import InputError, UsageError
from DiffusionCore.metrics.bootstrap import Interval
from DiffusionCore.models import ClassifySpec, load_classifier
from DiffusionCore.models.card import write_card
from DiffusionCore.models.registry import CARD
from DiffusionCore.progress import Progress, silent
from DiffusionCore.training.config_file import load_config

CONFIGS = Path(__file__).parents[3] / "configs"


def tissue(count: int, seed: int, edge: int = 16) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, edge cubed) int16 of which every other has a bright ball: class 1."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    images = rng.normal(500, 30, (count, edge, edge, edge))
    k, j, i = np.indices((edge, edge, edge))
    for n in np.flatnonzero(labels):
        centre = rng.integers(5, edge - 5, 3)
        images[n][(k - centre[0]) ** 2 + (j - centre[1]) ** 2 + (i - centre[2]) ** 2 < 16] += 500
    return images.astype(np.int16), labels


@pytest.fixture(scope="module")
def data() -> Dataset:
    """Eight cases of each subject."""
    splits = {}
    for number, (split, count) in enumerate((("train", 48), ("val", 32), ("test", 64))):
        images, labels = tissue(count, number)
        whose = np.array([f"{split}-{n // 8}" for n in range(count)])
        splits[split] = Cases((images / 1050).astype(np.float32), labels, whose)
    return Dataset(find_source("mr-sarcoma"), **splits)


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """A data folder whose file and index are those of the sarcoma set."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "classify").mkdir()
    arrays, rows = {}, []
    for number, (split, count) in enumerate((("train", 8), ("val", 4), ("test", 4))):
        arrays[f"{split}_images"], labels = tissue(count, number, edge=24)
        arrays[f"{split}_labels"] = labels[:, None]
        rows += [(split, n, f"{split}-{n // 2}") for n in range(count)]
    np.savez(folder / "classify" / "sts_mrt1_tumour24.npz", **arrays)
    with (folder / "classify" / "index_sts.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("split", "index", "subject"), *rows])
    return folder


@pytest.fixture(scope="module")
def model_folder(make_classifier, tmp_path_factory) -> Path:
    spec = ClassifySpec(classes=["other", "tumour"], size=(16,) * 3, spacing_mm=2.0, steps=2, samples=2)
    return make_classifier(tmp_path_factory.mktemp("ours") / "ours", classify=spec)


class Trained:
    """Our training as the benchmark calls it; keeps what it was asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.calls = folder, []

    def __call__(self, source: Source, overrides, seed: int, minutes: float, folder: Path, first: Path | None) -> Path:
        self.calls.append((tuple(overrides), seed, minutes, folder.name, first and first.name))
        return self.folder


def tools(trained: Trained, data: Dataset | None = None) -> Toolbox:
    return Toolbox(
        read=lambda source: data,
        train=trained,
        recipe=lambda source: "seed: 1",
        augment=lambda source: lambda x, generator: x,
        threshold=lambda given: 0.5,
    )


def test_cases_are_read_as_our_own_training_sees_them(root):
    """The rivals, and the test, get what training gets: the sarcoma cubes over 1050 all, with their subjects."""
    found = toolbox(root, CONFIGS / "classify-mr-sarcoma.yaml", False).read(find_source("mr-sarcoma"))
    stored = np.load(root / "classify" / "sts_mrt1_tumour24.npz")
    assert (len(found.train), len(found.val), len(found.test)) == (8, 4, 4)
    assert found.test.images.dtype == np.float32
    np.testing.assert_allclose(found.test.images, stored["test_images"] / 1050, rtol=1e-3)
    assert found.test.subjects.tolist() == ["test-0", "test-0", "test-1", "test-1"]
    assert len(found.first(2).train) == 2


def test_a_subject_in_two_splits_is_refused(root, tmp_path):
    shutil.copytree(root, tmp_path, dirs_exist_ok=True)
    index = tmp_path / "classify" / "index_sts.csv"
    index.write_text(index.read_text().replace("test-1", "train-0"))
    with pytest.raises(UsageError, match="train-0 is in train and in test"):
        toolbox(tmp_path, CONFIGS / "classify-mr-sarcoma.yaml", False).read(find_source("mr-sarcoma"))


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_sources_are_what_their_configurations_say(source):
    told = load_config(CONFIGS.parent / source.config).data
    assert (source.kind, source.classes) == (told.input, told.classes)


def test_what_is_not_there_is_said():
    with pytest.raises(InputError, match="adrenal, adrenal-64, mr-sarcoma"):
        find_source("knee")
    with pytest.raises(UsageError, match="no arm 'vgg'"):
        chosen_arms(["vgg"])


def test_words_on_a_card_train_nothing_anew(root, tmp_path):
    text = (CONFIGS / "classify-mr-sarcoma.yaml").read_text()
    recipes = []
    for changed in (text, "# why\n" + text.replace("A research task", "Research"),
                    text.replace("cutmix: 0.5", "cutmix: 0.4")):  # fmt: skip
        (tmp_path / "c.yaml").write_text(changed)
        recipes.append(toolbox(root, tmp_path / "c.yaml", False).recipe(find_source("mr-sarcoma")))
    assert recipes[0] == recipes[1] != recipes[2]


def test_noise_is_what_it_says_and_the_same_every_time():
    grey = np.zeros((4, 16, 16, 16), np.float32)
    assert spoiled(grey, "volume", 0.2).std() == pytest.approx(0.2, rel=0.05)
    assert np.array_equal(spoiled(grey, "volume", 0.2), spoiled(grey, "volume", 0.2))
    turned = spoiled(grey, "labelmap", 0.05)
    assert set(np.unique(turned)) == {0, 1}
    assert turned.mean() == pytest.approx(0.05, rel=0.15)


def test_simple_rivals(data):
    predict, _ = majority(data)
    assert predict(data.test.images[:3]).tolist() == [[0.5, 0.5]] * 3
    predict, facts = logistic(data)
    right = predict(data.test.images).argmax(axis=1) == data.test.labels
    assert right.mean() > 0.95
    assert facts.parameters == 17


@pytest.mark.parametrize(("build", "millions"), [(resnet18, 33.1), (densenet121, 11.2)])
def test_the_cnns_take_small_images(build, millions):
    pytest.importorskip("monai")
    network = build(2).eval()
    assert sum(p.numel() for p in network.parameters()) / 1e6 == pytest.approx(millions, abs=0.1)
    with torch.inference_mode():
        assert network(torch.zeros(1, 1, 24, 24, 24)).shape == (1, 2)


def small_network(classes: int) -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.Conv3d(1, 4, 3), torch.nn.ReLU(), torch.nn.AdaptiveMaxPool3d(1),
                               torch.nn.Flatten(), torch.nn.Linear(4, classes))  # fmt: skip


def test_a_rival_trains_for_its_minutes_and_goes_on_from_its_checkpoint(data, tmp_path):
    arguments = (data, 0, 0.03, tmp_path / "cnn", lambda x, g: x, silent())
    predict, facts = train_cnn(small_network, *arguments)
    assert facts.cpu_minutes == pytest.approx(0.03, abs=0.03)
    again, unchanged = train_cnn(small_network, *arguments)
    assert unchanged.steps == facts.steps
    assert np.array_equal(predict(data.val.images), again(data.val.images))


def test_a_rival_that_was_stopped_goes_on_with_its_next_step(data, tmp_path, monkeypatch):
    monkeypatch.setattr("DiffusionCore.benchmark.classify.cnn_rivals.EVERY_SECONDS", 0.0)
    steps = []

    def noted(x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        steps.append(generator.initial_seed())  # of seed 0: the step
        if len(steps) == 4:
            raise KeyboardInterrupt
        return x

    with pytest.raises(KeyboardInterrupt):
        train_cnn(small_network, data, 0, 0.02, tmp_path, noted, silent())
    _, facts = train_cnn(small_network, data, 0, 0.02, tmp_path, noted, silent())
    assert steps == [0, 1, 2, 3, *range(3, facts.steps)]
    assert facts.steps > 4


def test_a_rival_goes_on_after_gradients_that_are_no_numbers(data, tmp_path):
    def broken(classes: int) -> torch.nn.Module:
        network = small_network(classes)
        network[0].weight.register_hook(lambda gradient: torch.full_like(gradient, torch.nan))
        return network

    predict, facts = train_cnn(broken, data, 0, 0.01, tmp_path, lambda x, g: x, silent())
    assert facts.steps > 0
    assert np.isfinite(predict(data.val.images)).all()


def test_the_rate_rises_and_falls():
    assert cycle(0.0) == pytest.approx(0.02)
    assert cycle(0.1) == 1
    assert cycle(1.0) == pytest.approx(0)


def test_an_epoch_shows_every_case_once(data):
    seen = torch.cat([batch(data.train, 5, step, lambda x, g: x)[0].sum((1, 2, 3, 4)) for step in range(3)])
    assert len(torch.unique(seen)) == 48


def test_records_come_back(data, tmp_path):
    predict, _ = majority(data)
    assert not is_whole(tmp_path)
    write_record(tmp_path, predict_all(data, predict, Facts(parameters=1)))
    assert is_whole(tmp_path)
    back = read_record(tmp_path)
    assert back.noisy.shape == (len(LEVELS["volume"]), 64, 2)
    assert back.facts.parameters == 1


def test_a_part_is_kept_by_all_that_it_depends_on(data, tmp_path):
    def folders(data=data, minutes=1.0, recipe="seed: 1", bundled="a card") -> dict[str, str]:
        return {part.name: part.folder.name for part in planned(ARMS, 2, data, minutes, recipe, tmp_path, bundled)}

    first = folders()
    assert folders() == first
    assert len(set(first.values())) == len(first) == 2 * len(ARMS) - 3  # what is not trained here has one seed
    for other in (folders(minutes=2.0), folders(recipe="seed: 2")):
        assert {name for name in first if other[name] == first[name]} == {"bundled-0", "logistic-0", "majority-0"}
    assert {name for name, folder in folders(bundled="another").items() if folder != first[name]} == {"bundled-0"}
    assert "bundled-0" not in folders(bundled="")
    spoilt = replace(data, test=replace(data.test, images=data.test.images + 1))
    assert not set(folders(data=spoilt).values()) & set(first.values())


def test_the_guidance_network_is_trained_with_ours(data, tmp_path):
    parts = {part.name: part for part in planned(ARMS, 1, data, 12.0, "", tmp_path)}
    assert parts["guidance-0"].ours == parts["ours-0"].folder != parts["guidance-0"].folder
    assert parts["guidance-0"].minutes == 0


def test_the_guidance_network_costs_what_phase_1_took(data, model_folder, tmp_path):
    folder = shutil.copytree(model_folder, tmp_path / "trained")
    card = load_classifier(folder).card
    write_card(card.model_copy(update={"recipe": {"hours": 0.2, "guidance_hours": 0.1}}), folder / CARD)
    parts = {part.name: part for part in planned(ARMS, 1, data, 12.0, "", tmp_path)}
    found = [made(parts[name], data, 12.0, tools(Trained(folder)), silent()) for name in ("ours-0", "guidance-0")]
    assert [record.facts.cpu_minutes for record in found] == pytest.approx([12, 6])


def test_an_ablation_of_phase_2_trains_no_phase_1_of_its_own(data, model_folder, tmp_path):
    """Its first phase is that of ours with the same seed, which is trained before if it is not there."""
    trained = Trained(model_folder)
    parts = {part.name: part for part in planned(ARMS, 2, data, 12.0, "seed: 1", tmp_path)}
    assert [parts[name].minutes for name in ("no-local-1", "shared-timesteps-1", "no-dense-map-1")] == [12, 6, 6]
    model_of(parts["no-dense-map-1"], data.source, 12.0, tools(trained))
    ours, own = parts["ours-1"].folder.name, parts["no-dense-map-1"].folder.name
    assert trained.calls == [
        ((), 1, 12.0, ours, None),
        (("network.options.dense_map=false",), 1, 12.0, own, ours),
    ]
    model_of(parts["no-local-1"], data.source, 12.0, tools(trained))
    assert trained.calls[2][4] is None
    assert model_of(parts["ours-0"], data.source, 12.0, tools(trained)).folder == model_folder
    assert len(trained.calls) == 4


def test_the_bundled_model_is_judged_too(data, tmp_path):
    part = planned(ARMS, 1, data, 12.0, "", tmp_path, "card")[2]
    found = model_of(part, data.source, 12.0, tools(Trained(tmp_path)))
    assert (part.name, part.minutes, found.card.name) == ("bundled-0", 0, "classify-mr-sarcoma")


@pytest.mark.parametrize("name", ["adrenal", "mr-sarcoma"])
def test_bundled_models_take_what_is_compared(name):
    source = find_source(name)
    card = load_classifier(source.bundled).card
    assert (card.input, tuple(card.classify.classes)) == (source.kind, source.classes)


def test_hours_are_those_of_what_is_missing(data, tmp_path):
    parts = planned(ARMS, 3, data, 12.0, "", tmp_path)
    assert estimate(parts, parts).startswith("0 of 23 parts are there; 23 to do: 3.0 hours")
    chosen = chosen_parts(parts, ["resnet18", "ours-1"])
    assert [part.name for part in chosen] == ["resnet18-0", "ours-1", "resnet18-1", "resnet18-2"]
    assert "4 to do: 48 minutes" in estimate(parts, chosen)
    with pytest.raises(UsageError, match="no part 'ours-7'"):
        chosen_parts(parts, ["ours-7"])


def test_masking_and_showing_only():
    image = np.arange(64.0).reshape(4, 4, 4)
    extent = np.array([2, 2, 2])
    hidden = masked(image, [np.array([2, 2, 2])], extent)
    assert np.sum(hidden == 0) == 8 + 1
    shown = only(image, [np.array([2, 2, 2])], extent)
    assert np.array_equal(shown[2:, 2:, 2:], image[2:, 2:, 2:])
    assert np.sum(shown == 0) == 56
    assert content(np.pad(np.ones((2, 2, 2)), 1), np.array([0, 0, 0]), extent) == pytest.approx(1 / 8)


def test_random_places_show_half_as_much_as_the_one_pointed_at():
    image = np.zeros((12, 12, 12))
    image[:, :, :4] = 1
    extent, rng = np.array([4, 4, 4]), np.random.default_rng(0)
    places = [elsewhere(image, np.array([0, 0, 0]), extent, rng) for _ in range(30)]
    assert all(place[2] <= 2 for place in places)
    assert len({tuple(place) for place in places}) > 20


def test_eight_cubes_lie_in_the_order_of_their_octants():
    whole = assembled([np.full((2, 2, 2), n) for n in range(8)])
    assert whole.shape == (4, 4, 4)
    assert [int(whole[k, j, i]) for k in (0, 2) for j in (0, 2) for i in (0, 2)] == list(range(8))


class Bright:
    """A network that points at the brightest corner, and says tumour where anything is bright."""

    config = SimpleNamespace(region=(4, 4, 4))

    def encode(self, x: torch.Tensor):
        places, p = [], []
        for image in x[:, 0]:
            means = torch.nn.functional.avg_pool3d(image[None, None], 4, 1)[0, 0]
            best = np.unravel_index(int(means.argmax()), means.shape)
            places.append([list(map(int, best))])
            p.append(torch.sigmoid(20 * (means.max() - 0.7)))
        p = torch.stack(p)
        return SimpleNamespace(regions=torch.tensor(places), where=x[:, 0], probabilities=torch.stack((1 - p, p), 1))

    def sample(self, guidance, samples: int, steps: int) -> torch.Tensor:
        return guidance.probabilities.expand(samples, -1, -1)


def test_a_model_that_looks_where_the_tumour_is_passes_all(data):
    spec = ClassifySpec(classes=["other", "tumour"], size=(16,) * 3, spacing_mm=2.0, steps=1, samples=2)
    model = SimpleNamespace(network=Bright(), card=SimpleNamespace(input="volume", classify=spec))
    found = explain(model, data.test, "volume")
    assert found.cases == 32
    assert min(one.estimate for one in (found.deletion, found.insertion, found.drawn)) > 0.9
    hits, whose = mosaics(model, with_eight_others(data.test), np.random.default_rng(0))
    assert hits.mean() > 0.95
    assert len(whose) == len(hits) > 20


def with_eight_others(cases: Cases) -> Cases:
    """Two subjects with enough cubes of both classes for mosaics."""
    return replace(cases, subjects=np.array([f"s{n // 32}" for n in range(len(cases))]))


def test_the_whole_comparison_is_written_and_resumed(data, model_folder, tmp_path, monkeypatch):
    pytest.importorskip("sklearn")
    timed = [Timed("a classification", 5.0, 2.0, 1)]
    monkeypatch.setattr("DiffusionCore.benchmark.classify.run.timings", lambda model: timed)
    trained = Trained(model_folder)
    arms = chosen_arms(["logistic", "majority", "no-local"])
    found = run_classify_benchmark(tmp_path / "out", "mr-sarcoma", tools(trained, data), minutes=1, seeds=2, arms=arms)
    assert [r.arm.name for r in found.results] == ["ours", "guidance", "logistic", "majority", "no-local"]
    overrides = {arm.name: arm.overrides for arm in ARMS}
    asked = [(*call[:3], call[3].rsplit("-", 1)[0]) for call in trained.calls]
    assert ((), 0, 1, "ours-0") in asked
    assert (overrides["no-local"], 1, 1, "no-local-1") in asked
    ours = found.results[0]
    assert ours.arm.name == OURS
    assert len(ours.runs) == 2
    assert ours.gain is None
    assert len(found.results[2].tests) == 2
    assert {"AUC, label diffusion (ours)", "a classification"} <= {gate.gate for gate in found.gates}
    report = (tmp_path / "out" / "classify-mr-sarcoma.md").read_text()
    headings = ("Gates", "Beside ours", "Against noise", "Sampling steps", "Range of the samples", "Explanation")
    for heading in (*(f"## {name}" for name in headings), "## Out of range"):
        assert heading in report
    rows = list(csv.DictReader((tmp_path / "out" / "classify-mr-sarcoma.csv").open()))
    assert {row["arm"] for row in rows} == {r.arm.name for r in found.results}
    assert all(path.exists() for path in found.files)
    before = len(trained.calls)
    run_classify_benchmark(tmp_path / "out", "mr-sarcoma", tools(trained, data), minutes=1, seeds=2, arms=arms)
    assert [call[:3] for call in trained.calls[before:]] == [((), 0, 1)]  # only asked for its model, which is there


def test_more_to_draw_takes_longer(model_folder):
    network = load_classifier(model_folder).network
    assert 0 < seconds(network, 1, 1) < seconds(network, 60, 20)


def test_what_is_timed_is_the_full_size_and_the_trained_model(model_folder, monkeypatch):
    asked = []

    def seconds(network, samples: int, steps: int) -> float:
        asked.append((network.config.grid, samples, steps))
        return 0.5

    monkeypatch.setattr("DiffusionCore.benchmark.classify.timing.seconds", seconds)
    full, own = timings(load_classifier(model_folder))
    assert asked == [((64, 128, 128), 10, 10), ((16, 16, 16), 2, 2)]
    assert full.what.startswith("one classification of 128×128×64") and (full.limit, own.limit) == (5, 1)


def test_gates_say_what_was_wanted_and_measured(data):
    figure = Interval(0.93, 0.9, 0.96, 0.95, "over 8 subjects")
    result = SimpleNamespace(arm=ARMS[0], figures={"AUC": figure}, gain=None)
    bundled = SimpleNamespace(arm=ARMS[2], figures={"AUC": replace(figure, estimate=0.91)}, gain=None)
    told = Explained(figure, figure, replace(figure, estimate=0.6), figure, 9, 9)
    timed = [Timed("one case", 1.0, 0.25, 2), Timed("one case", 1.0, 1.5, 2)]
    found = [(v.gate, v.measured.split()[0], v.verdict) for v in verdicts([result, bundled], data, told, timed)]
    assert found == [
        ("AUC, label diffusion (ours)", "0.930", "holds"),
        ("AUC, the bundled model", "0.910", "missed"),
        ("deletion beats random, by the encoders' answer", "0.930", "holds"),
        ("deletion beats random, by the label drawn", "0.600", "missed"),
        ("first region in mosaics", "0.930", "holds"),
        ("one case", "0.25", "holds"),
        ("one case", "1.50", "missed"),
    ]


def test_shares_of_cases_say_whose_they_are():
    over, within = (Interval(0.9, 0.8, 1.0, 0.95, words) for words in ("over 8 subjects", "within these 5 subjects"))
    told = explanation(ClassifyBenchmark((), explained=Explained(over, over, over, within, 30, 45)))
    assert "0.900 [0.800, 1.000] of 30 test cases that the model calls positive (interval over 8 subjects)" in told
    assert "of 45 mosaics (chance 0.125; interval within these 5 subjects)" in told


def test_a_figure_that_is_not_defined_is_a_dash():
    assert shown(Interval(np.nan, np.nan, np.nan, 0.95, "")) == "–"
    assert shown(Interval(-0.02, -0.148, 0.089, 0.95, "")) == "−0.020 [−0.148, 0.089]"


def test_bars_do_not_reach_backwards():
    """A percentile of few draws can lie on the other side of the estimate, which matplotlib refuses to draw."""
    assert reach([Interval(0.5, 0.4, 0.7, 0.95, ""), Interval(0.5, 0.6, 0.7, 0.95, "")]) == (
        pytest.approx([0.1, 0]),
        pytest.approx([0.2, 0.2]),
    )


def test_parts_are_made_one_by_one(data, model_folder, tmp_path, monkeypatch):
    pytest.importorskip("sklearn")
    monkeypatch.setattr("DiffusionCore.benchmark.classify.run.timings", lambda model: ())
    trained, said = Trained(model_folder), []

    def go(*only: str):
        return run_classify_benchmark(
            *(tmp_path, "mr-sarcoma", tools(trained, data)), minutes=6, seeds=2, arms=chosen_arms(["majority"]), only=only,
            progress=Progress(lambda event: said.append(event.message)),
        )  # fmt: skip

    assert [part.row for part in go().parts][:2] == [("ours-0", 6, "missing"), ("guidance-0", 0, "missing")]
    assert "0 of 5 parts are there; 5 to do: 12 minutes" in "".join(filter(None, said))
    assert not trained.calls
    assert not go("ours-1").results
    assert [call[1] for call in trained.calls] == [1]
    assert sorted(part.name for part in go("majority").parts if part.done) == ["majority-0", "ours-1"]
    assert not list(tmp_path.glob("*.md"))
    assert len(go("ours", "guidance").results) == 3  # all parts are there now: the tables are written
    assert (tmp_path / "classify-mr-sarcoma.md").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--minutes", "0"], "--minutes must be above 0"),
        (["--seeds", "0"], "--seeds 1 or more"),
        (["--arms", "vgg"], "no arm 'vgg'"),
        (["--parts", "ours-3"], "no part 'ours-3'"),
        (["--config", "none.yaml"], "none.yaml is not here"),
    ],
)
def test_the_command_says_what_is_wrong(words, says, root, tmp_path, capsys):
    given = ["benchmark", "classify", str(tmp_path / "out"), "--dataset", "mr-sarcoma", "--data", str(root), *words]
    assert main(given) == 2
    assert says in capsys.readouterr().err


def test_without_monai_it_says_what_to_install(root, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("DiffusionCore.commands.benchmark_classify.find_spec", lambda name: None)
    assert main(["benchmark", "classify", str(tmp_path / "out"), "--data", str(root)]) == 2
    assert "DiffusionCore[train]" in capsys.readouterr().err


def test_a_loaded_model_answers_in_batches(model_folder, data):
    from DiffusionCore.benchmark.classify.label_diffusion import answers

    model = load_classifier(model_folder)
    whole, guided = answers(model, data.test.images[:40])
    alone, _ = answers(model, data.test.images[35:36])
    assert whole.shape == (2, 40, 2)
    assert guided.shape == (40, 2)
    np.testing.assert_allclose(whole[:, 35:36], alone, atol=1e-5)
