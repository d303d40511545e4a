"""What to train on, as one small value that TOML can hold."""

from dataclasses import dataclass

from sparselaw.errors import UserError


@dataclass(frozen=True)
class DataConfig:
    """The data of a run.

    Attributes:
        source: `packages` (source text of pinned PyPI packages, the same for everyone), `python` (Python source found on
            this machine), `glyphs` (endless rendered characters), `synthetic` (a
            process of known entropy), `c4` (allenai/c4, English), any Hugging Face dataset as `name` or
            `name:configuration`, or the path of a file or folder of text or images.
        sequence_length: tokens of a sequence; with span corruption, tokens of the encoder's input.
        tokenizer: `bytes`, the path of a tokenizer.json, or the name of a Hugging Face tokenizer.
        span_corruption: makes (input, target) pairs for an encoder-decoder by the T5 recipe.
        image_size: height and width of images in pixels.
        num_classes: of `glyphs`: how many of its 242 characters there are, from the digits on; 0 takes all.
        distortion: of `glyphs`: how far each character is turned, moved, lit from behind and covered in noise; from 0, not
            at all, to 1.
        text_column: the column of a Hugging Face dataset or of a JSON, CSV or Parquet file that holds the text.
        max_tokens: stop preparing text here; 0 takes everything. Datasets read from the Hub need a limit.
        heldout: number of held-out examples in validation.
        seed: order of the examples, and which of the endless examples are seen. Held-out examples do not depend on it.
        cache: folder of prepared data; empty is the user's cache folder.
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
        """Refuses values that no data can have."""
        least = {"sequence_length": 2, "image_size": 8, "num_classes": 0, "max_tokens": 0, "heldout": 1, "seed": 0}
        for name, smallest in least.items():
            if getattr(self, name) < smallest:
                raise UserError(f"data.{name} is {getattr(self, name)}; give {smallest} or more.")
        if not 0 <= self.distortion <= 1:
            raise UserError(f"data.distortion is {self.distortion}; give a number from 0 to 1.")
        if not self.source:
            raise UserError("data.source is empty; name a source such as 'python', a path, or a Hugging Face dataset.")
