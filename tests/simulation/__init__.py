"""A hundred thousand jobs over fifty workers, on a clock that only runs when nothing else does.

The tracker and its steps are the product's own. Around them everything is in memory and everything goes wrong: workers
die and freeze between any two awaits, the database loses answers, providers lose orders, chats cannot tell. One seed is
one run, to the last detail; what the judges say names it.

    python -m tests.simulation 100000 --workers 50 --seed 7
"""
