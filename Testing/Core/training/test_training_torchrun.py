"""Two processes through torchrun do together what one does with twice the batch."""

from __future__ import annotations

import os
import subprocess
import sys

import torch

from DiffusionCore.training.run import train


def test_two_processes_with_half_the_batch_end_like_one_with_the_whole(world):
    settings = ["trainer.max_steps=4", "validation.every_steps=4", "optimiser.learning_rate=1e-3"]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command = [*torchrun, "-m", "DiffusionCore", "train", str(world / "tiny.yaml"), "name=two"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    done = subprocess.run(
        [*command, *settings, "trainer.devices=2", "trainer.batch_size=2", "--quiet"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    train(world / "tiny.yaml", ["name=one", "trainer.batch_size=4", *settings], quiet=True)
    two, one = (
        torch.load(world / "runs" / name / "last.ckpt", weights_only=True)["state_dict"] for name in ("two", "one")
    )
    for name, tensor in one.items():
        assert torch.allclose(two[name], tensor, atol=1e-4), name
    assert (world / "runs" / "two" / "model" / "card.yaml").is_file()
