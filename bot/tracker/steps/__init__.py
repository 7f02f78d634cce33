"""One module per working state. A step decides what should happen and says it as a value; the tracker saves it.

Each is `async def step(job, wishes, desk) -> Next`: a `Move` to carry out, or a `Wait`.
"""
