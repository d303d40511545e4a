"""The verb: from what a caller has (a fit or its name, a limit, a budget) to the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from sparselaw.cost.architecture import read_architecture
from sparselaw.cost.devices import Device, TokenTime, open_device
from sparselaw.cost.machine import open_cost
from sparselaw.cost.serving import SECONDS_PER_HOUR, UTILISATION, gpu_of
from sparselaw.cost.storage import Memory, Storage
from sparselaw.cost.training import Cost
from sparselaw.counts import as_count, parse_bytes, parse_seconds
from sparselaw.errors import UserError, arg, choice
from sparselaw.fit.published import open_fit
from sparselaw.fit.result import Fit
from sparselaw.laws.precision import FACTORS, Factor
from sparselaw.plan.answer import Answer, ask
from sparselaw.plan.options import Option, options_of, parse_option
from sparselaw.plan.question import CONFIDENCE, Question, check_sizes, check_units, on_schedule_of


def plan(
    fit: Fit | str | Path,
    *,
    nonzeros: float | str | None = None,
    memory: float | str | Memory | None = None,
    format: str | None = None,
    precision: str | None = None,
    total: float | str | None = None,
    model: str | Path | None = None,
    latency: float | str | None = None,
    device: str | None = None,
    batch: int = 1,
    flops: float | str | None = None,
    data: float | str | None = None,
    times_chinchilla: float | None = None,
    loss: float | None = None,
    cost: str | Cost = "dense",
    ramp: str | tuple[float, float] | None = None,
    inference: float | str | None = None,
    inference_cost: str | Cost = "dense",
    gpu: str | None = None,
    gpu_hours: float | str | None = None,
    peak: float | None = None,
    utilisation: float = UTILISATION,
    inference_utilisation: float | None = None,
    price: float | None = None,
    tokens_per_image: float = 1.0,
    tolerance: float | None = None,
    confidence: float = CONFIDENCE,
    options: Sequence[str] = (),
    sparsity: float | None = None,
    pattern: str | None = None,
    capacity: Mapping[str, float] | None = None,
) -> Answer:
    """How sparse a model should be, what that gains, and what the alternatives are worth.

    Give a budget alone (flops, or gpu and gpu_hours); or two of a size (nonzeros, memory, total or latency), a budget, data and
    loss; or a size and times_chinchilla; or inference and loss, with nonzeros if N is fixed.

    Args:
        fit: a fit, a published law such as `t5-c4-refit`, or the path of a fit file.
        nonzeros: N, the non-zero prunable weights. Counts may be text such as `85M`.
        memory: in place of N, bytes for the weights counted in it, as a number or text such as `8GB`.
        format: how memory stores them (see `cost.storage`); `bitmask` if not given.
        precision: of the values in memory, of the weights that latency reads, and of the option of `sparsity` and `pattern`;
            `bf16` if not given.
        total: in place of N, the weights before pruning, zeros included.
        model: in place of N, the `config.json` of a Hugging Face model or its folder: its prunable weights are the total.
        latency: in place of N, the time of a token in seconds, or text such as `20ms`; it needs a device.
        device: `rtx4090`, `a100`, `h100` or `m2-ultra`; tells the time of a token for every option.
        batch: sequences that it generates at once.
        flops: training FLOPs.
        data: with a size, a budget: what a dense model of it would spend on so much data. Without, the data there is.
        times_chinchilla: a budget in multiples of the dense compute-optimal one of N.
        loss: to reach.
        cost: of training: `dense` (zeros are computed), `sparse` (they are free), a machine or the path of its file.
        ramp: shares of training where pruning starts and ends, such as `0:0.5`; `0.25:0.75`, as in the paper, if None.
        inference: tokens or images to serve over the model's life.
        inference_cost: as cost, for inference.
        gpu: a device by name, for its peak FLOP/s.
        gpu_hours: with a gpu or a peak, a training budget in place of flops.
        peak: FLOP/s of a GPU, for GPU-hours, in place of that of `gpu`.
        utilisation: share of the peak that training reaches.
        inference_utilisation: share of the peak that inference reaches; as in training if not given.
        price: of a GPU-hour.
        tokens_per_image: for laws in images: tokens (patches) of one.
        tolerance: share that makes no difference: of the loss (0.001 if not given), with inference of the cost (0.01).
        confidence: of the intervals.
        options: to compare in place of the standard ones, each in words such as `dense`, `50%`, `2:4`, `int4` or `2B 50% int4`
            (2B weights before pruning).
        sparsity, pattern: with precision, one option of your own beside the others.
        capacity: capacity factors by precision, such as {"int4": 0.9}, in place of the published ones.

    Raises:
        UserError: a question that has no answer; one sentence says why.
    """
    training = open_cost(cost, ramp=ramp, units_per_datum=tokens_per_image)
    fitted = on_schedule_of(training, open_fit(fit))
    check_units(fitted, tokens_per_image)
    served, speed = open_device(device) if device else None, open_device(gpu).peak if gpu and not peak else peak
    architecture = read_architecture(model) if model else None
    if architecture and total is not None:
        raise UserError(f"Give {arg('total')} or {arg('model')}, not both: a model has its number of weights.")
    own = _own_option(sparsity, pattern, precision)
    question = Question(
        nonzeros=as_count(nonzeros),
        memory=_memory(memory, format, precision),
        total=architecture.prunable if architecture else as_count(total),
        architecture=architecture,
        latency=_latency(latency, served, precision, batch),
        flops=_flops(flops, gpu_hours, speed, utilisation),
        times_chinchilla=times_chinchilla,
        data=as_count(data),
        loss=loss,
        inference=as_count(inference),
        cost=training,
        inference_cost=open_cost(inference_cost, units_per_datum=tokens_per_image, serving=True),
        gpu=gpu_of(speed, utilisation, inference_utilisation, price),
        tolerance=tolerance,
        confidence=confidence,
        options=options_of(options, own),
        factors=_factors(capacity or {}),
        device=served,
        batch=batch,
    )
    if (format or precision) and not (memory or latency or own):
        raise UserError(
            f"{arg('format')} and {arg('precision')} say how weights are stored; give {arg('memory')}, {arg('latency')} or "
            f"{arg('sparsity')} too."
        )
    return ask(fitted, question)


def _flops(
    flops: float | str | None, hours: float | str | None, peak: float | None, utilisation: float
) -> float | None:
    """The budget, from GPU-hours where it is given so."""
    if hours is None:
        return as_count(flops)
    if flops is not None:
        raise UserError(f"Give {arg('flops')} or {arg('gpu_hours')}, not both.")
    if peak is None:
        raise UserError(f"{arg('gpu_hours')} needs a GPU; give {arg('gpu')}, such as h100, or {arg('peak')}.")
    amount = as_count(hours)
    assert amount is not None
    check_sizes({"gpu_hours": amount, "peak": peak, "utilisation": utilisation})
    return amount * SECONDS_PER_HOUR * peak * utilisation


def _latency(seconds: float | str | None, device: Device | None, precision: str | None, batch: int) -> TokenTime | None:
    if batch < 1:
        raise UserError(f"{arg('batch')} is {batch}; give 1 or more.")
    if seconds is None:
        return None
    if device is None:
        raise UserError(f"{arg('latency')} needs a device; give {arg('device')}, such as rtx4090.")
    amount = parse_seconds(seconds) if isinstance(seconds, str) else float(seconds)
    check_sizes({"latency": amount})
    return TokenTime(amount, device, precision=precision or Storage().precision, batch=batch)


def _own_option(sparsity: float | None, pattern: str | None, precision: str | None) -> Option | None:
    if sparsity is None and pattern is None:
        return None
    if sparsity is not None and not 0 <= sparsity < 1:
        raise UserError(f"{arg('sparsity')} is {sparsity:g}; give a number from 0 to below 1, such as 0.5.")
    share = [] if sparsity is None else [f"{100 * sparsity:.6g}%"]
    return parse_option(" ".join([*share, *filter(None, (pattern, precision))]))


def _factors(given: Mapping[str, float]) -> dict[str, Factor]:
    for name, value in given.items():
        if name not in FACTORS:
            raise UserError(f"{arg('capacity')} has {name!r}, which is no precision; {choice(name, tuple(FACTORS))}")
        if not 0 < value <= 1:
            raise UserError(
                f"{arg('capacity')} of {name} is {value:g}; give a number above 0 and at most 1, such as 0.9."
            )
    return FACTORS | {name: Factor(value, source="as given") for name, value in given.items()}


def _memory(size: float | str | Memory | None, format: str | None, precision: str | None) -> Memory | None:
    if size is None:
        return None
    if isinstance(size, Memory):
        return size
    amount = parse_bytes(size) if isinstance(size, str) else float(size)
    check_sizes({"memory": amount})
    usual = Storage()
    return Memory(amount, Storage(format or usual.format, precision or usual.precision))
