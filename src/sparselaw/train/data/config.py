"""The configuration of the data."""

from dataclasses import dataclass

from sparselaw.errors import UserError


@dataclass(frozen=True)
class DataConfig:
    """The data of a run.

    Attributes:
        source: `packages` (source text of pinned PyPI packages, the same for everyone), `python` (Python source found on
            this machine), `glyphs` (endless rendered characters), `synthetic` (an endless language of known entropy), `c4`
            (allenai/c4, English), any Hugging Face dataset as `name` or `name:configuration`, or the path of a file or
            folder of text or images.
        sequence_length: tokens per sequence; with span corruption, tokens of the encoder's input.
        tokenizer: `bytes`, the path of a tokenizer.json, or the name of a Hugging Face tokenizer.
        span_corruption: make (input, target) pairs for an encoder-decoder, as T5 does.
        image_size: height and width of images in pixels.
        num_classes: number of characters in `glyphs`, the first of its 242, beginning with the digits; 0 takes all.
        distortion: strength of the random views, backgrounds and noise in `glyphs`, from 0 (none) to 1.
        text_column: the column of a Hugging Face dataset or of a JSON, CSV or Parquet file that holds the text.
        max_tokens: number of training tokens to prepare; 0 takes all. Text datasets from the Hub need a limit.
        heldout: number of held-out examples to evaluate on.
        seed: seed of the order of the examples and, for endless sources, of the examples; held-out examples do not
            depend on it.
        cache: folder for prepared data; if empty, the user's cache folder.
    """

    source: str = "python"
    sequence_length: int = 512
    tokenizer: str = "bytes"
    span_corruption: bool = False
    image_size: int = 32
    num_classes: int = 0
    distortion: float = 1.0
    text_column: str = "text"
    max_tokens: int = 0
    heldout: int = 2048
    seed: int = 0
    cache: str = ""

    def __post_init__(self) -> None:
        least = {"sequence_length": 2, "image_size": 8, "num_classes": 0, "max_tokens": 0, "heldout": 1, "seed": 0}
        for name, smallest in least.items():
            if getattr(self, name) < smallest:
                raise UserError(f"data.{name} is {getattr(self, name)}; give {smallest} or more.")
        if not 0 <= self.distortion <= 1:
            raise UserError(f"data.distortion is {self.distortion}; give a number from 0 to 1.")
        if not self.source:
            raise UserError("data.source is empty; give a source such as 'python', a path, or a Hugging Face dataset.")
