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
    path.write_bytes(png(width, height, b"\0" * 100_000, depth=8, colour=0))
    return path


def png(
    width: int, height: int, rows: bytes, *extra: bytes, depth: int = 8, colour: int = 2, interlace: int = 0
) -> bytes:
    """A PNG of these filtered rows, with further chunks before them."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    pixels = png_chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + b"".join(extra) + pixels + png_chunk(b"IEND", b"")


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def icc_profile(*, red: tuple[float, float], green: tuple[float, float], blue: tuple[float, float], name: str) -> bytes:
    """A monitor's profile with these primaries, white D65 and a gamma of 2.2, as cameras and phones embed them."""

    def fixed(value: float) -> bytes:
        return struct.pack(">i", round(value * 65536))

    white = np.array([0.9505, 1.0, 1.089])
    columns = np.array([[x / y, 1.0, (1 - x - y) / y] for x, y in (red, green, blue)]).T
    columns = columns * np.linalg.solve(columns, white)
    bradford = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    d50 = np.array([0.9642, 1.0, 0.8249])
    adapted = np.linalg.inv(bradford) @ np.diag((bradford @ d50) / (bradford @ white)) @ bradford @ columns
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(2.2 * 256)) + bytes(2)
    title = name.encode("ascii") + b"\0"
    described = b"desc" + bytes(4) + struct.pack(">I", len(title)) + title + bytes(78 + (-len(title)) % 4)
    tags = {
        b"desc": described,
        b"wtpt": b"XYZ " + bytes(4) + b"".join(map(fixed, d50)),
        **{
            key: b"XYZ " + bytes(4) + b"".join(fixed(value) for value in adapted[:, index])
            for index, key in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))
        },
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
        b"cprt": b"text" + bytes(4) + b"none\0\0\0\0",
    }
    table, body, at = b"", b"", 128 + 4 + 12 * len(tags)
    for key, data in tags.items():
        table += key + struct.pack(">II", at + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    size = at + len(body)
    head = struct.pack(">I4sI4s4s4s", size, b"\0" * 4, 0x02400000, b"mntr", b"RGB ", b"XYZ ") + bytes(12) + b"acsp"
    head += bytes(28) + b"".join(map(fixed, d50)) + bytes(48)
    return head[:128] + struct.pack(">I", len(tags)) + table + body


DISPLAY_P3 = icc_profile(red=(0.68, 0.32), green=(0.265, 0.69), blue=(0.15, 0.06), name="Display P3")
ADOBE_RGB = icc_profile(red=(0.64, 0.33), green=(0.21, 0.71), blue=(0.15, 0.06), name="Adobe RGB (1998)")


def as_bytes(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def heic(image: Image.Image, *, quarter_turns: int = 0, icc: bytes = b"", said: tuple[int, int] | None = None) -> bytes:
    """A minimal HEIC: one HEVC key frame of x265's in the boxes that a picture file needs (ISO 23008-12).

    `quarter_turns` is how often a viewer is told to turn it to the left; `said` is a size that it claims to have.
    """
    configuration, frame = _hevc(image)

    def box(kind: str, *parts: bytes) -> bytes:
        data = b"".join(parts)
        return struct.pack(">I", len(data) + 8) + kind.encode() + data

    def full(kind: str, flags: int, *parts: bytes, version: int = 0) -> bytes:
        return box(kind, struct.pack(">I", version << 24 | flags), *parts)

    def meta(offset: int) -> bytes:
        item = full("infe", 0, struct.pack(">HH", 1, 0), b"hvc1", b"\0", version=2)
        size = full("ispe", 0, struct.pack(">II", *(said or image.size)))
        extra = [box("colr", b"prof", icc)] if icc else []
        extra += [box("irot", bytes([quarter_turns]))] if quarter_turns else []
        places = [0x81, 2, *(3 + place for place in range(len(extra)))]
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
                box("ipco", box("hvcC", configuration), size, *extra),
                full("ipma", 0, struct.pack(">IHB", 1, 1, len(places)), bytes(places)),
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
