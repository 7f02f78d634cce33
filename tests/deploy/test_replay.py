"""The replay of a build stays in its directory, stops at the first failure, and copies what Docker would copy."""

from __future__ import annotations

import pytest

from tools.dockerfile import Ignored, parse
from tools.replay_image import Replay
from tools.steps import StepFailedError, moved


@pytest.fixture
def checkout(tmp_path):
    """Two packages' worth of files, one of them never for an image."""
    for name in ("kept/a.py", "kept/__pycache__/a.pyc", "other/b.py", "one.txt", "two.txt"):
        file = tmp_path / "checkout" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    return tmp_path / "checkout"


def a_replay(checkout, text, ignored="**/__pycache__"):
    folder = checkout.parent / "built"
    folder.mkdir()
    return Replay(dockerfile=parse(text), ignored=Ignored.parse(ignored), folder=folder, context=checkout)


def files(folder):
    return {str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file()}


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("/app/bin/python -m pip install .", "{}/app/bin/python -m pip install ."),
        ("rm -rf /usr/lib/python3.*/site/* /var/x", "rm -rf {}/usr/lib/python3.*/site/* {}/var/x"),
        ("/app/bin:$PATH", "{}/app/bin:$PATH"),
        ("a --in=/data 'b c' \"/d\"", "a --in={}/data 'b c' \"{}/d\""),
        ("bin/run requirements/a.txt", "bin/run requirements/a.txt"),
    ],
)
def test_every_absolute_path_is_moved(tmp_path, text, outcome):
    """Relative ones stay: they are meant from the working directory."""
    assert moved(text, tmp_path) == outcome.replace("{}", str(tmp_path))


@pytest.mark.parametrize("text", ["rm -rf /", "rm -rf /*", "rm -rf ../a", "rm -rf /app/../..", "rm -rf (/a)", "x >/1"])
def test_what_might_lead_outside_is_refused(tmp_path, text):
    """Some commands delete."""
    with pytest.raises(StepFailedError, match="cannot be moved"):
        moved(text, tmp_path)


@pytest.mark.parametrize("command", ["rm -rf $HOME", "rm -rf ~/a", "rm -rf `pwd`", "rm -rf ${X}/a"])
def test_what_only_a_shell_could_tell_is_refused(checkout, command):
    """Nobody has moved what would stand there."""
    replay = a_replay(checkout, f"FROM base\nRUN {command}\n")

    with pytest.raises(StepFailedError, match="not plain"):
        replay.build()


def test_a_build_of_two_stages_leaves_what_the_last_one_has(checkout, capsys):
    """Copies, commands, working directories and the environment; and what was not run is said."""
    replay = a_replay(
        checkout,
        "FROM base AS build\nWORKDIR /src\nCOPY kept kept\nCOPY one.txt two.txt texts/\nRUN mkdir /made && cp -r kept /made/\n"
        "FROM base\nENV WHERE=/made/kept:$PATH\nRUN apt-get update\nCOPY --from=build /made/kept /made\nWORKDIR /made\n",
    )

    replay.build()

    assert files(replay.folder / "build" / "src") == {"kept/a.py", "texts/one.txt", "texts/two.txt"}
    assert files(replay.now / "made") == {"a.py"}
    assert replay.environment["WHERE"].startswith(f"{replay.now}/made/kept:{replay.now}/usr/local/bin:")
    assert replay.at("") == replay.now / "made"
    assert "RUN apt-get update\n      → NOT RUN" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("step", "complaint"),
    [
        ("RUN false", "exit code 1"),
        ("RUN echo why && ls missing", "missing"),
        ("COPY missing .", "no such thing"),
        ("COPY kept/__pycache__ .", "kept out by .dockerignore"),
    ],
)
def test_a_step_that_fails_ends_the_replay_and_says_why(checkout, step, complaint):
    """Nothing behind it is tried."""
    replay = a_replay(checkout, f"FROM base\n{step}\nRUN mkdir /later\n")

    with pytest.raises(StepFailedError, match=complaint):
        replay.build()

    assert not (replay.now / "later").exists()
