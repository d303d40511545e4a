"""Does the data keep up with a training step? All ratios are taken in one run, on one thread.

For each source: examples made in a second, and the share of a small model's step (forward, backward, AdamW) that making
its batch takes. A source starves nothing while that share is small. Run `python benchmarks/bench_data.py`.
"""

import time
from collections.abc import Callable
from itertools import count

import torch
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM, ViTConfig, ViTForImageClassification

from sparselaw.train.data import Data, DataConfig, open_data

BATCH_SIZE, ROUNDS, SEQUENCE_LENGTH = 32, 12, 256


def small_vit(data: Data) -> torch.nn.Module:
    """A ViT of 0.2M parameters: 64 patches, width 64, 4 layers."""
    config = ViTConfig(
        image_size=data.image_size,
        num_channels=data.num_channels,
        patch_size=4,
        hidden_size=64,
        intermediate_size=256,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_labels=data.num_classes,
    )
    return ViTForImageClassification(config)


def small_decoder(data: Data) -> torch.nn.Module:
    """A decoder of 0.1M parameters: width 64, 2 layers."""
    config = GPTNeoXConfig(
        vocab_size=data.vocab_size,
        hidden_size=64,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=SEQUENCE_LENGTH,
    )
    return GPTNeoXForCausalLM(config)


def best_seconds(work: Callable[[], object]) -> float:
    """The fastest of several rounds, which other load disturbs least."""
    seconds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def step_seconds(model: torch.nn.Module, data: Data) -> float:
    """Time of an optimiser step on a batch that is there already."""
    batch = data.batch(0, BATCH_SIZE)
    optimizer = torch.optim.AdamW(model.parameters())

    def step() -> None:
        optimizer.zero_grad()
        model(**batch).loss.backward()
        optimizer.step()

    return best_seconds(step)


def main() -> None:
    """Prints a line for each source."""
    torch.set_num_threads(1)
    print(f"{'source':<10} {'examples/s':>12} {'batch ms':>9} {'step ms':>9} {'batch/step':>10}")
    for source, build in {"glyphs": small_vit, "python": small_decoder, "synthetic": small_decoder}.items():
        data = open_data(DataConfig(source=source, sequence_length=SEQUENCE_LENGTH))
        steps = count()
        batch = best_seconds(lambda data=data, steps=steps: data.batch(next(steps), BATCH_SIZE))
        step = step_seconds(build(data), data)
        print(f"{source:<10} {BATCH_SIZE / batch:12,.0f} {1e3 * batch:9.2f} {1e3 * step:9.1f} {batch / step:10.4f}")


if __name__ == "__main__":
    main()
