"""What can be ordered and what it costs: the vendors' files, and the operator's own beside them."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.providers.catalogue import read_models
from adapters.providers.eachlabs.entry import CATALOGUE as EACHLABS
from adapters.providers.wavespeed.entry import CATALOGUE as WAVESPEED
from bot.errors import ConfigurationError
from bot.money.amount import Money
from bot.ports import ImageLimits, Model

OURS = """
[[model]]
slug = "vendor/first"
title = "First"
durations_s = [5, 10]
usd_per_second = { "720p" = "0.10", "1080p" = "0.15" }

[[model]]
slug = "vendor/second"
title = "Second"
durations_s = [4]
usd_per_second = { "480p" = 0.05 }
"""

THIRD = """
[[model]]
slug = "vendor/third"
title = "Third"
durations_s = [8]
usd_per_second = { "720p" = "1" }
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return written(tmp_path / "own.toml", OURS)


@pytest.fixture
def extra(tmp_path: Path) -> Path:
    return tmp_path / "extra.toml"


def written(file: Path, text: str) -> Path:
    file.write_text(text, encoding="utf-8")
    return file


def slugs(models: tuple[Model, ...]) -> list[str]:
    return [model.slug for model in models]


# --- what is in it ---------------------------------------------------------------------------------------------------


def test_the_first_entry_is_the_default(own: Path) -> None:
    models = read_models("vendor", own)

    assert slugs(models) == ["vendor/first", "vendor/second"]
    assert {model.provider for model in models} == {"vendor"}


def test_what_an_entry_leaves_out_has_its_default(own: Path) -> None:
    first, second = read_models("vendor", own)

    assert (first.default_duration_s, first.default_resolution) == (5, "720p")
    assert (first.prompt_max, first.negative_max, first.seed_max) == (800, 500, 2_147_483_647)
    assert (first.takes_audio, first.takes_negative, first.takes_expand, first.expand_default) == (
        False,
        True,
        False,
        False,
    )
    assert first.image == ImageLimits(min_side=360, max_side=2000, max_bytes=9_500_000)
    assert first.typical_s is None
    assert (second.resolutions, second.durations_s) == (("480p",), (4,))
    assert second.price.price(duration_s=4, resolution="480p") == Money.usd("0.20")


def test_an_entry_may_say_everything(own: Path, extra: Path) -> None:
    written(
        extra,
        """
        [[model]]
        slug = "vendor/full"
        title = "Full"
        durations_s = [3, 7]
        usd_per_second = { "480p" = "0.05", "720p" = "$0.068" }
        minimum_s = 5
        default_duration_s = 7
        default_resolution = "720p"
        prompt_max = 1000
        negative_max = 0
        takes_audio = true
        takes_negative = false
        takes_expand = true
        expand_default = true
        takes_seed = false
        image_min_side = 100
        image_max_side = 100
        image_max_bytes = 20000
        typical_s = 12.5
    """,
    )

    model = read_models("vendor", own, extra=extra, chosen="vendor/full")[0]

    assert (model.default_duration_s, model.default_resolution, model.typical_s) == (7, "720p", 12.5)
    assert (model.takes_audio, model.takes_negative, model.takes_expand, model.expand_default) == (
        True,
        False,
        True,
        True,
    )
    assert (model.takes_seed, model.prompt_max, model.negative_max) == (False, 1000, 0)
    assert model.image == ImageLimits(min_side=100, max_side=100, max_bytes=20_000)
    assert model.price.price(duration_s=3, resolution="720p") == Money.usd("0.34")


@pytest.mark.parametrize(("provider", "file"), [("wavespeed", WAVESPEED), ("eachlabs", EACHLABS)])
def test_the_vendors_own_entries_promise_what_their_pages_say(provider: str, file: Path) -> None:
    [model] = read_models(provider, file)

    assert model.slug == {
        "wavespeed": "alibaba/wan-2.5/image-to-video-fast", "eachlabs": "wan-2-5-preview-image-to-video"
    }[provider]  # fmt: skip
    assert model.resolutions == (("720p", "1080p") if provider == "wavespeed" else ("480p", "720p", "1080p"))
    assert (model.durations_s, model.default_duration_s, model.default_resolution) == ((5, 10), 5, "720p")
    assert (model.prompt_max, model.negative_max) == (800, 500)
    assert (model.takes_expand, model.expand_default) == (True, provider == "eachlabs")
    assert (model.image.min_side, model.image.max_side) == (360, 2000)
    assert model.takes_audio
    assert model.takes_seed


# --- the operator's file ---------------------------------------------------------------------------------------------


def test_the_operators_file_adds_behind_ours(own: Path, extra: Path) -> None:
    models = read_models("vendor", own, extra=written(extra, THIRD))

    assert slugs(models) == ["vendor/first", "vendor/second", "vendor/third"]


def test_the_operators_entry_replaces_ours_whole_and_keeps_its_place(own: Path, extra: Path) -> None:
    written(extra, THIRD.replace("vendor/third", "vendor/first"))

    first, second = read_models("vendor", own, extra=extra)

    assert (first.slug, first.title, first.resolutions, first.durations_s) == ("vendor/first", "Third", ("720p",), (8,))
    assert second.slug == "vendor/second"


@pytest.mark.parametrize("chosen", ["vendor/second", "vendor/third"])
def test_the_chosen_model_comes_first_and_the_others_keep_their_order(own: Path, extra: Path, chosen: str) -> None:
    models = read_models("vendor", own, extra=written(extra, THIRD), chosen=chosen)

    assert slugs(models) == [
        chosen,
        *(slug for slug in ("vendor/first", "vendor/second", "vendor/third") if slug != chosen),
    ]


def test_a_file_of_another_editor_is_read(own: Path, extra: Path) -> None:
    extra.write_bytes(b"\xef\xbb\xbf" + THIRD.replace("\n", "\r\n").encode())

    assert slugs(read_models("vendor", own, extra=extra))[-1] == "vendor/third"


# --- mistakes --------------------------------------------------------------------------------------------------------


def refusal(own: Path, **more: object) -> str:
    with pytest.raises(ConfigurationError) as raised:
        read_models("vendor", own, **more)
    sentence = str(raised.value)
    assert sentence
    assert "\n" not in sentence
    return sentence


@pytest.mark.parametrize(("chosen", "meant"), [("vendor/frist", "vendor/first"), ("vendor/secnd", "vendor/second"), ("first", "vendor/first"),
                                               ("Vendor/First", "vendor/first")])  # fmt: skip
def test_an_unknown_model_is_answered_with_the_one_that_was_meant(own: Path, chosen: str, meant: str) -> None:
    sentence = refusal(own, chosen=chosen)

    assert sentence.startswith(f"REELBOT_VENDOR__MODEL names {chosen}, which is not in the catalogue.")
    assert f"Did you mean {meant}?" in sentence
    assert "REELBOT_VENDOR__CATALOGUE" in sentence


@pytest.mark.parametrize("chosen", ["something else entirely", ""])
def test_an_unknown_model_that_resembles_none_is_only_unknown(own: Path, chosen: str) -> None:
    assert "Did you mean" not in refusal(own, chosen=chosen)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (None, "cannot be read"), (b"\xff\xfe", "cannot be read"), (b"[[model]\n", "cannot be read"), (b"slug = x", "cannot be read"),
        (b"[[model]]\nslug = 'a'\nslug = 'b'", "cannot be read"),
        (b"", "must consist of [[model]] tables"), (b"[model]\nslug = 'x'", "must consist of [[model]] tables"),
        (b"[[models]]\nslug = 'x'", "must consist of [[model]] tables"), (b"model = 'x'", "must consist of [[model]] tables"),
        (THIRD.encode() + b"[other]\nx = 1", "must consist of [[model]] tables"),
        (b"model = ['x']", "Model 1"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_catalogue_is_named(own: Path, extra: Path, content: bytes | None, what: str) -> None:
    if content is not None:
        extra.write_bytes(content)

    sentence = refusal(own, extra=extra)

    assert what in sentence
    assert str(extra) in sentence


def test_a_folder_is_no_catalogue(own: Path, tmp_path: Path) -> None:
    assert f"{tmp_path} cannot be read" in refusal(own, extra=tmp_path)


@pytest.mark.parametrize(
    ("line", "where"),
    [
        ("", "slug"), ('slug = ""', "slug"), ("slug = 5", "slug"), ('title = ""', "title"),
        ("durations_s = []", "durations_s"), ('durations_s = ["five"]', "durations_s.0"), ("durations_s = [5.5]", "durations_s.0"),
        ("durations_s = [5, 0]", "durations_s.1"), ("durations_s = [-5]", "durations_s.0"), ("durations_s = 5", "durations_s"),
        ("usd_per_second = {}", "usd_per_second"), ("usd_per_second = 0.1", "usd_per_second"),
        ('usd_per_second = { "720p" = "ten" }', "usd_per_second.720p"), ('usd_per_second = { "720p" = -1 }', "usd_per_second.720p"),
        ('usd_per_second = { "720p" = nan }', "usd_per_second.720p"), ('usd_per_second = { "720p" = true }', "usd_per_second.720p"),
        ('usd_per_second = { "720p" = "0.0000001" }', "usd_per_second.720p"),
        ("default_duration_s = 7", "default_duration_s"), ('default_resolution = "4k"', "default_resolution"),
        ("minimum_s = -1", "minimum_s"), ("prompt_max = 0", "prompt_max"), ("negative_max = -1", "negative_max"),
        ("typical_s = 0", "typical_s"), ("typical_s = inf", "typical_s"), ("typical_s = nan", "typical_s"),
        ("image_min_side = 0", "image_min_side"), ("image_min_side = 3000", "image_min_side"), ("image_max_bytes = 9", "image_max_bytes"),
        ('takes_audio = "perhaps"', "takes_audio"), ('price = "0.1"', "price"), ('resolution = ["720p"]', "resolution"),
    ],
)  # fmt: skip
def test_a_mistake_in_an_entry_is_named_with_its_place_and_file(own: Path, extra: Path, line: str, where: str) -> None:
    entry = THIRD.strip().splitlines()
    name = line.partition(" ")[0] or "slug"
    entry = [each for each in entry if not each.startswith(f"{name} =")] + [line]
    written(extra, THIRD.replace("third", "zeroth") + "\n".join(entry))

    sentence = refusal(own, extra=extra)

    assert sentence.startswith(f"Model 2 of {extra}: {where}")
    assert sentence.endswith(".")
    assert "Value error" not in sentence


def test_a_model_described_twice_in_one_file_is_a_mistake(own: Path, extra: Path) -> None:
    sentence = refusal(own, extra=written(extra, THIRD + THIRD))

    assert sentence == f"Model 2 of {extra}: vendor/third is described twice."
