"""Endless rendered characters: a classification task for vision transformers that needs no download.

There are 242 characters (digits, symbols, and Latin, Greek, Cyrillic and Armenian letters that do not look alike) in up to
21 faces of the fonts that ship with matplotlib. Each is rasterised once. An image is a random affine view of one of them
on a smooth random background, with random contrast and noise. Image i of a seed is always the same. Pixels lie around
[-1, 1].
"""

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from sparselaw.errors import UserError
from sparselaw.train.data.config import DataConfig
from sparselaw.train.data.counter import UInts, bits, keys, uniforms
from sparselaw.train.data.stream import Batch, Data, Maker

CHARACTERS = (
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    "ΓΔΘΛΞΠΣΦΨΩαβγδεζηθικλμνξπρστυφχψω"
    "БДЖЗИЙЛЦЧШЩЪЫЬЭЮЯбвджзийлмнптцчшщъыьэюя"
    "ԲԳԴԵԶԷԸԹԺԻԽԾԿՀՁՃՄՅՇՉՊՋՌՎՐՑՓՖբգդեզէըթժխծկձղճմյշչպռվփֆ"
    "!#$%&*+/<=>?@{}[]^~£¥§¶±×÷€∂∃∇∈∏∑√∝∞∧∨∩∪∫≈≠≡≤≥⊂⊕⊗←↑→↓↔⇐⇒"
)
_DEJAVU = [
    f"DejaVu{family}{style}"
    for family, slant in {"Sans": "Oblique", "SansMono": "Oblique", "Serif": "Italic"}.items()
    for style in ("", "-Bold", f"-{slant}", f"-Bold{slant}")
]
_STIX = ["STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic", "STIXGeneralBolIta"]
_COMPUTER_MODERN = ["cmr10", "cmb10", "cmss10", "cmti10", "cmtt10"]  # their symbols sit at other code points

_CELL = 64  # pixels of a rasterised character's cell
_EM = 40  # font size in pixels: leaves room for the widest character
_TRAIN, _HELDOUT = 1, 2
_VIEW, _FIELD, _NOISE = 1, 2, 3


@dataclass(frozen=True)
class Atlas:
    """Every character in every face that has it.

    Attributes:
        cells: float32 of shape (G, 64, 64), 0 outside and 1 inside the strokes, ordered by character.
        first: index of each character's first cell, shape (242,).
        num_faces: number of faces that have the character, shape (242,).
    """

    cells: torch.Tensor
    first: np.ndarray
    num_faces: np.ndarray


def open_glyphs(config: DataConfig) -> Data:
    """Rendered characters as training data: grey images, labelled with the number of the character.

    Raises:
        UserError: if data.num_classes is 1 or too large.
    """
    import matplotlib

    num_classes = config.num_classes or len(CHARACTERS)
    if not 2 <= num_classes <= len(CHARACTERS):
        raise UserError(f"data.num_classes is {num_classes}; give 2 to {len(CHARACTERS)} for glyphs, or 0 for all.")

    def maker(seed: int, stream: int) -> Maker:
        return lambda indices: render(
            keys(seed, stream, indices),
            image_size=config.image_size,
            num_classes=num_classes,
            distortion=config.distortion,
        )

    return Data(
        make_train=maker(config.seed, _TRAIN),
        make_heldout=maker(0, _HELDOUT),
        num_heldout=config.heldout,
        heldout_pool=config.heldout,
        num_examples=None,
        unit="images",
        units_per_example=1,
        provenance={
            "source": "glyphs",
            "seed": config.seed,
            "characters": CHARACTERS[:num_classes],
            "distortion": config.distortion,
            "matplotlib": matplotlib.__version__,
        },
        seed=config.seed,
        num_classes=num_classes,
        image_size=config.image_size,
        num_channels=1,
    )


def render(example_keys: UInts, *, image_size: int, num_classes: int, distortion: float = 1.0) -> Batch:
    """Images of the examples with these keys.

    Args:
        example_keys: one key for each example, shape (B,).
        image_size: height and width in pixels.
        num_classes: number of characters to draw from.
        distortion: strength of the random views, backgrounds and noise, from 0 to 1.

    Returns:
        `pixel_values`, float32 (B, 1, H, W), and `labels`, int64 (B,), below `num_classes`.
    """
    atlas = glyph_atlas()
    u_B = torch.from_numpy(uniforms(example_keys, 12, purpose=_VIEW).T)
    labels = (u_B[0].numpy() * num_classes).astype(np.int64)
    cells = atlas.first[labels] + (u_B[1].numpy() * atlas.num_faces[labels]).astype(np.int64)
    view_B = 0.5 + distortion * (u_B[2:8] - 0.5)
    strokes_BCHW = _view(atlas.cells[torch.from_numpy(cells)], view_B, image_size=image_size)
    ground_BCHW = 0.5 * distortion * _smooth_field(example_keys, image_size)
    contrast_B = torch.where(u_B[8] < 0.5 * distortion, -1, 1) * (0.3 + 0.9 * u_B[9])
    noise_B = distortion * (0.02 + 0.2 * u_B[10])
    noise_BCHW = _noise(example_keys, image_size) * noise_B.float().view(-1, 1, 1, 1)
    level_B = distortion * (u_B[11] - 0.5) - 0.5 * contrast_B
    pixels = ground_BCHW + level_B.float().view(-1, 1, 1, 1) + strokes_BCHW * contrast_B.float().view(-1, 1, 1, 1)
    return {"pixel_values": pixels + noise_BCHW, "labels": torch.from_numpy(labels)}


@cache
def glyph_atlas() -> Atlas:
    """Rasterises all characters, once per process."""
    import matplotlib
    from matplotlib.ft2font import FT2Font
    from PIL import ImageFont

    fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    covers, faces = [], []
    for name in (*_DEJAVU, *_STIX, *_COMPUTER_MODERN):
        known = set(map(chr, FT2Font(str(fonts / f"{name}.ttf")).get_charmap()))
        covers.append(known & set(CHARACTERS[:62]) if name in _COMPUTER_MODERN else known)
        faces.append(ImageFont.truetype(str(fonts / f"{name}.ttf"), _EM))
    groups = [
        [_rasterise(face, c) for face, known in zip(faces, covers, strict=True) if c in known] for c in CHARACTERS
    ]
    num_faces = np.array([len(group) for group in groups])
    cells = np.stack([cell for group in groups for cell in group])
    return Atlas(torch.from_numpy(cells).float() / 255, num_faces.cumsum() - num_faces, num_faces)


def _rasterise(face, character: str) -> np.ndarray:
    """A character in the middle of its cell, uint8 (64, 64)."""
    from PIL import Image, ImageDraw

    image = Image.new("L", (_CELL, _CELL))
    left, top, right, bottom = face.getbbox(character)
    corner = ((_CELL - left - right) / 2, (_CELL - top - bottom) / 2)
    ImageDraw.Draw(image).text(corner, character, fill=255, font=face)
    return np.asarray(image)


def _view(cells_BHW: torch.Tensor, u_B: torch.Tensor, *, image_size: int) -> torch.Tensor:
    """Random affine views of the cells (rotation, size, aspect, shear and shift), shape (B, 1, H, W)."""
    turn = math.radians(50) * (u_B[0] - 0.5)
    size, aspect, shear = 0.6 * 1.8 ** u_B[1], 1.3 ** (u_B[2] - 0.5), 0.6 * (u_B[3] - 0.5)
    right, down = 0.6 * (u_B[4] - 0.5), 0.6 * (u_B[5] - 0.5)
    cos, sin = torch.cos(turn), torch.sin(turn)
    wide, high = size * aspect, size / aspect
    rows = [wide * cos, wide * (shear * cos - sin), right, high * sin, high * (shear * sin + cos), down]
    grid = F.affine_grid(
        torch.stack(rows, 1).view(-1, 2, 3).float(), [len(turn), 1, image_size, image_size], align_corners=False
    )
    return F.grid_sample(cells_BHW[:, None], grid, align_corners=False)


def _smooth_field(example_keys: UInts, image_size: int) -> torch.Tensor:
    """Random values in [-1, 1], interpolated from a 4 x 4 lattice, shape (B, 1, H, W)."""
    lattice = torch.from_numpy(2 * uniforms(example_keys, 16, purpose=_FIELD) - 1).float().view(-1, 1, 4, 4)
    return F.interpolate(lattice, size=(image_size, image_size), mode="bilinear", align_corners=True)


def _noise(example_keys: UInts, image_size: int) -> torch.Tensor:
    """Nearly Gaussian noise of unit variance, the sum of four uniform numbers, shape (B, 1, H, W)."""
    words = bits(example_keys, image_size**2, purpose=_NOISE)
    quarters = words.view(np.uint16).reshape(len(example_keys), image_size**2, 4)
    sums = quarters.sum(axis=2, dtype=np.float32) / 2**16 - 2
    return torch.from_numpy(sums * np.float32(math.sqrt(3))).view(-1, 1, image_size, image_size)
