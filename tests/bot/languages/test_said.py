"""A sentence is English at once, and can be said in another language later."""

from __future__ import annotations

import copy
import json
import pickle
import subprocess
import sys
from dataclasses import asdict

import pytest

from bot.errors import BadPrompt
from bot.jobs.model import JobError
from bot.languages.said import Joined, Said, joined, listed, say, say_n
from bot.money.amount import Money

COST = Money.usd("0.34")


def test_what_is_said_is_an_ordinary_english_string():
    """Whoever prints, compares, searches or writes a sentence as JSON need not know that it was said."""
    said = say("It cost {price}.", price=COST)

    assert said == "It cost $0.34."
    assert f"{said}" == "It cost $0.34."
    assert json.dumps({"said": said}) == '{"said": "It cost $0.34."}'
    assert {said: 1}["It cost $0.34."] == 1


def test_an_error_gives_back_the_sentence_it_was_made_with():
    """`str(error)` is how sentences travel from where they are made to whoever shows them."""
    said = say("It costs nothing.")

    assert str(BadPrompt(said)) is said


@pytest.mark.parametrize(
    "said", [say("It cost {price}.", price=COST), say_n("{count} job was erased.", "{count} jobs were erased.", 3)]
)
@pytest.mark.parametrize("travels", [copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))])
def test_a_sentence_survives_copying_and_the_way_to_another_process(said, travels):
    """Dataclasses copy what they hold when they are written down."""
    there = travels(said)

    assert (there, there.msgid, there.values) == (said, said.msgid, said.values)
    assert (there.plural, there.number) == (said.plural, said.number)


def test_what_was_joined_survives_the_same():
    both = joined((say("It cost nothing."), say("{seconds} s", seconds=5)))

    there = pickle.loads(pickle.dumps(copy.deepcopy(both)))

    assert isinstance(there, Joined)
    assert (there, there.parts) == ("It cost nothing. 5 s", ("It cost nothing.", "5 s"))
    assert all(isinstance(part, Said) for part in there.parts)


def test_a_dataclass_that_is_written_down_still_holds_the_sentence():
    said = say("Nothing was charged.")

    assert isinstance(asdict(JobError(code="refused", message=said))["message"], Said)


def test_one_and_many_are_said_differently():
    count = [say_n("{count} job was erased.", "{count} jobs were erased.", number) for number in (0, 1, 2)]

    assert count == ["0 jobs were erased.", "1 job was erased.", "2 jobs were erased."]


def test_a_number_is_spelled_by_its_template_and_the_rest_stands_as_it_is():
    said = say("{count:,} of {price}, {part:.1f}", count=1500, price=COST, part=2.55)

    assert said == "1,500 of $0.34, 2.5"


def test_what_a_person_wrote_is_never_read_as_a_template():
    """Braces and names in a value are letters."""
    said = say("I do not know {word}; I know {known}.", word="{known.__class__}", known="{word}")

    assert said == "I do not know {known.__class__}; I know {word}."


def test_joining_leaves_out_what_is_empty_and_one_piece_is_itself():
    said = say("It cost nothing.")

    assert joined(("", said)) is said
    assert joined(()) == ""
    assert joined((said, "", "So it was.")) == "It cost nothing. So it was."


def test_words_are_listed_as_people_list_them():
    assert [listed(["a", "b", "c"][:count], "or") for count in range(4)] == ["", "a", "a or b", "a, b or c"]
    assert listed(["a", "b", "c"], "and") == "a, b and c"


def test_saying_something_imports_no_catalogue():
    """Whoever only speaks English (commands, logs, the worker that decodes) does not pay for the other languages."""
    code = "import sys; from bot.languages import catalogue, stored, words; sys.exit('babel' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
