"""Policies of Stable-Baselines3: theirs into ours, and back. Neither it nor PyTorch is needed to read one.

>>> policy = from_sb3("model.zip", env)  # doctest: +SKIP
>>> policy.save("policy.json")  # doctest: +SKIP
"""

import io
import os
import pickle
import zipfile
from collections import OrderedDict
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from trimtab._trimtab import Policy
from trimtab.environment import Environment

Arrays = dict[str, NDArray[np.float32]]


def from_sb3(
    path: str | os.PathLike[str], env: gymnasium.Env[Any, Any], *, activation: str = "tanh"
) -> Policy:
    """The actor of an `MlpPolicy` of PPO, A2C or MaskablePPO.

    Args:
        path: What `model.save` writes (`model.zip`), or the `policy.pth` in it.
        env: The environment that it was trained in, maybe with wrappers that leave observations and actions as they are.
        activation: `tanh`, which is what Stable-Baselines3 takes by itself, or `relu`. The file does not say which it is.

    Raises:
        ValueError: It is no such policy, or one for another environment.
        OSError: It cannot be read.
    """
    environment = env.unwrapped
    if not isinstance(environment, Environment):
        raise ValueError(f"env: {environment} is not allowed; give an environment of trimtab")
    state = read_state(path)
    layers: list[tuple[NDArray[np.float32], NDArray[np.float32]]] = []
    while (name := f"mlp_extractor.policy_net.{2 * len(layers)}") + ".weight" in state:
        layers.append((state[name + ".weight"], state[name + ".bias"]))
    if "action_net.weight" not in state:
        raise ValueError(f"{path}: there is no `action_net`; only an MlpPolicy with an actor of its own is read")
    layers.append((state["action_net.weight"], state["action_net.bias"]))
    taken = {f"mlp_extractor.policy_net.{2 * index}" for index in range(len(layers) - 1)} | {"action_net"}
    values = ("mlp_extractor.value_net.", "value_net.")
    if other := sorted(
        name for name in state if name.rpartition(".")[0] not in taken and not name.startswith(values)
    ):
        raise ValueError(f"{path}: `{other[0]}` is no part of an MlpPolicy without a network before it")
    transposed = [(np.ascontiguousarray(weight.T), bias) for weight, bias in layers]
    return Policy.from_layers(environment.rust, transposed, activation)


def actor_state(policy: Policy) -> Arrays:
    """The arrays of an actor by the names of Stable-Baselines3, whose `net_arch` and activation are to be the policy's own.

    ```python
    state = model.policy.state_dict()
    state.update({name: torch.from_numpy(array) for name, array in actor_state(policy).items()})
    model.policy.load_state_dict(state)
    ```

    Raises:
        ValueError: The policy standardises observations, for which Stable-Baselines3 has a wrapper and no layer.
    """
    if policy.normalises_observations:
        raise ValueError("policy: it standardises observations, which no layer does; train one without `normalise_observations`")
    arrays: Arrays = {}
    *hidden, last = policy.layers
    named = [(f"mlp_extractor.policy_net.{2 * index}", layer) for index, layer in enumerate(hidden)]
    for name, (weight, bias) in [*named, ("action_net", last)]:
        arrays[name + ".weight"] = np.ascontiguousarray(weight.T)
        arrays[name + ".bias"] = bias
    return arrays


def read_state(path: str | os.PathLike[str]) -> Arrays:
    """The arrays of a `policy.pth`, or of the one in a `model.zip`, by their names.

    PyTorch's format is a zip of raw numbers with a pickle that says which are which. Of that pickle nothing is called but what makes
    tensors and dicts, so a file cannot run anything.

    Raises:
        ValueError: It is no such file.
        OSError: It cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if "policy.pth" in archive.namelist():
                with zipfile.ZipFile(io.BytesIO(archive.read("policy.pth"))) as inner:
                    return _read(inner)
            return _read(archive)
    except OSError:
        raise
    # A damaged pickle fails in any way.
    except Exception as error:
        raise ValueError(f"{path}: not what Stable-Baselines3 writes: {error!r}") from error


def _read(archive: zipfile.ZipFile) -> Arrays:
    pickled = next(name for name in archive.namelist() if name.endswith("/data.pkl"))
    state = _TensorsAlone(archive, pickled.removesuffix("data.pkl")).load()
    if not isinstance(state, dict) or not all(isinstance(array, np.ndarray) for array in state.values()):
        raise pickle.UnpicklingError("there are no tensors by name")
    return dict(state)


class _TensorsAlone(pickle.Unpickler):
    """Reads tensors as arrays, and nothing else."""

    def __init__(self, archive: zipfile.ZipFile, folder: str) -> None:
        super().__init__(io.BytesIO(archive.read(folder + "data.pkl")))
        self._archive, self._folder = archive, folder

    def find_class(self, module: str, name: str) -> Any:
        allowed = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): _tensor,
            ("torch", "FloatStorage"): np.dtype("<f4"),
        }
        if (module, name) not in allowed:
            raise pickle.UnpicklingError(f"`{module}.{name}` is no part of a policy of 32-bit numbers")
        return allowed[module, name]

    def persistent_load(self, pid: Any) -> NDArray[np.float32]:
        _, dtype, key, _, count = pid
        numbers: NDArray[np.float32] = np.frombuffer(
            self._archive.read(f"{self._folder}data/{key}"), dtype=dtype, count=count
        )
        return numbers


def _tensor(
    storage: NDArray[np.float32], offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: Any
) -> NDArray[np.float32]:
    """The view of a storage that a tensor is, as an array of its own."""
    last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
    if min((*shape, 1)) < 1 or min((*strides, offset)) < 0 or last >= len(storage):
        raise pickle.UnpicklingError("a tensor is longer than its numbers")
    view = np.lib.stride_tricks.as_strided(storage[offset:], shape, [4 * stride for stride in strides])
    return view.astype(np.float32)
