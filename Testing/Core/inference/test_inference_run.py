"""One pass over a volume: the same whatever the tiles; watched, cancelled, and with less memory when it runs out."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import DiffusionCore.inference.run as run_room
from DiffusionCore.errors import Cancelled, DeviceError
from DiffusionCore.inference import Condition, Place, Runner, apply_blended, apply_exact, place_denoiser, plan
from DiffusionCore.inference.tiles import whole
from DiffusionCore.inference.watch import Meter, shares_of_work
from DiffusionCore.networks import DenoiserConfig, build_denoiser, unet_config
from DiffusionCore.progress import Progress, silent

CPU = torch.device("cpu")
LOTS = 10**12


def one_pass(
    denoiser, y, sigma=0.1, *, tile=None, memory=LOTS, dtype=torch.float32, state=None, t=7, report=lambda _: None
):
    """x0_hat (K, J, I) of a random state, and the plan it was computed under."""
    if state is None:
        state = torch.randn(y.shape, generator=torch.Generator().manual_seed(1))
    sigma = torch.as_tensor(sigma)
    scan = Condition(tuple(y.shape), y, sigma, float(sigma.median()))
    decided = plan(y.shape, denoiser, memory=memory, device=CPU, dtype=dtype, tile=tile)
    apply = apply_blended if decided.kind == "patches" else apply_exact
    box, out = whole(y.shape), torch.full(y.shape, float("nan"))
    with torch.no_grad():
        placed = place_denoiser(denoiser, CPU, dtype)
        return apply(placed, decided, scan, state, t, box=box, domain=box, out=out, report=report), decided


@pytest.mark.parametrize("shape", [(40, 37, 33), (6, 40, 50), (1, 20, 33), (24, 24, 24)])
@pytest.mark.parametrize("tile", [8, 16, (4, 64, 10)])
def test_tiled_equals_whole_for_any_tile(tiny, scan, shape, tile):
    y = scan(*shape)
    sigma = 0.05 + 0.1 * scan(*shape)
    reference, decided = one_pass(tiny(), y, sigma)
    tiled, cut = one_pass(tiny(), y, sigma, tile=tile)
    assert decided.kind == "whole" != cut.kind
    assert reference.std() > 0.01
    assert torch.allclose(tiled, reference, rtol=0, atol=1e-5)


def test_a_halo_one_multiple_short_would_show(tiny, scan):
    short = tiny()
    short.receptive_field = 2
    y = scan(30, 30, 30)
    assert (one_pass(short, y, tile=8)[0] - one_pass(tiny(), y)[0]).abs().max() > 1e-4


def test_slices_of_a_2d_network_are_those_of_each_alone(tiny, scan):
    y = scan(5, 33, 30)
    state = scan(5, 33, 30).flip(1)
    together, _ = one_pass(tiny(2), y, state=state)
    alone = [one_pass(tiny(2), y[k : k + 1], state=state[k : k + 1])[0] for k in range(5)]
    assert torch.allclose(together, torch.cat(alone), rtol=0, atol=1e-5)
    tiled, decided = one_pass(tiny(2), y, state=state, tile=(2, 8, 16))
    assert decided.kind == "tiles"
    assert torch.allclose(tiled, together, rtol=0, atol=1e-5)


def test_memory_cuts_but_does_not_change(tiny, scan):
    y = scan(64, 40, 40)
    less, decided = one_pass(tiny(), y, memory=96 * 40 * 40 * 40)
    assert decided.kind == "slabs"
    assert torch.allclose(less, one_pass(tiny(), y)[0], rtol=0, atol=1e-5)


def test_threads_do_not_change_the_result(tiny, scan):
    y = scan(32, 32, 32)
    before, results = torch.get_num_threads(), []
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            results.append(one_pass(tiny(), y)[0])
    finally:
        torch.set_num_threads(before)
    assert torch.allclose(*results, rtol=0, atol=1e-5)


def randomised(denoiser: nn.Module, gain: float = 1.0) -> nn.Module:
    """Layers that begin at zero are drawn too, so that every path counts."""
    torch.manual_seed(3)
    for name, parameter in denoiser.named_parameters():
        if parameter.ndim > 1 and not parameter.any():
            nn.init.normal_(parameter, std=gain / parameter[0].numel() ** 0.5)
        elif name.endswith("norm2.weight"):
            nn.init.ones_(parameter)
    return denoiser


@pytest.mark.parametrize(("preset", "shape"), [("fast", (5, 9, 90)), ("fast-2d", (2, 10, 130))])
def test_the_bundled_networks_are_exact_in_tiles(process, scan, preset, shape):
    denoiser = randomised(build_denoiser(DenoiserConfig(unet_config(preset)), process.signal, process.noise))
    y, sigma = scan(*shape), 0.03 + 0.05 * scan(*shape)
    reference, _ = one_pass(denoiser, y, sigma)
    tiled, decided = one_pass(denoiser, y, sigma, tile=24)
    assert decided.kind != "whole"
    assert reference.std() > 0.1
    assert torch.allclose(tiled, reference, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "slices"), [((61, 20, 24), 8), ((130, 20, 24), 2), ((64, 70, 90), 8), ((50, 120, 30), 4)]
)
def test_a_stream_of_slices_is_the_whole(process, scan, shape, slices):
    """Memory for a stack of so many slices, and where a slice is large, of columns of it."""
    denoiser = randomised(build_denoiser(DenoiserConfig(unet_config("fast")), process.signal, process.noise))
    y, sigma = scan(*shape), 0.03 + 0.05 * scan(*shape)
    memory = int(denoiser.bytes_per_column(torch.float32, slices) * min(shape[1] * shape[2], 100 * 72) * 1.05)
    told = []
    reference, whole_plan = one_pass(denoiser, y, sigma)
    streamed, decided = one_pass(denoiser, y, sigma, memory=memory, report=told.append)
    assert (whole_plan.kind, decided.kind) == ("whole", "stream")
    assert decided.bytes <= memory
    assert (decided.work_factor > 1) == (decided.core[1:] != decided.padded[1:])
    assert reference.std() > 0.1
    assert torch.allclose(streamed, reference, rtol=0, atol=1e-5)
    assert told == sorted(told)
    assert told[-1] == 1


def test_bfloat16_stays_within_its_tolerance(process, scan):
    """1 % of the noise's standard deviation on average, 10 % anywhere: r0_hat is in units of sigma."""
    denoiser = randomised(build_denoiser(DenoiserConfig(unet_config("fast")), process.signal, process.noise), gain=0.5)
    y = scan(24, 24, 32)
    exact, _ = one_pass(denoiser, y)
    rounded, decided = one_pass(denoiser, y, dtype=torch.bfloat16)
    assert decided.dtype == "bfloat16"
    difference = (rounded - exact).abs()
    assert 0 < difference.mean() < 0.01
    assert difference.max() < 0.1


def test_the_callers_denoiser_is_left_as_it_was(tiny, scan):
    denoiser = tiny().train()
    one_pass(denoiser, scan(8, 8, 8), dtype=torch.bfloat16)
    assert next(denoiser.parameters()).dtype == torch.float32
    assert denoiser.training
    assert all(p.requires_grad for p in denoiser.parameters())
    assert not any(module._forward_pre_hooks for module in denoiser.modules())


def test_blending_a_local_network_changes_little_and_a_constant_nothing(tiny, scan):
    blended, decided = one_pass(tiny(exact=False), scan(80, 64, 20))
    assert decided.kind == "patches"
    middle = (slice(None), slice(None), slice(0, 10))
    reference = one_pass(tiny(), scan(80, 64, 20))[0]
    assert (blended - reference)[middle].abs().mean() < 0.1 * reference.std()


def test_patches_in_batches_are_those_one_by_one(tiny, scan):
    y, cost = scan(80, 70, 40), 96 * 32**3
    many, plan_many = one_pass(tiny(exact=False), y, memory=cost * 5)
    one, plan_one = one_pass(tiny(exact=False), y, memory=cost)
    assert (plan_many.batch, plan_one.batch) == (5, 1)
    assert torch.allclose(many, one, rtol=0, atol=1e-5)


def test_work_is_shared_out_by_what_each_layer_costs(process, tiny):
    equal = shares_of_work(tiny())
    assert [share for _, share in equal] == [0.25] * 4
    denoiser = build_denoiser(DenoiserConfig(unet_config("fast")), process.signal, process.noise)
    by_cost = {id(layer): share for layer, share in shares_of_work(denoiser)}
    assert sum(by_cost.values()) == pytest.approx(1)
    head = 27 * 5 * 16 / (denoiser.macs_per_voxel)
    assert by_cost[id(denoiser.network.head)] == pytest.approx(head, rel=0.01)


def test_progress_is_told_from_inside_a_pass_and_never_falls(tiny, scan):
    told = []
    one_pass(tiny(), scan(16, 16, 32), report=told.append)
    assert told == [0.0, 0.25, 0.5, 0.75, 1.0]
    told.clear()
    one_pass(tiny(), scan(16, 16, 32), tile=16, report=told.append)
    assert told == sorted(told)
    assert len(told) == 9
    assert told[-1] == 1


def test_cancel_ends_a_pass_at_the_next_layer_and_leaves_no_hooks(tiny, scan):
    denoiser, layers = tiny(), []
    placed = place_denoiser(denoiser, CPU, torch.float32)
    for layer in (placed.denoiser.network.head, placed.denoiser.network.down, placed.denoiser.network.middle):
        layer.register_forward_hook(lambda *_: layers.append(1))
    y = scan(16, 16, 16)
    progress = Progress(cancelled=lambda: len(layers) == 2)
    meter = Meter(progress, passes=1, interval=0)
    decided = plan(y.shape, denoiser, memory=LOTS, device=CPU, dtype=torch.float32)
    with pytest.raises(Cancelled), torch.no_grad():
        apply_exact(
            placed,
            decided,
            Condition(tuple(y.shape), y, torch.tensor(0.1), 0.1),
            y,
            3,
            box=whole(y.shape),
            domain=whole(y.shape),
            out=torch.empty_like(y),
            report=meter.report,
        )
    assert len(layers) == 2
    assert not any(module._forward_pre_hooks for module in placed.denoiser.modules())


class Greedy(nn.Module):
    """Runs out of memory above `limit` voxels, in words of torch's choosing."""

    def __init__(self, denoiser: nn.Module, limit: int, error: Exception) -> None:
        super().__init__()
        self.inner, self.network, self.limit, self.error = denoiser, denoiser.network, limit, error
        for name in ("spatial_dims", "downsampling", "receptive_field", "exact_in_tiles", "streams", "bytes_per_voxel"):
            setattr(self, name, getattr(denoiser, name))

    def forward(self, x_t, *rest, **options):
        if x_t.numel() > self.limit:
            raise self.error
        return self.inner(x_t, *rest, **options)


def run(runner, y):
    scan = Condition(tuple(y.shape), y, torch.tensor(0.1), 0.1)
    box = whole(y.shape)
    with torch.no_grad():
        return runner(scan, y, 3, report=lambda _: None, box=box, domain=box, out=torch.empty_like(y))


OUT_OF_MEMORY = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried"),
    RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 4096 bytes."),
    MemoryError(),
]


@pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=["cuda", "linux", "windows", "python"])
def test_out_of_memory_means_smaller_slabs_and_the_same_result(tiny, scan, error):
    y, said = scan(64, 48, 48), []
    progress = Progress(sink=lambda event: said.append(event.message))
    runner = Runner(
        Greedy(tiny(), 44 * 48 * 48, error), y.shape, [Place(CPU, torch.float32, LOTS)], arrays=1, progress=progress
    )
    assert runner.plan.kind == "whole"
    result = run(runner, y)
    assert runner.plan.kind == "slabs"
    assert runner.fallbacks == said
    assert "cpu ran out of memory; going on with slabs of" in said[-1]
    whole_runner = Runner(tiny(), y.shape, [Place(CPU, torch.float32, LOTS)], arrays=1, progress=silent())
    assert torch.allclose(result, run(whole_runner, y), rtol=0, atol=1e-5)
    assert whole_runner.fallbacks == []


def test_after_tiles_comes_the_next_device(tiny, scan):
    y, places = scan(60, 60, 60), [Place(CPU, torch.bfloat16, LOTS), Place(CPU, torch.float32, LOTS)]
    with pytest.raises(ZeroDivisionError):  # other errors are not taken for a lack of memory
        run(Runner(Greedy(tiny(), 0, ZeroDivisionError()), y.shape, places, arrays=1, progress=silent()), y)

    class OnlyFloat32(Greedy):
        def forward(self, x_t, *rest, **options):
            if self.network.head.weight.dtype != torch.float32:
                raise self.error
            return self.inner(x_t, *rest, **options)

    runner = Runner(OnlyFloat32(tiny(), 0, MemoryError()), y.shape, places, arrays=1, progress=silent())
    result = run(runner, y)
    assert runner.place.dtype == torch.float32
    assert "even with 16×16×16 tiles; going on with cpu" in runner.fallbacks[-1]
    expected = run(Runner(tiny(), y.shape, places[1:], arrays=1, progress=silent()), y)
    assert torch.allclose(result, expected, rtol=0, atol=1e-5)


def test_with_nowhere_left_to_go_it_says_so(tiny, scan):
    y = scan(60, 60, 60)
    runner = Runner(
        Greedy(tiny(), 0, MemoryError()), y.shape, [Place(CPU, torch.float32, LOTS)], arrays=1, progress=silent()
    )
    with pytest.raises(DeviceError, match="cpu ran out of memory even with 16×16×16 tiles"):
        run(runner, y)


def test_a_device_too_small_from_the_start_is_passed_over(tiny, scan):
    places = [Place(CPU, torch.bfloat16, 1000), Place(CPU, torch.float32, LOTS)]
    runner = Runner(tiny(), (40, 40, 40), places, arrays=1, progress=silent())
    assert runner.place.dtype == torch.float32
    assert "too little memory: even" in runner.fallbacks[0]
    with pytest.raises(DeviceError, match="too little memory"):
        Runner(tiny(), (40, 40, 40), places[:1], arrays=1, progress=silent())


def test_the_arrays_beside_the_network_are_counted(tiny):
    voxels = 64 * 40 * 40
    memory = 96 * voxels + 4 * 3 * voxels
    place = [Place(CPU, torch.float32, memory)]
    assert Runner(tiny(), (64, 40, 40), place, arrays=3, progress=silent()).plan.kind == "whole"
    assert Runner(tiny(), (64, 40, 40), place, arrays=4, progress=silent()).plan.kind == "slabs"


def test_a_device_too_small_for_the_network_itself_is_passed_over(tiny, monkeypatch):
    def place(denoiser, device, dtype):
        if dtype == torch.bfloat16:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return place_denoiser(denoiser, device, dtype)

    monkeypatch.setattr(run_room, "place_denoiser", place)
    places = [Place(CPU, torch.bfloat16, LOTS), Place(CPU, torch.float32, LOTS)]
    runner = Runner(tiny(), (40, 40, 40), places, arrays=1, progress=silent())
    assert runner.fallbacks == ["cpu has too little memory for the network; going on with cpu"]
