"""Memory stays with the process while a network runs, and goes back to the system afterwards."""

import resource
import sys
from pathlib import Path

import pytest
import torch

from DiffusionCore.inference import allocator
from DiffusionCore.inference.allocator import reused_memory

MIB = 2**20
linux = pytest.mark.skipif(allocator._glibc() is None, reason="only glibc is told what to do with freed memory")


def held() -> int:
    """Bytes of this process in main memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def faults_of(count: int) -> int:
    """Pages that the system has to provide for `count` maps of 64 MiB, one after the other."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(count):
        torch.ones(64 * MIB // 4)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@linux
def test_a_layer_s_memory_is_taken_over_by_the_next():
    pages = 64 * MIB // resource.getpagesize()
    with reused_memory():
        faults_of(2)
        assert faults_of(8) <= 2 * pages


@linux
def test_a_block_within_a_block_does_not_end_it():
    pages = 64 * MIB // resource.getpagesize()
    with reused_memory():
        with reused_memory():
            faults_of(2)
        assert faults_of(8) <= 2 * pages


@linux
def test_all_of_it_goes_back_at_the_end():
    with reused_memory():
        before = held()
        maps = [torch.ones(64 * MIB // 4) for _ in range(4)]
        del maps
        assert held() > before + 200 * MIB
    assert held() < before + 64 * MIB


@pytest.mark.parametrize("error", [None, MemoryError()])
def test_without_glibc_nothing_is_changed(monkeypatch, error):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert allocator._glibc() is None
    try:
        with reused_memory():
            if error:
                raise error
    except MemoryError as raised:
        assert raised is error
