"""Labelled frames, and the part of them that is held out to judge the training by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isa_spec.errors import FormatError
from isa_spec.showing import brief


@dataclass(frozen=True, eq=False)
class Examples:
    """Frames with their classes.

    Parameters
    ----------
    frames : uint8[n_frames, C, H, W]
    labels : int64[n_frames]
    where : str
        Where they come from, for messages.

    Raises
    ------
    FormatError
        If there are none, their numbers differ, or frames are not bytes.
    """

    frames: np.ndarray
    labels: np.ndarray
    where: str = "examples"

    def __repr__(self) -> str:
        return brief(self)

    def __post_init__(self) -> None:
        if self.frames.ndim != 4 or self.frames.dtype != np.uint8:
            if self.frames.dtype == np.uint8:
                remedy = (
                    "give a single channel an axis, as frames[:, None]" if self.frames.ndim == 3 else "reshape them"
                )
            elif self.frames.dtype.kind == "f":
                remedy = "scale and round them, as np.rint(255 * frames).astype(np.uint8) where they go from 0 to 1"
            else:
                remedy = "convert them, as frames.astype(np.uint8)"
            raise FormatError(
                f"{self.where}: frames of {self.frames.dtype}{list(self.frames.shape)}, allowed: uint8 in "
                f"[N, C, H, W]; {remedy}"
            )
        if not len(self.frames) or self.labels.shape != (len(self.frames),):
            raise FormatError(
                f"{self.where}: {len(self.frames)} frames and labels of shape {list(self.labels.shape)}, allowed: one "
                "frame and more, with a label for each"
            )

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def classes(self) -> int:
        """Number of classes: one more than the largest label.

        Raises
        ------
        FormatError
            If labels do not begin at 0: nothing would show a class of that number.
        """
        least, most = int(self.labels.min()), int(self.labels.max())
        if least:
            raise FormatError(
                f"{self.where}: labels go from {least} to {most}, allowed: from 0 on; subtract {least} from all"
            )
        return most + 1


def hold_out(examples: Examples, share: float, seed: int) -> tuple[Examples, Examples]:
    """Two parts of the examples, drawn at random: to train on, and held out.

    Parameters
    ----------
    examples : Examples
    share : float
        Part that is held out; at least one example, and at least one remains.
    seed : int

    Raises
    ------
    FormatError
        If there are fewer than two examples.
    """
    if len(examples) < 2:
        raise FormatError(f"{examples.where}: {len(examples)} frame to train on, allowed: two and more")
    order = np.random.default_rng(seed).permutation(len(examples))
    n_held = min(max(1, round(share * len(examples))), len(examples) - 1)
    held, kept = order[:n_held], np.sort(order[n_held:])
    train, kept_back = (Examples(examples.frames[part], examples.labels[part], examples.where) for part in (kept, held))
    return train, kept_back
