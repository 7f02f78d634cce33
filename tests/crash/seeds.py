"""A random story, killed at random times until it may end in peace."""

from __future__ import annotations

import random
from pathlib import Path

from tests.crash.stage import Zygote, staged
from tests.crash.stories import random_story

MOST_KILLS = 5


def live_through_a_seed(zygote: Zygote, folder: Path, seed: int, *, mutation: str | None = None) -> list[str]:
    """Play the seed's story; every broken promise.

    The stories are the same for the same seed. The moments of the kills are the same in seconds, but what they hit
    depends on the machine: a seed that fails is run again many times, not once.
    """
    rng = random.Random(f"kills {seed}")
    with staged(zygote, folder, random_story(seed)) as stage:
        for _ in range(rng.randint(1, MOST_KILLS)):
            outcome = stage.run(after_s=rng.uniform(0.02, 0.6), mutation=mutation)
            if not outcome.was_killed and outcome.status != 0:
                return [f"a patient ended by itself with {outcome.status}; see {folder / 'patient.log'}"]
        return stage.run_to_the_end(mutation=mutation)
