"""Sounds made on the spot."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np


def tone(into: Path, *, seconds: float, rate: int = 44_100, channels: int = 1, hertz: float = 440.0) -> Path:
    """A WAV with a steady tone of level 0.345; the right channel, if there is one, is silent."""
    time = np.arange(round(seconds * rate)) / rate
    samples = np.zeros((len(time), channels), dtype="<i2")
    samples[:, 0] = np.sin(2 * np.pi * hertz * time) * 16_000
    with wave.open(str(into), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    return into
