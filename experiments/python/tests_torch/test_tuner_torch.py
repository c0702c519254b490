"""The tuner in loops of PyTorch. Outside the gate, since PyTorch is large: `pytest experiments/python/tests_torch`."""

from __future__ import annotations

import io
import math
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn")

from digits import LABELS, TRAIN, VALIDATION, convolutional, loss_of, perceptron, train, validate  # noqa: E402

import trimtab  # noqa: E402
from trimtab.steered_optimizer import size_of  # noqa: E402
from trimtab.weights import Weights  # noqa: E402


def weights_of(model: torch.nn.Module) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def settings_of(tuner: trimtab.Tuner) -> list[Any]:
    return [segment["settings"] for segment in tuner.segments]


@pytest.mark.parametrize("rate", [1e-5, 1e-3, 1e-1])
@pytest.mark.parametrize("kind", ["adam", "sgd"])
def test_it_learns_from_any_rate(kind: str, rate: float) -> None:
    model = perceptron()
    optimizer = (
        torch.optim.AdamW(model.parameters(), lr=rate) if kind == "adam" else torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9)
    )
    tuner = trimtab.Tuner(optimizer, examples=1200, epochs=20)
    train(tuner, model)
    assert tuner.is_over and len(tuner.segments) > 20
    tuner.restore_best(model)
    # Logistic regression reaches 0.31 on these, which were written by other people than those trained on.
    assert validate(model) == pytest.approx(tuner.best_loss, rel=1e-5) and tuner.best_loss < 0.3


def test_the_start_probe_is_taken_back() -> None:
    model = convolutional()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    tuner = trimtab.Tuner(optimizer, examples=1200, epochs=5)
    before = weights_of(model)
    assert tuner.is_probing
    first = next(tuner.batches(TRAIN))
    loss = loss_of(model(first[0]), first[1])
    loss.backward()
    tuner.step(loss)
    assert tuner.wants_validation and torch.equal(weights_of(model), before)
    assert not optimizer.state_dict()["state"]
    # Nothing was trained, so that what is to be validated is what there is.
    assert torch.equal(weights_of(tuner.averaged(model)), before)
    tuner.validated(2.3)
    again = next(tuner.batches(TRAIN))
    count = min(len(first[1]), len(again[1]))
    assert torch.equal(first[1][:count], again[1][:count])


def test_units_are_outputs_that_a_later_layer_has_as_inputs() -> None:
    words = torch.nn.Sequential(torch.nn.Embedding(900, 16), torch.nn.Linear(16, 40), torch.nn.Linear(40, 900))
    assert size_of(list(words.parameters())) == (900 * 16 + 17 * 40 + 41 * 900, 3, 40)
    images = torch.nn.Sequential(torch.nn.Conv2d(3, 12, 5), torch.nn.Conv2d(12, 7, 3), torch.nn.Linear(28, 3))
    assert size_of(list(images.parameters()))[1:] == (3, 12)
    assert size_of(list(torch.nn.Linear(8, 8).parameters())) == (72, 1, 0)


def test_the_size_of_an_update_is_by_hand() -> None:
    weight, other = (torch.nn.Parameter(torch.tensor(values)) for values in ([3.0, 4.0], [100.0]))
    weight.grad = torch.zeros(2)
    weights = Weights([weight, other])
    weights.begin(0.5, 0.0)
    weights.before()
    with torch.no_grad():
        weight += torch.tensor([3.0, 4.0])
    # Doubled, of which a decay of a half leaves what there was.
    moved, size = weights.size_of_update().tolist()
    assert moved == pytest.approx(0.0) and size == pytest.approx(5.0)
    weights.begin(0.0, 0.0)
    moved, size = weights.size_of_update().tolist()
    assert moved == pytest.approx(5.0)


@pytest.mark.parametrize("kind", [torch.optim.Adam, torch.optim.SGD])
def test_weights_that_begin_at_zero_learn(kind: Any) -> None:
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10))
    for parameter in model.parameters():
        torch.nn.init.zeros_(parameter)
    optimizer = kind(model.parameters(), lr=1e-3)
    tuner = trimtab.Tuner(optimizer, examples=1200, epochs=20)
    train(tuner, model)
    tuner.restore_best(model)
    # That of equal chances is 2.30.
    assert validate(model) < 0.45


def test_averages_and_decay_are_by_hand() -> None:
    weight = torch.nn.Parameter(torch.tensor([1.0]))
    frozen = torch.nn.Parameter(torch.tensor([1.0]), requires_grad=False)
    weights = Weights([weight, frozen])
    weights.begin(0.01, 0.5)
    # The first update is looked at, and begins the average; 32 after it decay is due, for itself too.
    weights.updated(True)
    assert float(weights.averages[0]) == 1.0
    expected = 1.0
    with torch.no_grad():
        weight.fill_(2.0)
    for _ in range(31):
        weights.updated(False)
    kept = 0.99**32
    assert float(weight.detach()) == pytest.approx(2.0 * kept) and float(frozen) == 1.0
    for t in range(1, 32):
        expected += (2.0 * kept - expected) / (1.0 + 0.5 * t)
    assert float(weights.averages[0]) == pytest.approx(expected, rel=1e-5)


def test_ratios_between_groups_stay() -> None:
    model = perceptron()
    groups = [{"params": model[1].parameters(), "lr": 0.0}, {"params": model[3].parameters(), "lr": 0.1}, {"params": [], "lr": 0.4}]
    optimizer = torch.optim.SGD(groups[:2], lr=0.3)
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))], "lr": 0.4})
    tuner = trimtab.Tuner(optimizer, examples=1200, epochs=5)
    first = model[1].weight.detach().clone()
    train(tuner, model, updates=30)
    rates = [group["lr"] for group in optimizer.param_groups]
    assert rates[0] == 0.0 and rates[2] == pytest.approx(4 * rates[1]) and rates[1] != 0.1
    # Decay is no update of the optimiser's: it is that of all weights.
    assert torch.allclose(model[1].weight / first, (model[1].weight / first).mean(), rtol=1e-4)


def test_frozen_weights_stay_and_do_not_count() -> None:
    def sizes(freeze: bool) -> tuple[float, torch.Tensor, torch.Tensor]:
        model = perceptron()
        if freeze:
            model[1].requires_grad_(False)
        before = model[1].weight.detach().clone()
        learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
        # With the frozen ones in the optimiser and without.
        tuner = trimtab.Tuner(torch.optim.Adam(model.parameters() if freeze else learning), examples=1200, epochs=3)
        train(tuner, model)
        return tuner.best_loss, before, model[1].weight.detach()

    loss, before, after = sizes(freeze=True)
    assert torch.equal(before, after) and loss < 2.0
    loss, before, after = sizes(freeze=False)
    assert not torch.equal(before, after)


def test_running_statistics_are_averaged_and_come_back() -> None:
    model = convolutional()
    tuner = trimtab.Tuner(torch.optim.Adam(model.parameters()), examples=1200, epochs=5)
    train(tuner, model)
    own, average = model[1].running_mean, tuner.averaged(model)[1].running_mean
    assert own is not average and not torch.equal(own, average)
    seen = int(model[1].num_batches_tracked)
    tuner.restore_best(model)
    assert validate(model) == pytest.approx(tuner.best_loss, rel=1e-5) and int(model[1].num_batches_tracked) <= seen


def test_a_divergence_brings_the_best_back() -> None:
    model = convolutional()
    optimizer = torch.optim.Adam(model.parameters())
    tuner = trimtab.Tuner(optimizer, examples=1200, epochs=5)
    rates: dict[int, float] = {}

    def spoilt(number: int, loss: float) -> float:
        rates[number] = tuner.learning_rate
        if number == 9:
            with torch.no_grad():
                model[0].weight.fill_(math.nan)
            return math.nan
        return loss

    train(tuner, model, validated=spoilt)
    assert [index for index, segment in enumerate(tuner.segments) if segment["report"]["diverged"]] == [8]
    assert rates[10] == pytest.approx(0.25 * rates[9])
    assert torch.isfinite(weights_of(model)).all() and tuner.best_loss < 1.0


def test_a_loss_that_is_no_number_ends_its_segment_at_once() -> None:
    model = perceptron()
    tuner = trimtab.Tuner(torch.optim.Adam(model.parameters()), examples=1200, epochs=20)
    made = train(tuner, model, updates=100)
    assert made == 100
    done, good = len(tuner.segments), weights_of(model)
    inputs, targets = next(tuner.batches(TRAIN))
    loss = loss_of(model(inputs), targets) * math.nan
    loss.backward()
    tuner.step(loss)
    assert len(tuner.segments) == done + 1 and tuner.segments[-1]["report"]["diverged"]
    assert torch.isfinite(weights_of(model)).all() and not torch.equal(weights_of(model), good)


@pytest.mark.parametrize("averaged", [False, True])
def test_what_nothing_validated_is_kept_and_not_untrained(averaged: bool) -> None:
    model = perceptron()
    before = weights_of(model)
    tuner = trimtab.Tuner(torch.optim.Adam(model.parameters()), examples=1200, epochs=5)
    for inputs, targets in tuner.batches(TRAIN):
        loss = loss_of(model(inputs), targets)
        loss.backward()
        tuner.step(loss)
        # Only that of before the training.
        if averaged and tuner.wants_validation and not tuner._weights.averages:
            tuner.validated(2.3)
    last = weights_of(tuner.averaged(model))
    with pytest.warns(UserWarning, match="^restore_best: nothing was validated since the training began"):
        tuner.restore_best(model)
    assert torch.equal(weights_of(model), last) and not torch.equal(last, before)
    assert averaged == bool(tuner._weights.averages)


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_weights_whose_validation_gives_no_number_are_kept(loss: float) -> None:
    model = perceptron()
    before = weights_of(model)
    tuner = trimtab.Tuner(torch.optim.Adam(model.parameters()), examples=1200, epochs=5)
    with pytest.warns(UserWarning, match="^tuner: each of the first 4 segments diverged"):
        train(tuner, model, validated=lambda number, _: loss)
    with pytest.warns(UserWarning, match="^restore_best: no validation gave a finite loss"):
        tuner.restore_best(model)
    assert not torch.equal(weights_of(model), before) and torch.isfinite(weights_of(model)).all()


def test_gathered_gradients_are_those_of_one_batch() -> None:
    def trained(parts: int) -> tuple[list[Any], torch.Tensor]:
        model = perceptron().double()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        tuner = trimtab.Tuner(optimizer, examples=1200, epochs=2, batch_size=48, accumulate=parts)

        def step(loss: torch.Tensor) -> None:
            (loss / parts).backward()
            tuner.step(loss)

        data = torch.utils.data.TensorDataset(TRAIN[0].double(), TRAIN[1])
        made = validations = 0
        for inputs, targets in tuner.batches(data):
            step(loss_of(model(inputs), targets))
            made += 1
            if tuner.wants_validation:
                validations += 1
                tuner.validated(2.0 / validations)
        assert made % parts == 0
        return settings_of(tuner), weights_of(model)

    (one, weights), (four, same) = trained(1), trained(4)
    assert len(one) == len(four)
    for a, b in zip(one, four):
        assert a["learning_rate"] == pytest.approx(b["learning_rate"], rel=1e-6) and a["batch_size"] == b["batch_size"] == 48
    assert torch.allclose(weights, same, rtol=1e-5, atol=1e-7)


def test_mixed_precision_and_a_scaler_that_scales_nothing() -> None:
    model = convolutional()
    tuner = trimtab.Tuner(torch.optim.Adam(model.parameters()), examples=1200, epochs=5)
    scaler = torch.amp.GradScaler("cpu", enabled=False)

    def forward(inputs: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return model(inputs)

    def step(loss: torch.Tensor) -> None:
        scaler.scale(loss).backward()
        tuner.step(loss, scaler=scaler)

    train(tuner, model, forward=forward, step=step)
    assert tuner.is_over and tuner.best_loss < 0.5


def test_a_scaler_that_skips_updates_does_not_stop_the_start_probe() -> None:
    model = perceptron()
    tuner = trimtab.Tuner(torch.optim.Adam(model.parameters()), examples=1200, epochs=5)
    # So large a scale that the first gradients are infinite.
    scaler = torch.amp.GradScaler("cpu", init_scale=1e38, growth_interval=10_000)

    def step(loss: torch.Tensor) -> None:
        scaler.scale(loss * 1e3).backward()
        scaler.unscale_(tuner._optimizer.optimizer)
        tuner.step(loss, scaler=scaler)

    train(tuner, model, step=step)
    assert scaler.get_scale() < 1e38 and tuner.is_over and tuner.best_loss < 0.5
    assert len(tuner._steered.probes) == 1 and not tuner._steered.probes[0]["diverged"]


def test_gradients_that_are_never_finite_end_with_the_budget() -> None:
    model = perceptron()
    tuner = trimtab.Tuner(torch.optim.Adam(model.parameters()), examples=1200, epochs=1)
    scaler = torch.amp.GradScaler("cpu")
    before = weights_of(model)

    def step(loss: torch.Tensor) -> None:
        scaler.scale(loss * math.inf).backward()
        tuner.step(1.0, scaler=scaler)

    train(tuner, model, step=step)
    assert tuner.is_over and torch.equal(weights_of(model), before)


def test_weights_of_half_the_bits_have_averages_of_all() -> None:
    model = perceptron().bfloat16()
    tuner = trimtab.Tuner(torch.optim.Adam(model.parameters()), examples=1200, epochs=3)
    for inputs, targets in tuner.batches((TRAIN[0].bfloat16(), TRAIN[1])):
        loss = loss_of(model(inputs).float(), targets)
        loss.backward()
        tuner.step(loss)
        if tuner.wants_validation:
            averaged = tuner.averaged(model)
            tuner.validated(loss_of(averaged(VALIDATION[0].bfloat16()).float(), VALIDATION[1]))
    assert all(average.dtype == torch.float32 for average in tuner._weights.averages)
    assert model[1].weight.dtype == torch.bfloat16 and tuner.best_loss < 1.5


def test_a_compiled_model_is_steered() -> None:
    model = perceptron()
    try:
        compiled = torch.compile(model)
        compiled(TRAIN[0][:4])
    except Exception as error:  # There may be no compiler here.
        pytest.skip(f"torch.compile does not work here: {error}")
    tuner = trimtab.Tuner(torch.optim.Adam(compiled.parameters()), examples=1200, epochs=3)
    train(tuner, compiled)
    tuner.restore_best(compiled)
    assert validate(model) == pytest.approx(tuner.best_loss, rel=1e-4) and tuner.best_loss < 1.0


@pytest.mark.parametrize("cut", [1, 2, 30, 61])
def test_resumed_is_uninterrupted(cut: int) -> None:
    def make(seed: int) -> tuple[Any, Any, trimtab.Tuner]:
        model = convolutional(seed)
        optimizer = torch.optim.Adam(model.parameters())
        return model, optimizer, trimtab.Tuner(optimizer, model=model, examples=1200, epochs=5, seed=seed)

    model, optimizer, tuner = make(1)
    total = train(tuner, model)
    first, optimizer_1, cut_off = make(1)
    assert train(cut_off, first, updates=cut) == cut < total
    file = io.BytesIO()
    torch.save([part.state_dict() for part in (first, optimizer_1, cut_off)], file)
    file.seek(0)
    second, optimizer_2, resumed = make(2)
    for part, state in zip((second, optimizer_2, resumed), torch.load(file, weights_only=True)):
        part.load_state_dict(state)
    assert train(resumed, second) == total - cut
    assert resumed.segments == tuner.segments
    assert torch.equal(weights_of(second), weights_of(model))
    for restored in ((tuner, model), (resumed, second)):
        restored[0].restore_best(restored[1])
    assert torch.equal(weights_of(second), weights_of(model)) and torch.equal(second[1].running_var, model[1].running_var)


def test_a_loader_of_ones_own_keeps_its_batches_and_its_passes() -> None:
    model = perceptron()
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*TRAIN), batch_size=100, shuffle=True)
    tuner = trimtab.Tuner(torch.optim.Adam(model.parameters()), examples=1200, epochs=7)
    made = train(tuner, model, loader)
    assert abs(made - 7 * 12) <= 1 and {settings["batch_size"] for settings in settings_of(tuner)} == {100.0}
    # Without `batches`, by the size alone.
    model = perceptron()
    tuner, made = trimtab.Tuner(torch.optim.Adam(model.parameters()), examples=1200, epochs=7, batch_size=100), 0
    while not tuner.is_over:
        for inputs, targets in loader:
            loss = loss_of(model(inputs), targets)
            loss.backward()
            tuner.step(loss)
            made += 1
            if tuner.wants_validation:
                tuner.validated(validate(tuner.averaged(model)))
            if tuner.is_over:
                break
    assert abs(made - 7 * 12) <= 1


def test_batches_are_permutations_of_the_sizes_that_are_wanted() -> None:
    model = perceptron()
    tuner = trimtab.Tuner(torch.optim.Adam(model.parameters()), examples=1200, epochs=5)
    sizes, labels = [], []
    for inputs, targets in tuner.batches([(image, int(label)) for image, label in zip(*TRAIN)]):
        if not tuner.is_probing:
            assert len(targets) == tuner.batch_size
            sizes.append(len(targets))
            labels.append(targets)
        loss = loss_of(model(inputs), targets)
        loss.backward()
        tuner.step(loss)
        if tuner.wants_validation:
            tuner.validated(1.0)
    drawn = torch.cat(labels)
    assert len(set(sizes)) > 1
    for epoch in range(len(drawn) // 1200):
        part = drawn[1200 * epoch : 1200 * (epoch + 1)]
        assert torch.equal(part.bincount(), LABELS[:1200].bincount())


def test_weights_within_averaging_are_the_averages() -> None:
    model = convolutional()
    tuner = trimtab.Tuner(torch.optim.Adam(model.parameters()), examples=1200, epochs=5)
    train(tuner, model, updates=100)
    before, wanted = weights_of(model), weights_of(tuner.averaged(model))
    with tuner.averaging(model):
        assert torch.equal(weights_of(model), wanted)
    assert torch.equal(weights_of(model), before) and not torch.equal(before, wanted)


def test_a_detached_optimiser_is_left_alone() -> None:
    model = perceptron()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    tuner = trimtab.Tuner(optimizer, examples=1200, epochs=5)
    tuner.detach()
    loss_of(model(TRAIN[0]), TRAIN[1]).backward()
    before = weights_of(model)
    optimizer.step()
    assert optimizer.param_groups[0]["lr"] == 0.5 and not torch.equal(weights_of(model), before)


def test_an_optimiser_has_one_tuner() -> None:
    def trained(attempts: int) -> tuple[list[Any], torch.Tensor]:
        """As a cell of a notebook that is run again: the first attempts are still in their start probe."""
        model = perceptron()
        groups = [{"params": model[1].parameters(), "lr": torch.tensor(0.02)}, {"params": model[3].parameters(), "lr": 0.1}]
        optimizer = torch.optim.Adam(groups)
        tuners = [trimtab.Tuner(optimizer, examples=1200, epochs=3) for _ in range(attempts)]
        train(tuners[-1], model)
        return settings_of(tuners[-1]), weights_of(model)

    (once, weights), (again, same) = trained(1), trained(3)
    assert once == again and torch.equal(weights, same)


def test_the_tuner_before_gives_the_rates_back_and_cannot_go_on() -> None:
    model = perceptron()
    optimizer = torch.optim.SGD([{"params": model[1].parameters(), "lr": 0.5}, {"params": model[3].parameters()}], lr=0.25)
    first = trimtab.Tuner(optimizer, examples=1200, epochs=5)
    train(first, model, updates=40)
    assert optimizer.param_groups[0]["lr"] != 0.5
    trimtab.Tuner(optimizer, examples=1200, epochs=5)
    assert [group["lr"] for group in optimizer.param_groups] == [0.5, 0.25]
    for use in (
        lambda: first.step(1.0, examples=4),
        lambda: first.updated(1.0, examples=4),
        lambda: first.validated(1.0),
        lambda: first.batches(TRAIN),
        lambda: first.load_state_dict(first.state_dict()),
    ):
        with pytest.raises(RuntimeError, match="^tuner: .*another tuner was made for it"):
            use()
    # What it knows can be read.
    first.restore_best(model)
    assert validate(model) == pytest.approx(first.best_loss, rel=1e-5)
