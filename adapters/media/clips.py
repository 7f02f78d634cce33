"""What is taken from a clip, or repacked, without encoding its pictures anew. Runs in a worker process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from av.error import FFmpegError
from PIL import Image

from adapters.media.audio import samples_of
from adapters.media.colours import to_image
from adapters.media.files import written_whole
from adapters.media.mp4 import CUT_OFF, frames_of, opened_clip, packets_of, sound_stream_of, written_clip
from adapters.media.reel import reel_of
from adapters.media.sound import SoundTrack, cut_or_padded
from bot.errors import BadInput

_SHEET_WIDTH = 1600
_GAP = 4


def last_frame(*, clip: str, into: str) -> dict[str, Any]:
    """Write the very last frame that can be decoded as a PNG, which loses nothing; says its size."""
    with opened_clip(clip) as container:
        stream = container.streams.video[0]
        last = None
        for packet in container.demux(stream):
            try:
                for frame in packet.decode():
                    last = frame
            except MemoryError:
                raise
            except FFmpegError:
                # What follows may be good again; what came before is.
                continue
        if last is None:
            raise BadInput(CUT_OFF)
        image = to_image(last)
    with written_whole(Path(into)) as temporary:
        image.save(temporary, "PNG", compress_level=3)
    return {"width": image.width, "height": image.height}


def remux(*, clip: str, into: str) -> dict[str, Any]:
    """Pack pictures and sound anew, untouched: the index in front, and nothing else in the file."""
    with opened_clip(clip) as source, written_clip(Path(into)) as container:
        sound = sound_stream_of(source)
        kept = [source.streams.video[0], *([sound] if sound is not None else [])]
        streams = {stream.index: container.add_stream_from_template(stream) for stream in kept}
        pictures = 0
        for packet in source.demux(*kept):
            # The demuxer's last word, an empty packet, has no time either.
            if packet.dts is not None:
                pictures += packet.stream_index == kept[0].index
                packet.stream = streams[packet.stream_index]
                container.mux(packet)
        if not pictures:
            raise BadInput(CUT_OFF)
    return {}


def mux_audio(*, clip: str, audio: str, into: str) -> dict[str, Any]:
    """Put a WAV or MP3 beside a clip's pictures, in place of any sound it has, exactly as long as they are.

    The pictures are not touched. Says how long the result is.
    """
    reel = reel_of(Path(clip))
    sound = cut_or_padded(samples_of(audio), reel.seconds)
    with opened_clip(clip) as source, written_clip(Path(into)) as container:
        pictures = source.streams.video[0]
        stream = container.add_stream_from_template(pictures)
        track = SoundTrack(container, sound)
        begin = round(reel.begin / pictures.time_base) if pictures.time_base else 0
        for number, packet in enumerate(packets_of(source, pictures)):
            if packet.dts is None or packet.pts is None:
                continue
            packet.pts, packet.dts = packet.pts - begin, packet.dts - begin
            packet.stream = stream
            container.mux(packet)
            track.write_until((number + 1) / reel.rate)
        track.finish()
    return {"duration_s": float(reel.seconds)}


def contact_sheet(*, clip: str, into: str, columns: int = 4, rows: int = 3) -> dict[str, Any]:
    """Write evenly spaced frames side by side as a JPEG; says its size. A clip of fewer frames leaves places empty."""
    reel = reel_of(Path(clip))
    places = columns * rows
    count = min(places, reel.pictures)
    wanted = [(2 * place + 1) * reel.pictures // (2 * count) for place in range(count)]
    width = max(16, min(reel.size[0], _SHEET_WIDTH // columns))
    height = max(2, round(width * reel.size[1] / reel.size[0]))
    sheet = Image.new("RGB", (columns * (width + _GAP) - _GAP, rows * (height + _GAP) - _GAP), "white")
    with opened_clip(clip) as container:
        place = 0
        for number, frame in enumerate(frames_of(container, container.streams.video[0])):
            while place < count and number >= wanted[place]:
                tile = to_image(frame).resize((width, height), Image.Resampling.LANCZOS)
                sheet.paste(tile, (place % columns * (width + _GAP), place // columns * (height + _GAP)))
                place += 1
    if place == 0:
        raise BadInput(CUT_OFF)
    with written_whole(Path(into)) as temporary:
        sheet.save(temporary, "JPEG", quality=85)
    return {"width": sheet.width, "height": sheet.height}
