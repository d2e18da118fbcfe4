"""Devices, number formats, threads and memory."""

from __future__ import annotations

import pytest
import torch

from DiffusionCore.errors import DeviceError, UsageError
from DiffusionCore.inference import choose_device, choose_dtype, free_memory, parse_memory, threads
from DiffusionCore.inference import device as device_room
from DiffusionCore.inference.memory import free_host_memory, in_words

CPU = torch.device("cpu")


def test_the_cpu_is_always_there():
    assert choose_device("cpu") == CPU
    assert choose_device("auto").type in ("cpu", "cuda", "mps")


@pytest.mark.parametrize("name", ["cuda:77", "tpu", ""])
def test_an_absent_device_is_named_with_those_there_are(name):
    with pytest.raises(DeviceError, match=rf"no such device {name} \(this machine has .*cpu\)"):
        choose_device(name)


def test_auto_takes_the_first_gpu(monkeypatch):
    monkeypatch.setattr(device_room, "devices_here", lambda: ["cuda:0", "cuda:1", "cpu"])
    assert [choose_device(n) for n in ("auto", "cuda", "cuda:1")] == [torch.device(f"cuda:{i}") for i in (0, 0, 1)]


def test_bfloat16_only_where_the_cpu_has_it(monkeypatch):
    for flags, dtype in [({"avx2"}, torch.float32), ({"avx512_bf16"}, torch.bfloat16), ({"amx_bf16"}, torch.bfloat16)]:
        monkeypatch.setattr(device_room, "cpu_flags", lambda flags=flags: flags)
        monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
        assert choose_dtype(CPU) == dtype


def test_a_cpu_that_names_no_flags_is_tried(monkeypatch):
    monkeypatch.setattr(device_room, "cpu_flags", lambda: None)
    monkeypatch.setattr(device_room, "bfloat16_wins_trial", lambda: True)
    assert choose_dtype(CPU) == torch.bfloat16


def test_the_trial_ends_and_says_yes_or_no():
    assert device_room.bfloat16_wins_trial(0.01) in (True, False)


def test_a_person_may_name_the_format():
    assert choose_dtype(CPU, "float32") == torch.float32
    with pytest.raises(UsageError, match="auto, float32 or bfloat16"):
        choose_dtype(CPU, "int8")


def test_cpu_flags_from_the_kernel_where_torch_cannot_tell(monkeypatch, tmp_path):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    monkeypatch.setattr(device_room.platform, "machine", lambda: "x86_64")
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nflags\t\t: fpu avx2 avx512_bf16\n")
    assert device_room.cpu_flags(cpuinfo) == {"fpu", "avx2", "avx512_bf16"}
    monkeypatch.setattr(device_room.platform, "machine", lambda: "arm64")
    assert device_room.cpu_flags(cpuinfo) is None


def test_threads_are_given_back():
    before = torch.get_num_threads()
    with threads(2):
        assert torch.get_num_threads() == 2
    assert torch.get_num_threads() == before
    with pytest.raises(UsageError, match="--threads must be 1 to"), threads(0):
        pass


def test_float32_is_not_rounded_to_tf32_and_settings_are_given_back():
    before = torch.backends.cudnn.allow_tf32
    with device_room.repeatable(torch.float32):
        assert not torch.backends.cudnn.allow_tf32
        assert torch.backends.cudnn.deterministic
    assert torch.backends.cudnn.allow_tf32 == before


@pytest.mark.parametrize(
    ("text", "size"),
    [("6G", 6 * 2**30), ("800M", 800 * 2**20), ("6.5 GiB", int(6.5 * 2**30)), ("2gb", 2**31), ("1024", 1024), (7, 7)],
)
def test_sizes_are_read(text, size):
    assert parse_memory(text) == size


@pytest.mark.parametrize("text", ["", "six", "-1G", "0", "6X", "1e9"])
def test_other_sizes_are_refused(text):
    with pytest.raises(UsageError, match="--memory must be a size such as 6G"):
        parse_memory(text)


def test_sizes_are_said():
    assert [in_words(s) for s in (512, 2048, 6.5 * 2**30, 64 * 2**30)] == ["512 bytes", "2.0 KB", "6.5 GB", "64 GB"]


def machine(root, *, available_kb: int, membership: str, groups: dict[str, dict[str, str]]):
    """A file system root with /proc and /sys/fs/cgroup as the kernel shows them."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/meminfo").write_text(f"MemTotal: 64000000 kB\nMemFree: 10 kB\nMemAvailable: {available_kb} kB\n")
    (root / "proc/self/cgroup").write_text(membership)
    for folder, files in groups.items():
        path = root / "sys/fs/cgroup" / folder
        path.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (path / name).write_text(text)
    return root


def test_free_memory_of_a_machine_without_containers(tmp_path):
    root = machine(tmp_path, available_kb=8_000_000, membership="0::/\n", groups={})
    assert free_host_memory(root) == 8_000_000 * 1024


def test_a_container_may_have_less_and_its_file_cache_counts_as_free(tmp_path):
    group = {"memory.max": "4000000000\n", "memory.current": "3000000000\n", "memory.stat": "inactive_file 500000000\n"}
    unlimited = {"memory.max": "max\n", "memory.current": "1\n", "memory.stat": ""}
    groups = {"": unlimited, "pod": group, "pod/job": unlimited}
    root = machine(tmp_path, available_kb=8_000_000, membership="0::/pod/job\n", groups=groups)
    assert free_host_memory(root) == 1_500_000_000


def test_the_older_control_groups_are_understood(tmp_path):
    group = {
        "memory.limit_in_bytes": "2000000000\n",
        "memory.usage_in_bytes": "1500000000\n",
        "memory.stat": "total_inactive_file 100000000\n",
    }
    membership = "5:cpu,cpuacct:/x\n4:memory:/docker/abc\n"
    # inside a container the group's own path is often not mounted: only the root is
    root = machine(tmp_path, available_kb=8_000_000, membership=membership, groups={"memory": group})
    assert free_host_memory(root) == 600_000_000


def test_a_job_may_take_less_than_what_is_free():
    assert 0 < free_memory(CPU) < free_host_memory() * 1.05
