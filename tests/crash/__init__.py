"""Kill the product at every commit and every outside call, start it again, and compare its books with the judges'.

stories.py     what people ask and do, and how the outside misbehaves meanwhile
patient.py     the product, composed with the judges' clients, in a process that can be killed at a named point
zygote.py      forks patients and judges quickly from one warm process
stage.py       one case: judges, a data directory, patients one after the other
plan.py        the kill points, found by a run that records them
assertions.py  the promises of DESIGN §2, read from the database and the judges' logs
wal.py         SQLite's write-ahead log, cut where a power cut would
mutations.py   the product broken on purpose: the suite must notice
soak.py        all of it, many times: `python -m tests.crash.soak N`
"""
