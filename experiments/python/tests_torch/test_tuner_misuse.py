"""What a loop can do wrong with a tuner: it says what, and what to do."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn")

from digits import TRAIN, convolutional, loss_of, perceptron, train, validate  # noqa: E402

import trimtab  # noqa: E402


def made(epochs: float = 3, **options: Any) -> tuple[Any, Any, trimtab.Tuner]:
    model = perceptron()
    optimizer = torch.optim.Adam(model.parameters())
    return model, optimizer, trimtab.Tuner(optimizer, **{"examples": 1200, "epochs": epochs, **options})


def test_a_step_without_gradients_is_refused() -> None:
    model, _, tuner = made()
    with pytest.raises(RuntimeError, match=r"^optimizer: none of its parameters has a gradient; call `loss.backward\(\)`"):
        train(tuner, model, step=tuner.step)
    # Nor has it any if it is that of another model.
    with pytest.raises(RuntimeError, match="^optimizer: none of its parameters has a gradient"):
        train(made()[2], model)


def test_a_loop_that_forgets_the_backward_later_is_told_at_the_next_segment() -> None:
    model, _, tuner = made()
    made_so_far = train(tuner, model, updates=30)
    assert made_so_far == 30
    with pytest.raises(RuntimeError, match="^optimizer: none of its parameters has a gradient"):
        train(tuner, model, step=tuner.step)


def test_a_call_that_is_missing_is_named() -> None:
    def refused(message: str, loop: Callable[[Any, Any, trimtab.Tuner], None]) -> None:
        model, optimizer, tuner = made()
        with pytest.raises(RuntimeError, match=message):
            for inputs, targets in tuner.batches(TRAIN):
                loss = loss_of(model(inputs[:2]), targets[:2])
                loss.backward()
                loop(loss, optimizer, tuner)

    refused(r"^updated: no update in 1000 batches; call `optimizer.step\(\)`", lambda loss, optimizer, tuner: tuner.updated(loss))
    refused(r"^optimizer: .* called twice, and the tuner was not told", lambda loss, optimizer, tuner: optimizer.step())
    refused("^batches: 1000 were drawn, and the tuner was told of none", lambda loss, optimizer, tuner: None)


def test_a_loss_that_is_never_a_number_is_spoken_of_once() -> None:
    model, _, tuner = made(20)
    with pytest.warns(UserWarning, match="^tuner: each of the first 4 segments diverged") as seen:
        for inputs, targets in tuner.batches(TRAIN):
            loss = loss_of(model(inputs), targets) * math.nan
            loss.backward()
            tuner.step(loss)
            if tuner.wants_validation:
                tuner.validated(validate(tuner.averaged(model)))
    assert len(seen) == 1 and len(tuner.segments) > 4


def test_parameters_that_come_later_are_refused() -> None:
    model, optimizer, tuner = made()
    train(tuner, model, updates=5)
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))]})
    with pytest.raises(ValueError, match="^optimizer: parameters were added since the tuner was made"):
        train(tuner, model)


def test_only_the_state_of_such_a_tuner_is_taken() -> None:
    model, optimizer, tuner = made()
    train(tuner, model, updates=10)
    state = tuner.state_dict()

    def refused(message: str, state: Any = state, **options: Any) -> None:
        other = made(**options)[2]
        before = other.state_dict()["steered"]
        with pytest.raises(ValueError, match=message):
            other.load_state_dict(state)
        assert other.state_dict()["steered"] == before

    refused("^state: `epochs` was 3.0 there, and is 5.0 in this tuner", epochs=5)
    refused("^state: `examples` was 1200 there, and is 600 in this tuner", examples=600)
    refused("^state: `accumulate` was 1 there, and is 2 in this tuner", accumulate=2)
    refused("^state: `batch_size` was None there, and is 32 in this tuner", batch_size=32)
    refused("^state: it has no `steered`", {})
    refused("^state: it has no `steered`", optimizer.state_dict())
    refused("^state: a NoneType is not allowed", None)
    with pytest.raises(ValueError, match="^state: `optimizer` was Adam there, and is SGD in this tuner"):
        trimtab.Tuner(torch.optim.SGD(model.parameters()), adaptive=True, examples=1200, epochs=3).load_state_dict(state)
    # Another rate at the start is none of it: a training goes on at that of the state.
    again = made(learning_rate=0.5)[2]
    again.load_state_dict(state)
    assert again.learning_rate == tuner.learning_rate


def test_data_that_are_no_dataset_are_refused() -> None:
    inputs, targets = TRAIN
    batches = list(zip(inputs.split(64), targets.split(64)))

    def refused(message: str, data: Any) -> None:
        with pytest.raises(ValueError, match=message):
            made()[2].batches(data)

    refused(r"^data: a list of tensors is not allowed.* `batches\(\(inputs, targets\)\)`", [inputs, targets])
    refused("^data: a list of 19 batches is not allowed.* give a `DataLoader`", batches)
    refused("^data: there is no example in it", [])
    refused("^data: a tuple of ndarray, ndarray is not allowed.*from_numpy", (inputs.numpy(), targets.numpy()))
    refused(r"^data: tensors of \[1200, 9\] examples", (inputs, targets[:9]))
    for data in (None, 3, {"inputs": inputs}, torch.utils.data.TensorDataset):
        refused("^data: .* is not allowed; give a dataset", data)


def test_what_cannot_be_is_refused() -> None:
    model = perceptron()
    optimizer = torch.optim.Adam(model.parameters())

    def refused(message: str, optimizer: Any = optimizer, **options: Any) -> None:
        with pytest.raises(ValueError, match=message):
            trimtab.Tuner(optimizer, **{"examples": 10, "epochs": 1, **options})

    refused("^optimizer: LBFGS is not allowed", torch.optim.LBFGS(model.parameters()))
    refused("^examples: 0 is not allowed", examples=0)
    refused("^examples: 2.5 is not allowed", examples=2.5)
    refused("^epochs: ", epochs=0)
    refused("^learning_rate: 0", torch.optim.SGD(model.parameters(), lr=0.0))
    refused("^accumulate: 0 is not allowed", accumulate=0)
    refused("^optimizer: a Sequential is not allowed; give a `torch.optim.Optimizer`", model)
    for field in ("epochs", "learning_rate", "lowest_loss", "update_cost", "seed", "examples"):
        refused(f"^{field}: 'x' is not allowed; give a (whole )?number", **{field: "x"})
    refused("^seed: None is not allowed", seed=None)
    refused("^adaptive: 'yes' is not allowed; give True or False", adaptive="yes")
    refused("^fine_tuning: 1 is not allowed; give True or False", fine_tuning=1)
    refused("^model: 3 is not allowed", model=3)
    refused("^model: .* none of its parameters", model=copy.deepcopy(model))
    tuner = trimtab.Tuner(optimizer, examples=10, epochs=1)
    with pytest.raises(ValueError, match="^examples: not known"):
        tuner.step(1.0)
    with pytest.raises(ValueError, match="^loss: None is not allowed; give a number"):
        tuner.validated(None)
    with pytest.raises(ValueError, match=r"^loss: a tensor of shape \[3\] is not allowed"):
        tuner.step(torch.ones(3), examples=3)
    with pytest.raises(ValueError, match="^scaler: 3 is not allowed"):
        tuner.step(1.0, examples=3, scaler=3)
    with pytest.raises(ValueError, match="^model: .* not a copy"):
        tuner.restore_best(perceptron())
    with pytest.raises(ValueError, match="^examples: 10 is not allowed for a dataset of 1200"):
        next(tuner.batches(TRAIN))
    with pytest.raises(ValueError, match="^loader: a pass over it gave no batch"):
        next(tuner.batches(iter([])))
    state = copy.deepcopy(tuner.state_dict())
    other = convolutional()
    with pytest.raises(ValueError, match="^state: `best` has other shapes"):
        trimtab.Tuner(torch.optim.Adam(other.parameters()), examples=10, epochs=1).load_state_dict(state)
