"""Pictures, good and bad, made on the spot."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import av
import numpy as np
from PIL import Image


def scene(width: int, height: int, seed: int = 1) -> Image.Image:
    """Something with structure at several scales."""
    rng = np.random.default_rng(seed)
    total = np.zeros((height, width, 3), dtype=np.float64)
    for cells, weight in ((4, 60.0), (16, 30.0), (64, 15.0)):
        grid = rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
        layer = Image.fromarray(grid).resize((width, height), Image.Resampling.BICUBIC)
        total += (np.asarray(layer, dtype=np.float64) / 255 - 0.5) * weight
    return Image.fromarray(np.clip(total + 128, 0, 255).astype(np.uint8))


def saved(image: Image.Image, path: Path, **options: object) -> Path:
    image.save(path, **options)
    return path


def png_header_only(path: Path, width: int, height: int) -> Path:
    """A PNG that declares any size in a few bytes: its pixels are zeros that nobody should unpack."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"\0" * 100_000)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b""))
    return path


def as_bytes(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def heic(image: Image.Image) -> bytes:
    """A minimal HEIC: one HEVC key frame of x265's in the boxes that a picture file needs (ISO 23008-12)."""
    configuration, frame = _hevc(image)

    def box(kind: str, *parts: bytes) -> bytes:
        data = b"".join(parts)
        return struct.pack(">I", len(data) + 8) + kind.encode() + data

    def full(kind: str, flags: int, *parts: bytes, version: int = 0) -> bytes:
        return box(kind, struct.pack(">I", version << 24 | flags), *parts)

    def meta(offset: int) -> bytes:
        item = full("infe", 0, struct.pack(">HH", 1, 0), b"hvc1", b"\0", version=2)
        size = full("ispe", 0, struct.pack(">II", *image.size))
        place = struct.pack(">BBHHHHII", 0x44, 0, 1, 1, 0, 1, offset, len(frame))
        return full(
            "meta",
            0,
            full("hdlr", 0, b"\0\0\0\0pict", bytes(13)),
            full("pitm", 0, struct.pack(">H", 1)),
            full("iloc", 0, place),
            full("iinf", 0, struct.pack(">H", 1), item),
            box(
                "iprp",
                box("ipco", box("hvcC", configuration), size),
                full("ipma", 0, struct.pack(">IHBBB", 1, 1, 2, 0x81, 2)),
            ),
        )

    kind = box("ftyp", b"heic", bytes(4), b"mif1heic")
    offset = len(kind) + len(meta(0)) + 8
    return kind + meta(offset) + box("mdat", frame)


def _hevc(image: Image.Image) -> tuple[bytes, bytes]:
    """The decoder configuration and the one frame, as an MP4 would hold them."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx265", rate=1)
        stream.width, stream.height = image.size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.options = {"x265-params": "log-level=none:keyint=1", "crf": "12"}
        container.mux(stream.encode(av.VideoFrame.from_image(image)))
        container.mux(stream.encode(None))
    buffer.seek(0)
    with av.open(buffer) as container:
        stream = container.streams.video[0]
        packet = next(packet for packet in container.demux(stream) if packet.size)
        return bytes(stream.codec_context.extradata), bytes(packet)
