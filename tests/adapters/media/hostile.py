"""Files made to harm whoever opens them, each written by code, so that what is wrong with it can be read here."""

from __future__ import annotations

import io
import os
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from tests.adapters.media.films import film
from tests.adapters.media.pictures import as_bytes, heic, png, png_chunk, saved, scene

Make = Callable[[Path], object]


def _bytes(data: Callable[[], bytes]) -> Make:
    return lambda path: path.write_bytes(data())


def small(kind: str, **options: object) -> bytes:
    """A good little picture of a kind, to be spoiled."""
    image = scene(480, 400)
    return heic(image) if kind == "HEIC" else as_bytes(image, kind, **options)


# --- pictures that would grow without end -------------------------------------------------------------------------


def _zeros(megabytes: int) -> bytes:
    """So many megabytes, packed a thousandfold."""
    packer = zlib.compressobj(9)
    parts = [packer.compress(bytes(1_000_000)) for _ in range(megabytes)]
    return b"".join([*parts, packer.flush()])


def _rows(width: int = 400, height: int = 400) -> bytes:
    return (b"\0" + bytes(range(200)) * (3 * width // 200)) * height


def png_with(*chunks: bytes) -> bytes:
    return png(400, 400, _rows(), *chunks)


def _profile_bomb() -> bytes:
    return png_with(png_chunk(b"iCCP", b"sRGB\0\0" + _zeros(400)))


def _text_bombs() -> bytes:
    return png_with(*[png_chunk(b"zTXt", b"note%d\0\0" % number + _zeros(1)) for number in range(300)])


def _international_text_bomb() -> bytes:
    return png_with(png_chunk(b"iTXt", b"note\0\1\0\0\0" + _zeros(400)))


def _pixels_bomb() -> bytes:
    """A few pixels are announced; what follows unpacks to 400 MB."""
    packed = png_chunk(b"IDAT", _zeros(400))
    data = png(400, 400, b"")
    at = data.index(b"IDAT") - 4
    return data[:at] + packed + png_chunk(b"IEND", b"")


def _gif(width: int, height: int, frames: Iterator[bytes] | list[bytes], *, end: bytes = b";") -> bytes:
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\0\0\0\xff\0\0" + b"".join(frames) + end


def _gif_frame(width: int, height: int) -> bytes:
    """Its pixels are one code that says: nothing more."""
    return b"\x2c" + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\x02\x4c\x01\0"


def _endless_gif() -> bytes:
    return small("GIF")[:-1] + _gif_frame(1, 1) * 400_000


def _gif_of_blocks() -> bytes:
    """Comments of a single letter, and no frame ever."""
    return b"GIF89a" + struct.pack("<HHBBB", 400, 400, 0, 0, 0) + b"\x21\xfe" + b"\x01a" * 5_000_000


def _webp_canvas() -> bytes:
    """An animation on a canvas of 268 megapixels; its frames are small."""
    image = scene(64, 64)
    data = bytearray(as_bytes(image, "WEBP", save_all=True, append_images=[scene(64, 64, seed=2)]))
    at = data.index(b"VP8X") + 12
    data[at : at + 6] = (16383).to_bytes(3, "little") * 2
    return bytes(data)


def _tiff(tags: dict[int, tuple[int, int, int]], tail: bytes = b"", following: int = 0) -> bytes:
    """Tags as (type, count, value or offset), little-endian, the directory at 8."""
    entries = b"".join(struct.pack("<HHII", tag, *rest) for tag, rest in sorted(tags.items()))
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + struct.pack("<I", following) + tail


def _tiff_size(width: int, height: int, **more: tuple[int, int, int]) -> dict[int, tuple[int, int, int]]:
    return {
        256: (4, 1, width),
        257: (4, 1, height),
        258: (3, 1, 8),
        259: (3, 1, 1),
        262: (3, 1, 1),
        277: (3, 1, 1),
    } | {int(tag[1:]): value for tag, value in more.items()}


def _tiff_strips() -> bytes:
    """Four thousand million strips, said to lie behind the end."""
    return _tiff(_tiff_size(400, 400, t273=(4, 0xFFFFFFFF, 200), t278=(4, 1, 1), t279=(4, 0xFFFFFFFF, 200)), bytes(500))


def _tiff_tiles() -> bytes:
    """One tile of 64,000 by 64,000 under a picture of 400 by 400."""
    tags = _tiff_size(400, 400, t322=(4, 1, 64_000), t323=(4, 1, 64_000), t324=(4, 1, 8), t325=(4, 1, 4_000))
    return _tiff(tags, bytes(5_000))


def _tiff_many_strips() -> bytes:
    """A row each, all of them the same bytes: small in the file, and as many reads as rows."""
    count = 8_000
    offsets = struct.pack("<I", 8) * count
    at = 8 + 2 + 9 * 12 + 4
    tags = _tiff_size(2_000, count, t273=(4, count, at), t278=(4, 1, 1), t279=(4, count, at + 4 * count))
    return _tiff(tags, offsets + struct.pack("<I", 2_000) * count)


def _tiff_loop() -> bytes:
    """A directory whose next one is itself."""
    return _tiff(_tiff_size(400, 400, t273=(4, 1, 8), t279=(4, 1, 160_000)), bytes(160_000), following=8)


def exif_bomb(size: int = 60_000, tags: int = 4_000) -> bytes:
    """Thousands of tags that all say they are the same sixty thousand bytes."""
    entries = b"".join(struct.pack("<HHII", 0x400 + tag, 7, size, 8) for tag in range(tags))
    return b"II*\0\x08\0\0\0" + struct.pack("<H", tags) + entries + bytes(4 + size)


def exif_loop() -> bytes:
    """Directories inside each other: GPS is EXIF is IFD0 again."""
    entries = struct.pack("<HHII", 0x8769, 4, 1, 8) + struct.pack("<HHII", 0x8825, 4, 1, 8)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", 2) + entries + struct.pack("<I", 8)


def _jpeg_with(*segments: tuple[int, bytes]) -> bytes:
    data = small("JPEG")
    inserted = b"".join(struct.pack(">BBH", 0xFF, kind, len(body) + 2) + body for kind, body in segments)
    return data[:2] + inserted + data[2:]


def _jpeg_exif_in_parts() -> bytes:
    """The same bomb in parts, which Pillow puts together: 12 MB under 60,000 tags."""
    data = exif_bomb(size=11_000_000, tags=60_000)
    parts = [b"Exif\0\0" + data[at : at + 65_000] for at in range(0, len(data), 65_000)]
    return _jpeg_with(*[(0xE1, part) for part in parts])


def _jpeg_says(width: int, height: int) -> bytes:
    data = bytearray(small("JPEG"))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(data)


def _jpeg_scans() -> bytes:
    """A large progressive picture that is refined 65,535 times by nothing."""
    data = as_bytes(Image.new("RGB", (4000, 4000), "gray"), "JPEG", progressive=True, quality=30)
    at = data.rindex(b"\xff\xda")
    scan = data[at:-2]
    return data[:-2] + scan[:60] * 65_535 + b"\xff\xd9"


def _bmp_says(width: int, height: int, bits: int = 24, packing: int = 0) -> bytes:
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, packing, 0, 2835, 2835, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + len(head), 0, 0, 54) + head + bytes(5_000)


def avif_says(width: int, height: int) -> bytes:
    data = bytearray(small("AVIF"))
    at = data.index(b"ispe") + 8
    data[at : at + 8] = struct.pack(">II", width, height)
    return bytes(data)


BOMBS: dict[str, Make] = {
    "a PNG of 900 megapixels": _bytes(lambda: png(30_000, 30_000, bytes(100_000), colour=0)),
    "a PNG whose pixels unpack to 400 MB": _bytes(_pixels_bomb),
    "a PNG whose profile unpacks to 400 MB": _bytes(_profile_bomb),
    "a PNG with 300 notes of a megabyte": _bytes(_text_bombs),
    "a PNG whose note unpacks to 400 MB": _bytes(_international_text_bomb),
    "a PNG with an EXIF bomb": _bytes(lambda: png_with(png_chunk(b"eXIf", exif_bomb(11_000_000, 60_000)))),
    "a GIF of 4294 megapixels": _bytes(lambda: _gif(65_535, 65_535, [_gif_frame(65_535, 65_535)])),
    "a GIF of 400,000 frames without an end": _bytes(_endless_gif),
    "a GIF of comments only": _bytes(_gif_of_blocks),
    "a WebP on a canvas of 268 megapixels": _bytes(_webp_canvas),
    "a TIFF of 3600 megapixels": _bytes(lambda: _tiff(_tiff_size(60_000, 60_000, t273=(4, 1, 8), t279=(4, 1, 9)))),
    "a TIFF of four thousand million strips": _bytes(_tiff_strips),
    "a TIFF with a tile of 4096 megapixels": _bytes(_tiff_tiles),
    "a TIFF of 8,000 strips in one place": _bytes(_tiff_many_strips),
    "a TIFF whose tags are all the same bytes": _bytes(lambda: exif_bomb(11_000_000, 60_000)),
    "a JPEG that says 4290 megapixels": _bytes(lambda: _jpeg_says(65_500, 65_500)),
    "a JPEG of 65,535 scans": _bytes(_jpeg_scans),
    "a JPEG whose EXIF comes in parts": _bytes(_jpeg_exif_in_parts),
    "a BMP of 900 megapixels": _bytes(lambda: _bmp_says(30_000, 30_000)),
    "an AVIF that says 900 megapixels": _bytes(lambda: avif_says(30_000, 30_000)),
    "an AVIF that says 16 megapixels": _bytes(lambda: avif_says(4_000, 4_000)),
    "a HEIC that says 900 megapixels": _bytes(lambda: heic(scene(480, 400), said=(30_000, 30_000))),
    "a HEIC that says 49 megapixels": _bytes(lambda: heic(scene(480, 400), said=(7_000, 7_000))),
}
"""What unpacks, allocates or goes on without end in a decoder that believes it."""


# --- files that are something else, too ---------------------------------------------------------------------------


def _zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("index.html", "<script>alert(1)</script>")
    return buffer.getvalue()


HTML = b"<html><script>alert(1)</script></html>"
EPS = (
    b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 400 400\n%%EndComments\n(/tmp/reelbot-was-here) (w) file closefile\n"
)


def _gif_script() -> bytes:
    """Begins `GIF89a/*` … `*/=1;alert(1)`: a picture to one reader, a program to another."""
    data = bytearray(small("GIF"))
    data[6:10] = b"/*" + struct.pack("<H", 2_000)
    return bytes(data) + b"*/=1;alert(1)//"


POLYGLOTS: dict[str, Make] = {
    "a GIF with a ZIP behind it": _bytes(lambda: small("GIF") + _zip()),
    "a GIF with a page in it": _bytes(lambda: small("GIF", comment=HTML)),
    "a GIF that is a script": _bytes(_gif_script),
    "a JPEG with a ZIP behind it": _bytes(lambda: small("JPEG") + _zip()),
    "a JPEG with a page behind it": _bytes(lambda: small("JPEG") + HTML),
    "a PNG with a page behind it": _bytes(lambda: small("PNG") + HTML),
    "a BMP with a script behind it": _bytes(lambda: small("BMP") + HTML),
}
"""Good pictures whose other half must not get through."""


def motion_photo(path: Path) -> None:
    """What phones write: a JPEG with its little film behind it."""
    clip = film(path.with_name("part.mp4"), range(12), noise=True)
    path.write_bytes(small("JPEG") + clip.read_bytes())
    clip.unlink()


def _mp4(path: Path) -> None:
    film(path.with_name("part.mp4"), range(6)).rename(path)


STRANGERS: dict[str, Make] = {
    "a PDF": _bytes(lambda: b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF\n"),
    "an SVG": _bytes(lambda: b'<svg xmlns="http://www.w3.org/2000/svg" width="400" height="400"/>'),
    "a page": _bytes(lambda: b"<!doctype html>" + HTML),
    "an EPS": _bytes(lambda: EPS),
    "an MP4": _mp4,
    "a PSD": _bytes(lambda: b"8BPS\0\x01" + bytes(6) + struct.pack(">HIIHH", 3, 400, 400, 8, 3) + bytes(2_000)),
    "an icon": _bytes(lambda: as_bytes(scene(64, 64), "ICO")),
    "a portable pixmap": _bytes(lambda: as_bytes(scene(400, 400), "PPM")),
    "a JPEG 2000": _bytes(lambda: b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(400)),
    "a ZIP": _bytes(_zip),
    "a program": _bytes(lambda: b"\x7fELF\x02\x01\x01" + bytes(4_000)),
}
"""Kinds of file that we do not take, whatever their names say."""


# --- the rest -----------------------------------------------------------------------------------------------------


def _loop_of_links(path: Path) -> None:
    other = path.with_name("other")
    path.symlink_to(other)
    other.symlink_to(path)


def _noise(seed: int, head: bytes = b"") -> Make:
    return _bytes(lambda: head + np.random.default_rng(seed).bytes(50_000))


def _interlaced() -> bytes:
    """16 bits, Adam7."""
    width = height = 400
    rows = b""
    for left, top, right, down in (
        *((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4)),
        *((0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)),
    ):
        columns = range(left, width, right)
        line = b"".join(struct.pack(">HHH", x * 160, 30_000, 60_000) for x in columns)
        rows += (b"\0" + line) * len(range(top, height, down))
    return png(width, height, rows, depth=16, interlace=1)


ODD: dict[str, Make] = {
    "nothing at all": _bytes(lambda: b""),
    "zeros": _bytes(lambda: bytes(50_000)),
    "one byte": _bytes(lambda: b"\xff"),
    "random bytes": _noise(1),
    "random bytes behind a JPEG's first": _noise(2, b"\xff\xd8\xff\xe0"),
    "random bytes behind a PNG's first": _noise(3, b"\x89PNG\r\n\x1a\n"),
    "random bytes behind a GIF's first": _noise(4, b"GIF89a"),
    "random bytes behind a WebP's first": _noise(5, b"RIFF\0\xc3\0\0WEBPVP8 "),
    "random bytes behind a TIFF's first": _noise(6, b"II*\0\x08\0\0\0"),
    "random bytes behind a BMP's first": _noise(7, b"BM"),
    "random bytes behind an AVIF's first": _noise(8, b"\0\0\0\x1cftypavif\0\0\0\0avifmif1"),
    "random bytes behind a HEIC's first": _noise(9, b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"),
    "a folder": Path.mkdir,
    "a fifo": os.mkfifo,
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a loop of links": _loop_of_links,
    "one pixel": lambda path: saved(scene(1, 1), path, format="PNG"),
    "a strip that lies": lambda path: saved(Image.new("RGB", (20_000, 10)), path, format="PNG"),
    "a strip that stands": lambda path: saved(Image.new("RGB", (10, 20_000)), path, format="PNG"),
    "a TIFF whose directory is its own next": _bytes(_tiff_loop),
    "a BMP of negative size": _bytes(lambda: _bmp_says(-400, -400)),
    "a BMP packed into rubbish": _bytes(lambda: _bmp_says(400, 400, bits=8, packing=1)),
    "a JPEG with an EXIF bomb": _bytes(lambda: _jpeg_with((0xE1, b"Exif\0\0" + exif_bomb(10_000, 4_000)))),
    "a JPEG whose EXIF is a circle": _bytes(lambda: _jpeg_with((0xE1, b"Exif\0\0" + exif_loop()))),
    "a JPEG whose profile is nonsense": _bytes(lambda: small("JPEG", icc_profile=b"nonsense" * 40)),
    "a JPEG whose profile is too long": _bytes(lambda: small("JPEG", icc_profile=bytes(1_000_000))),
    "a PNG of 16 bits, interlaced": _bytes(_interlaced),
    "a phone's moving picture": motion_photo,
}
"""Either a good picture or one clear sentence."""
