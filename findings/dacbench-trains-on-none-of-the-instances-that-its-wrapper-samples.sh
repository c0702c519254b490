#!/usr/bin/env bash
# DACBench 0.5.6: `InstanceSamplingWrapper` samples an instance for each episode, and the environment trains on another one.
#
# The wrapper is documented to sample a new instance at a given time, from a function or from a distribution that is fitted to a set. It hands
# the instance to the environment and then resets it. But each reset goes on to the next instance of the set in the file, as the scheme is "round
# robin" where a benchmark does not say otherwise, and none of those that come with the package does. So a policy that should learn on instances
# without end sees the ones in the file, with the default file of the Luby benchmark the same one in all episodes. The function is called each
# time, and no shape or reward looks wrong. With `reset_interval` above 0, which is to keep an instance for more episodes, the function is not even
# called, as nothing counts the episodes. What to do instead: set `instance_update_func` to "none" in the configuration and leave `reset_interval`
# at 0. The library's own tests of the wrapper set the first; no page of the documentation names it.
#
# Seen, for five episodes of the Luby benchmark with a function whose instances have the shifts 101 to 105: the environment's have 0. With "none" it
# has those of the function, and with an interval of 2 as well it has 0, and the function is not called.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
# What the benchmarks without extras import; the other dependencies are notebooks and clients of other benchmarks.
venv/bin/pip install --quiet ConfigSpace==1.2.2 gymnasium==1.4.0 matplotlib==3.11.2 numpy==2.4.6 pandas==3.1.1 scipy==1.17.1 seaborn==0.13.2
venv/bin/pip install --quiet --no-deps dacbench==0.5.6 ioh==0.4.2
cat > episodes.py <<'PYTHON'
from dacbench.benchmarks import LubyBenchmark
from dacbench.envs import LubyInstance
from dacbench.wrappers import InstanceSamplingWrapper


def shifts(interval=0, **given):
    """The shifts of the instances that are sampled, and of those that the environment has in five episodes."""
    benchmark = LubyBenchmark()
    benchmark.config.update(given)
    environment = benchmark.get_environment()
    sampled = []

    def sample():
        sampled.append(101 + len(sampled))
        return LubyInstance(start_shift=sampled[-1], sticky_shift=0)

    wrapped = InstanceSamplingWrapper(environment, sampling_function=sample, reset_interval=interval)
    trained = []
    for _ in range(5):
        wrapped.reset()
        trained.append(int(environment.instance.start_shift))
    return f"sampled {sampled}, trained on {trained}"


print("as documented:", shifts())
print("no scheme:", shifts(instance_update_func="none"))
print("no scheme, an interval:", shifts(interval=2, instance_update_func="none"))
PYTHON
venv/bin/python episodes.py 2> notes.txt | tee seen.txt || { cat notes.txt; exit 1; }
diff seen.txt - <<'WANTED'
as documented: sampled [101, 102, 103, 104, 105], trained on [0, 0, 0, 0, 0]
no scheme: sampled [101, 102, 103, 104, 105], trained on [101, 102, 103, 104, 105]
no scheme, an interval: sampled [], trained on [0, 0, 0, 0, 0]
WANTED
