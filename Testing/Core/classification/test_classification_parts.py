"""Each part of S4's table: its shapes and parameters, and what makes it right."""

from __future__ import annotations

import pytest
import torch

from DiffusionCore.classification import LabelDiffusion, S4Config, preset
from DiffusionCore.classification.encoder import GlobalEncoder
from DiffusionCore.classification.feature_prior import FeaturePrior
from DiffusionCore.classification.guidance_map import dense_guidance, grid_distance
from DiffusionCore.classification.local_encoder import GatedAttention, LocalEncoder
from DiffusionCore.classification.saliency import class_evidence, class_saliency, where_to_look
from DiffusionCore.errors import UsageError


@pytest.fixture(scope="module")
def full() -> LabelDiffusion:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return LabelDiffusion(preset("s4")).eval()


def millions(module: torch.nn.Module) -> float:
    return sum(p.numel() for p in module.parameters()) / 1e6


@pytest.mark.parametrize(
    ("part", "wanted"), [("global encoder", 2.0), ("local encoder", 0.5), ("feature prior", 0.13), ("denoiser", 18.0)]
)
def test_a_part_has_the_parameters_that_s4_says(full, part, wanted):
    assert millions(full.parts()[part]) == pytest.approx(wanted, rel=0.1)


def test_the_parts_sum_to_20_6_million_as_the_table_does(full):
    total = sum(millions(part) for part in full.parts().values())
    assert total == pytest.approx(20.6, rel=0.1)
    assert millions(full) == pytest.approx(total + millions(full.head), rel=1e-9)


def test_full_size_shapes(full):
    """S4's (B, 1, 128, 128, 64) is (B, 1, 64, 128, 128) here, slices first."""
    with torch.no_grad():
        streams = full.guide(torch.rand(1, 1, 64, 128, 128))
        guidance = full.guided(streams)
        y = torch.randn(1, 2, 8, 8, 8)
        answer = full.predict(y, torch.full((1, 1, 8, 8, 8), 250), guidance)
    assert streams.global_features.shape == (1, 256, 4, 8, 8)
    assert streams.local_features.shape == (1, 5, 128)
    assert streams.regions.shape == (1, 5, 3)
    assert guidance.global_logits.shape == guidance.local_logits.shape == (1, 2)
    assert guidance.dense_map.shape == (1, 2, 8, 8, 8)
    assert guidance.features.shape == (1, 256)
    assert answer.shape == (1, 2, 8, 8, 8)


def test_classes_grid_and_regions_follow_the_configuration():
    config = preset(
        "small", classes=4, grid=(16, 24, 20), regions=3, region=(4, 6, 5), region_step=(4, 6, 5), label_grid=2
    )
    network = LabelDiffusion(config).eval()
    guidance = network.encode(torch.rand(2, 1, 16, 24, 20))
    assert guidance.saliency.shape[:2] == (2, 4)
    assert guidance.dense_map.shape == (2, 4, 2, 2, 2)
    assert network.sample(guidance, samples=3, steps=2).shape == (3, 2, 4)


@pytest.mark.parametrize("size", [(24, 24, 24), (28, 28, 28), (13, 9, 17)])
def test_the_encoder_halves_every_axis_at_each_level_rounded_up(size):
    encoder = GlobalEncoder((4, 6, 8), 5, "group")
    wanted = tuple(-(-n // 8) for n in size)
    assert encoder(torch.rand(1, 1, *size)).shape == (1, 5, *wanted)


def test_batch_norm_lets_the_size_of_a_structure_through_in_evaluation():
    """GroupNorm rescales every image by its own spread; of two label maps the larger one should look larger."""
    torch.manual_seed(0)
    encoder = GlobalEncoder((4, 8), 8, "batch").eval()
    small, large = torch.zeros(2, 1, 1, 16, 16, 16)
    small[..., 7:9, 7:9, 7:9], large[..., 4:12, 4:12, 4:12] = 1, 1
    nothing = encoder(torch.zeros_like(small))
    change = [(encoder(x) - nothing).abs().mean() for x in (small, large)]
    assert change[1] > 4 * change[0]


def test_class_evidence_is_the_mean_of_the_highest_cells():
    maps = torch.tensor([[4.0, 1.0, 3.0, 2.0], [0.0, 0.0, -8.0, 0.0]]).reshape(1, 2, 4, 1, 1)
    assert class_evidence(maps, 0.5).tolist() == [[3.5, 0.0]]
    assert class_evidence(maps, 1.0).tolist() == [[2.5, -2.0]]
    assert class_evidence(maps, 0.01).tolist() == [[4.0, 0.0]]


def test_saliency_is_the_classes_share_in_each_cell():
    saliency = class_saliency(torch.randn(2, 3, 2, 2, 2))
    assert torch.allclose(saliency.sum(dim=1), torch.ones(2, 2, 2, 2))


def test_regions_follow_the_evidence_against_the_normal_class():
    saliency = torch.tensor([0.9, 0.2, 0.1, 0.8]).reshape(1, 2, 2, 1, 1)
    logits = torch.tensor([[9.0, 0.0]])
    assert torch.allclose(where_to_look(saliency, logits, 0).flatten(), torch.tensor([0.1, 0.8]))
    without_normal = where_to_look(saliency, torch.tensor([[0.0, 0.0]]), None).flatten()
    assert torch.allclose(without_normal, torch.tensor([0.5, 0.5]))


def test_gated_attention_weighs_regions_to_one_and_equal_ones_equally():
    weights = GatedAttention(6, 4)(torch.ones(2, 5, 6))
    assert torch.allclose(weights, torch.full((2, 5), 0.2))


def test_the_local_encoder_sees_each_region_by_itself():
    torch.manual_seed(0)
    encoder = LocalEncoder((4, 8), 6, "group").eval()
    regions = torch.rand(2, 3, 1, 8, 8, 8)
    one = encoder(regions[1:, 2:])
    assert torch.allclose(encoder(regions)[1, 2], one[0, 0], atol=1e-6)


def test_distance_is_that_of_diffmic_in_the_plane_and_its_range_over_three_axes():
    d = grid_distance(8)
    assert d[2, 2, 2] == 0 and d[0, 7, 3] == 1 and d[7, 7, 0] == 1
    assert d[1, 4, 2] == pytest.approx(3 / 7)
    i, j = torch.meshgrid(torch.arange(8), torch.arange(8), indexing="ij")
    plane = torch.stack([d[a, b, min(a, b)] for a in range(8) for b in range(8)]).reshape(8, 8)
    assert torch.allclose(plane, (i - j).abs() / 7)


def test_the_dense_map_goes_from_the_global_to_the_local_answer():
    d = grid_distance(4)
    m = dense_guidance(torch.tensor([[0.9, 0.1]]), torch.tensor([[0.3, 0.7]]), d)
    assert torch.allclose(m[0, :, 1, 1, 1], torch.tensor([0.9, 0.1]))
    assert torch.allclose(m[0, :, 0, 3, 3], torch.tensor([0.3, 0.7]))
    assert torch.allclose(m[0, 1, 0, 1, 0], torch.tensor(0.1 + (1 / 3) * 0.6))


def test_the_feature_prior_is_the_weighted_sum_of_its_streams():
    prior = FeaturePrior(features=4, local_features=3, regions=2, hidden=5)
    maps, local = torch.rand(1, 4, 2, 2, 2), torch.rand(1, 2, 3)
    with torch.no_grad():
        prior.weight.zero_()
        prior.weight[2] = 1.0  # the second region alone
        wanted = prior.from_local(local)[:, 1]
    assert torch.allclose(prior(maps, local), wanted)


def test_the_ablations_leave_their_part_out():
    x = torch.rand(1, 1, 28, 28, 28)
    without_local = LabelDiffusion(preset("small", local_stream=False)).eval()
    guidance = without_local.encode(x)
    assert torch.equal(guidance.local_logits, guidance.global_logits)
    flat = LabelDiffusion(preset("small", dense_map=False)).eval().encode(x).dense_map
    assert torch.allclose(flat, flat[..., :1, :1, :1].expand_as(flat))


def test_values_are_cut_off_at_the_window():
    network = LabelDiffusion(preset("small", window=(-1.0, 0.4))).eval()
    x = torch.rand(1, 1, 28, 28, 28) * 1.4 - 1
    x[..., :4] = 0.4
    brighter = x.clone()
    brighter[..., :4] = 3.0  # metal
    assert torch.equal(network.encode(x).global_logits, network.encode(brighter).global_logits)


def test_an_image_smaller_than_a_region_is_refused():
    network = LabelDiffusion(preset("small")).eval()
    with pytest.raises(UsageError, match="smaller than a region"):
        network.encode(torch.rand(1, 1, 28, 28, 6))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"classes": 1}, "2 classes"),
        ({"regions": 60}, "side by side"),
        ({"grid": (6, 28, 28)}, "smaller than a region"),
        ({"label_grid": 5}, "multiple"),
        ({"pooling": 0.0}, "pooling"),
        ({"norm": "layer"}, "norm"),
        ({"prediction": "noise"}, "prediction"),
        ({"normal_class": 2}, "normal_class"),
        ({"window": (1.0, 0.0)}, "window"),
    ],
)
def test_what_cannot_be_is_refused_in_words(change, said):
    with pytest.raises(UsageError, match=said):
        preset("small", **change)


def test_unknown_presets_and_settings_are_named():
    with pytest.raises(UsageError, match="no preset 'tiny'"):
        preset("tiny")
    with pytest.raises(UsageError, match="'width'"):
        preset("small", width=3)


def test_checkpointing_changes_memory_not_gradients():
    x = torch.rand(2, 1, 16, 16, 16)
    options = {"grid": (16, 16, 16), "region": (4, 4, 4), "norm": "group", "dropout": 0.0}
    gradients = []
    for active in (False, True):
        torch.manual_seed(0)
        network = LabelDiffusion(preset("small", **options))
        network.set_checkpointing(active)
        guidance = network.encode(x)
        t = torch.full((2, 1, 4, 4, 4), 100)
        loss = network.predict(torch.ones(2, 2, 4, 4, 4), t, guidance).square().sum() + guidance.local_logits.sum()
        loss.backward()
        gradients.append([p.grad for p in network.parameters() if p.grad is not None])
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(*gradients, strict=True))


def test_the_defaults_are_s4():
    config = S4Config()
    assert (config.regions, config.region, config.steps, config.label_grid) == (5, (8, 16, 16), 500, 8)
    assert config.prediction == "epsilon"
